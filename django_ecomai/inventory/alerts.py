"""What a merchant should hear of without opening the worklist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .models import Suggestion

ALERTS: dict[str, Any] = {
    "stock_out": _("Sold out, or about to be before goods arrive"),
    "surplus": _("More in stock than will sell in months"),
    "sudden_demand": _("Sells much faster than before"),
    "phantom": _("In stock, but does not sell: is it really there?"),
}
#: Spreads above the mean of the weeks before from which the last week is sudden.
_SPREADS, _TIMES, _LEAST, _WEEKS = 4.0, 2.0, 5.0, 12


def alert_codes(row: Suggestion) -> list[str]:
    """Keys of ``ALERTS`` that hold for a suggestion."""
    found = []
    if row.status in ("stocked_out", "will_stock_out"):
        found.append("stock_out")
    if row.status in ("surplus", "obsolete"):
        found.append("surplus")
    if is_sudden(row.history):
        found.append("sudden_demand")
    if row.status == "phantom":
        found.append("phantom")
    return found


def is_sudden(weeks: list[float]) -> bool:
    """Whether the last week stands out of the twelve before it: by four spreads, twice their mean, and five pieces.

    The spread is that of a Poisson count where the weeks are more even than one.
    """
    before, last = weeks[-_WEEKS - 1 : -1], weeks[-1] if weeks else 0.0
    if len(before) < 4 or last < _LEAST:
        return False
    mean = sum(before) / len(before)
    variance = max(sum((one - mean) ** 2 for one in before) / len(before), mean)
    return last > mean + _SPREADS * variance**0.5 and last > _TIMES * mean
