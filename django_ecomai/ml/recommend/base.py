"""What every recommender has in common. Scikit-learn's conventions: ``__init__`` only stores hyper-parameters, ``fit``
returns self, learned names end in ``_``, a second ``fit`` forgets the first.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..frames import Catalogue, Interactions
from .neighbours import FloatArray, IntArray, NeighbourTable, as_indices, strongest

Arrays = dict[str, NDArray[Any]]


class Recommender(ABC):
    """Fits on interactions and recommends for a history of item indices."""

    kind: ClassVar[str]
    n_items_: int
    popularity_: FloatArray

    def fit(self, interactions: Interactions, *, catalogue: Catalogue | None = None, now: int | None = None) -> Self:
        """Learn from ``interactions``; ``now`` (epoch seconds) defaults to the time of the last one.

        Raises ValueError when the catalogue does not have one row per item.
        """
        if catalogue is not None and len(catalogue) != interactions.n_items:
            raise ValueError(f"the catalogue has {len(catalogue)} rows for {interactions.n_items} items")
        if now is None:
            now = int(interactions.times[-1]) if len(interactions) else 0
        self.n_items_ = interactions.n_items
        self.popularity_ = distinct_users(interactions)
        self._fit(interactions, catalogue, now)
        return self

    @abstractmethod
    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None: ...

    @abstractmethod
    def candidates(self, items: ArrayLike, weights: ArrayLike | None = None) -> tuple[IntArray, FloatArray]:
        """All scored candidates of a history, unordered: ``(items, scores)``."""

    def recommend(
        self,
        items: int | Iterable[int],
        weights: ArrayLike | None = None,
        *,
        n: int = 20,
        exclude: int | Iterable[int] = (),
    ) -> tuple[IntArray, FloatArray]:
        """The best ``n`` or fewer ``(items, scores)``, never one of ``exclude``; ties by popularity, then by index."""
        found, scores = self.candidates(as_indices(items), weights)
        keep = ~np.isin(found, as_indices(exclude))
        found, scores = found[keep], scores[keep]
        best = strongest(scores, n, self.popularity_[found], -found.astype(np.int64))
        return found[best], scores[best]

    def get_params(self) -> dict[str, Any]:
        """Hyper-parameters by name, as passed to ``__init__``."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def arrays(self) -> Arrays:
        """What was learned, for `persist.save_arrays`."""
        return {"popularity": self.popularity_}

    @classmethod
    def from_arrays(cls, params: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The fitted model again, from ``get_params()`` and ``arrays()``."""
        model = cls(**params)
        model.popularity_ = arrays["popularity"]
        model.n_items_ = len(model.popularity_)
        model._restore(arrays)
        return model

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the model's own learned arrays back."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"


class ItemModel(Recommender):
    """A recommender that learns one pruned item-item table, ``neighbours_``."""

    neighbours_: NeighbourTable

    def candidates(self, items: ArrayLike, weights: ArrayLike | None = None) -> tuple[IntArray, FloatArray]:
        found, scores, _ = self.neighbours_.score_history(items, weights)
        return found, scores

    def similar(self, item: int, *, n: int = 20) -> tuple[IntArray, FloatArray]:
        """The ``n`` strongest neighbours of one item; empty for an unknown item."""
        indices, scores = self.neighbours_.row(item)
        return indices[:n], scores[:n]

    def arrays(self) -> Arrays:
        return {
            **super().arrays(),
            "neighbours_indices": self.neighbours_.indices,
            "neighbours_scores": self.neighbours_.scores,
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.neighbours_ = NeighbourTable(arrays["neighbours_indices"], arrays["neighbours_scores"])


def distinct_users(interactions: Interactions) -> FloatArray:
    """How many different users met each item (float32 [n_items]): popularity that no single heavy buyer can move."""
    key = np.sort(interactions.users.astype(np.int64) * max(interactions.n_items, 1) + interactions.items)
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    items = key[first] % max(interactions.n_items, 1)
    return np.bincount(items, minlength=interactions.n_items).astype(np.float32)
