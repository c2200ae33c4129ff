"""What a rule says in vain, told when it is looked at or saved: looser limits than the shop's, a rival, its end."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from django_ecomai.mirror.models import Product

from .facts import product_facts
from .models import PricingRule
from .percent import typed
from .rule_preview import database_tells, narrowed
from .rulebook import LIKE, MERGED, RuleBook, over_since, rules_in_use
from .shop_limits import OF_PRICES

#: Rivals that are looked for, and products that are looked at for each.
RIVALS, LOOKED_AT = 5, 500


def without_effect(rule: PricingRule, shop: dict[str, float | None]) -> dict[str, str]:
    """By field why a limit of a rule does nothing: that of the shop is stricter."""
    found = {}
    for name in OF_PRICES:
        own, held = getattr(rule, name), shop[name]
        if own is not None and held is not None and own != held and MERGED[name](own, held) == held:
            found[name] = no_effect(held)
    return found


def no_effect(held: float) -> str:
    """What is told beside a limit that is looser than the shop's."""
    return _("No effect: the shop’s %(share)s %% is stricter.") % {"share": typed(held)}


def over_words(rule: PricingRule) -> str:
    """That a rule is over, and since which day; "" while it is not."""
    last = over_since(rule, timezone.localdate())
    return _("over since %(day)s") % {"day": date_format(last, "SHORT_DATE_FORMAT")} if last else ""


def rivals(rule: PricingRule) -> list[PricingRule]:
    """Other rules in use that are as specific, have the same order and want something else for the same products: the
    prices of those are held back."""
    today = timezone.localdate()
    if not rule.is_active or rule.action == PricingRule.Action.LIMITS or over_since(rule, today):
        return []
    others = [one for one in rules_in_use(channel=rule.channel) if one.pk != rule.pk]
    book = RuleBook(channel=rule.channel, on=today, rules=[rule, *others], every_day=True)
    found: list[PricingRule] = []
    for one in others:
        if len(found) >= RIVALS:
            break
        if one.action == PricingRule.Action.LIMITS or one.order != rule.order or over_since(one, today):
            continue
        if book.specificity(one) != book.specificity(rule) or not any(
            getattr(one, name) != getattr(rule, name) for name in LIKE
        ):
            continue
        if _may_meet(rule, one) and _meet(book, rule, one):
            found.append(one)
    return found


def _may_meet(one: PricingRule, other: PricingRule) -> bool:
    """Whether two rules have a day in common, and do not name two products."""
    begin = max(one.starts_on or date.min, other.starts_on or date.min)
    end = min(one.ends_on or date.max, other.ends_on or date.max)
    days = not one.weekdays or not other.weekdays or bool(set(one.weekdays) & set(other.weekdays))
    return begin <= end and days and (one.product_id is None or one.product_id == other.product_id)


def _meet(book: RuleBook, one: PricingRule, other: PricingRule) -> bool:
    """Whether some product on sale fits both; of many that may, the first ones are looked at."""
    on_sale = Product.objects.filter(channel=book.channel, is_active=True, is_service=False, removed_at=None)
    rows: Any = narrowed(narrowed(on_sale, one), other)
    if database_tells(one) and database_tells(other):
        return bool(rows.exists())
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:LOOKED_AT])
    facts = product_facts(
        channel=book.channel, product_ids=keys, at=timezone.now(), horizon_days=1, stock_ages=book.needs_stock_ages
    )
    return any(book.fits(one, row) and book.fits(other, row) for row in facts)


def next_order(*, channel: str) -> int:
    """The first order behind all rules of a shop; 100 where there is none."""
    last = PricingRule.objects.filter(channel=channel).order_by("-order").values_list("order", flat=True).first()
    return 100 if last is None else min(int(last) + 1, 2_000_000_000)
