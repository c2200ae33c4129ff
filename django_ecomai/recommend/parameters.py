"""Query parameters of the fragment and of the REST endpoint. Bad values are collected, each with what to send
instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import QueryDict

from django_ecomai.core.registry import strategies

from .serving import MOST

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
    errors: dict[str, str] = field(default_factory=dict)


def read_parameters(query: QueryDict) -> Parameters:
    """``product`` (repeatable), ``products`` (comma separated), ``exclude``, ``category``, ``strategy``, ``limit``."""
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
    return Parameters(products, exclude, category, strategy, _limit(query.get("limit", ""), errors), errors)


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
