"""Popularity as a prior: what everybody wants speaks along with what the history says. Numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .neighbours import FloatArray, IntArray

#: So many of the most popular items are candidates for everyone.
HEAD = 300


def unit_popularity(trending: NDArray[np.floating]) -> FloatArray:
    """``trending`` [n] divided by its largest value; what nobody wants, and what is not for sale (-1), counts 0."""
    wanted = np.maximum(np.asarray(trending, dtype=np.float32), 0)
    return (wanted / max(float(wanted.max(initial=0)), 1e-9)).astype(np.float32)


def popular_head(order: NDArray[np.integer], popular: NDArray[np.floating]) -> NDArray[np.int64]:
    """The first `HEAD` items of ``order`` that anybody wants."""
    head = np.asarray(order[:HEAD], dtype=np.int64)
    return head[popular[head] > 0]


def add_prior(
    found: IntArray,
    scores: FloatArray,
    because: IntArray,
    *,
    popular: NDArray[np.floating],
    head: NDArray[np.int64],
    prior: float,
) -> tuple[IntArray, FloatArray, IntArray]:
    """One visitor's candidates with ``prior`` times popularity added; items of ``head`` join them (because = -1).

    ``found`` is ascending, as `NeighbourTable.score_history` returns it.
    """
    if not prior or not len(found):
        return found, scores, because
    new = head[found[np.minimum(found.searchsorted(head), len(found) - 1)] != head].astype(np.int32)
    own = scores.astype(np.float64) / scores.max() + prior * popular[found]
    total = np.concatenate([own, prior * popular[new].astype(np.float64)])
    nobody = np.full(len(new), -1, dtype=np.int32)
    return np.concatenate([found, new]), total.astype(np.float32), np.concatenate([because, nobody])
