"""Evaluate recipes beside the naive baselines on a split in time. Every model is masked alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..columns import METRICS, MODEL, OURS, SPLIT, SPLITS
from ..frames import Catalogue, Interactions
from ..recommend.auto import Choice, choose
from ..recommend.fold import Fitted, Progress, no_progress
from ..recommend.recipe import Recipe
from ..recommend.scoring import RecipeScores
from .metrics import all_metrics
from .ranking import Scores, rank
from .split import TimeSplit, time_split

POPULAR_30 = "popular (30 days)"
POPULAR_ALL = "popular (all time)"
PERSONAL = "personal frequency"
OURS_NAME = "EcomAI (automatic choice)"


@dataclass(frozen=True)
class Evaluation:
    """``rows``: ``{"model", "ours", "split", "users", "metrics"}``; ``choice`` is None when a recipe was given."""

    rows: list[dict[str, Any]]
    recipe: Recipe
    choice: Choice | None
    counts: dict[str, int]

    def row(self, split: str, model: str | None = None) -> dict[str, Any]:
        """The row of ``model`` (default: ours) in ``split``. Raises KeyError when there is none."""
        for row in self.rows:
            if row[SPLIT] == split and (row[OURS] if model is None else row[MODEL] == model):
                return row
        raise KeyError(f"no row of {model or 'ours'} in {split}")


def evaluate_split(
    interactions: Interactions,
    cut: int,
    *,
    end: int | None = None,
    catalogue: Catalogue | None = None,
    recipe: Recipe | None = None,
    extra_recipes: Mapping[str, Recipe] | None = None,
    ks: Iterable[int] = (10, 20),
    target_weight: float = 0.0,
    budget: int = 60,
    language: str = "english",
    max_users: int | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Train on ``times < cut``, test on ``cut <= times < end``, in the three views of `split.time_split`.

    Without ``recipe`` the automatic choice is made on the training part alone. ``extra_recipes`` (the live one, for the
    quality gate, or single models) are fitted before the same cut and reported with ``ours`` False.
    """
    tell = progress or no_progress
    split = time_split(
        interactions, cut, end=end, target_weight=target_weight, max_users=max_users, random_state=random_state
    )
    choice = None
    if recipe is None:
        choice = choose(
            split.train,
            catalogue=catalogue,
            now=cut,
            budget=budget,
            language=language,
            target_weight=target_weight,
            random_state=random_state,
            progress=lambda fraction, message: tell(0.8 * fraction, message),
        )
        recipe = choice.recipe
    tell(0.8, "testing the choice beside the baselines")
    fitted = Fitted(split.train, catalogue=catalogue, now=cut, neighbours=recipe.neighbours, language=recipe.language)
    scorer = RecipeScores(split, fitted, target_weight=target_weight)
    rows = []
    ks = sorted(set(ks))
    for view in SPLITS:
        models = {**_baselines(scorer, view), OURS_NAME: scorer.scores(recipe, view)}
        for name, extra in (extra_recipes or {}).items():
            models[name] = scorer.scores(replace(extra, neighbours=recipe.neighbours), view)
        rows += [_row(name, scores, split, view, ks, scorer) for name, scores in models.items()]
    tell(1.0, "evaluated")
    counts = {
        "train_interactions": len(split.train),
        "items": interactions.n_items,
        "test_users": len(split.users),
        **{f"test_users_{view}": len(split.rows(view)) for view in SPLITS},
    }
    return Evaluation(rows, recipe, choice, counts)


def _baselines(scorer: RecipeScores, view: str) -> dict[str, Scores]:
    """The trivial models. Personal frequency is filled up with 30-day popularity."""
    frequency = scorer.scores(Recipe(), "repeat_items").candidates
    return {
        POPULAR_30: Scores(None, scorer.order(30.0)),
        POPULAR_ALL: Scores(None, scorer.order(None)),
        PERSONAL: Scores(frequency, scorer.order(30.0)),
    }


def _row(name: str, scores: Scores, split: TimeSplit, view: str, ks: list[int], scorer: RecipeScores) -> dict[str, Any]:
    rows = split.rows(view)
    ranked = rank(scores, split, view, ks[-1], scorer.popularity)
    metrics = all_metrics(ranked, split.truth[view][rows], ks=ks)
    return {MODEL: name, OURS: name == OURS_NAME, SPLIT: view, "users": len(rows), METRICS: metrics}
