"""Sales forecasts against targets: what was sold so far, what is expected until the end, and how likely it suffices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np

from .days import day_number, period_days, period_of
from .final import Effects, override_effects
from .models import Forecast, SalesTarget

#: Standard deviations from the middle to the ends of an 80 % interval.
_Z80 = 1.2815515655446004


@dataclass(frozen=True)
class TargetState:
    """A target with what was sold in it (``sold``), what is expected for the rest (``coming``) and ``chance`` (0..1) to
    reach it; None where no forecast covers it."""

    target: SalesTarget
    title: str
    sold: float
    coming: float
    chance: float | None
    covered: bool

    @property
    def expected(self) -> float:
        """Sold and expected together."""
        return self.sold + self.coming

    @property
    def share(self) -> float:
        """Expected as a share of the target."""
        return self.expected / float(self.target.amount) if self.target.amount else 0.0


def target_states(*, targets: Sequence[SalesTarget]) -> list[TargetState]:
    """How targets stand, from the stored forecasts in money, overrides applied; two queries while none holds."""
    keys = {(one.channel, one.level, one.key) for one in targets}
    rows = {
        (row.channel, row.level, row.key): row
        for row in Forecast.objects.filter(
            measure="money",
            channel__in={one[0] for one in keys},
            level__in={one[1] for one in keys},
            key__in={one[2] for one in keys},
        )
    } if keys else {}  # fmt: skip
    known: dict[Any, Effects | None] = {}
    return [_state(one, rows.get((one.channel, one.level, one.key)), known) for one in targets]


def _factors(row: Forecast, known: dict[Any, Effects | None]) -> Any:
    """What overrides make of a forecast, float64 [periods]; ``known`` keeps the effects of a shop."""
    span = (row.channel, row.starts_on, row.frequency, len(row.mean))
    if span not in known:
        known[span] = override_effects(channel=span[0], starts_on=span[1], frequency=span[2], periods=span[3])
    effects = known[span]
    if effects is None:
        return np.ones(len(row.mean))
    return effects.factors(level=row.level, key=row.key, measure=row.measure)


def _state(target: SalesTarget, row: Forecast | None, known: dict[Any, Effects | None]) -> TargetState:
    if row is None or row.history_starts_on is None:
        return TargetState(target, target.key, 0.0, 0.0, None, False)
    past = _shares(row.history_starts_on, len(row.history), row.frequency, target.starts_on, target.ends_on)
    ahead = _shares(row.starts_on, len(row.mean), row.frequency, target.starts_on, target.ends_on)
    sold = float(past @ _plain(row.history))
    factors = _factors(row, known)
    coming = float(ahead @ (_plain(row.mean) * factors))
    width = (_plain(row.hi_80) - _plain(row.lo_80)) * factors / (2 * _Z80)
    # Errors of neighbouring periods go the same way: their deviations are added, not their squares, which is the safe
    # side for a chance below one half and the cautious one above it.
    spread = float(ahead @ width)
    missing = float(target.amount) - sold - coming
    chance = 1.0 - NormalDist().cdf(missing / spread) if spread > 0 else float(missing <= 0)
    last = int(period_days(np.array([period_of(row.starts_on, row.frequency) + len(row.mean)]), row.frequency)[0])
    covered = day_number(target.ends_on) < last and target.starts_on >= row.history_starts_on
    return TargetState(target, row.title, sold, coming, chance, covered)


def _shares(start: date, count: int, frequency: str, first: date, last: date) -> Any:
    """Share of each period's days that lies in a span, float64 [count]."""
    number = period_of(start, frequency)
    bounds = period_days(np.arange(number, number + count + 1), frequency)
    overlap = np.minimum(bounds[1:], day_number(last) + 1) - np.maximum(bounds[:-1], day_number(first))
    return np.clip(overlap, 0, None) / (bounds[1:] - bounds[:-1])


def _plain(values: Sequence[float | None]) -> Any:
    return np.array([0.0 if one is None else one for one in values], dtype=np.float64)
