"""The quality gate: a new model serves only when it is no worse than the one in use and than doing the obvious.

All three were fitted on data before the same moment and measured on what happened after it (the caller sees to that),
so the numbers are comparable. Equal passes: a nightly retraining with an unchanged recipe scores the same and must go
live, because it knows newer data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """``passed`` and one sentence for the merchant; ``metric`` and the three values it rests on."""

    passed: bool
    reason: str
    metric: str = ""
    challenger: float | None = None
    live: float | None = None
    baseline: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON values for ``Run.metrics["gate"]``."""
        return asdict(self)


def gate_decide(
    *,
    challenger: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    baseline: Mapping[str, Any],
    metric: str,
    higher_is_better: bool = True,
    tolerance: float = 0.0,
) -> GateVerdict:
    """Compare three dicts of metrics by ``metric``; ``live=None``: nothing serves yet.

    ``tolerance`` is the relative loss against the live model that is still taken for noise (0.02 = 2 %). A metric
    that is missing or not a number in ``challenger`` or ``baseline`` fails; one missing in ``live`` counts as no live
    model.
    """
    new, naive = _number(challenger.get(metric)), _number(baseline.get(metric))
    old = _number(live.get(metric)) if live else None
    facts: dict[str, Any] = {"metric": metric, "challenger": new, "live": old, "baseline": naive}
    if new is None:
        return GateVerdict(
            False, _("Not put live: the new model could not be measured (%(metric)s is missing).") % facts, **facts
        )
    if naive is None:
        return GateVerdict(
            False,
            _("Not put live: there is no simple baseline to compare with (%(metric)s is missing).") % facts,
            **facts,
        )
    text = {"metric": metric, "new": _show(new)}
    text["naive"] = _against(new, naive, _("the simple baseline"), higher_is_better)
    text["live"] = "" if old is None else _against(new, old, _("the model in use"), higher_is_better)
    if _worse(new, naive, 0.0, higher_is_better):
        reason = _("Not put live: %(metric)s is %(new)s, %(naive)s. More data is needed before a model helps.")
        return GateVerdict(False, reason % text, **facts)
    if old is not None and _worse(new, old, tolerance, higher_is_better):
        reason = _("Not put live: %(metric)s is %(new)s, %(live)s, which stays.")
        return GateVerdict(False, reason % text, **facts)
    if old is None:
        reason = _("Goes live as the first model: %(metric)s is %(new)s, %(naive)s.")
    else:
        reason = _("Goes live: %(metric)s is %(new)s, %(live)s and %(naive)s.")
    return GateVerdict(True, reason % text, **facts)


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool | str):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _worse(new: float, old: float, tolerance: float, higher_is_better: bool) -> bool:
    slack = abs(old) * tolerance + EQUAL
    return new < old - slack if higher_is_better else new > old + slack


def _show(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}"


def _against(new: float, old: float, what: str, higher_is_better: bool) -> str:
    """``18 % better than the model in use (0.0700)``; without a percentage where it has no meaning."""
    gain = (new - old) if higher_is_better else (old - new)
    percent = abs(gain / old * 100) if abs(old) > EQUAL else 0.0
    text = {"what": what, "old": _show(old), "percent": f"{percent:.0f}"}
    if abs(gain) <= EQUAL or 0 < percent < 0.5:
        return _("as good as %(what)s (%(old)s)") % text
    if not percent:
        return (_("better than %(what)s (%(old)s)") if gain > 0 else _("worse than %(what)s (%(old)s)")) % text
    if gain > 0:
        return _("%(percent)s %% better than %(what)s (%(old)s)") % text
    return _("%(percent)s %% worse than %(what)s (%(old)s)") % text
