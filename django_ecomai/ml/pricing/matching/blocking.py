"""Which products an offer may be: the few that share its rarest words, never every product with every offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .features import Listings, TextSpace, said

#: An offer is looked up by so many of its rarest terms, and so many offers at once.
TERMS, CHUNK = 24, 512
#: Candidates of an offer, and the least likeness of one.
LIMIT, LEAST = 10, 0.05


def candidates(
    space: TextSpace,
    offers: Listings,
    products: Listings,
    *,
    limit: int = LIMIT,
    progress: Callable[[float], None] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows [m] of offers and of products that are compared, at most ``limit`` products an offer, likest first.

    Likeness is the cosine of TF-IDF weights of words and runs of letters; only the 24 heaviest terms of an offer are
    looked up, so that common words cost nothing. Memory is that of 512 offers' hits.
    """
    if not len(offers) or not len(products):
        none = np.empty(0, dtype=np.int64)
        return none, none
    # one matrix for both kinds of terms
    wanted = _terms(space, products).T.tocsr()
    found_left: list[NDArray[np.int64]] = []
    found_right: list[NDArray[np.int64]] = []
    for start in range(0, len(offers), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(offers)))
        asked = _heaviest(_terms(space, offers.only(rows)))
        scores = (asked @ wanted).tocsr()
        for at in range(len(rows)):
            some = slice(scores.indptr[at], scores.indptr[at + 1])
            value, product = scores.data[some], scores.indices[some]
            keep = np.flatnonzero(value >= LEAST)
            if len(keep) > limit:
                keep = keep[np.argpartition(-value[keep], limit - 1)[:limit]]
            keep = keep[np.lexsort((product[keep], -value[keep]))]
            found_left.append(np.full(len(keep), rows[at], dtype=np.int64))
            found_right.append(product[keep].astype(np.int64))
        if progress is not None:
            progress(float(rows[-1] + 1) / len(offers))
    return np.concatenate(found_left), np.concatenate(found_right)


def _terms(space: TextSpace, listings: Listings) -> Any:
    texts = said(listings)
    return sparse.hstack([space.words(texts), space.letters(texts)], format="csr") * np.sqrt(0.5)


def _heaviest(rows: Any) -> Any:
    """Rows with their ``TERMS`` heaviest entries only."""
    keep = np.zeros(rows.nnz, dtype=bool)
    for at in range(rows.shape[0]):
        begin, end = rows.indptr[at], rows.indptr[at + 1]
        weight = rows.data[begin:end]
        some = np.arange(end - begin) if end - begin <= TERMS else np.argpartition(-weight, TERMS - 1)[:TERMS]
        keep[begin + some] = True
    kept = rows.copy()
    kept.data[~keep] = 0.0
    kept.eliminate_zeros()
    return kept
