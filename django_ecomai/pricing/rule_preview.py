"""What a rule would do, before it is saved: how many products it is for, and some of their prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Category, Product

from .facts import product_facts
from .models import PriceProposal, PricingRule
from .rulebook import RuleBook, categories_below, rules_in_use
from .services import proposals_preview

#: Products whose conditions are looked at one by one, and those whose prices are worked out.
LOOKED_AT, EXAMPLES = 2_000, 6


@dataclass
class Preview:
    """``matches`` of ``looked_at`` products that may fit; ``total`` is how many are on sale.

    ``exact``: all that may fit were looked at. ``rows``: unsaved proposals under this rule and the others in use, an
    unchanged price among them. ``undated``: of those looked at, how many have no date that their age counts from.
    """

    matches: int = 0
    looked_at: int = 0
    may_fit: int = 0
    total: int = 0
    exact: bool = True
    undated: int = 0
    rows: list[PriceProposal] = field(default_factory=list)


def rule_preview(*, rule: PricingRule) -> Preview:
    """Count and examples for a rule, saved or not; its dates and weekdays are taken as today's."""
    now = timezone.now()
    on_sale = Product.objects.filter(channel=rule.channel, is_active=True, is_service=False, removed_at=None)
    fitting = narrowed(on_sale, rule)
    keys = list(fitting.order_by("pk").values_list("pk", flat=True)[:LOOKED_AT])
    book = RuleBook(channel=rule.channel, on=local_date(now), rules=[rule], every_day=True)
    facts = product_facts(
        channel=rule.channel, product_ids=keys, at=now, horizon_days=28, stock_ages=book.needs_stock_ages
    )
    chosen = [one.pk for one in facts if book.fits(rule, one)]
    may_fit = len(keys) if len(keys) < LOOKED_AT else fitting.count()
    found = Preview(len(chosen), len(keys), may_fit, on_sale.count(), exact=may_fit == len(keys))
    if book.needs_stock_ages:
        found.undated = sum(one.since is None and book.names(rule, one) for one in facts)
    if not found.exact and database_tells(rule):
        found.matches, found.exact = may_fit, True
    if chosen:
        found.rows = _examples(rule, chosen)
    return found


def rule_product_ids(*, rule: PricingRule, most: int) -> list[int]:
    """Keys of the first products that a rule is for, at most ``most`` of the first 2,000 that may fit; its dates and
    weekdays do not count."""
    now = timezone.now()
    on_sale = Product.objects.filter(channel=rule.channel, is_active=True, is_service=False, removed_at=None)
    keys = list(narrowed(on_sale, rule).order_by("pk").values_list("pk", flat=True)[:LOOKED_AT])
    book = RuleBook(channel=rule.channel, on=local_date(now), rules=[rule], every_day=True)
    facts = product_facts(
        channel=rule.channel, product_ids=keys, at=now, horizon_days=28, stock_ages=book.needs_stock_ages
    )
    return [one.pk for one in facts if book.fits(rule, one)][:most]


def narrowed(rows: QuerySet[Product], rule: PricingRule) -> QuerySet[Product]:
    """By what the database can tell: product, category, brand of the product or its parent."""
    if rule.product_id is not None:
        rows = rows.filter(Q(pk=rule.product_id) | Q(parent=rule.product_id))
    if rule.brand:
        rows = rows.filter(Q(brand__iexact=rule.brand) | Q(brand="", parent__brand__iexact=rule.brand))
    if rule.category_id is not None:
        ids, _depth = categories_below(rule.channel, [rule.category_id])[rule.category_id]
        below = Category.objects.filter(channel=rule.channel, external_id__in=ids).values("pk")
        rows = rows.filter(Q(categories__in=below) | Q(parent__categories__in=below)).distinct()
    return rows


def database_tells(rule: PricingRule) -> bool:
    """Whether the database alone tells which products fit."""
    asked = (rule.stock_days_min, rule.stock_days_max, rule.margin_from, rule.margin_to)
    no_product_left_out = rule.action != PricingRule.Action.FOLLOW
    return no_product_left_out and not rule.attribute and not rule.position and all(one is None for one in asked)


def _examples(rule: PricingRule, chosen: list[int]) -> list[PriceProposal]:
    """Those with the most to say first: products whose price would change."""
    others = [one for one in rules_in_use(channel=rule.channel) if one.pk != rule.pk]
    rule.is_active, dates = True, (rule.starts_on, rule.ends_on, rule.weekdays)
    rule.starts_on = rule.ends_on = None
    rule.weekdays = ""
    step = max(len(chosen) // (2 * EXAMPLES), 1)
    sample = chosen[::step][: 2 * EXAMPLES]
    rows = proposals_preview(channel=rule.channel, rules=[*others, rule], product_ids=sample)
    rule.starts_on, rule.ends_on, rule.weekdays = dates
    wanted = set(sample)
    rows = [row for row in rows if row.product_id in wanted]
    rows.sort(key=lambda row: (row.new_price is None, row.new_price == row.old_price))
    titles: dict[int, Any] = Product.objects.in_bulk([row.product_id for row in rows[:EXAMPLES]])
    for row in rows[:EXAMPLES]:
        row.product = titles[row.product_id]
    return rows[:EXAMPLES]
