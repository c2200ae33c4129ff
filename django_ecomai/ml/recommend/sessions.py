"""Session k-nearest neighbours: what people did next whose visit looked like this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from .base import Arrays, Recommender
from .neighbours import FloatArray, IntArray, strongest
from .serving import steps_back

#: Items of a visit that speak, from the newest; the bits of a float64 number them.
MAX_HISTORY = 40
#: Visits that are scored at once.
BATCH = 1000


class SessionKNN(Recommender):
    """VMIS-kNN: the ``neighbours`` sessions most like the visit among the latest ``sample`` sessions of each item.

    Every user of the training data is one session; later ones are newer. The similarity is the sum of the weights of
    the shared items, which fall linearly from the newest item (1) to the oldest of the visit. A neighbour votes for its
    items with its similarity times ``1 - step / 10``, ``step`` = how far back the newest shared item lies; votes count
    ``log(sessions / sessions with the item) ** idf``.
    Source: Kersbergen, Sprangers and Schelter, "Serenade: low-latency session-based recommendation in e-commerce at
    scale", SIGMOD 2022; after VSKNN of Ludewig and Jannach, 2018.
    """

    kind: ClassVar[str] = "session_knn"
    sessions_: sparse.csr_matrix

    def __init__(self, neighbours: int = 500, sample: int = 1000, idf: float = 1.0) -> None:
        self.neighbours = neighbours
        self.sample = sample
        self.idf = idf

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        last = np.full(interactions.n_users, np.iinfo(np.int64).min)
        np.maximum.at(last, interactions.users, interactions.times)
        if _only_places(interactions):
            last[:] = 0  # places in a session say nothing about which session is newer: later users are
        used = np.unique(interactions.users)
        order = used[np.argsort(last[used], kind="stable")]
        self.sessions_ = interactions.csr(np.ones(len(interactions)))[order]
        self._prepare()

    def _prepare(self) -> None:
        n_sessions = self.sessions_.shape[0]
        by_item = sparse.csr_matrix(self.sessions_.T)
        by_item.sort_indices()
        lengths = np.diff(by_item.indptr)
        from_end = np.repeat(by_item.indptr[1:], lengths) - np.arange(by_item.nnz)
        keep = from_end <= self.sample
        indptr = np.r_[0, np.cumsum(np.minimum(lengths, self.sample))]
        self._postings = sparse.csr_matrix(
            (np.ones(int(keep.sum())), by_item.indices[keep], indptr), shape=by_item.shape
        )
        rarity = np.log((n_sessions + 1) / np.maximum(lengths, 1)) if n_sessions else np.zeros(len(lengths))
        self._votes = sparse.csr_matrix(self.sessions_ @ sparse.diags(rarity**self.idf))

    def candidates(self, items: ArrayLike, weights: ArrayLike | None = None) -> tuple[IntArray, FloatArray]:
        history = np.asarray(items, dtype=np.int64).ravel()
        value = np.ones(len(history)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
        keep = (history >= 0) & (history < self.n_items_) & np.isfinite(value) & (value > 0)
        history, value = history[keep], value[keep]
        if len(history):
            value = value / value.max()
        rows = np.zeros(len(history), dtype=np.int64)
        scored = self.score(rows, history, value, 1)
        return scored.indices.astype(np.int32), scored.data.astype(np.float32)

    def score_histories(self, history: Interactions) -> sparse.csr_matrix:
        """Scores [users, items] of the visits in ``history``."""
        order = np.lexsort((np.arange(len(history)), history.users))
        return self.score(history.users[order], history.items[order], np.ones(len(order)), history.n_users)

    def score(
        self, rows: NDArray[np.integer], items: NDArray[np.integer], weights: NDArray[np.floating], n_rows: int
    ) -> sparse.csr_matrix:
        """Scores [n_rows, items] of visits: ``rows`` ascending, each visit's ``items`` from old to new."""
        bounds = np.searchsorted(rows, np.arange(n_rows + 1))
        parts = [sparse.csr_matrix((0, self.n_items_))]
        for first in range(0, n_rows, BATCH):
            ends = bounds[first : min(first + BATCH, n_rows) + 1]
            parts.append(self._batch([(items[a:b], weights[a:b]) for a, b in pairwise(ends)]))
        return sparse.csr_matrix(sparse.vstack(parts))

    def _batch(self, visits: list[tuple[NDArray[np.integer], NDArray[np.floating]]]) -> sparse.csr_matrix:
        cells = list(_weighted(visits))
        indptr = np.r_[0, np.cumsum([len(found) for found, _, _ in cells])]
        columns = np.concatenate([found for found, _, _ in cells]) if cells else np.empty(0, dtype=np.int64)
        shape = (len(visits), self.n_items_)

        def product(part: int) -> sparse.csr_matrix:
            data = np.concatenate([cell[part] for cell in cells]) if cells else np.empty(0)
            return sparse.csr_matrix(sparse.csr_matrix((data, columns, indptr), shape=shape) @ self._postings)

        # the same cells twice: similarities, and the steps of the shared items as bits, the newest in front
        likeness, bits = product(1), product(2)
        step = -np.floor(np.log2(bits.data))
        likeness.data = self._voices(likeness, step)
        likeness.eliminate_zeros()
        scored = sparse.csr_matrix(likeness @ self._votes)
        scored.eliminate_zeros()
        return scored

    def _voices(self, likeness: sparse.csr_matrix, step: NDArray[np.floating]) -> NDArray[np.float64]:
        """How loudly each similar session speaks; 0 for those that are not among the nearest."""
        similar = likeness.data
        keep = np.zeros(len(similar), dtype=bool)
        for a, b in pairwise(likeness.indptr):
            keep[a + strongest(similar[a:b], self.neighbours, likeness.indices[a:b])] = True
        return np.asarray(np.where(keep, similar * np.maximum(1 - step / 10, 0), 0.0))

    def arrays(self) -> Arrays:
        return {
            **super().arrays(),
            "sessions_indptr": self.sessions_.indptr.astype(np.int64),
            "sessions_items": self.sessions_.indices.astype(np.int32),
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        indptr, items = arrays["sessions_indptr"], arrays["sessions_items"]
        shape = (len(indptr) - 1, self.n_items_)
        self.sessions_ = sparse.csr_matrix((np.ones(len(items)), items, indptr), shape=shape)
        self._prepare()


def _weighted(
    visits: list[tuple[NDArray[np.integer], NDArray[np.floating]]],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
    """Per visit its different items, their weights by place, and ``2 ** -step``."""
    for items, weights in visits:
        steps = steps_back(items.astype(np.int32))
        unique, first = np.unique(items, return_index=True)
        step = steps[first]
        near = step < MAX_HISTORY
        unique, step = unique[near].astype(np.int64), step[near]
        strength = np.zeros(len(unique))
        at = np.searchsorted(unique, items)
        known = np.isin(items, unique)
        np.maximum.at(strength, at[known], weights[known])
        yield unique, strength * (1 - step / max(len(unique), 1)), np.exp2(-step.astype(np.float64))


def _only_places(interactions: Interactions) -> bool:
    """Whether the times are places within each session (0, 1, 2 ...) and not moments."""
    return bool(len(interactions)) and int(interactions.times[-1]) < len(interactions) and interactions.times[0] == 0
