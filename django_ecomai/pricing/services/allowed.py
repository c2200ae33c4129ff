"""Whether a price may go into the shop now: the limits of its product, and the one price of its family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import ShopAdapter
from django_ecomai.conf import ecomai
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import Facts, attributes_merged, in_parts, product_facts
from django_ecomai.pricing.held import reason_text
from django_ecomai.pricing.limits import binding_limits, limits_build, problems
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.rulebook import Choice, RuleBook

from .shop import Said, plain, shop_prices

#: Limits on the way from one price to the next: they say nothing about a price that the product had before.
STEPS = ("max_change_day", "max_change_week")


def prices_refused(
    adapter: ShopAdapter,
    rows: Sequence[PriceProposal],
    said: Mapping[str, Said],
    *,
    channel: str,
    siblings: Mapping[str, set[int]],
    now: datetime,
) -> dict[int, str]:
    """Why proposals may not go into the shop now, by their key. ``siblings``: see ``family_candidates``."""
    by_product = {row.product_id: row for row in rows}
    others = set().union(*(siblings.get(row.family, ()) for row in rows)) - by_product.keys()
    facts, choices = _known(channel=channel, product_ids=[*by_product, *sorted(others)], now=now)
    found: dict[int, str] = {}
    members: dict[str, list[int]] = {}
    for one, choice in zip(facts, choices, strict=True):
        row = by_product.get(one.pk)
        if row is None:
            for key in choice.families:
                members.setdefault(key, []).append(one.pk)
            continue
        if choice.families and not row.family:
            found[row.pk] = _("It is in a price family by now: wait for the next run.")
        elif text := limits_forbid(one, choice, row.new_price):
            found[row.pk] = text
    return _families_refused(adapter, rows, members) | found


def limits_forbid(facts: Facts, choice: Choice, price: Any) -> str:
    """Why the limits do not allow a price that is to be new, "" when they do."""
    problem = next(iter(problems(facts, choice)), None)
    if problem is not None:
        return reason_text(problem[0], **problem[1])[:500]
    if facts.cost is None:
        return reason_text("cost_missing")
    return _violated(facts, choice, price)


def restoring_forbidden(
    prices: Mapping[int, Any], *, channel: str, now: datetime, stored: bool = False
) -> dict[int, str]:
    """Why products may not have a price again that they had before, by the product's key; steps per day and week do
    not count. ``stored``: the price is as the shop rounded it, so the smallest step does not count either."""
    found: dict[int, str] = {}
    facts, choices = _known(channel=channel, product_ids=list(prices), now=now)
    for one, choice in zip(facts, choices, strict=True):
        dropped = (*STEPS, "step") if stored else STEPS
        kept = {name: value for name, value in choice.limits.items() if name not in dropped}
        if stored:
            kept["step"] = (0.0001, None)
        if text := _violated(one, replace(choice, limits=kept), prices[one.pk]):
            found[one.pk] = text
    return found


def family_candidates(families: Iterable[str], *, channel: str) -> dict[str, set[int]]:
    """Keys of products on sale that may belong to price families: the variants of a parent, and what has the same value
    of an attribute. Reads the catalogue once where a family comes from an attribute."""
    wanted = {family for family in families if family}
    found: dict[str, set[int]] = {family: set() for family in wanted}
    on_sale = Product.objects.filter(channel=channel, is_active=True, is_service=False, removed_at=None)
    parents = {int(family[1:]): family for family in wanted if family[0] == "p" and family[1:].isdecimal()}
    for part in in_parts(sorted(parents)):
        for pk, parent in on_sale.filter(parent__in=part).values_list("pk", "parent_id"):
            if parent is not None:
                found[parents[parent]].add(pk)
    names = {family.partition("=")[0] for family in wanted if "=" in family}
    if names:
        rows = on_sale.values_list("pk", "attributes", "parent__attributes")
        for pk, own, inherited in rows.iterator(chunk_size=5000):
            held = attributes_merged(inherited, own)
            for name in names:
                value = held.get(name)
                for one in value if isinstance(value, list | tuple) else [value]:
                    if one not in (None, "") and (key := f"{name}={one}"[:160]) in found:
                        found[key].add(pk)
    return found


def _families_refused(
    adapter: ShopAdapter, rows: Sequence[PriceProposal], members: Mapping[str, list[int]]
) -> dict[int, str]:
    """A family ends with one price: its proposals name the same, and who has none has it already."""
    groups: dict[str, list[PriceProposal]] = {}
    for row in rows:
        if row.family:
            groups.setdefault(row.family, []).append(row)
    pks = sorted({pk for family in groups for pk in members.get(family, ())})
    others: dict[int, Product] = {}
    for part in in_parts(pks):
        kept = Product.objects.defer("description", "attributes")
        others |= {one.pk: one for one in kept.filter(pk__in=part)}
    said = shop_prices(adapter, products=list(others.values())) if others else {}
    found: dict[int, str] = {}
    for family, group in groups.items():
        text, price = "", group[0].new_price
        if any(row.new_price != price for row in group):
            text = _("The approved prices of its family differ.")
        for pk in members.get(family, ()):
            product = others.get(pk)
            if product is not None and (now := said[product.external_id].price) != price:
                named = {"product": product, "price": plain(now)}
                text = _("“%(product)s” of the same family costs %(price)s and has no approved price.") % named
        if text:
            found |= {row.pk: text[:500] for row in group}
    return found


def _known(*, channel: str, product_ids: Sequence[int], now: datetime) -> tuple[list[Facts], list[Choice]]:
    book = RuleBook(channel=channel, on=local_date(now))
    facts = product_facts(
        channel=channel, product_ids=product_ids, at=now, horizon_days=ecomai.PRICING_HORIZON_DAYS,
        stock_ages=book.needs_stock_ages,
    )  # fmt: skip
    return facts, [book.of(one) for one in facts]


def _violated(facts: Facts, choice: Choice, price: Any) -> str:
    from django_ecomai.ml.pricing.guardrails import violations

    # Whole families are written together; each price is held against the limits of its own product.
    limits = replace(limits_build([facts], [choice]), family=np.full(1, -1))
    if not violations([float(price or 0)], limits)[0]:
        return ""
    text = _("Its limits do not allow this price any more: %(limits)s.")
    return (text % {"limits": binding_limits(limits, 0, choice)})[:500]
