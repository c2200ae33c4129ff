"""The one structure that is served: for every item its strongest neighbours. Numpy only, works memory-mapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NeighbourTable:
    """``indices`` int32 [n, K] (-1 = no more neighbours) and ``scores`` float32 [n, K], each row from strong to weak.

    Row j holds what a person interested in item j may want. A history is scored by one sparse sum over its rows.
    """

    indices: IntArray
    scores: FloatArray

    def __post_init__(self) -> None:
        if self.indices.ndim != 2 or self.indices.shape != self.scores.shape:
            raise ValueError(
                f"indices {self.indices.shape} and scores {self.scores.shape} must be equal [items, K] arrays"
            )

    @property
    def n_items(self) -> int:
        return int(self.indices.shape[0])

    @classmethod
    def empty(cls, n_items: int) -> NeighbourTable:
        """No neighbours at all; every history scores nothing."""
        return cls(np.empty((n_items, 0), dtype=np.int32), np.empty((n_items, 0), dtype=np.float32))

    def row(self, item: int) -> tuple[IntArray, FloatArray]:
        """Neighbours of one item and their scores, strongest first; empty for an unknown item."""
        if not 0 <= item < self.n_items:
            return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
        indices, scores = np.asarray(self.indices[item]), np.asarray(self.scores[item])
        keep = indices >= 0
        return indices[keep], scores[keep]

    def score_history(
        self, items: ArrayLike, weights: ArrayLike | None = None
    ) -> tuple[IntArray, FloatArray, IntArray]:
        """Candidates of a history: ``(items, scores, because)``, unordered, scores > 0, no duplicates.

        ``items`` [h] may hold -1 (unknown, ignored) and repetitions (they add up); ``weights`` [h] default 1.
        ``because`` names the history item that contributed most.
        """
        history = np.asarray(items, dtype=np.int64).ravel()
        weight = np.ones(len(history)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
        if len(weight) != len(history):
            raise ValueError(f"{len(weight)} weights for a history of {len(history)} items")
        keep = (history >= 0) & (history < self.n_items) & np.isfinite(weight) & (weight > 0)
        history, weight = history[keep], weight[keep]
        none = np.empty(0, dtype=np.int32)
        if not len(history) or not self.indices.shape[1]:
            return none, np.empty(0, dtype=np.float32), none
        weight = weight / weight.max()  # keeps float32 far from overflow; the order of candidates does not change
        targets = np.asarray(self.indices[history])
        parts = np.asarray(self.scores[history], dtype=np.float64) * weight[:, None]
        valid = targets >= 0
        target, part = targets[valid], parts[valid]
        source = np.broadcast_to(history[:, None], targets.shape)[valid]
        if not len(target):
            return none, np.empty(0, dtype=np.float32), none
        order = np.argsort(target, kind="stable")
        target, part, source = target[order], part[order], source[order]
        starts = np.flatnonzero(np.r_[True, target[1:] != target[:-1]])
        total = np.add.reduceat(part, starts)
        largest = np.repeat(np.maximum.reduceat(part, starts), np.diff(np.r_[starts, len(part)]))
        speakers = np.flatnonzero(part == largest)  # of equals the first in the history speaks
        source = source[speakers[np.searchsorted(speakers, starts)]]
        positive = total > 0
        return (
            target[starts][positive].astype(np.int32),
            total[positive].astype(np.float32),
            source[positive].astype(np.int32),
        )


def strongest(scores: ArrayLike, k: int, *ties: ArrayLike) -> NDArray[np.int64]:
    """Positions of the ``k`` highest scores in order; ties: higher value in ``ties`` first, then lower position."""
    values = np.asarray(scores)
    k = min(max(int(k), 0), len(values))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    if k < len(values):
        limit = np.partition(values, len(values) - k)[len(values) - k]
        at = np.flatnonzero(values >= limit)
    else:
        at = np.arange(len(values))
    keys = [at, *(-np.asarray(tie)[at] for tie in reversed(ties)), -values[at]]
    return at[np.lexsort(keys)][:k]


def as_indices(items: int | Sequence[int] | Iterable[int] | NDArray[np.integer]) -> IntArray:
    """One index or many as an int32 array."""
    if isinstance(items, (int, np.integer)):
        return np.array([items], dtype=np.int32)
    if isinstance(items, np.ndarray):
        return items.astype(np.int32).ravel()
    return np.array(list(items), dtype=np.int32)
