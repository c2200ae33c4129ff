"""Alike by what they are: words, category, brand and price. Works for a product that nobody has seen yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from .base import ItemModel
from .matrix import blocks, one_blas_thread, table_from_blocks
from .text import tfidf, tokens, unit_rows


class Content(ItemModel):
    """Cosine of stemmed TF-IDF words of title and description, plus category and brand, damped by price distance.

    A pair's cosine is multiplied with ``exp(-price_weight * z)``, z = the distance of the log prices in robust standard
    deviations of the shop (median absolute deviation), capped at 3; an unknown price costs nothing. Title words count
    ``title_weight`` times. Without a catalogue the model learns nothing.
    """

    kind: ClassVar[str] = "content"

    def __init__(
        self,
        neighbours: int = 100,
        title_weight: float = 2.0,
        category_weight: float = 0.5,
        brand_weight: float = 0.3,
        price_weight: float = 0.15,
        language: str = "english",
    ) -> None:
        self.neighbours = neighbours
        self.title_weight = title_weight
        self.category_weight = category_weight
        self.brand_weight = brand_weight
        self.price_weight = price_weight
        self.language = language

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        catalogue = Catalogue.build(interactions.n_items) if catalogue is None else catalogue
        features = self._features(catalogue)
        logs = robust_log_price(catalogue.price)
        with one_blas_thread():
            self.neighbours_ = table_from_blocks(
                self._scored(features, logs), len(catalogue), self.neighbours, self.popularity_
            )

    def vectors(self, catalogue: Catalogue) -> sparse.csr_matrix:
        """Items x features of length 1 (0 where nothing is known), whatever the price."""
        return unit_rows(self._features(catalogue))

    def _features(self, catalogue: Catalogue) -> sparse.csr_matrix:
        """Items x features; the dot product of two rows is their similarity before the price."""
        parts = [
            self.title_weight * tfidf([tokens(text, self.language) for text in catalogue.title]),
            tfidf([tokens(text, self.language) for text in catalogue.description]),
        ]
        words = unit_rows(sparse.csr_matrix(sparse.hstack(parts)))
        labels = [
            weight * tfidf([[label.strip().casefold()] if label.strip() else [] for label in values], max_share=1.0)
            for weight, values in ((self.category_weight, catalogue.category), (self.brand_weight, catalogue.brand))
            if weight > 0
        ]
        return sparse.csr_matrix(sparse.hstack([words, *labels]))

    def _scored(
        self, features: sparse.csr_matrix, logs: NDArray[np.float64]
    ) -> Iterator[tuple[int, sparse.csr_matrix]]:
        columns = sparse.csr_matrix(features.T)
        for rows in blocks(features.shape[0], features.shape[0]):
            pairs = sparse.csr_matrix(features[rows] @ columns).tocoo()
            distance = np.minimum(np.abs(logs[rows][pairs.row] - logs[pairs.col]), 3.0)
            near = np.exp(-self.price_weight * np.where(np.isnan(distance), 0.0, distance))
            yield rows.start, sparse.csr_matrix((pairs.data * near, (pairs.row, pairs.col)), shape=pairs.shape)


def robust_log_price(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log prices in robust standard deviations (1.4826 MAD) from the median; NaN where unknown, 0 if all are equal."""
    logs = np.log(np.where(prices > 0, prices, np.nan))
    known = logs[~np.isnan(logs)]
    if not known.size:
        return np.asarray(logs)
    middle = np.median(known)
    spread = 1.4826 * float(np.median(np.abs(known - middle))) or float(np.std(known)) or 1.0
    return np.asarray((logs - middle) / spread)
