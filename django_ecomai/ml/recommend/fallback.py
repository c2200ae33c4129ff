"""Fallback chain: the first source's candidates, then the next one's, without repeating. Numpy only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .neighbours import FloatArray, IntArray, as_indices

Candidates = tuple[IntArray, FloatArray]


def fallback_chain(
    n: int, *sources: Candidates, exclude: int | Iterable[int] = ()
) -> tuple[IntArray, FloatArray, NDArray[np.int64]]:
    """Up to ``n`` distinct items, in the order of ``sources`` (each ordered best first), never one of ``exclude``.

    Returns ``(items, scores, source)``: the score is the source's own, ``source`` the number of the source (0 = first).
    """
    taken = {int(item) for item in as_indices(exclude)}
    items: list[int] = []
    scores: list[float] = []
    origin: list[int] = []
    for number, (candidates, values) in enumerate(sources):
        if len(items) >= n:
            break
        for item, value in zip(candidates.tolist(), values.tolist(), strict=True):
            if len(items) >= n:
                break
            if item >= 0 and item not in taken:
                taken.add(item)
                items.append(item)
                scores.append(value)
                origin.append(number)
    return (
        np.array(items, dtype=np.int32),
        np.array(scores, dtype=np.float32),
        np.array(origin, dtype=np.int64),
    )
