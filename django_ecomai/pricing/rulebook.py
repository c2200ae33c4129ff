"""Which rule counts for a product, and which limits all rules together set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Q

from django_ecomai.conf import ecomai
from django_ecomai.core.currencies import DIGITS, smallest_amount
from django_ecomai.mirror.models import Category

from .facts import Facts, attribute_date, attribute_number, values_of
from .models import PricingRule
from .shop_limits import OF_PRICES, shop_limits
from .tax import tax_of

#: How limits of several rules are merged: the strictest of each.
MERGED = {
    "min_margin": max,
    "corridor_low": max,
    "corridor_high": min,
    "max_change_day": min,
    "max_change_week": min,
    "step": max,
}
#: Smallest steps of prices where they are not a hundredth: what can be written, and what is paid.
STEPS = {currency: str(smallest_amount(currency)) for currency in DIGITS} | {
    "CHF": "0.05", "HUF": "1", "VND": "1000", "IDR": "100",
}  # fmt: skip
#: What two rules that want the same have in common.
LIKE = (
    "action", "sell_until", "sell_until_attribute", "sell_share", "left_worth", "markup", "reference", "offset",
    "follows_id", "explore",
)  # fmt: skip
#: What an end date counts for.
DATED = (PricingRule.Action.PROFIT, PricingRule.Action.REVENUE, PricingRule.Action.SELL_THROUGH)


@dataclass(slots=True)
class Choice:
    """What is to be done with the price of a product. ``limits``: value and the rule that set it (None: the shop)
    by name; ``map_price`` likewise; ``families``: keys of the price families it is in; ``endings`` as written;
    ``taxed``: its price holds tax; ``of_year``: without a list price, its corridor is around the price of a year ago;
    ``sell_until``: the last day on which it can be sold."""

    rule: PricingRule | None = None
    clash: tuple[PricingRule, PricingRule] | None = None
    limits: dict[str, tuple[float, PricingRule | None]] = field(default_factory=dict)
    map_price: tuple[Decimal, PricingRule | None] | None = None
    families: tuple[str, ...] = ()
    endings: tuple[int, ...] = ()
    codes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    taxed: bool = False
    of_year: bool = False
    sell_until: date | None = None

    @property
    def action(self) -> str:
        """``PricingRule.Action``; the most profit where no rule says another."""
        return PricingRule.Action.PROFIT if self.rule is None else self.rule.action


class RuleBook:
    """The rules in use of a channel (or those given) on a day, with what is needed to match them.

    ``every_day``: also those whose dates or weekdays leave the day out.
    """

    def __init__(
        self, *, channel: str = "", on: date, rules: Sequence[PricingRule] | None = None, every_day: bool = False
    ) -> None:
        self.channel, self.on = channel, on
        chosen = rules_in_use(channel=channel) if rules is None else list(rules)
        self.rules = [rule for rule in chosen if every_day or is_on(rule, on)]
        self.below = categories_below(channel, [rule.category_id for rule in self.rules])
        self.depth = {pk: depth for pk, (_keys, depth) in self.below.items()}
        self.map_attribute: str = ecomai.PRICING_MAP_ATTRIBUTE
        self.steps = {**STEPS, **(ecomai.PRICING_STEPS or {})}

    @cached_property
    def shop(self) -> dict[str, float | None]:
        """The limits of the whole shop, read when a product is first asked for."""
        return shop_limits(channel=self.channel)

    @property
    def needs_stock_ages(self) -> bool:
        """Whether any rule asks how long a product has been on sale."""
        return any(rule.stock_days_min is not None or rule.stock_days_max is not None for rule in self.rules)

    def of(self, facts: Facts) -> Choice:
        """The rule that counts, and the limits of all that fit."""
        fit = [rule for rule in self.rules if self.fits(rule, facts)]
        choice = Choice(taxed=facts.tax > 0, of_year=not facts.list_price and facts.price_year_ago is not None)
        if tax_of(facts.attributes) is None:
            value = str(facts.attributes[ecomai.PRICING_TAX_ATTRIBUTE])[:60]
            choice.codes.append(("tax_unreadable", {"value": value}))
        self._action(choice, fit)
        self._end_date(choice, facts)
        self._limits(choice, fit, facts)
        return choice

    def fits(self, rule: PricingRule, facts: Facts) -> bool:
        """Whether all conditions of a rule hold for a product."""
        if not self.names(rule, facts):
            return False
        if rule.stock_days_min is not None or rule.stock_days_max is not None:
            if facts.since is None:
                return False
            days = (self.on - facts.since).days
            if (
                not (rule.stock_days_min or 0)
                <= days
                <= (10**6 if rule.stock_days_max is None else rule.stock_days_max)
            ):
                return False
        if rule.position and (facts.market is None or facts.market.position != rule.position):
            return False
        if rule.margin_from is not None or rule.margin_to is not None:
            margin = facts.margin
            if margin is None:
                return False
            if rule.margin_from is not None and margin < rule.margin_from:
                return False
            if rule.margin_to is not None and margin >= rule.margin_to:
                return False
        return True

    def names(self, rule: PricingRule, facts: Facts) -> bool:
        """Whether the conditions that do not change from day to day hold: product, category, brand, attribute."""
        if rule.product_id is not None and rule.product_id not in (facts.pk, facts.parent):
            return False
        # "All of the category follow X" does not mean X itself.
        if rule.action == PricingRule.Action.FOLLOW and rule.follows_id == facts.pk:
            return False
        if rule.category_id is not None and self.below[rule.category_id][0].isdisjoint(facts.categories):
            return False
        if rule.brand and rule.brand.casefold() != facts.brand.casefold():
            return False
        return not rule.attribute or has_attribute(facts.attributes, rule.attribute, rule.attribute_value)

    def specificity(self, rule: PricingRule) -> tuple[int, int, int, int, int]:
        """What counts first: a rule for the product, for an attribute or tag, for a brand, for a category (a deeper one
        before those above it), for all; then the one with more conditions of the moment."""
        passing = [
            rule.position,
            rule.stock_days_min is not None or rule.stock_days_max is not None,
            rule.margin_from is not None or rule.margin_to is not None,
            rule.starts_on or rule.ends_on or rule.weekdays,
        ]
        return (
            int(rule.product_id is not None),
            int(bool(rule.attribute)),
            int(bool(rule.brand)),
            self.depth.get(rule.category_id or 0, 0),
            sum(bool(one) for one in passing),
        )

    def rank(self, rule: PricingRule) -> tuple[int, ...]:
        """For sorting: what counts first comes first."""
        return (*(-one for one in self.specificity(rule)), rule.order, rule.pk or 0)

    def _action(self, choice: Choice, fit: Iterable[PricingRule]) -> None:
        wanting = [rule for rule in fit if rule.action != PricingRule.Action.LIMITS]
        if not wanting:
            return
        ranked = sorted(wanting, key=self.rank)
        first = ranked[0]
        choice.rule = first
        for other in ranked[1:]:
            if (self.specificity(other), other.order) != (self.specificity(first), first.order):
                break
            if any(getattr(other, name) != getattr(first, name) for name in LIKE):
                choice.clash = (first, other)
                break

    def _end_date(self, choice: Choice, facts: Facts) -> None:
        """That of the product's attribute where the rule names one, else that of the rule."""
        rule = choice.rule
        if rule is None or rule.action not in DATED:
            return
        choice.sell_until = rule.sell_until
        value = facts.attributes.get(rule.sell_until_attribute) if rule.sell_until_attribute else None
        if value not in (None, "", []):
            choice.sell_until = attribute_date(value)
            if choice.sell_until is None:
                choice.codes.append(("end_date_unreadable", {"value": str(value)[:60]}))
        elif rule.sell_until_attribute and rule.sell_until is None:
            choice.codes.append(("end_date_missing", {"rule": rule.name, "value": rule.sell_until_attribute}))
        if choice.sell_until is not None and choice.sell_until < self.on:
            choice.codes.append(("end_date_past", {"value": choice.sell_until.isoformat()}))

    def _limits(self, choice: Choice, fit: list[PricingRule], facts: Facts) -> None:
        found: dict[str, tuple[float, PricingRule | None]] = {
            name: (float(value), None) for name in OF_PRICES if (value := self.shop[name]) is not None
        }
        found["step"] = (float(self.steps.get(facts.currency, "0.01")), None)
        for rule in fit:
            for name, strictest in MERGED.items():
                value = getattr(rule, name)
                if value is None:
                    continue
                old = found.get(name)
                if old is None or strictest(float(value), old[0]) != old[0]:
                    found[name] = (float(value), rule)
        choice.limits = found
        named = [(self.map_attribute, None), *((rule.map_attribute, rule) for rule in fit)]
        for attribute, source in named:
            value = facts.attributes.get(attribute) if attribute else None
            if value in (None, ""):
                continue
            number = attribute_number(value)
            if number is None:
                choice.codes.append(("map_unreadable", {"value": str(value)[:60]}))
            elif choice.map_price is None or number > choice.map_price[0]:
                choice.map_price = (number, source)
        choice.families = families_of(facts, [rule.family_attribute for rule in fit if rule.family_attribute])
        ranked = sorted(fit, key=self.rank)
        written = next((rule.endings for rule in ranked if rule.endings), "")
        choice.endings = tuple(int(one) for one in written.split(",")) if written else ()


