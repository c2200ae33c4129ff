"""Prices that stand beside others: those of competitors, or that of another product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from django_ecomai.conf import ecomai

from .facts import Facts
from .models import PricingRule

#: What competitors ask moves by cents all day: by this share of the price a rule may ask for another one since.
WOBBLE = 0.005


@dataclass(frozen=True)
class Beside:
    """A price beside others, then or now: what its rule asks for (``target``), the ``price`` that comes of it within
    the limits, rounded, and the ``lowest`` offer of a competitor; NaN where one is not known."""

    target: float
    price: float
    lowest: float = nan

    def cheapest(self, price: float, tiny: float) -> bool:
        """Whether nobody asks less than ``price``."""
        return price <= self.lowest + tiny


def has_moved(then: Beside, now: Beside, *, today: float, step: float, offers: bool) -> bool:
    """Whether the price of ``then`` is not any more what its rule asks for.

    It stands while what the rule asks for, or the price that comes of it, has moved by no more than the smallest
    ``step``. Beside ``offers`` of competitors it also stands up to ``WOBBLE``, unless ``today``'s price is nearer to
    the rule's, or it has become the cheapest, or is it no longer, and the rule's price has not changed sides with it.
    """
    tiny = step / 1000
    gap, shift = abs(now.price - then.price), abs(round(now.target, 4) - round(then.target, 4))
    if shift <= step + tiny or gap <= step + tiny:
        return False
    slack = max(step, WOBBLE * then.price if offers else 0.0) + tiny
    if shift > slack and not gap <= slack:  # a price that is not known is no near one
        return True
    if isnan(gap):
        return False
    if abs(now.price - today) < gap - tiny:
        return True
    wanted = now.cheapest(now.price, tiny)
    before = wanted if isnan(then.lowest) else then.cheapest(then.price, tiny)
    return before == wanted != now.cheapest(then.price, tiny)


def target_beside(
    rule: PricingRule, facts: Facts, followed: Mapping[int, Facts]
) -> tuple[float | None, tuple[str, dict[str, Any]] | None]:
    """What a rule of the action ``relative`` or ``follow`` asks for now, or why it asks for nothing: a code of
    ``held.REASONS`` with what it names. ``followed``: see ``followed_facts``."""
    named = {"rule": rule.name}
    if rule.action == PricingRule.Action.RELATIVE:
        if facts.market is None:
            return None, ("no_market", named)
        offer = facts.market.lowest if rule.reference == PricingRule.Reference.LOWEST else facts.market.median
        return float(offer) * (1 + rule.offset), None
    other = followed.get(rule.follows_id or 0)
    if other is None or not other.price or (other.currency or ecomai.CURRENCY) != facts.currency:
        return None, ("no_followed", named)
    return float(other.price) * (1 + rule.offset), None
