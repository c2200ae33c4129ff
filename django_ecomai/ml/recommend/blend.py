"""Weighted sums of several sources' candidates, made comparable first. Numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .neighbours import FloatArray, IntArray

Source = tuple[IntArray, FloatArray, float]


def blend(sources: Sequence[Source], *, normalise: Literal["score", "rank"] = "score") -> tuple[IntArray, FloatArray]:
    """Sum ``weight * normalised score`` per item over ``(items, scores, weight)``; unordered, items ascending.

    ``"score"`` divides a source's scores by its best one, so that its best item counts ``weight``; ``"rank"`` uses
    ``1 / (60 + rank)`` (reciprocal rank fusion, Cormack et al. 2009), which no source's scale can dominate.
    Sources with a weight of 0 and scores that are not positive are left out.
    """
    items: list[NDArray[np.int32]] = []
    parts: list[NDArray[np.float64]] = []
    for found, scores, weight in sources:
        value = np.asarray(scores, dtype=np.float64)
        keep = np.isfinite(value) & (value > 0)
        if weight <= 0 or not keep.any():
            continue
        items.append(np.asarray(found, dtype=np.int32)[keep])
        parts.append(weight * _normalised(value[keep], normalise))
    if not items:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
    union, at = np.unique(np.concatenate(items), return_inverse=True)
    total = np.bincount(at, weights=np.concatenate(parts))
    return union.astype(np.int32), total.astype(np.float32)


def _normalised(scores: NDArray[np.float64], how: str) -> NDArray[np.float64]:
    if how == "score":
        return np.asarray(scores / scores.max())
    if how == "rank":
        rank = np.empty(len(scores))
        rank[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
        return np.asarray(1.0 / (60.0 + rank))
    raise ValueError(f"normalise must be 'score' or 'rank', not {how!r}")