def rules_in_use(*, channel: str = "") -> list[PricingRule]:
    """In their order; one query."""
    rows = PricingRule.objects.filter(channel=channel, is_active=True)
    return list(rows.select_related("follows").order_by("order", "pk"))


def is_on(rule: PricingRule, day: date) -> bool:
    """Whether a rule's dates and weekdays take in a day."""
    if rule.starts_on is not None and day < rule.starts_on:
        return False
    if over_since(rule, day) is not None:
        return False
    return not rule.weekdays or str(day.isoweekday()) in rule.weekdays


def over_since(rule: PricingRule, day: date) -> date | None:
    """The first day on which a rule does nothing any more, None while it is not over. What is sold until a date
    is over after it, with its limits: they were those of the sale. Where products have dates of their own, the rule's
    is only that of the others."""
    own = rule.sell_until if rule.action in DATED and not rule.sell_until_attribute else None
    last = [rule.ends_on, own]
    ended = [one for one in last if one is not None and one < day]
    return min(ended) + timedelta(days=1) if ended else None


def has_attribute(attributes: dict[str, Any], name: str, value: str) -> bool:
    """Whether a product has an attribute (any value where none is named), or the tag of that name."""
    if name not in attributes or attributes[name] in (None, "", [], False):
        return False
    if not value:
        return True
    held = attributes[name]
    each = held if isinstance(held, list | tuple) else [held]
    return value.casefold() in {str(one).casefold() for one in each}


