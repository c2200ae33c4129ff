"""Star ratings of the mirror as arrays, and how well they can be forecast."""

from __future__ import annotations

from typing import Any

import numpy as np

from django_ecomai.mirror.models import Review

_CHUNK = 10_000


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
