"""The one structure that is served: for every item its strongest neighbours. Numpy only, works memory-mapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float32]

_NOTHING = (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int32))


@dataclass(frozen=True, eq=False)
class NeighbourTable:
    """``indices`` int32 [n, K] (-1 = no more neighbours) and ``scores`` float32 [n, K], each row from strong to weak.

    Row j holds what a person interested in item j may want. A history is scored by one sparse sum over its rows.
    Indices beyond the items (a file may rot) are passed over when they are met: looking for them would read all pages.
    """

    indices: IntArray
    scores: FloatArray

    def __post_init__(self) -> None:
        if self.indices.ndim != 2 or self.indices.shape != self.scores.shape:
            raise ValueError(
                f"indices {self.indices.shape} and scores {self.scores.shape} must be equal [items, K] arrays"
            )
        # Plain views of the same mapped pages: `numpy.memmap` costs several microseconds per access.
        object.__setattr__(self, "indices", np.asarray(self.indices))
        object.__setattr__(self, "scores", np.asarray(self.scores))

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
        keep = (indices >= 0) & (indices < self.n_items)
        return indices[keep], scores[keep]

    def score_history(
        self, items: ArrayLike, weights: ArrayLike | None = None
    ) -> tuple[IntArray, FloatArray, IntArray]:
        """Candidates of a history: ``(items, scores, because)``, items ascending, scores > 0, no duplicates.

        ``items`` [h] may hold -1 (unknown, ignored) and repetitions (they add up); ``weights`` [h] default 1.
        ``because`` names the history item that contributed most.
        """
        history = np.asarray(items, dtype=np.int64).ravel()
        weight = np.ones(len(history)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
        if len(weight) != len(history):
            raise ValueError(f"{len(weight)} weights for a history of {len(history)} items")
        keep = (history >= 0) & (history < self.n_items) & np.isfinite(weight) & (weight > 0)
        history, weight = history[keep], weight[keep]
        width = self.indices.shape[1]
        if not len(history) or not width:
            return _NOTHING
        weight = weight / weight.max()  # keeps float32 far from overflow; the order of candidates does not change
        parts = (self.scores[history] * weight[:, None]).ravel()
        # Sorting (target, place) packed into one integer is a stable sort by target, several times faster than argsort.
        bits = (len(parts) - 1).bit_length()
        packed = self.indices[history].ravel().astype(np.int64) << bits
        packed |= np.arange(len(parts))
        packed.sort()
        # -1 pads rows: negative, so first; what no item has comes last.
        packed = packed[np.searchsorted(packed, 0) : np.searchsorted(packed, self.n_items << bits)]
        if not len(packed):
            return _NOTHING
        target = packed >> bits
        place = packed & ((1 << bits) - 1)
        part = parts[place]
        is_first = np.empty(len(target), dtype=bool)
        is_first[0] = True
        np.not_equal(target[1:], target[:-1], out=is_first[1:])
        starts = is_first.nonzero()[0]
        total = np.add.reduceat(part, starts)
        group = is_first.cumsum() - 1
        loudest = (part == np.maximum.reduceat(part, starts)[group]).nonzero()[0]
        speaker = np.empty(len(starts), dtype=np.int64)
        speaker[group[loudest[::-1]]] = place[loudest[::-1]]  # of equals the first in the history speaks
        found, because = target[starts].astype(np.int32), history[speaker // width].astype(np.int32)
        scores = total.astype(np.float32)
        positive = total > 0
        if positive.all():
            return found, scores, because
        return found[positive], scores[positive], because[positive]


def strongest(scores: ArrayLike, k: int, *ties: ArrayLike) -> NDArray[np.int64]:
    """Positions of the ``k`` highest scores in order; ties: higher value in ``ties`` first, then lower position."""
    values = np.asarray(scores)
    at = at_least(values, k)
    keys = [at, *(-np.asarray(tie)[at] for tie in reversed(ties)), -values[at]]
    return at[np.lexsort(keys)][: max(int(k), 0)]


def at_least(scores: NDArray[np.number], k: int) -> NDArray[np.int64]:
    """Positions, ascending, of the ``k`` highest scores and of all that equal the last of them."""
    k = min(max(int(k), 0), len(scores))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    if k == len(scores):
        return np.arange(k)
    limit = np.partition(scores, len(scores) - k)[len(scores) - k]
    return (scores >= limit).nonzero()[0]


def is_in(items: NDArray[np.integer], wanted: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which of ``items`` are in ``wanted``: for small arrays several times faster than `numpy.isin`."""
    if not len(wanted):
        return np.zeros(len(items), dtype=bool)
    ordered = np.sort(wanted)
    return np.asarray(ordered[np.minimum(ordered.searchsorted(items), len(ordered) - 1)] == items)


def as_indices(items: int | Sequence[int] | Iterable[int] | NDArray[np.integer]) -> IntArray:
    """One index or many as an int32 array."""
    if isinstance(items, (int, np.integer)):
        return np.array([items], dtype=np.int32)
    if isinstance(items, np.ndarray):
        return items.astype(np.int32).ravel()
    return np.array(list(items), dtype=np.int32)