def families_of(facts: Facts, attributes: Iterable[str]) -> tuple[str, ...]:
    """Keys of the price families that a product is in: variants of a parent, and the same value of an attribute.

    Where all variants of the parent have the same value they are part of that family, and it is the only one.
    """
    names = set(attributes)
    found = {f"{name}={one}"[:160] for name in names for one in values_of(facts.attributes, name)}
    if facts.parent is not None and (not found or not names.isdisjoint(facts.varied)):
        found.add(f"p{facts.parent}")
    return tuple(sorted(found))


def families_agree(facts: Sequence[Facts], choices: Sequence[Choice]) -> None:
    """Variants of one parent have one price: where rules put some of them into another family than the others, each is
    in all of these, which holds it."""
    seen: dict[int, set[tuple[str, ...]]] = {}
    for one, choice in zip(facts, choices, strict=True):
        if one.parent is not None:
            seen.setdefault(one.parent, set()).add(choice.families)
    for one, choice in zip(facts, choices, strict=True):
        if one.parent is not None and len(seen[one.parent]) > 1:
            choice.families = tuple(sorted({key for keys in seen[one.parent] for key in keys} | {f"p{one.parent}"}))
    currencies: dict[str, set[str]] = {}
    for one, choice in zip(facts, choices, strict=True):
        for key in choice.families:
            currencies.setdefault(key, set()).add(one.currency)
    for choice in choices:
        if several := {money for key in choice.families for money in currencies[key] if len(currencies[key]) > 1}:
            choice.codes.append(("family_currencies", {"names": ", ".join(sorted(several))}))


def categories_below(channel: str, wanted: Iterable[int | None]) -> dict[int, tuple[frozenset[str], int]]:
    """The shop's ids of each category and of all below it, and how deep it lies."""
    asked = {pk for pk in wanted if pk is not None}
    if not asked:
        return {}
    rows = list(
        Category.objects.filter(Q(channel=channel) | Q(pk__in=asked)).values_list("pk", "parent_id", "external_id")
    )
    parents = {pk: parent for pk, parent, _key in rows}
    found: dict[int, set[str]] = {pk: set() for pk in asked}
    depths: dict[int, int] = {}
    for pk, _parent, key in rows:
        here: int | None = pk
        seen: set[int] = set()
        while here is not None and here not in seen:
            seen.add(here)
            if here in found:
                found[here].add(key)
            here = parents.get(here)
        depths[pk] = len(seen)
    return {pk: (frozenset(keys), depths.get(pk, 0)) for pk, keys in found.items()}
