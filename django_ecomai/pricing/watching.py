"""Whether a price earns what was expected: the test behind roll-backs and canaries.

Profit is pieces times what a piece leaves, which the price fixes, so the test counts pieces. Expected are those of the
proposal on the days on which the product could be bought and orders reached us. Pieces are gamma-Poisson with that
mean; their variance joins chance (as learned with the elasticity, neighbouring weeks erring alike), the level of the
forecast (`LEVEL_SD`, `MEMORY`), that of the shop (`SHOP_SD`) and the doubt about the elasticity. Fewer pieces than all
but `ALARMS` of such prices sell are too few. Where even none would not be too few, nothing can be told.

It is looked at after 7, 14, 21 and 28 days: four looks at 2.5 % each together would cry wolf up to four times as often,
so each has 0.625 % (Bonferroni). The constants are measured: ``benchmarks.pricing_rollback``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from math import log, sqrt
from typing import TYPE_CHECKING, Protocol

import numpy as np

from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.selectors import demand_days
from django_ecomai.mirror.columns import of_products
from django_ecomai.ml.pricing.shortfall import least_pieces

from .models import PriceChange, PriceProposal, ProductElasticity
from .order_days import OrderDays, order_days

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOKS = (7, 14, 21, 28)
#: How often a look may say of a price with nothing wrong that it earns too little.
ALARMS = 0.025 / len(LOOKS)
#: How far the level of a forecast is usually off, as a part of it: whatever sells, and beside it as if the level were
#: the mean of so many weeks. Of the products of a price family all are off alike.
LEVEL_SD = 0.3
MEMORY = 4
#: How far the forecasts of all products of a shop are off alike.
SHOP_SD = 0.1


class Noise(Protocol):
    """What is learned of a product's chance: the variance of a week is ``dispersion * (mean + alpha * mean2)``, and
    neighbouring weeks correlate by ``rho``."""

    @property
    def dispersion(self) -> float: ...
    @property
    def alpha(self) -> float: ...
    @property
    def rho(self) -> float: ...


@dataclass(frozen=True)
class Seen:
    """What became of a price: whole ``days`` since it came (on ``open_days`` of them it could be bought), ``units`` and
    ``expected`` units until then. Deviations in pieces: ``chance_sd`` averages out over products, ``level_sd`` over
    price families, ``common_sd`` over nothing. ``left``: what a piece leaves without tax, None without a cost."""

    days: int
    open_days: int
    units: float
    expected: float
    chance_sd: float
    level_sd: float
    common_sd: float
    left: float | None

    @property
    def sd(self) -> float:
        """The whole deviation of the units."""
        return sqrt(self.chance_sd**2 + self.level_sd**2 + self.common_sd**2)

    @cached_property
    def floor(self) -> int:
        """Units below which it earns too little."""
        return least_pieces(mean=self.expected, sd=self.sd, chance=ALARMS)

    @property
    def enough(self) -> bool:
        """Whether so much was to be expected that it could be told if nothing were sold."""
        return self.floor > 0

    @property
    def below(self) -> bool:
        """Whether it earns too little."""
        return self.units < self.floor

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON: pieces, and money where the cost is known."""
        left = self.left
        return {
            "days": self.days,
            "units": round(self.units, 3),
            "expected_units": round(self.expected, 3),
            "floor_units": self.floor,
            "profit": None if left is None else round(self.units * left, 2),
            "expected": None if left is None else round(self.expected * left, 2),
            "floor": None if left is None else round(self.floor * left, 2),
        }


def together(seen: Sequence[Seen], *, alike: bool = True) -> Seen:
    """Several products as one: chance averages out. Levels do where the products are not ``alike``, that is not of one
    price family; what all err alike in does not. One alone stays as it is."""
    if len(seen) == 1:
        return seen[0]
    levels = [one.level_sd for one in seen]
    return Seen(
        days=max((one.days for one in seen), default=0),
        open_days=max((one.open_days for one in seen), default=0),
        units=sum(one.units for one in seen),
        expected=sum(one.expected for one in seen),
        chance_sd=sqrt(sum(one.chance_sd**2 for one in seen)),
        level_sd=sum(levels) if alike else sqrt(sum(one**2 for one in levels)),
        common_sd=sum(one.common_sd for one in seen),
        left=None,
    )


