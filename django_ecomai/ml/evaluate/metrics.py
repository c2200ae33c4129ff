"""Ranking metrics at k. Input: ranked items [m, K] (-1 = nothing recommended) and the truth of the same m customers.

Every metric is the mean over the m customers, each of whom has at least one true item. Denominators differ between
papers, so ours are stated at each function.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]


def hits(ranked: NDArray[np.integer], truth: sparse.csr_matrix) -> Bools:
    """Which recommended items are true: bool [m, K]. Raises ValueError for a repeated item within a row."""
    if ranked.shape[0] != truth.shape[0]:
        raise ValueError(f"{ranked.shape[0]} rankings for {truth.shape[0]} customers")
    ordered = np.sort(ranked, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
        raise ValueError("an item was recommended twice to one customer: the metrics would count it twice")
    n_items = max(truth.shape[1], 1)
    rows = np.repeat(np.arange(truth.shape[0], dtype=np.int64), np.diff(truth.indptr))
    true_keys = np.sort(rows * n_items + truth.indices)
    keys = np.arange(len(ranked), dtype=np.int64)[:, None] * n_items + ranked
    return np.asarray((ranked >= 0) & np.isin(keys, true_keys))


def precision(hit: Bools, k: int) -> float:
    """Hits in the first k / k, also when fewer than k were recommended."""
    return _mean(hit[:, :k].sum(axis=1) / k)


def recall(hit: Bools, relevant: Counts, k: int) -> float:
    """Hits in the first k / all true items (not min(k, true items))."""
    return _mean(hit[:, :k].sum(axis=1) / relevant)


def f1(hit: Bools, relevant: Counts, k: int) -> float:
    """Mean over customers of the harmonic mean of their precision and recall: 2 hits / (k + true items)."""
    return _mean(2 * hit[:, :k].sum(axis=1) / (k + relevant))


def hit_rate(hit: Bools, k: int) -> float:
    """Share of customers with at least one hit in the first k."""
    return _mean(np.any(hit[:, :k], axis=1))


def ndcg(hit: Bools, relevant: Counts, k: int) -> float:
    """Sum of 1 / log2(1 + rank) over hits / the same sum for min(k, true items) hits at the top."""
    width = hit[:, :k].shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(relevant, k) - 1]
    return _mean((hit[:, :k] * discount[:width]).sum(axis=1) / ideal)


def average_precision(hit: Bools, relevant: Counts, k: int) -> float:
    """MAP@k: sum of the precision at each hit's rank / min(k, true items)."""
    first = hit[:, :k]
    at_rank = np.cumsum(first, axis=1) / np.arange(1, first.shape[1] + 1)
    return _mean((at_rank * first).sum(axis=1) / np.minimum(relevant, k))


def reciprocal_rank(hit: Bools, k: int) -> float:
    """MRR@k: 1 / rank of the first hit, 0 without one in the first k."""
    first = hit[:, :k]
    if not first.shape[1]:
        return 0.0
    return _mean(np.where(first.any(axis=1), 1 / (1 + first.argmax(axis=1)), 0.0))


def coverage(ranked: NDArray[np.integer], n_items: int, k: int) -> float:
    """Different items among everybody's first k / all items of the catalogue."""
    shown = np.unique(ranked[:, :k])
    return float((shown >= 0).sum() / n_items) if n_items else 0.0


def all_metrics(
    ranked: NDArray[np.integer], truth: sparse.csr_matrix, ks: Iterable[int] = (10, 20)
) -> dict[str, float]:
    """Every metric at every k as ``{"recall@20": ...}``; zeros without customers.

    Raises ValueError when a customer has no true item (leave these out) or a ranking is shorter than k.
    """
    relevant = np.diff(truth.indptr).astype(np.int64)
    if (relevant < 1).any():
        raise ValueError("customers without a true item cannot be scored: leave them out of this split")
    hit = hits(ranked, truth)
    result: dict[str, float] = {}
    for k in ks:
        if ranked.shape[1] < k:
            raise ValueError(f"rankings hold {ranked.shape[1]} places; metrics at {k} need {k} (pad with -1)")
        result |= {
            f"precision@{k}": precision(hit, k),
            f"recall@{k}": recall(hit, relevant, k),
            f"f1@{k}": f1(hit, relevant, k),
            f"hit_rate@{k}": hit_rate(hit, k),
            f"ndcg@{k}": ndcg(hit, relevant, k),
            f"map@{k}": average_precision(hit, relevant, k),
            f"mrr@{k}": reciprocal_rank(hit, k),
            f"coverage@{k}": coverage(ranked, truth.shape[1], k),
        }
    return result


def _mean(values: NDArray[Any]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
