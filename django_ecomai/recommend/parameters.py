"""Query parameters of the fragment and of the REST endpoint. Bad values are collected, each with what to send
instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from django_ecomai.core.registry import strategies

from .drafting import MOST
from .narrow import NOTHING, Narrow, narrow_read

MOST_PRODUCTS = 50
_LONGEST = 64  # as the mirror's external ids


@dataclass(frozen=True)
class Parameters:
    """What was asked; ``errors`` maps a parameter to a sentence."""

    products: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    category: str = ""
    strategy: str | None = None
    limit: int | None = None
    narrow: Narrow = NOTHING
    words: str = ""
    errors: dict[str, str] = field(default_factory=dict)


def read_parameters(query: QueryDict, *, staff: bool = False) -> Parameters:
    """``product`` (repeatable), ``products`` (comma separated), ``exclude``, ``category``, ``strategy``, ``limit``,
    ``words``, the filters of ``narrow.FILTERS`` and the boosts. ``staff`` may boost by margin.
    """
    errors: dict[str, str] = {}
    products = _ids(query, ("product", "products"), errors)
    exclude = _ids(query, ("exclude",), errors)
    category = query.get("category", "")
    if len(category) > _LONGEST or "\x00" in category:
        errors["category"], category = f"Send one category id of at most {_LONGEST} characters.", ""
    strategy: str | None = query.get("strategy") or None
    if strategy is not None and strategy not in strategies:
        errors["strategy"] = f"There is no strategy {strategy[:40]!r}. Use one of: {', '.join(strategies.names())}."
        strategy = None
    limit = _limit(query.get("limit", ""), errors)
    narrow = _narrow(query, errors, staff=staff)
    words = query.get("words", "").replace("\x00", "")[:255]
    return Parameters(products, exclude, category, strategy, limit, narrow, words, errors)


def _narrow(query: QueryDict, errors: dict[str, str], *, staff: bool) -> Narrow:
    """Filters and boosts, told under the names of the parameters."""
    filters: dict[str, Any] = {
        "in_category": query.getlist("in_category"),
        "brand": query.getlist("brand"),
        "min_price": query.get("min_price"),
        "max_price": query.get("max_price"),
        "in_stock": query.get("in_stock"),
        "attributes": query.getlist("attribute"),
    }
    boost: dict[str, Any] = {
        "category": dict(_factors(query, "boost_category", errors)),
        "brand": dict(_factors(query, "boost_brand", errors)),
        "attributes": dict(_factors(query, "boost_attribute", errors)),
    }
    if query.get("boost_margin"):
        if staff:
            boost["margin"] = query.get("boost_margin")
        else:
            errors["boost_margin"] = "Only staff may ask for margin."
    told: dict[str, str] = {}
    narrow = narrow_read(filters, boost, errors=told)
    names = {"attributes": "attribute", "boost_attributes": "boost_attribute"}
    errors.update({names.get(name, name): sentence for name, sentence in told.items()})
    return narrow


def _factors(query: QueryDict, name: str, errors: dict[str, str]) -> Iterator[tuple[str, str]]:
    """``Acme:2`` -> ``("Acme", "2")``; a value may hold colons itself."""
    for text in query.getlist(name):
        value, colon, factor = text.rpartition(":")
        if not colon or not value:
            errors[name] = "Send value:factor, such as Acme:2."
        else:
            yield value, factor


def _ids(query: QueryDict, names: tuple[str, ...], errors: dict[str, str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        for value in query.getlist(name):
            for one in value.split(",") if name == "products" else [value]:
                if len(one) > _LONGEST or "\x00" in one:
                    errors[name] = f"Send product ids of at most {_LONGEST} characters."
                elif one:
                    found[one] = None
        if len(found) > MOST_PRODUCTS:
            errors[name] = f"Send at most {MOST_PRODUCTS} products."
    return tuple(found)[:MOST_PRODUCTS]


def _limit(value: str, errors: dict[str, str]) -> int | None:
    if not value:
        return None
    if value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= MOST:
        return int(value)
    errors["limit"] = f"Send a whole number from 1 to {MOST}."
    return None
