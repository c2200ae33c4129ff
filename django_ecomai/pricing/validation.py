"""What is wrong with a rule before it is saved."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.mirror.models import Product

from .facts import Facts, attributes_merged
from .models import PricingRule
from .rulebook import RuleBook, rules_in_use

Action = PricingRule.Action


def rule_problems(rule: PricingRule) -> dict[str, str]:
    """Messages by field, empty when the rule can be used: for ``PricingRule.clean``."""
    found: dict[str, str] = {}
    if rule.action == Action.MARKUP and rule.markup is None:
        found["markup"] = _("Give the markup over cost.")
    if rule.action == Action.SELL_THROUGH and rule.sell_until is None and not rule.sell_until_attribute:
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
    ways = _Ways(rule.channel, rules)
    goal = rule.follows_id
    if goal is None or goal not in ways.facts:
        return ""
    way = [goal, goal] if ways.names_its_own(rule) else ways.back_to(goal)
    return " → ".join(ways.facts[pk].title for pk in way)


def circles(channel: str, rules: Iterable[PricingRule]) -> set[int]:
    """``id()`` of the rules in a circle: as `circle` of each, with the queries of one."""
    ways = _Ways(channel, rules)
    closed = {goal for goal in ways.facts if ways.back_to(goal)}
    return {id(one) for one in ways.following if one.follows_id in closed or ways.names_its_own(one)}


class _Ways:
    """From each followed product to those that it follows itself."""

    def __init__(self, channel: str, rules: Iterable[PricingRule]) -> None:
        self.following = [one for one in rules if one.action == Action.FOLLOW and one.follows_id is not None]
        self.facts = followed_facts(self.following)
        self._book = RuleBook(channel=channel, on=timezone.localdate(), rules=self.following, every_day=True)
        self._steps: dict[int, list[int]] = {}
        # rules for one product are looked up; only the others are held against every product
        self._of_product: dict[int, list[PricingRule]] = {}
        for one in self.following:
            if one.product_id is not None:
                self._of_product.setdefault(one.product_id, []).append(one)
        self._of_many = [one for one in self.following if one.product_id is None]

    def names_its_own(self, rule: PricingRule) -> bool:
        """Whether a rule for one product follows it, or its variant."""
        followed, pk = self.facts.get(rule.follows_id or 0), rule.product_id
        return followed is not None and pk is not None and pk in (followed.pk, followed.parent)

    def steps(self, pk: int) -> list[int]:
        """The products that a followed product follows."""
        if pk not in self._steps:
            one = self.facts[pk]
            rules = [*self._of_many, *self._of_product.get(pk, ()), *self._of_product.get(one.parent or 0, ())]
            goals = [rule.follows_id for rule in rules if self._book.names(rule, one)]
            self._steps[pk] = list(dict.fromkeys(goal for goal in goals if goal in self.facts))
        return self._steps[pk]

    def back_to(self, goal: int) -> list[int]:
        """The products on the way from one back to itself, with it at both ends; empty where there is none."""
        before: dict[int, int] = {}
        ways = [goal]
        while ways:
            here = ways.pop()
            for target in self.steps(here):
                if target == goal:
                    way = [here]
                    while way[-1] != goal:
                        way.append(before[way[-1]])
                    return [*reversed(way), goal]
                if target not in before:
                    before[target] = here
                    ways.append(target)
        return []


def followed_facts(rules: Iterable[PricingRule]) -> dict[int, Facts]:
    """What does not change from day to day of the products that are followed, on sale or not."""
    rows = Product.objects.filter(pk__in={one.follows_id for one in rules if one.follows_id}).select_related("parent")
    found = {}
    for row in rows:
        keys = row.category_external_ids or (row.parent.category_external_ids if row.parent else [])
        brand = row.brand or (row.parent.brand if row.parent else "")
        attributes = attributes_merged(row.parent.attributes if row.parent else {}, row.attributes)
        found[row.pk] = Facts(
            row.pk, row.external_id, row.title, row.parent_id, row.price, row.list_price, row.cost, row.currency,
            None, tuple(str(key) for key in keys or ()), brand, attributes, None,
        )  # fmt: skip
    return found
