"""The table that discovery is served from: the folded sources, with products that nobody has met in their places."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue
from .base import distinct_users
from .coldmap import Places, places, with_cold
from .content import Content
from .cosine import Cosine
from .fold import Fitted
from .matrix import row_blocks, table_from_blocks, table_to_csr
from .neighbours import NeighbourTable
from .ranking.facts import item_ages
from .recipe import Recipe, Source

#: Customers at which the company of a product is believed by half (a shrinkage prior).
SUPPORT = 10.0


class Discovery:
    """What `build` stores and what an evaluation judges, over one `Fitted`; likeness of contents is worked out once.

    ``active`` [n] (default: the catalogue's): who may be placed. ``random_state`` seeds the map of cold items.
    ``contents``: the fitted model of the products' texts, prices and attributes, where there is one already.
    """

    def __init__(
        self,
        fitted: Fitted,
        *,
        active: NDArray[np.bool_] | None = None,
        random_state: int = 0,
        contents: Content | None = None,
    ) -> None:
        n_items = fitted.interactions.n_items
        self.fitted = fitted
        self.catalogue = Catalogue.build(n_items) if fitted.catalogue is None else fitted.catalogue
        self.active = self.catalogue.active if active is None else active
        self.random_state = random_state
        self._contents = contents
        self._similar: dict[tuple[object, ...], NeighbourTable] = {}

    @property
    def contents(self) -> Content:
        """The fitted model of the products' texts, prices and attributes."""
        if self._contents is None:
            model, fitted = Content(language=self.fitted.language), self.fitted
            self._contents = model.fit(fitted.interactions, catalogue=self.catalogue, now=fitted.now)
        return self._contents

    @cached_property
    def ages(self) -> NDArray[np.float32]:
        """Days that each product has been there, as far as is known [n]."""
        interactions = self.fitted.interactions
        met, rows = np.unique(interactions.items, return_index=True)  # rows are in the order of time
        first = np.full(interactions.n_items, -1, dtype=np.int64)
        first[met] = interactions.times[rows]
        return item_ages(self.catalogue.created, first, self.fitted.now)

    @cached_property
    def places(self) -> Places:
        """Where people and where contents put the products, whatever the recipe."""
        interactions = self.fitted.interactions
        return places(self.contents.features(self.catalogue), interactions, distinct_users(interactions))

    def table(self, recipe: Recipe, popularity: NDArray[np.floating]) -> NeighbourTable:
        """The recipe's folded table with cold products placed, and rows without a neighbour from `similar`."""
        table = self.fitted.table(recipe, popularity)
        if not recipe.sources:
            return table
        content = self.contents
        table = with_cold(
            table,
            content.neighbours_,
            content.features(self.catalogue),
            self.fitted.interactions,
            active=self.active,
            popularity=popularity,
            ages=self.ages,
            random_state=self.random_state,
            ridge=lambda: self.places,
        )
        return _filled(table, self.similar(recipe, popularity))

    def similar(self, recipe: Recipe, popularity: NDArray[np.floating]) -> NeighbourTable:
        """Alike by content and by company (same customers), half each: what a product page shows. No trend in it.

        Company counts for as much as is known of both products (`SUPPORT` customers: half): of a product that three
        people bought, what else those three bought says little, and its words say more.
        """
        cosine = next((s for s in recipe.sources if s.kind == Cosine.kind), Source("cosine", {"half_life_days": 180.0}))
        key = (*cosine.key(), recipe.neighbours)
        if key not in self._similar:
            self._similar[key] = self._alike(cosine, min(recipe.neighbours, 100), popularity)
        return self._similar[key]

    def _alike(self, cosine: Source, keep: int, popularity: NDArray[np.floating]) -> NeighbourTable:
        alike = table_to_csr(self.contents.neighbours_)
        if alike.nnz:
            alike.data /= alike.data.mean()
        trust = sparse.diags(popularity / (popularity + SUPPORT))
        company = sparse.csr_matrix(trust @ self.fitted.matrix(cosine) @ trust)
        total = sparse.csr_matrix(alike + company)
        total.data *= self.active[total.indices]
        return table_from_blocks(row_blocks(total), total.shape[0], keep, popularity)


def known_at(catalogue: Catalogue | None, popularity: NDArray[np.floating], moment: int) -> NDArray[np.bool_] | None:
    """For sale, and in the catalogue at ``moment`` as far as is known: met before it, or created before it [n].

    What a shop has added since is in today's catalogue, but no model of that moment could have placed it.
    """
    if catalogue is None:
        return None
    old = (catalogue.created >= 0) & (catalogue.created < moment)
    return np.asarray(catalogue.active & (old | (popularity > 0)))


def _filled(table: NeighbourTable, other: NeighbourTable) -> NeighbourTable:
    """Rows without any neighbour (products nobody met yet) taken from ``other``, at the scale of ``table``."""
    empty = ~(table.indices >= 0).any(axis=1) if table.indices.shape[1] else np.ones(table.n_items, dtype=bool)
    if not empty.any():
        return table
    width = max(table.indices.shape[1], other.indices.shape[1])
    indices = np.full((table.n_items, width), -1, dtype=np.int32)
    scores = np.zeros((table.n_items, width), dtype=np.float32)
    indices[:, : table.indices.shape[1]] = table.indices
    scores[:, : table.scores.shape[1]] = table.scores
    usual = table.scores[table.indices >= 0]
    theirs = other.scores[other.indices >= 0]
    scale = float(usual.mean() / theirs.mean()) if usual.size and theirs.size else 1.0
    indices[empty, : other.indices.shape[1]] = other.indices[empty]
    scores[empty, : other.scores.shape[1]] = other.scores[empty] * np.float32(scale)
    return NeighbourTable(indices, scores)
