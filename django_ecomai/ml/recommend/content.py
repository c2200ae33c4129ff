"""Alike by what they are: words, category, brand, attributes, price. Works for a product that nobody has seen yet."""

from __future__ import annotations

from collections.abc import Iterator
from threading import RLock
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from ..threads import one_blas_thread
from .base import ItemModel
from .features import item_features, latent
from .matrix import blocks, row_blocks, strongest_cells_of_rows, table_from_blocks
from .text import unit_rows

#: Neighbours that are kept for later fits on the same catalogue: a training makes half a dozen of them.
MOST_KEPT = 200
FEATURES, PAIRS = "features", "pairs"
#: What was worked out for a catalogue, for as long as it lives.
_KNOWN: WeakKeyDictionary[Catalogue, dict[tuple[Any, ...], Any]] = WeakKeyDictionary()
#: Whoever comes second waits for what the first works out.
_WORKING = RLock()


class Content(ItemModel):
    """Cosine of stemmed TF-IDF words of title and description, plus category (its ancestors count less), brand and
    attributes (`features.item_features`), damped by price distance.

    A pair's cosine is multiplied with ``exp(-price_weight * z)``, z = the distance of the log prices in robust standard
    deviations of the shop (median absolute deviation), capped at 3; an unknown price costs nothing. Title words count
    ``title_weight`` times. ``latent_weight`` adds the cosine in ``rank`` latent dimensions (`features.latent`, seeded)
    to pairs that share a word or label. Without a catalogue the model learns nothing.
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
        attribute_weight: float = 0.5,
        latent_weight: float = 0.0,
        rank: int = 64,
    ) -> None:
        self.neighbours = neighbours
        self.title_weight = title_weight
        self.category_weight = category_weight
        self.brand_weight = brand_weight
        self.price_weight = price_weight
        self.language = language
        self.attribute_weight = attribute_weight
        self.latent_weight = latent_weight
        self.rank = rank

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        catalogue = Catalogue.build(interactions.n_items) if catalogue is None else catalogue
        with one_blas_thread():
            pairs = self._pairs(catalogue)
            self.neighbours_ = table_from_blocks(row_blocks(pairs), len(catalogue), self.neighbours, self.popularity_)

    def _pairs(self, catalogue: Catalogue) -> sparse.csr_matrix:
        """The strongest likenesses of each item, which are the same whatever people did: kept with the catalogue."""
        with _WORKING:
            known = _KNOWN.setdefault(catalogue, {})
            key = (PAIRS, *self._options())
            most, pairs = known.get(key, (-1, None))
            if pairs is None or most < self.neighbours:
                most = max(self.neighbours, MOST_KEPT)
                features = self.features(catalogue)
                scored = self._scored(features, robust_log_price(catalogue.price), self._latent(features))
                pairs = strongest_cells_of_rows(scored, len(catalogue), most)
                known[key] = (most, pairs)
            return pairs

    def _options(self) -> tuple[Any, ...]:
        return (
            self.title_weight, self.category_weight, self.brand_weight, self.price_weight, self.language,
            self.attribute_weight, self.latent_weight, self.rank,
        )  # fmt: skip

    def vectors(self, catalogue: Catalogue) -> sparse.csr_matrix:
        """Items x features of length 1 (0 where nothing is known), whatever the price."""
        return unit_rows(self.features(catalogue))

    def features(self, catalogue: Catalogue) -> sparse.csr_matrix:
        """Items x features; the dot product of two rows is their similarity before the price."""
        with _WORKING:
            known = _KNOWN.setdefault(catalogue, {})
            key = (FEATURES, *self._options())
            if key not in known:
                known[key] = item_features(
                    catalogue,
                    title_weight=self.title_weight,
                    category_weight=self.category_weight,
                    brand_weight=self.brand_weight,
                    attribute_weight=self.attribute_weight,
                    language=self.language,
                )
            return known[key]

    def _latent(self, features: sparse.csr_matrix) -> NDArray[np.float64]:
        """Unit rows in the latent space times the root of their weight; no columns when they do not count."""
        if self.latent_weight <= 0:
            return np.zeros((features.shape[0], 0))
        places = latent(features, self.rank)
        length = np.linalg.norm(places, axis=1, keepdims=True)
        return np.asarray(places / np.where(length > 0, length, 1.0) * np.sqrt(self.latent_weight))

    def _scored(
        self, features: sparse.csr_matrix, logs: NDArray[np.float64], places: NDArray[np.float64]
    ) -> Iterator[tuple[int, sparse.csr_matrix]]:
        columns = sparse.csr_matrix(features.T)
        for rows in blocks(features.shape[0], features.shape[0]):
            pairs = sparse.csr_matrix(features[rows] @ columns)
            row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
            distance = np.minimum(np.abs(logs[rows][row] - logs[pairs.indices]), 3.0)
            near = np.exp(-self.price_weight * np.where(np.isnan(distance), 0.0, distance))
            if places.shape[1]:
                pairs.data += np.einsum("ij,ij->i", places[rows][row], places[pairs.indices])
            pairs.data *= near
            yield rows.start, pairs


def robust_log_price(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log prices in robust standard deviations (1.4826 MAD) from the median; NaN where unknown, 0 if all are equal."""
    logs = np.log(np.where(prices > 0, prices, np.nan))
    known = logs[~np.isnan(logs)]
    if not known.size:
        return np.asarray(logs)
    middle = np.median(known)
    spread = 1.4826 * float(np.median(np.abs(known - middle))) or float(np.std(known)) or 1.0
    return np.asarray((logs - middle) / spread)
