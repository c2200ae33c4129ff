"""Whether a price may go into the shop now: the limits of its product, and the one price of its family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np

from django_ecomai.adapters.base import ShopAdapter
from django_ecomai.conf import ecomai
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import Facts, attributes_merged, having, in_parts, product_facts
from django_ecomai.pricing.held import NONE, Why, why
from django_ecomai.pricing.limits import limits_build, limits_named, problems
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.rulebook import Choice, RuleBook

from .beside import beside_moved
from .shop import shop_prices

#: Limits on the way from one price to the next: they say nothing about a price that the product had before.
STEPS = ("max_change_day", "max_change_week")
#: Without these nobody knows how low a price may be: it may go up again then, but not down.
FLOORS_UNKNOWN = ("tax_unreadable", "cost_currency", "map_unreadable")


def prices_refused(
    adapter: ShopAdapter,
    rows: Sequence[PriceProposal],
    *,
    channel: str,
    siblings: Mapping[str, set[int]],
    now: datetime,
) -> dict[int, Why]:
    """Why proposals may not go into the shop now, by their key. ``siblings``: see ``family_candidates``."""
    by_product = {row.product_id: row for row in rows}
    others = set().union(*(siblings.get(row.family, ()) for row in rows)) - by_product.keys()
    facts, choices = facts_and_choices(channel=channel, product_ids=[*by_product, *sorted(others)], now=now)
    beside = beside_moved(rows, facts, choices)
    found: dict[int, Why] = {}
    members: dict[str, list[int]] = {}
    asked: list[tuple[Facts, Choice, Any]] = []
    pks: list[int] = []
    for one, choice in zip(facts, choices, strict=True):
        row = by_product.get(one.pk)
        if row is None:
            for key in choice.families:
                members.setdefault(key, []).append(one.pk)
            continue
        if choice.families and not row.family:
            found[row.pk] = why("family_new")
        elif problem := _unpriceable(one, choice) or beside.get(row.pk, NONE):
            found[row.pk] = problem
        else:
            asked.append((one, choice, row.new_price))
            pks.append(row.pk)
    found |= {pk: problem for pk, problem in zip(pks, _violated(asked), strict=True) if problem}
    return _families_refused(adapter, rows, members) | found


def price_refused(facts: Facts, choice: Choice, price: Any) -> Why:
    """Why one product may not have a new price now; false when it may."""
    return _unpriceable(facts, choice) or _violated([(facts, choice, price)])[0]


def _unpriceable(facts: Facts, choice: Choice) -> Why:
    """Why a product may have no new price at all now; false when it may."""
    problem = next(iter(problems(facts, choice)), None)
    if problem is not None:
        return why(problem[0], **problem[1])
    return why("cost_missing") if facts.cost is None else NONE


def restoring_forbidden(
    prices: Mapping[int, Any], *, channel: str, now: datetime, stored: bool = False
) -> dict[int, Why]:
    """Why products may not have a price again that they had before, by the product's key; steps per day and week do
    not count. Lower than now it may not be where its cost, tax or least advertised price is not known. ``stored``: the
    shop itself had it, so the smallest step does not count either."""
    dropped = (*STEPS, "step") if stored else STEPS
    return _forbidden({pk: (None, price) for pk, price in prices.items()}, dropped, channel=channel, now=now)


def rounding_forbidden(
    prices: Mapping[int, tuple[Decimal | None, Decimal]], *, channel: str, now: datetime
) -> dict[int, Why]:
    """Why products (by key: the price before, and what the shop made of the new one) may not keep what the shop has
    rounded. All limits count, measured from the price before; only the smallest step is the shop's."""
    return _forbidden(prices, ("step",), channel=channel, now=now)


def _forbidden(
    prices: Mapping[int, tuple[Any, Any]], dropped: Sequence[str], *, channel: str, now: datetime
) -> dict[int, Why]:
    asked: list[tuple[Facts, Choice, Any]] = []
    facts, choices = facts_and_choices(channel=channel, product_ids=list(prices), now=now)
    for one, choice in zip(facts, choices, strict=True):
        before, price = prices[one.pk]
        kept = {name: value for name, value in choice.limits.items() if name not in dropped}
        if "step" in dropped:
            kept["step"] = (0.0001, None)
        from_there = one if before is None else replace(one, price=before)
        asked.append((from_there, replace(choice, limits=kept), price))
    told = zip(asked, _violated(asked), strict=True)
    found = {one.pk: problem for (one, _choice, _price), problem in told if problem}
    for one, choice, price in asked:
        falls = STEPS[0] in dropped and one.price is not None and price < one.price
        if falls and (problem := _floor_unknown(one, choice)):
            found.setdefault(one.pk, problem)
    return found


def _floor_unknown(facts: Facts, choice: Choice) -> Why:
    """Why nobody knows below which price a product must not be sold; false where that is known."""
    reasons = [one for one in problems(facts, choice) if one[0] in FLOORS_UNKNOWN]
    return why(reasons[0][0], **reasons[0][1]) if reasons else why("cost_missing") if facts.cost is None else NONE


def family_candidates(families: Iterable[str], *, channel: str) -> dict[str, set[int]]:
    """Keys of products on sale that may belong to price families: the variants of a parent, and what has the same value
    of an attribute. Reads all products that have such an attribute where a family comes from one."""
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
        rows = having(on_sale, names).values_list("pk", "attributes", "parent__attributes")
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
) -> dict[int, Why]:
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
    found: dict[int, Why] = {}
    for family, group in groups.items():
        problem, price = NONE, group[0].new_price
        if any(row.new_price != price for row in group):
            problem = why("family_differs")
        for pk in members.get(family, ()):
            product = others.get(pk)
            if product is not None and (now := said[product.external_id].price) != price:
                problem = why("family_member", product=product, price=now)
        if problem:
            found |= {row.pk: problem for row in group}
    return found


def facts_and_choices(*, channel: str, product_ids: Sequence[int], now: datetime) -> tuple[list[Facts], list[Choice]]:
    """What is known of products now, and what their rules say."""
    book = RuleBook(channel=channel, on=local_date(now))
    facts = product_facts(
        channel=channel, product_ids=product_ids, at=now, horizon_days=ecomai.PRICING_HORIZON_DAYS,
        stock_ages=book.needs_stock_ages,
    )  # fmt: skip
    return facts, [book.of(one) for one in facts]


def _violated(asked: Sequence[tuple[Facts, Choice, Any]]) -> list[Why]:
    """Which limit each price breaks, in one pass over all of them; false where it breaks none."""
    from django_ecomai.ml.pricing.guardrails import violations

    if not asked:
        return []
    choices = [choice for _facts, choice, _price in asked]
    # Whole families are written together; each price is held against the limits of its own product.
    limits = replace(limits_build([one for one, _c, _p in asked], choices), family=np.full(len(asked), -1))
    broken = violations([float(price or 0) for _f, _c, price in asked], limits)
    return [
        why("limits_forbid", limits=limits_named(limits, row, choices[row]), currency=one.currency)
        if broken[row]
        else NONE
        for row, (one, _c, _p) in enumerate(asked)
    ]
