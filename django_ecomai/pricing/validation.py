"""What is wrong with a rule before it is saved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.mirror.models import Product

from .facts import Facts
from .models import PricingRule
from .rulebook import RuleBook, rules_in_use

Action = PricingRule.Action


def rule_problems(rule: PricingRule) -> dict[str, str]:
    """Messages by field, empty when the rule can be used: for ``PricingRule.clean``."""
    found: dict[str, str] = {}
    if rule.action == Action.MARKUP and rule.markup is None:
        found["markup"] = _("Give the markup over cost.")
    if rule.action == Action.SELL_THROUGH and rule.sell_until is None:
        found["sell_until"] = _("Give the date until which the stock is to be sold.")
    if rule.action == Action.FOLLOW and rule.follows_id is None:
        found["follows"] = _("Choose the product whose price is followed.")
    if rule.explore and rule.action not in (Action.PROFIT, Action.REVENUE):
        found["explore"] = _("Only the most profit or the most revenue can be looked for by trying.")
    if rule.attribute_value and not rule.attribute:
        found["attribute"] = _("Name the attribute that has this value.")
    for low, high, text in (
        ("margin_from", "margin_to", _("Must be above “margin from”.")),
        ("corridor_low", "corridor_high", _("Must not be below the lowest share.")),
        ("stock_days_min", "stock_days_max", _("Must not be below the least number of days.")),
        ("starts_on", "ends_on", _("Must not be before the first day.")),
    ):
        least, most = getattr(rule, low), getattr(rule, high)
        if least is not None and most is not None and (most < least or (low == "margin_from" and most == least)):
            found[high] = text
    if rule.sell_until is not None and rule.starts_on is not None and rule.sell_until <= rule.starts_on:
        found["sell_until"] = _("Must be after the first day of the rule.")
    if not found and rule.is_active and rule.action == Action.FOLLOW:
        others = [one for one in rules_in_use(channel=rule.channel) if one.pk != rule.pk]
        if way := circle(rule, [*others, rule]):
            found["follows"] = _("The rules lead in a circle: %(way)s. Follow another product.") % {"way": way}
    return found


def circle(rule: PricingRule, rules: Iterable[PricingRule]) -> str:
    """The way from the followed product back to itself by "follow" rules, as text; "" where there is none.

    Only conditions that do not change from day to day are looked at, so rules that meet on some days are told too.
    """
    following = [one for one in rules if one.action == Action.FOLLOW and one.follows_id is not None]
    book = RuleBook(channel=rule.channel, on=timezone.localdate(), rules=following, every_day=True)
    facts = followed_facts(following)
    goal = rule.follows_id
    if goal is None or goal not in facts:
        return ""
    if rule.product_id is not None and rule.product_id in (goal, facts[goal].parent):
        return f"{facts[goal].title} → {facts[goal].title}"
    ways: list[tuple[int, list[str]]] = [(goal, [facts[goal].title])]
    seen: set[int] = set()
    while ways:
        here, way = ways.pop()
        for one in following:
            target = one.follows_id
            if target is None or not book.names(one, facts[here]):
                continue
            if target == goal:
                return " → ".join([*way, facts[goal].title])
            if target not in seen:
                seen.add(target)
                ways.append((target, [*way, facts[target].title]))
    return ""


def followed_facts(rules: Iterable[PricingRule]) -> dict[int, Facts]:
    """What does not change from day to day of the products that are followed, on sale or not."""
    rows = Product.objects.filter(pk__in={one.follows_id for one in rules if one.follows_id}).select_related("parent")
    found = {}
    for row in rows:
        keys = row.category_external_ids or (row.parent.category_external_ids if row.parent else [])
        brand = row.brand or (row.parent.brand if row.parent else "")
        attributes: Any = row.attributes if isinstance(row.attributes, dict) else {}
        found[row.pk] = Facts(
            row.pk, row.external_id, row.title, row.parent_id, row.price, row.list_price, row.cost, row.currency,
            None, tuple(str(key) for key in keys or ()), brand, attributes, None,
        )  # fmt: skip
    return found
