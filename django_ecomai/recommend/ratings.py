"""Star ratings of the mirror: what they say of each product, and how well they can be forecast."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import Count, Sum

from django_ecomai.mirror.models import Review

_CHUNK = 10_000
# As many ratings of the shop's mean are added to each product's own: one enthusiast makes no better product.
_PRIOR = 5.0


def stars_read(*, channel: str, variants: Mapping[str, str], until: datetime | None = None) -> dict[str, float]:
    """External id -> mean rating, drawn to the shop's mean (Bayesian average); ratings of a variant are its parent's.

    Products without a rating are absent.
    """
    rows = Review.objects.filter(channel=channel, rating__isnull=False, removed_at=None)
    if until is not None:
        rows = rows.filter(created_at__lt=until)
    totals: dict[str, tuple[float, int]] = {}
    grouped = rows.order_by().values_list("product__external_id").annotate(total=Sum("rating"), number=Count("pk"))
    for name, total, number in grouped.iterator(chunk_size=_CHUNK):
        owner = variants.get(name, name)
        before = totals.get(owner, (0.0, 0))
        totals[owner] = (before[0] + float(total), before[1] + number)
    if not totals:
        return {}
    mean = sum(total for total, _number in totals.values()) / sum(number for _total, number in totals.values())
    return {one: (total + _PRIOR * mean) / (number + _PRIOR) for one, (total, number) in sorted(totals.items())}


def ratings_evaluate(*, channel: str, cut: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of the evaluation about reviews with stars: learned from those before ``cut``, tested on those after it.

    Empty when the shop has none, or too few to tell.
    """
    users: dict[str, int] = {}
    items: dict[int, int] = {}
    columns: list[list[Any]] = [[], [], [], []]
    rows = Review.objects.filter(
        channel=channel, rating__isnull=False, customer__isnull=False, created_at__isnull=False, removed_at=None
    ).order_by("created_at", "pk")
    names = ("customer__external_id", "product_id", "rating", "created_at")
    for customer, product, rating, at in rows.values_list(*names).iterator(chunk_size=_CHUNK):
        values = (users.setdefault(customer, len(users)), items.setdefault(product, len(items)), rating, at.timestamp())
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    if not users:
        return []
    from django_ecomai.ml.recommend.ratings import Ratings, evaluate_ratings

    stars, times = np.array(columns[2], dtype=np.float64), np.array(columns[3]).astype(np.int64)
    return evaluate_ratings(Ratings.build(columns[0], columns[1], stars, times), cut, random_state=seed)
