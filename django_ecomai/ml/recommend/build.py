"""Fit a recipe on everything and lay it out as the arrays that are stored and served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contexts import Contexts
from ..frames import Catalogue, IdMap, Interactions
from .base import distinct_users
from .beside import Beside, beside
from .discovery import Discovery
from .fold import Fitted, Progress, no_progress, up_to
from .popularity import trending_score
from .ranking.second_stage import KEY, SecondStage
from .recipe import Recipe
from .repeat import Repeat, usual_intervals
from .serving import FORMAT, KIND


@dataclass(frozen=True)
class Built:
    """``arrays`` and ``manifest`` for `persist.save_arrays`, as `Scorer` reads them."""

    arrays: dict[str, NDArray[Any]]
    manifest: dict[str, Any]


def sources_fit(
    recipe: Recipe, interactions: Interactions, *, catalogue: Catalogue | None = None, now: int | None = None
) -> Fitted:
    """The sources of ``recipe``, fitted as `build` does it: for a thread that has time while the recipe is tested."""
    interactions = up_to(interactions, now)
    if now is None:
        now = int(interactions.times[-1]) if len(interactions) else 0
    return Fitted(
        interactions,
        catalogue=Catalogue.build(interactions.n_items) if catalogue is None else catalogue,
        now=now,
        neighbours=recipe.neighbours,
        language=recipe.language,
    ).prepare(recipe)


def build(
    recipe: Recipe,
    interactions: Interactions,
    *,
    item_ids: IdMap,
    catalogue: Catalogue | None = None,
    contexts: Contexts | None = None,
    refused: Interactions | None = None,
    now: int | None = None,
    target_weight: float = 0.0,
    random_state: int = 0,
    second: Callable[[Recipe, Fitted], SecondStage] | None = None,
    made: Callable[[], Beside] | None = None,
    sources: Callable[[], Fitted] | None = None,
    progress: Progress | None = None,
) -> Built:
    """Fit ``recipe`` on all ``interactions``. Nothing of the result is about a person.

    ``now`` (epoch seconds) is the moment that "the last 30 days" end, rows later than it are ignored; default: the last
    interaction. ``contexts``: under which circumstances products were met, for visitors without a history;
    ``refused``: what people waved away or sent back (`feedback.settle`), which counts against what is trending.
    ``random_state`` seeds the map of cold items. ``second`` makes the ranker, which is stored along. ``made`` returns
    what `beside` made of the same data, where it was made before, and ``sources`` what `sources_fit` fitted on it, for
    this recipe or another one: what both have in common is not fitted again.
    Raises ValueError when ``item_ids``, ``catalogue`` and ``interactions`` disagree about the number of items.
    """
    n_items = interactions.n_items
    if len(item_ids) != n_items or (catalogue is not None and len(catalogue) != n_items):
        raise ValueError(f"item_ids ({len(item_ids)}) and catalogue need one entry for each of the {n_items} items")
    tell = progress or no_progress
    catalogue = Catalogue.build(n_items) if catalogue is None else catalogue
    interactions = up_to(interactions, now)
    if now is None:
        now = int(interactions.times[-1]) if len(interactions) else 0
    bought = interactions.at_least(target_weight)
    popularity = distinct_users(interactions)
    fitted = None if sources is None else sources()
    if fitted is None or (fitted.neighbours, fitted.language) != (recipe.neighbours, recipe.language):
        fitted = sources_fit(replace(recipe, sources=()), interactions, catalogue=catalogue, now=now)
    tell(0.0, "comparing product texts and baskets")
    options: dict[str, Any] = {"now": now, "target_weight": target_weight, "language": recipe.language}
    other = beside(interactions, catalogue=catalogue, contexts=contexts, **options) if made is None else made()
    together, sets = other.together, other.sets
    tell(0.3, "fitting neighbours")
    served = Discovery(fitted, random_state=random_state, contents=other.contents)
    discovery = served.table(recipe, popularity)
    similar = served.similar(recipe, popularity)
    tell(0.9, "counting what is popular")
    names, category = _categories(catalogue)
    arrays: dict[str, NDArray[Any]] = {
        "item_ids": item_ids.ids,
        "popularity": popularity,
        "trending": trending_score(interactions, now=now, window_days=recipe.trending_days, refused=refused),
        "neighbours_indices": discovery.indices,
        "neighbours_scores": discovery.scores,
        "similar_indices": similar.indices,
        "similar_scores": similar.scores,
        "together_indices": together.neighbours_.indices,
        "together_scores": together.neighbours_.scores,
        "together_support": together.support_,
        "together_lift": together.lift_,
        "repeat_boost": Repeat(trend_power=recipe.repeat_trend_power, trend_days=recipe.trend_days)
        .fit(bought, now=now)
        .boost_,
        "repeat_interval": usual_intervals(bought),
        "category": category,
        "category_names": names.ids,
        "price": catalogue.price.astype(np.float32),
        "created": catalogue.created,
        "active": catalogue.active,
        "complement_indices": other.complement.indices,
        "complement_scores": other.complement.scores,
        "better_indices": other.better.indices,
        "better_scores": other.better.scores,
        "bundle_items": sets.items,
        "bundle_support": sets.support,
        "bundle_lift": sets.lift,
        "bundle_scores": sets.scores,
        "margin": catalogue.margin.astype(np.float32),
        **other.contexts,
    }
    manifest: dict[str, Any] = {
        "kind": KIND,
        "recommend_format": FORMAT,
        "recipe": recipe.to_dict(),
        "recipe_name": recipe.name,
        "n_items": n_items,
        "n_interactions": len(interactions),
        "n_users": len(np.unique(interactions.users)),
        "now": now,
        "random_state": random_state,
    }
    if second is not None:
        stage = second(recipe, fitted)
        arrays |= stage.arrays()
        manifest[KEY] = stage.manifest()
    tell(1.0, "fitted")
    return Built(arrays, manifest)


def _categories(catalogue: Catalogue) -> tuple[IdMap, NDArray[np.int32]]:
    names = IdMap.from_ids(name for name in catalogue.category if name)
    return names, names.encode(list(catalogue.category))
