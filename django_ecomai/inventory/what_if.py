"""What if demand, lead time, target, price or budget were others: the same future played twice, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Count, F
from django.utils.translation import gettext as _

from django_ecomai.core.registry import price_elasticities
from django_ecomai.ml.inventory.substitution import Substitutes
from django_ecomai.ml.inventory.whatif import Comparison, Scenario, compare

from .models import Suggestion
from .planning import SEED, Plan, plans
from .substitutes import with_substitutes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DAYS = 84
#: By so many per cent demand changes when the price rises by one, where nothing better is known: a published mean,
#: of 367 estimates for consumer goods (Tellis, 1988).
DEFAULT_ELASTICITY = -1.76
#: So many times today's demand is the most that another price brings.
MOST_FACTOR = 10.0
PATHS = 48
MOST_PRODUCTS = 60
#: So many others that stand in for them are played along.
MOST_SUBSTITUTES = 60
PROMOTION_DAYS = 28


class BadChange(ValueError):
    """A change cannot be played; the message says what to give."""


@dataclass(frozen=True)
class Change:
    """What is changed: demand, promotion (of the first four weeks) and price in per cent, lead time in days, service
    level 0..1 (``None``: as set) and the budget of an order day (``None``: no limit). ``elasticity`` says by how many
    per cent demand changes when the price rises by one (``None``: as learned, else ``DEFAULT_ELASTICITY``).
    """

    demand: float = 0.0
    promotion: float = 0.0
    price: float = 0.0
    elasticity: float | None = None
    lead_days: float = 0.0
    service: float | None = None
    budget: float | None = None

    @property
    def is_none(self) -> bool:
        """Whether nothing is changed."""
        return replace(self, elasticity=None) == Change()


# (name, least, most): what a form or a query may give.
BOUNDS: dict[str, tuple[float, float]] = {
    "demand": (-90, 300),
    "promotion": (0, 500),
    "price": (-90, 300),
    "elasticity": (-10, 0),
    "lead_days": (-60, 120),
    "service": (50, 99.9),
    "budget": (1, 1e9),
}


def change_read(values: Mapping[str, Any]) -> Change:
    """From the text of a query (``service`` in per cent); raises ``BadChange``. What is empty is not changed."""
    found: dict[str, float] = {}
    for name, (least, most) in BOUNDS.items():
        text = str(values.get(name) or "").strip().replace(",", ".")
        if not text:
            continue
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise BadChange(
                _("%(name)s: give a number from %(least)g to %(most)g.") % {"name": name, "least": least, "most": most}
            )
        found[name] = number / 100 if name == "service" else number
    return Change(**found)


def products_that_sell_most(*, channel: str = "", most: int = MOST_PRODUCTS) -> list[int]:
    """Primary keys of the products with the greatest expected turnover, of the currency that most products have."""
    rows = Suggestion.objects.filter(channel=channel, demand_day__gt=0, product__price__gt=0)
    counted = rows.order_by().values_list("currency").annotate(number=Count("pk")).order_by("-number", "currency")
    rows = rows.filter(currency__in=[currency for currency, _number in counted[:1]])
    return list(
        rows.annotate(turnover=F("demand_day") * F("product__price"))
        .order_by("-turnover", "pk")
        .values_list("product_id", flat=True)[:most]
    )


@dataclass(frozen=True)
class Played:
    """Today's plan and the changed one over the same luck: of how many products, and in which currency.

    ``substitutes`` of the products are what stands in for others of them, and was played along. ``elasticity`` is the
    mean that was played with, ``elasticity_known`` of how many products it was learned or given.
    """

    futures: Comparison
    products: int
    currency: str
    substitutes: int = 0
    elasticity: float = DEFAULT_ELASTICITY
    elasticity_known: int = 0
    days: int = DAYS


def play(*, channel: str = "", product_ids: list[int], change: Change) -> Played | None:
    """Play twelve weeks with and without the change; ``None`` where none of the products has a counted stock.

    What stands in for the products is played along, unchanged. Raises ``BadChange`` when they are priced in several
    currencies.
    """
    pks = with_substitutes(channel=channel, product_ids=product_ids, most=MOST_SUBSTITUTES)
    plan = next(iter(plans(channel=channel, product_ids=pks)), None)
    if plan is None:
        return None
    asked = set(product_ids)
    names: dict[str, list[str]] = {}
    for one in plan.facts:
        if one.pk in asked:
            names.setdefault(one.currency, []).append(one.external_id)
    if len(names) > 1:
        told = "; ".join(f"{currency}: {', '.join(ids[:5])}" for currency, ids in sorted(names.items()))
        raise BadChange(
            _("Sums of several currencies cannot be added: ask for the products of one (%(told)s).") % {"told": told}
        )
    currency = next(iter(names), plan.facts[0].currency)
    kept = np.array([row for row, one in enumerate(plan.facts) if one.currency == currency])
    base = scenario_of(plan, kept)
    pks = [plan.facts[row].pk for row in kept]
    rows = np.array([at for at, pk in enumerate(pks) if pk in asked], dtype=np.int64)
    elasticity, known = elasticities(channel=channel, product_ids=[pks[at] for at in rows], change=change)
    futures = compare(base, changed(base, change, elasticity, rows=rows), days=DAYS, paths=PATHS, seed=SEED)
    return Played(
        futures,
        products=len(kept),
        currency=currency,
        substitutes=len(kept) - len(rows),
        elasticity=float(elasticity.mean()),
        elasticity_known=known,
    )


def scenario_of(plan: Plan, rows: NDArray[np.int64]) -> Scenario:
    """Some products of a plan as they stand today, with the levels that they have among all."""
    place = {row: at for at, row in enumerate(rows.tolist())}
    links = plan.substitutes
    near = [at for at in range(len(links)) if links.product[at] in place and links.substitute[at] in place]
    return Scenario(
        stock=plan.stock.only(rows),
        mean=plan.mean[rows],
        history=plan.history[rows],
        lead_time_samples=plan.lead_times[rows],
        censored=plan.censored[rows],
        spread=plan.spread,
        substitutes=Substitutes.build(
            [place[int(links.product[at])] for at in near],
            [place[int(links.substitute[at])] for at in near],
            links.share[near],
            n=len(rows),
        ),
    )


def elasticities(*, channel: str, product_ids: list[int], change: Change) -> tuple[NDArray[np.float64], int]:
    """Price elasticity per product [n], and of how many it is given or learned: the change's, else that of an app that
    knows (``core.registry.price_elasticities``), else the default."""
    if change.elasticity is not None:
        return np.full(len(product_ids), change.elasticity), len(product_ids)
    found: dict[int, float] = {}
    for name in price_elasticities.names():
        source = price_elasticities.get(name)
        found |= {pk: value for pk, value in source(channel, product_ids).items() if -10 <= value <= 0}
    values = [found.get(pk, DEFAULT_ELASTICITY) for pk in product_ids]
    return np.array(values), sum(pk in found for pk in product_ids)


def changed(
    base: Scenario, change: Change, elasticity: ArrayLike = DEFAULT_ELASTICITY, *, rows: NDArray[np.int64] | None = None
) -> Scenario:
    """The scenario after the change of the products in ``rows`` (None: of all); the budget is everybody's.

    Another price moves demand by the constant elasticity (one number, or one for each of ``rows``), at most by the
    factor ``MOST_FACTOR``: far from today's price no elasticity holds.
    """
    n = len(base.stock)
    asked = np.arange(n) if rows is None else rows
    price = 1 + change.price / 100
    moved = np.power(price, np.broadcast_to(np.asarray(elasticity, dtype=np.float64), len(asked)))
    demand, lead, prices = np.ones((n, base.mean.shape[1])), np.zeros(n), base.stock.unit_price.copy()
    demand[asked] = (1 + change.demand / 100) * np.minimum(moved, MOST_FACTOR)[:, None]
    demand[asked, :PROMOTION_DAYS] *= 1 + change.promotion / 100
    lead[asked] = change.lead_days
    prices[asked] *= price
    stock: dict[str, Any] = {"unit_price": prices}
    if change.service is not None:
        service, fill = base.stock.service_target.copy(), base.stock.fill_target.copy()
        service[asked], fill[asked] = change.service, np.nan
        stock |= {"service_target": service, "fill_target": fill}
    return base.changed(demand=demand, lead_days=lead, budget=change.budget, **stock)
