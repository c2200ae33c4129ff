"""Under which circumstances products were wanted, for training: countries of orders, circumstances of views.

Nothing in here is about a person: visits are numbered while they pass and forgotten.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from django_ecomai.events.selectors import circumstance_rows
from django_ecomai.mirror.selectors import order_countries

from .weights import WEIGHTS

if TYPE_CHECKING:
    from django_ecomai.ml.contexts import Contexts
    from django_ecomai.ml.frames import IdMap

_FORGOTTEN = 1_000_000  # visits that are remembered at once
#: Views that are read at most, the latest: they are rows with a JSON value each, and older ones hardly count.
MOST_VIEWS = 500_000


class ContextColumns:
    """Meetings as they stream in; names are numbered in order of appearance."""

    def __init__(self) -> None:
        from django_ecomai.ml.contexts import DIMENSIONS

        self._dimensions = DIMENSIONS
        self._names: list[dict[str, int]] = [{} for _ in DIMENSIONS]
        self._products: dict[str, int] = {}
        self._product, self._time, self._weight = array("i"), array("q"), array("f")
        self._codes = array("i")

    def add(self, product: str, at: float, weight: float, known: Mapping[str, str]) -> None:
        """One meeting; nothing happens when no circumstance is known."""
        if not any(known.get(name) for name in self._dimensions):
            return
        self._product.append(self._products.setdefault(product, len(self._products)))
        self._time.append(int(at))
        self._weight.append(weight)
        for name, numbers in zip(self._dimensions, self._names, strict=True):
            value = known.get(name, "")
            self._codes.append(numbers.setdefault(value, len(numbers)) if value else -1)

    def built(self, item_ids: IdMap) -> Contexts:
        """As arrays; products that are not in ``item_ids`` are left out."""
        from django_ecomai.ml.contexts import Contexts

        rows = len(self._product)
        if not rows:
            return Contexts.empty()
        place = item_ids.encode(list(self._products))
        return Contexts.build(
            place[np.frombuffer(self._product, dtype=np.int32)],
            np.frombuffer(self._time, dtype=np.int64),
            weights=np.frombuffer(self._weight, dtype=np.float32),
            codes=np.frombuffer(self._codes, dtype=np.int32).reshape(rows, len(self._dimensions)),
            names=[tuple(numbers) for numbers in self._names],
        )


def read_countries(channel: str) -> dict[str, str]:
    """Order -> country, where the mirror knows it (``COLLECT_DEMOGRAPHICS``)."""
    return dict(order_countries(channel=channel))


def read_views(
    channel: str,
    columns: ContextColumns,
    variants: Mapping[str, str],
    categories: Mapping[str, str],
    until: datetime | None,
) -> None:
    """Views with what is known of their visit: a visit keeps where it came from and the category it landed in."""
    visits: dict[str, dict[str, str]] = {}
    for visit, product, known, at in circumstance_rows(channel=channel, until=until, newest=MOST_VIEWS):
        item = variants.get(product, product)
        if visit not in visits:
            if len(visits) >= _FORGOTTEN:
                visits.pop(next(iter(visits)))
            landed = {"category": categories.get(item, "")}
            visits[visit] = {**landed, **{k: v for k, v in known.items() if k == "referrer"}} if visit else landed
        columns.add(item, at, WEIGHTS["view_item"], {**known, **visits[visit]})
        if not visit:
            del visits[visit]
