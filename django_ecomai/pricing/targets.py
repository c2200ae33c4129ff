"""Prices that stand beside others: those of competitors, or that of another product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_ecomai.conf import ecomai

from .facts import Facts
from .models import PricingRule


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
