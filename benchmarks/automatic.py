"""The one automatic procedure of every recommendation benchmark: the choice of a blend, then the order of its best
candidates, each kept only where validation inside the training part finds it better. It is what the shop's job calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django_ecomai.ml.columns import NEW_ITEMS
from django_ecomai.ml.evaluate.ranking import Scores
from django_ecomai.ml.evaluate.split import TimeSplit
from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.recommend.auto import choose, data_shape
from django_ecomai.ml.recommend.ranking.choose import AUTO, SecondChoice, choose_second, split_candidates
from django_ecomai.ml.recommend.ranking.groups import nothing_extra
from django_ecomai.ml.recommend.ranking.scores import RankedScores
from django_ecomai.ml.recommend.ranking.second_stage import SecondStage
from django_ecomai.ml.recommend.recipe import Recipe
from django_ecomai.ml.recommend.scoring import RecipeScores

#: Evaluations of the choice, and neighbours per item.
BUDGET, NEIGHBOURS = 60, 300


@dataclass(frozen=True, eq=False)
class Automatic:
    """What was decided: ``recipe`` and the order learned for it, and ``details`` for the JSON rows."""

    recipe: Recipe
    second: SecondChoice
    details: dict[str, Any]

    def scores(self, split: TimeSplit, scorer: RecipeScores, view: str = NEW_ITEMS) -> Scores:
        """Scores of the split's customers by ``scorer``'s models, in the learned order where that passed."""
        blend = scorer.scores(self.recipe, view)
        if not self.second.passed or self.second.trees is None:
            return blend
        candidates, maker = split_candidates(
            split, self.recipe, scorer.fitted.catalogue, 0.0, nothing_extra, scorer.fitted, scorer, own_rows=True
        )
        stage = SecondStage(maker, self.second.trees, blend_share=self.second.facts["blend_share"])
        return RankedScores(candidates, stage).of(self.recipe, view, blend)


def automatic(
    train: Interactions,
    *,
    catalogue: Catalogue | None = None,
    now: int | None = None,
    shape: str | None = None,
    k: int = 20,
    ranker: str = AUTO,
) -> Automatic:
    """Decide on ``train`` alone; the keywords as in `auto.choose` and `choose_second`."""
    shape = data_shape(train) if shape is None else shape
    choice = choose(train, catalogue=catalogue, now=now, neighbours=NEIGHBOURS, budget=BUDGET, shape=shape, k=k)
    second = choose_second(
        train,
        choice.recipe,
        catalogue=catalogue,
        now=int(train.times[-1]) + 1 if now is None else now,
        shape=shape,
        k=k,
        ranker=ranker,
        judged=choice.judged,
    )
    details = {"recipe": choice.recipe.to_dict(), "name": choice.recipe.name, "validation": choice.validation}
    return Automatic(choice.recipe, second, {**details, "tried": choice.tried, "second": second.facts})