def families_as_one(seen: Iterable[tuple[str, Seen]]) -> Seen:
    """Products of many price families ("": none) as one: each family as one, and then these."""
    families: dict[str, list[Seen]] = {}
    for number, (family, one) in enumerate(seen):
        families.setdefault(family or f"#{number}", []).append(one)
    return together([together(members) for members in families.values()], alike=False)


def look(days: int) -> int:
    """How many looks are due after so many whole days."""
    return sum(days >= one for one in LOOKS)


def seen_of(
    *, channel: str, changes: Sequence[PriceChange], until: date, orders: OrderDays | None = None
) -> dict[int, Seen]:
    """What became of changes (with their proposals), by key; those that nothing was expected of are absent.

    The day of the change itself is left out, and so are days on which no order at all reached us though many are usual
    (``orders``, read where it is not given). ``until``: the first day without data.
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
    reached = ~(orders or order_days(channel=channel, until=until)).silent_between(since, until)
    place = {pk: row for row, pk in enumerate(products)}
    known = _learned(products)
    for change in asked:
        row, begin = place[change.product_id], (first[change.pk] - since).days
        open_days = ~np.asarray(demand.censored[row, begin:], dtype=bool) & reached[begin:]
        units = float(demand.quantity[row, begin:].sum())
        learned = known.get(change.product_id)
        found[change.pk] = _seen(change.proposal, change, first[change.pk], open_days, units, learned)
    return found


def foreseen(proposals: Sequence[PriceProposal], *, days: int) -> Seen:
    """What so many days after they came will be expected of prices that are not in the shop yet, as one."""
    asked = [row for row in proposals if row.units_new is not None]
    known = _learned(sorted({row.product_id for row in asked}))
    open_days = np.ones(days, dtype=bool)
    return families_as_one(
        (row.family, _seen(row, row, local_date(row.made_at), open_days, 0.0, known.get(row.product_id)))
        for row in asked
    )


def _learned(products: Sequence[int]) -> dict[int, ProductElasticity]:
    rows = of_products(ProductElasticity.objects.all(), products).only("product", "dispersion", "alpha", "rho")
    return {row.product_id: row for row in rows}


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
    proposal: PriceProposal | None,
    step: PriceChange | PriceProposal,
    first: date,
    open_days: NDArray[np.bool_],
    units: float,
    learned: ProductElasticity | None,
) -> Seen:
    """``step``: from which price to which."""
    days, number = len(open_days), int(open_days.sum())
    expected = 0.0 if proposal is None else float(expected_days(proposal, first, days)[open_days].sum())
    doubt = SHOP_SD
    old, new = float(step.old_price or 0), float(step.new_price or 0)
    if proposal is not None and proposal.elasticity_low is not None and proposal.elasticity_high is not None:
        sd = (proposal.elasticity_high - proposal.elasticity_low) / 3.92
        doubt = sqrt(SHOP_SD**2 + (sd * log(new / old)) ** 2) if old > 0 and new > 0 else doubt
    chance, level = noise(learned, week=7 * expected / max(number, 1))
    cost = proposal.cost if proposal is not None else None
    left = None if proposal is None or cost is None else new / (1 + proposal.tax) - float(cost)
    return Seen(
        days, number, units, expected, chance_sd=sqrt(chance * expected), level_sd=level * expected,
        common_sd=doubt * expected, left=left,
    )  # fmt: skip


def noise(learned: Noise | None, *, week: float) -> tuple[float, float]:
    """Of a product that sells ``week`` pieces a week: the variance of chance per piece (1: Poisson, which it never is
    below), and the deviation of the forecast's level as a part of it."""
    chance = 1.0
    if learned is not None:
        rho = min(max(learned.rho, 0.0), 0.9)
        chance = max(learned.dispersion * (1 + learned.alpha * week) * (1 + rho) / (1 - rho), 1.0)
    return chance, sqrt(LEVEL_SD**2 + (chance / (week * MEMORY) if week > 0 else 0.0))
