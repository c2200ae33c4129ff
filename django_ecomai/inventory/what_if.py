"""What if demand, lead time, target, price or budget were others: the same future played twice, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, F
from django.utils.translation import gettext as _

from django_ecomai.ml.inventory.whatif import Comparison, Scenario, compare

from .models import Suggestion
from .planning import SEED, plans

DAYS = 84
PATHS = 48
MOST_PRODUCTS = 60
PROMOTION_DAYS = 28


class BadChange(ValueError):
    """A change cannot be played; the message says what to give."""


@dataclass(frozen=True)
class Change:
    """What is changed: demand, promotion (of the first four weeks) and price in per cent, lead time in days, service
    level 0..1 (``None``: as set) and the budget of an order day (``None``: no limit).
    """

    demand: float = 0.0
    promotion: float = 0.0
    price: float = 0.0
    lead_days: float = 0.0
    service: float | None = None
    budget: float | None = None

    @property
    def is_none(self) -> bool:
        """Whether nothing is changed."""
        return self == Change()


# (name, least, most): what a form or a query may give.
BOUNDS: dict[str, tuple[float, float]] = {
    "demand": (-90, 300),
    "promotion": (0, 500),
    "price": (-90, 300),
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
    """Today's plan and the changed one over the same luck: of how many products, and in which currency."""

    futures: Comparison
    products: int
    currency: str
    days: int = DAYS


def play(*, channel: str = "", product_ids: list[int], change: Change) -> Played | None:
    """Play twelve weeks with and without the change; ``None`` where none of the products has a counted stock."""
    plan = next(iter(plans(channel=channel, product_ids=product_ids)), None)
    if plan is None:
        return None
    base = Scenario(
        stock=plan.stock,
        mean=plan.mean,
        history=plan.history,
        lead_time_samples=plan.lead_times,
        censored=plan.censored,
    )
    futures = compare(base, changed(base, change), days=DAYS, paths=PATHS, seed=SEED)
    return Played(futures, len(plan.facts), plan.facts[0].currency)


def changed(base: Scenario, change: Change) -> Scenario:
    """The scenario after the change."""
    demand = np.full((1, base.mean.shape[1]), 1 + change.demand / 100)
    demand[:, :PROMOTION_DAYS] *= 1 + change.promotion / 100
    stock: dict[str, Any] = {"unit_price": base.stock.unit_price * (1 + change.price / 100)}
    if change.service is not None:
        stock |= {"service_target": change.service, "fill_target": np.nan}
    return base.changed(demand=demand, lead_days=change.lead_days, budget=change.budget, **stock)
