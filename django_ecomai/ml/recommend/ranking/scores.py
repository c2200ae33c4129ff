"""What a ranker makes of a split's customers, as it would be served; for tests beside the blend."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...evaluate.ranking import Scores
from ..fold import unit_maximum
from ..matrix import blocks
from ..recipe import Recipe
from .groups import Candidates
from .second_stage import SecondStage


class RankedScores:
    """The blend's scores in the learned order; each customer is ranked once, whatever the view."""

    def __init__(self, candidates: Candidates, stage: SecondStage) -> None:
        self.candidates = candidates
        self.stage = stage
        self._kept: dict[int, sparse.csr_matrix] = {}

    def discovery(self, rows: NDArray[np.int64]) -> sparse.csr_matrix:
        """Scores [len(rows), n] of the customers at ``rows``, before masking."""
        missing = np.array([row for row in rows.tolist() if row not in self._kept], dtype=np.int64)
        for block in blocks(len(missing), self.candidates.split.train.n_items):
            chunk = self.candidates.scores(missing[block])
            for place, row in enumerate(missing[block].tolist()):
                self._kept[row] = self._one(row, chunk[place])
        return sparse.csr_matrix(sparse.vstack([self._kept[row] for row in rows.tolist()]))

    def mixed(self, recipe: Recipe) -> Callable[[NDArray[np.int64]], sparse.csr_matrix]:
        """Discovery and buy-again in one list."""
        repeat = self.candidates.scorer.repeats(recipe)

        def scores(rows: NDArray[np.int64]) -> sparse.csr_matrix:
            again = recipe.repeat_share * unit_maximum(repeat[rows])
            return sparse.csr_matrix(unit_maximum(self.discovery(rows)) + again)

        return scores

    def of(self, recipe: Recipe, view: str, blend: Scores) -> Scores:
        """In this view; what is bought again is not ranked."""
        if view == "repeat_items":
            return blend
        return Scores(self.discovery if view == "new_items" else self.mixed(recipe), blend.order)

    def _one(self, row: int, scores: sparse.csr_matrix) -> sparse.csr_matrix:
        split = self.candidates.split
        bought = split.bought.indices[split.bought.indptr[row] : split.bought.indptr[row + 1]]
        allowed = (scores.data > 0) & ~np.isin(scores.indices, bought)
        data = self.stage.permuted(
            scores.indices,
            scores.data,
            self.candidates.history(row),
            allowed=allowed,
            popularity=self.candidates.scorer.popularity,
            others=self.candidates.others(row, scores.indices),
        )
        return sparse.csr_matrix((data, scores.indices, scores.indptr), shape=scores.shape)
