"""Reads a page's products: what is shown of them and whether they may be shown now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import router
from django.db.models import QuerySet

from django_ecomai.core.compiled import compiled_rows
from django_ecomai.mirror.models import Product

from .cards import NOTHING, Page, Wanted
from .orders import beside_order, newest_order, popular_order, reduced_order, worded_order
from .query import POPULAR_LINES, page_query
from .rows import cards_read, margins_read


def catalogue_page(channel: str, ids: Collection[str], wanted: Wanted = NOTHING) -> Page:
    """Products by external id, and what ``wanted`` asks for, in one query.

    Those of ``perhaps_variants`` that are variants come back with their parents. Products that may not be shown now
    (inactive, removed, services, variants) come back with ``available`` false.
    """
    if not ids and not wanted.anything():
        return Page()
    extra = [name for name, asked in (("attributes", wanted.attributes), ("cost", wanted.margins)) if asked]
    extra += ["page_sold"] if wanted.popular else []
    cards, more = cards_read(_rows(channel, ids, wanted, extra), extra)
    sales = more.get("page_sold", {})
    category = wanted.category
    return Page(
        cards,
        newest=newest_order(cards, category)[: wanted.newest] if wanted.newest else (),
        popular=popular_order(cards, sales, category)[: wanted.popular] if wanted.popular else (),
        beside=beside_order(cards, wanted.beside)[: wanted.beside_n] if wanted.beside else (),
        parents={card.product_id: card.parent_id for card in cards.values() if card.parent_id},
        reduced=reduced_order(cards, category)[: wanted.reduced] if wanted.reduced else (),
        worded=worded_order(cards, wanted.words)[: wanted.words_n] if wanted.words_n else (),
        matching=newest_order(cards, "") if wanted.matching else (),
        margins=margins_read(cards, more.get("cost", {})),
    )


def _rows(channel: str, ids: Collection[str], wanted: Wanted, extra: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    """One row per product and category of it; what only differs in ids is compiled once (`core.compiled`)."""
    if wanted.words_n or wanted.matching:
        return page_query(channel, ids, wanted, extra)
    lists = {"ids": ids, "beside": wanted.beside, "perhaps_variants": wanted.perhaps_variants}
    texts: dict[str, Any] = {name: sorted(found) for name, found in lists.items() if found}
    if wanted.category:
        texts["category"] = wanted.category
    rest = {name: found for name, found in texts.items() if name != "ids"}
    key = (
        "catalogue", channel, wanted.newest, wanted.popular, wanted.reduced, wanted.beside_n if wanted.beside else 0,
        POPULAR_LINES, *extra,
    )  # fmt: skip

    def make(given: Mapping[str, Any]) -> QuerySet[Product, Any]:
        asked = replace(wanted, **{name: given[name] for name in rest})
        return page_query(channel, given.get("ids", ()), asked, extra)

    return compiled_rows(key, make, texts, using=router.db_for_read(Product))
