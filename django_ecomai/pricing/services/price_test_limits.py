"""What limits allow a price test: whether they forbid two prices in turn, and the widest two that they allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import sqrt
from typing import Any

import numpy as np
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import Facts
from django_ecomai.pricing.held import LIMITS, NONE, Why, why
from django_ecomai.pricing.limits import limits_build, limits_named, problems, source_of
from django_ecomai.pricing.models import PriceTest
from django_ecomai.pricing.rulebook import Choice

from .allowed import facts_and_choices
from .decide import PricingError

#: Its own prices of the weeks before are neither another test nor a change that has to wait.
OWN = ("in_test", "changed_today")


@dataclass(frozen=True)
class Room:
    """How far limits let two prices be from today's: ``widest`` is the largest part of it, 0 where they allow no test.
    ``limit`` (see ``held.LIMITS``) keeps them from being further apart, ``rule`` has set it (None: the shop, or the
    product)."""

    widest: float = 0.0
    limit: str = ""
    rule: Any = None
    share: float | None = None  # of a limit that is one: 0.1 means 10 %
    step: Decimal = Decimal("0.01")  # prices are multiples of it

    @property
    def told(self) -> str:
        """The limit in words, "" where there is none."""
        if not self.limit:
            return ""
        named = {
            "limit": str(LIMITS[self.limit]), "rule": self.rule,
            "share": "" if self.share is None else f"{format_value(round(100 * self.share, 1))} %",
        }  # fmt: skip
        text = _("%(limit)s (%(share)s)") if named["share"] else "%(limit)s"
        return (_("%(limit)s of the rule “%(rule)s”") % {**named, "limit": text % named}) if self.rule else text % named

    def pair(self, today: Decimal, part: float) -> tuple[Decimal, Decimal] | None:
        """The two prices that are ``part`` of today's price from it, or as far as there is room, rounded towards it;
        None where there is none."""
        factor = 1 + min(part, self.widest)
        low = (Decimal(str(float(today) / factor - 1e-9)) / self.step).to_integral_value(ROUND_CEILING) * self.step
        high = (Decimal(str(float(today) * factor + 1e-9)) / self.step).to_integral_value(ROUND_FLOOR) * self.step
        return (low, high) if 0 < low < today < high else None


def price_test_problems(
    *, product: Product, pairs: Sequence[tuple[Decimal, Decimal]], now: datetime | None = None
) -> list[Why]:
    """Per pair of a lower and a higher price why limits forbid a test of them, false where none does.

    Raises ``PricingError`` for a product that is not on sale. A fixed number of queries.
    """
    facts, choices = facts_and_choices(channel=product.channel, product_ids=[product.pk], now=now or timezone.now())
    if not facts:
        raise PricingError(_("“%(product)s” is not on sale.") % {"product": product})
    return [pair_problem(facts[0], choices[0], low, high) for low, high in pairs]


def pair_problem(facts: Facts, choice: Choice, low: Decimal, high: Decimal, *, whole_family: bool = False) -> Why:
    """Why limits forbid two prices in turn, false where none does: each from today's, and the step from one to the
    other. ``whole_family``: all products of its price family have them."""
    for before, after in ((facts.price, low), (facts.price, high), (low, high), (high, low)):
        moved = replace(facts, price=before, price_week_ago=before)
        if problem := not_allowed(moved, choice, after, whole_family=whole_family):
            return problem
    return NONE


def forbidden(test: PriceTest, price: Decimal, now: datetime, *, stored: bool = False) -> Why:
    """Why a running test may not have this price now. ``stored``: as the shop rounded it, so that the smallest step
    does not count."""
    facts, choices = facts_and_choices(channel=test.channel, product_ids=[test.product_id], now=now)
    if not facts:
        return why("off_sale")
    choice = choices[0]
    if stored:
        choice = replace(choice, limits={**choice.limits, "step": (0.0001, None)})
    # a family that has changed since is no family of the test
    return not_allowed(facts[0], choice, price, whole_family=(test.family,) == choice.families)


def not_allowed(facts: Facts, choice: Choice, price: Decimal, *, whole_family: bool = False) -> Why:
    """Why limits forbid one price, false where none does."""
    from django_ecomai.ml.pricing.guardrails import violations

    if problem := _never(facts, choice, whole_family=whole_family):
        return problem
    limits = replace(limits_build([facts], [choice]), family=np.full(1, -1))
    if violations([float(price)], limits)[0]:
        return why(
            "test_limits", amount=price, limits=limits_named(limits, 0, choice), currency=facts.currency
        )  # fmt: skip
    return NONE


def _never(facts: Facts, choice: Choice, *, whole_family: bool = False) -> Why:
    """Why it can be in no test whatever the prices are."""
    if choice.families and not whole_family:
        return why("family_alone")
    if facts.cost is None:
        return why("test_no_cost")
    found = next((one for one in problems(facts, choice) if one[0] not in OWN), None)
    return NONE if found is None else why(found[0], **found[1])


def rooms_of(*, channel: str, product_ids: Iterable[int], now: datetime | None = None) -> dict[int, Room]:
    """By product how far apart limits let two prices of a test be; those that can be in no test have no room. A fixed
    number of queries per part of the catalogue."""
    facts, choices = facts_and_choices(channel=channel, product_ids=sorted(set(product_ids)), now=now or timezone.now())
    return {
        one.pk: Room() if _never(one, choice) else room_of(one, choice)
        for one, choice in zip(facts, choices, strict=True)
    }


def room_of(facts: Facts, choice: Choice) -> Room:
    """The widest two prices, equally far (as factors) from today's and rounded towards it. A change per day or week is
    also the step from one to the other: with 10 % both are 4.9 % from today's."""
    from django_ecomai.ml.pricing.guardrails import CEILINGS, FLOORS

    today = facts.price or Decimal(0)
    limits = replace(limits_build([replace(facts, price_week_ago=facts.price)], [choice]), family=np.full(1, -1))
    price, step = float(today), float(limits.step[0])
    # further away than any test goes
    ratios: list[tuple[float, str, float | None]] = [(2.0, "", None)]
    for name in ("day", "week"):
        largest = float(getattr(limits, f"max_change_{name}")[0])
        if np.isfinite(largest):
            # up from the lower one, and down from the higher one
            ratios.append((sqrt(min(1 + largest, 1 / max(1 - largest, 1e-9))), f"max_rise_{name}", largest))
    floors = [(price / one, name, None) for one, name in zip(limits.floors()[0], FLOORS, strict=True) if one > 0]
    ceilings = [(one / price, name, None) for one, name in zip(limits.ceilings()[0], CEILINGS, strict=True)]
    factor, name, share = min([*ratios, *floors, *ceilings], key=lambda each: each[0])
    found = Room(max(factor - 1, 0.0), name, source_of(name, choice), share, Decimal(str(step)))
    pair = found.pair(today, found.widest)
    return found if pair and not pair_problem(facts, choice, *pair) else replace(found, widest=0.0)
