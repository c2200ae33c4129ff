"""Small dense Gram matrices of changing sets of items, for the ridges of local EASE. Needs scipy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .matrix import product_blocks

#: The most popular items, which stand in nearly every set: their common Gram matrix is made once (float32: 64 MB).
HEAD = 4000


class LocalGrams:
    """Gram matrices of the columns of ``matrix`` (users x items), for sets of up to some thousand columns.

    Of a set only the rows of its less popular items are worked out, from the few users who met them: their cost does
    not grow with the shop.
    """

    def __init__(self, matrix: sparse.csr_matrix) -> None:
        self.by_user = sparse.csr_matrix(matrix, dtype=np.float32)
        self.by_item = sparse.csc_matrix(self.by_user)
        n = self.by_item.shape[1]
        #: users per item
        self.met = np.diff(self.by_item.indptr)
        head = np.sort(np.argsort(-self.met, kind="stable")[:HEAD])
        columns = sparse.csr_matrix(self.by_item[:, head])
        self._head = np.zeros((len(head), len(head)), dtype=np.float32)
        for first, rows in product_blocks(sparse.csr_matrix(columns.T), columns):
            self._head[first : first + rows.shape[0]] = rows.toarray()
        self._in_head = np.full(n, -1, dtype=np.int32)
        self._in_head[head] = np.arange(len(head))
        #: where each item stands in the last Gram matrix; an entry more, so that item -1 (none) has a place as well
        self.place = np.full(n + 1, -1, dtype=np.int32)
        self._placed = np.empty(0, dtype=np.int64)

    def of(self, items: NDArray[np.int64]) -> NDArray[np.float32]:
        """The Gram matrix [m + 1, m + 1] of distinct ``items`` [m], ordered by ``place``; row and column m are 0."""
        self.place[self._placed] = -1
        self._placed = items
        m = len(items)
        in_head = self._in_head[items]
        rare, popular = items[in_head < 0], in_head[in_head >= 0]
        self.place[rare] = np.arange(len(rare))
        self.place[items[in_head >= 0]] = np.arange(len(rare), m)
        self.place[-1] = m
        gram = np.zeros((m + 1, m + 1), dtype=np.float32)
        gram[len(rare) : m, len(rare) : m] = self._head[popular[:, None], popular]
        if len(rare):
            gram[: len(rare), :m] = self._rows(rare, m)
            gram[len(rare) : m, : len(rare)] = gram[: len(rare), len(rare) : m].T
        return gram

    def _rows(self, rare: NDArray[np.int64], m: int) -> NDArray[np.float32]:
        """The first rows, those of the items ``rare`` [r]: [r, m]."""
        columns = self.by_item[:, rare]
        users, user = np.unique(columns.indices, return_inverse=True)
        left = sparse.csr_matrix((columns.data, user, columns.indptr), shape=(len(rare), len(users)))
        own = self.by_user[users]
        place = self.place[own.indices]
        inside = place >= 0
        ends = np.r_[0, np.cumsum(inside)][own.indptr]
        right = sparse.csr_matrix((own.data[inside], place[inside], ends), shape=(len(users), m))
        return np.asarray((left @ right).toarray())
