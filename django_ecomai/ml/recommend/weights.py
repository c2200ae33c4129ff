"""The weights of a blend, by search on a table of candidates: one trial is one sum and one partial sort. Needs scipy.

The search climbs in steps; each step first tries all moves on a sample of the customers and then only the most
promising ones on everybody (successive halving: Jamieson and Talwalkar, "Non-stochastic best arm identification and
hyperparameter optimization", 2016). Steps are counted, not seconds, so that the same data always give the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .fold import strongest_per_row
from .neighbours import FloatArray

#: Candidates per customer and source.
KEPT = 200
#: One customer in so many tries all moves; the survivors are tried on everybody.
SAMPLE = 3
SURVIVORS = 3
#: Most steps of a search.
STEPS = 40
#: First weights of a source that joins; the mean score of every source is 1.
JOINING = (0.05, 0.15, 0.4, 1.0, 2.5)
#: A source that joins must gain this much, a weight that moves less.
GAIN, SMALL_GAIN = 1.002, 1.0003
#: First and last factor by which a weight moves.
FACTOR, LAST_FACTOR = 2.0, 1.2
#: Score cells that are added up at once: they stay in the processor's cache.
CHUNK = 400_000


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates of m customers, at most c each: ``scores`` float32 [sources, m, c], ``hit`` bool [m, c], ``present``
    bool [m, c] (False = padding), ``relevant`` int64 [m] true items of each customer.

    Customers none of whose candidates is true are left out, since no weights can change what they count: nothing.
    ``customers`` says how many there are with them.
    """

    scores: FloatArray
    hit: NDArray[np.bool_]
    present: NDArray[np.bool_]
    relevant: NDArray[np.int64]
    k: int
    customers: int

    def sample(self, every: int) -> Pool:
        """Every so-manieth customer."""
        some = slice(None, None, every)
        parts = (self.scores[:, some], self.hit[some], self.present[some], self.relevant[some])
        return Pool(*parts, self.k, max(self.customers // every, 1))

    def value(self, weights: NDArray[np.floating]) -> float:
        """Geometric mean of recall@k and NDCG@k of the blend."""
        m, c = self.hit.shape
        k = min(self.k, c)
        if not m or not k:
            return 0.0
        used = np.flatnonzero(weights)
        recall, gain = np.empty(m), np.empty(m)
        discount = 1 / np.log2(np.arange(2, self.k + 2))
        ideal = np.cumsum(discount)[np.minimum(self.relevant, self.k) - 1]
        size = max(1, CHUNK // c)
        for start in range(0, m, size):
            rows = slice(start, start + size)
            total = np.where(self.present[rows], np.float32(0), np.float32(-np.inf))
            for at in used:
                total += np.float32(weights[at]) * self.scores[at, rows]
            top = np.argpartition(-total, k - 1, axis=1)[:, :k]
            best = np.argsort(-np.take_along_axis(total, top, axis=1), axis=1, kind="stable")
            hit = np.take_along_axis(self.hit[rows], np.take_along_axis(top, best, axis=1), axis=1)
            recall[rows] = hit.sum(axis=1) / self.relevant[rows]
            gain[rows] = (hit * discount[:k]).sum(axis=1) / ideal[rows]
        return float(np.sqrt(recall.sum() * gain.sum()) / self.customers)


def pool(parts: Sequence[sparse.csr_matrix], bought: sparse.csr_matrix, truth: sparse.csr_matrix, k: int) -> Pool:
    """The candidates of all ``parts`` (scores [m, n] of one source each) that were not bought, with their truth [m, n].

    Every customer must have a true item. A customer's candidates are the `KEPT` best of each source.
    """
    n = truth.shape[1]
    own = _keys(bought)
    wanted = [_keys(strongest_per_row(_without(part, own), KEPT)) for part in parts]
    keys = np.unique(np.concatenate(wanted))
    owner = keys // max(n, 1)
    is_hit = np.isin(keys, _keys(truth), assume_unique=True)
    known = np.unique(owner[is_hit])  # the others are out of reach
    keep = np.isin(owner, known)
    keys, is_hit, row = keys[keep], is_hit[keep], np.searchsorted(known, owner[keep])
    width = np.bincount(row, minlength=len(known))
    place = np.arange(len(keys)) - np.searchsorted(row, row)
    shape = (len(known), int(width.max(initial=0)))
    scores = np.zeros((len(parts), *shape), dtype=np.float32)
    for at, part in enumerate(parts):
        scores[at, row, place] = _looked_up(part, keys)
    hit, present = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    present[row, place] = True
    hit[row, place] = is_hit
    return Pool(scores, hit, present, np.diff(truth.indptr).astype(np.int64)[known], k, truth.shape[0])


def search_weights(table: Pool, start: NDArray[np.floating]) -> tuple[NDArray[np.float64], int]:
    """Weights [sources] that rank best, climbing from ``start``, and how many moves were tried."""
    weights = np.array(start, dtype=np.float64)
    some = table.sample(SAMPLE)
    best, factor, tried = table.value(weights), FACTOR, 1
    for _ in range(STEPS):
        moves = _moves(weights, factor)
        if not moves:
            break
        rough = [some.value(move) for move in moves]
        survivors = sorted(range(len(moves)), key=lambda at: -rough[at])[:SURVIVORS]
        exact = [table.value(moves[at]) for at in survivors]
        tried += len(moves) + len(survivors)
        value = max(exact)
        move = moves[survivors[exact.index(value)]]
        joined = np.count_nonzero(move) > np.count_nonzero(weights)
        if value > best * (GAIN if joined else SMALL_GAIN):
            best, weights = value, move
        elif factor > LAST_FACTOR:
            factor = factor**0.5
        else:
            break
    return weights, tried


def _moves(weights: NDArray[np.float64], factor: float) -> list[NDArray[np.float64]]:
    """Each weight larger, smaller or none at all; at the first factor, each unused source with some weight."""
    used = np.flatnonzero(weights)
    moves = []
    for at in range(len(weights)):
        if weights[at]:
            values = [weights[at] * factor, weights[at] / factor] if len(used) > 1 else []
            values += [0.0] if len(used) > 1 else []
        else:
            values = [weights[used].max() * value for value in JOINING] if factor == FACTOR else []
        for value in values:
            move = weights.copy()
            move[at] = value
            moves.append(move)
    return moves


def _keys(matrix: sparse.csr_matrix) -> NDArray[np.int64]:
    """Positions of the cells in row-major order, ascending."""
    matrix.sort_indices()
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return np.asarray(rows * matrix.shape[1] + matrix.indices)


def _without(matrix: sparse.csr_matrix, keys: NDArray[np.int64]) -> sparse.csr_matrix:
    """A copy that lacks the cells at ``keys``."""
    result = matrix.copy()
    result.data[np.isin(_keys(result), keys, assume_unique=True)] = 0
    result.eliminate_zeros()
    return result


def _looked_up(matrix: sparse.csr_matrix, keys: NDArray[np.int64]) -> NDArray[np.float32]:
    """The values of the cells at ``keys``, 0 where there is none."""
    known = _keys(matrix)
    if not len(known):
        return np.zeros(len(keys), dtype=np.float32)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, matrix.data[at], 0).astype(np.float32)
