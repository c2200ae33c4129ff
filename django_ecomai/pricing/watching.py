"""Whether a price earns what was expected: the test behind roll-backs and canaries.

Profit is pieces times what a piece leaves, which the price fixes, so the test counts pieces. Expected are those of the
proposal on the days on which the product could be bought; their deviation joins the doubt about the elasticity, chance
(the variance that was learned with it, neighbouring weeks erring alike) and `LEVEL_SD` for the level of the forecast.
Below expected minus `Z` deviations the price earns too little. It is looked at after 7, 14, 21 and 28 days: four looks
at 2.5 % each together would cry wolf up to four times as often, so each has 0.625 % (Bonferroni). Fewer than `FEWEST`
expected pieces say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.selectors import demand_days
from django_ecomai.mirror.columns import of_products

from .models import PriceChange, PriceProposal, ProductElasticity

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOKS = (7, 14, 21, 28)
#: The normal quantile of 0.025 / 4.
Z = 2.4977
#: How far the level of a forecast is usually off, as a part of it.
LEVEL_SD = 0.1
FEWEST = 10.0


@dataclass(frozen=True)
class Seen:
    """What became of a price: whole ``days`` since it came (on ``open_days`` of them it could be bought), ``units`` and
    ``expected`` units until then; ``chance_sd`` and ``common_sd`` in pieces: deviations that average out over products,
    and those that do not; ``left``: what a piece leaves without tax, None without a cost."""

    days: int
    open_days: int
    units: float
    expected: float
    chance_sd: float
    common_sd: float
    left: float | None

    @property
    def sd(self) -> float:
        """The whole deviation of the units."""
        return sqrt(self.chance_sd**2 + self.common_sd**2)

    @property
    def floor(self) -> float:
        """Units below which it earns too little."""
        return max(self.expected - Z * self.sd, 0.0)

    @property
    def enough(self) -> bool:
        """Whether so much was to be expected that anything can be said."""
        return self.expected >= FEWEST

    @property
    def below(self) -> bool:
        """Whether it earns too little."""
        return self.enough and self.units < self.floor

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON: pieces, and money where the cost is known."""
        left = self.left
        return {
            "days": self.days,
            "units": round(self.units, 3),
            "expected_units": round(self.expected, 3),
            "floor_units": round(self.floor, 3),
            "profit": None if left is None else round(self.units * left, 2),
            "expected": None if left is None else round(self.expected * left, 2),
            "floor": None if left is None else round(self.floor * left, 2),
        }


def together(seen: Sequence[Seen]) -> Seen:
    """Several products as one: chance averages out, the rest does not; one alone stays as it is."""
    if len(seen) == 1:
        return seen[0]
    return Seen(
        days=max((one.days for one in seen), default=0),
        open_days=max((one.open_days for one in seen), default=0),
        units=sum(one.units for one in seen),
        expected=sum(one.expected for one in seen),
        chance_sd=sqrt(sum(one.chance_sd**2 for one in seen)),
        common_sd=sum(one.common_sd for one in seen),
        left=None,
    )


def look(days: int) -> int:
    """How many looks are due after so many whole days."""
    return sum(days >= one for one in LOOKS)


def seen_of(*, channel: str, changes: Sequence[PriceChange], until: date) -> dict[int, Seen]:
    """What became of changes (with their proposals), by key; those that nothing was expected of are absent.

    The day of the change itself is left out. ``until``: the first day without data.
    """
    found: dict[int, Seen] = {}
    asked = [one for one in changes if one.proposal is not None and one.proposal.units_new is not None]
    first = {one.pk: local_date(one.at) + timedelta(days=1) for one in asked}
    asked = [one for one in asked if first[one.pk] < until]
    if not asked:
        return found
    products = sorted({one.product_id for one in asked})
    since = min(first[one.pk] for one in asked)
    demand = demand_days(channel=channel, product_ids=products, since=since, until=until)
    place = {pk: row for row, pk in enumerate(products)}
    learned = of_products(ProductElasticity.objects.all(), products).only("product", "dispersion", "alpha", "rho")
    known = {row.product_id: row for row in learned}
    for change in asked:
        row, begin = place[change.product_id], (first[change.pk] - since).days
        open_days = ~np.asarray(demand.censored[row, begin:], dtype=bool)
        units = float(demand.quantity[row, begin:].sum())
        found[change.pk] = _seen(change, first[change.pk], open_days, units, known.get(change.product_id))
    return found


def expected_days(proposal: PriceProposal, first: date, number: int) -> NDArray[np.float64]:
    """Pieces [number] expected per day from ``first`` on; after the horizon its last week goes on."""
    units = proposal.units_new or 0.0
    if not proposal.daily:
        return np.full(number, units / proposal.horizon_days)
    share = np.asarray(proposal.daily, dtype=np.float64)
    at = np.maximum((first - local_date(proposal.made_at)).days + np.arange(number), 0)
    week = min(7, len(share))
    at = np.where(at < len(share), at, len(share) - week + (at - len(share)) % week)
    return np.asarray(units * share[at])


def _seen(
    change: PriceChange, first: date, open_days: NDArray[np.bool_], units: float, learned: ProductElasticity | None
) -> Seen:
    proposal = change.proposal
    days, number = len(open_days), int(open_days.sum())
    expected = 0.0 if proposal is None else float(expected_days(proposal, first, days)[open_days].sum())
    doubt = LEVEL_SD
    if proposal is not None and proposal.elasticity_low is not None and proposal.elasticity_high is not None:
        sd = (proposal.elasticity_high - proposal.elasticity_low) / 3.92
        doubt = sqrt(LEVEL_SD**2 + (sd * log(float(change.new_price) / float(change.old_price))) ** 2)
    dispersion, alpha, rho = (1.0, 0.0, 0.0) if learned is None else (learned.dispersion, learned.alpha, learned.rho)
    week = 7 * expected / max(number, 1)
    rho = min(max(rho, 0.0), 0.9)
    chance = dispersion * (1 + alpha * week) * expected * (1 + rho) / (1 - rho)
    cost = proposal.cost if proposal is not None else None
    left = None if proposal is None or cost is None else float(change.new_price) / (1 + proposal.tax) - float(cost)
    return Seen(days, number, units, expected, sqrt(max(chance, expected)), doubt * expected, left)
