"""What a list is like besides being right: how surprising, varied and fair to the catalogue it is.

Input: ranked items [m, K] (-1 = nothing). Padded places do not count. Every value is 0 when nothing was recommended.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from ..recommend.base import distinct_users
from ..recommend.content import Content
from ..recommend.matrix import blocks

#: The most popular items that together make up this share of all (customer, item) pairs are the head; the rest is the
#: long tail.
HEAD_SHARE = 0.8
_LEAST_KNOWN = 0.5  # customers that an item nobody met counts as: its surprise must be finite


@dataclass(frozen=True, eq=False)
class Shelf:
    """The catalogue as these measures see it: ``customers`` [n] per item, ``n_customers`` in all, ``vectors`` sparse
    [n, d] of length 1 or 0 (None: nothing is known about the items), ``for_sale`` [n]."""

    customers: NDArray[np.float64]
    n_customers: int
    vectors: sparse.csr_matrix | None
    for_sale: NDArray[np.bool_]

    @classmethod
    def of(cls, train: Interactions, catalogue: Catalogue | None, language: str = "english") -> Shelf:
        """From the training part; the vectors are the words, category and brand of the content model."""
        n = train.n_items
        vectors = None
        if catalogue is not None and (any(catalogue.title) or any(catalogue.category)):
            vectors = Content(language=language).vectors(catalogue)
        return cls(
            customers=distinct_users(train).astype(np.float64),
            n_customers=len(np.unique(train.users)),
            vectors=vectors,
            for_sale=np.ones(n, dtype=bool) if catalogue is None else catalogue.active,
        )


def beyond_accuracy(ranked: NDArray[np.integer], shelf: Shelf, history: sparse.csr_matrix, k: int) -> dict[str, float]:
    """``novelty@k, diversity@k, gini@k, long_tail@k, popularity_lift@k``; ``history`` [m, n]: what each one bought.

    ``diversity`` is left out when nothing is known about the items.
    """
    first = np.asarray(ranked)[:, :k]
    result = {
        f"novelty@{k}": novelty(first, shelf),
        f"gini@{k}": gini(first, shelf),
        f"long_tail@{k}": long_tail_share(first, shelf),
        f"popularity_lift@{k}": popularity_lift(first, shelf, history),
    }
    if shelf.vectors is not None:
        result[f"diversity@{k}"] = diversity(first, shelf.vectors)
    return result


def novelty(ranked: NDArray[np.integer], shelf: Shelf) -> float:
    """Mean self-information of what is recommended, -log2(customers of the item / all customers), in bits.

    An item nobody met counts as half a customer. Zhou et al. 2010.
    """
    shown = ranked[ranked >= 0]
    if not shown.size or not shelf.n_customers:
        return 0.0
    share = np.maximum(shelf.customers[shown], _LEAST_KNOWN) / shelf.n_customers
    return float(np.mean(-np.log2(np.minimum(share, 1.0))))


def diversity(ranked: NDArray[np.integer], vectors: sparse.csr_matrix) -> float:
    """Mean over customers with two or more items of 1 - the mean cosine of all pairs of their items (Ziegler 2005)."""
    values = []
    for rows in blocks(len(ranked), max(vectors.shape[0], 1)):
        part = ranked[rows]
        valid = part >= 0
        count = valid.sum(axis=1)
        where = (np.nonzero(valid)[0], part[valid])
        chosen = sparse.csr_matrix((np.ones(len(where[0])), where), shape=(len(part), vectors.shape[0]))
        summed = sparse.csr_matrix(chosen @ vectors)
        length = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
        # |sum v|^2 = sum |v|^2 + 2 x the cosines of all pairs
        pairs = np.asarray(summed.multiply(summed).sum(axis=1)).ravel() - chosen @ length
        several = count > 1
        values.append(1 - pairs[several] / (count[several] * (count[several] - 1)))
    joined = np.concatenate(values) if values else np.empty(0)
    return float(joined.mean()) if joined.size else 0.0


def gini(ranked: NDArray[np.integer], shelf: Shelf) -> float:
    """Inequality of how often the items for sale are recommended: 0 = all equally, towards 1 = always the same few."""
    shown = np.bincount(ranked[ranked >= 0], minlength=len(shelf.for_sale))[shelf.for_sale]
    n, total = len(shown), float(shown.sum())
    if not n or not total:
        return 0.0
    return float(((2 * np.arange(1, n + 1) - n - 1) * np.sort(shown)).sum() / (n * total))


def long_tail_share(ranked: NDArray[np.integer], shelf: Shelf) -> float:
    """Share of the recommendations that lie outside the head (`HEAD_SHARE`)."""
    shown = ranked[ranked >= 0]
    if not shown.size:
        return 0.0
    order = np.argsort(-shelf.customers, kind="stable")
    before = np.r_[0.0, np.cumsum(shelf.customers[order])[:-1]]
    head = np.zeros(len(order), dtype=bool)
    head[order] = before < HEAD_SHARE * shelf.customers.sum()
    return float((~head[shown]).mean())


def popularity_lift(ranked: NDArray[np.integer], shelf: Shelf, history: sparse.csr_matrix) -> float:
    """How much more popular the recommendations are than what the same customers bought before: 0 = alike, 1 = twice.

    Group average popularity of Abdollahpouri et al. 2019; customers without a purchase are left out.
    """
    bought = np.diff(history.indptr)
    shown = (ranked >= 0).sum(axis=1)
    both = (bought > 0) & (shown > 0)
    if not both.any():
        return 0.0
    own = np.asarray(sparse.csr_matrix(history != 0) @ shelf.customers)[both] / bought[both]
    lists = np.where(ranked >= 0, shelf.customers[ranked], 0.0).sum(axis=1)[both] / shown[both]
    return float(lists.mean() / own.mean() - 1) if own.mean() > 0 else 0.0
