"""Overrides on a matrix of days: what a merchant knows better, carried down from shop and category to products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from django.db.models import Q

from django_ecomai.mirror.models import Category, Product

from .days import day_number
from .models import ForecastOverride

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ORDER = {"shop": 0, "category": 1, "product": 2}


@dataclass(frozen=True)
class OverrideRow:
    """An override that holds: ``product`` or ``category`` are primary keys, both None for the whole shop."""

    level: str
    product: int | None
    category: int | None
    kind: str
    value: float
    starts: int
    ends: int


def overrides_current(*, channel: str, on: date, until: date | None = None) -> list[OverrideRow]:
    """Overrides that are neither withdrawn nor expired on a day and do not end before it, in the order in which they
    apply: the whole shop, categories, products; each in the order they were made."""
    rows = ForecastOverride.objects.filter(channel=channel, withdrawn_at=None, ends_on__gte=on).filter(
        Q(expires_on=None) | Q(expires_on__gt=on)
    )
    if until is not None:
        rows = rows.filter(starts_on__lt=until)
    columns = ("level", "product_id", "category_id", "kind", "value", "starts_on", "ends_on")
    stored = rows.order_by("created_at", "pk").values_list(*columns)
    found = [
        OverrideRow(level, product, category, kind, float(value), day_number(first), day_number(last))
        for level, product, category, kind, value, first, last in stored
    ]
    return sorted(found, key=lambda row: _ORDER.get(row.level, 9))


def overrides_apply(
    base: NDArray[np.float32],
    *,
    first_day: int,
    products: NDArray[np.int64],
    members: Mapping[int, NDArray[np.bool_]],
    rows: Sequence[OverrideRow],
) -> NDArray[np.float32]:
    """``base`` [n, days] with overrides applied, as a new array.

    A percentage multiplies; a value is the sum over its span and is shared out in proportion to the forecast (equally
    where that is zero). Spans that reach beyond the columns are taken by the share of their days that is inside.
    ``members``: category -> bool [n].
    """
    out = base.copy()
    for row in rows:
        begin, end = max(row.starts - first_day, 0), min(row.ends + 1 - first_day, out.shape[1])
        if end <= begin:
            continue
        if row.level == "product":
            mask = products == (row.product or 0)
        elif row.level == "category":
            mask = members.get(row.category or 0, np.zeros(len(products), dtype=bool))
        else:
            mask = np.ones(len(products), dtype=bool)
        if not mask.any():
            continue
        part = out[mask, begin:end]
        if row.kind == "percent":
            out[mask, begin:end] = part * max(0.0, 1.0 + row.value / 100.0)
            continue
        inside = (end - begin) / (row.ends + 1 - row.starts)
        wanted, total = max(row.value, 0.0) * inside, float(part.sum())
        if total > 0:
            out[mask, begin:end] = part * (wanted / total)
        else:
            out[mask, begin:end] = wanted / part.size
    return out


def category_members(
    *, channel: str, products: NDArray[np.int64], categories: Sequence[int]
) -> dict[int, NDArray[np.bool_]]:
    """Which products lie in each category or below it, bool [n] by primary key of the category. Three queries."""
    if not categories:
        return {}
    parents = dict(Category.objects.filter(channel=channel).values_list("pk", "parent_id"))
    members = {category: np.zeros(len(products), dtype=bool) for category in categories}
    place = {pk: row for row, pk in enumerate(products.tolist())}
    links = Product.categories.through.objects.filter(product__channel=channel).values_list("product_id", "category_id")
    for product, leaf in links.iterator(chunk_size=10_000):
        row = place.get(product)
        if row is None:
            continue
        category: int | None = leaf
        seen: set[int] = set()
        while category is not None and category not in seen:
            seen.add(category)
            if category in members:
                members[category][row] = True
            category = parents.get(category)
    return members
