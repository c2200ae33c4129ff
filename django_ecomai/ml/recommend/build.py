"""Fit a recipe on everything and lay it out as the arrays that are stored and served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..contexts import Contexts
from ..frames import Catalogue, IdMap, Interactions
from .base import distinct_users
from .bundles import bundles
from .coldmap import with_cold
from .complements import complements
from .content import Content
from .contextual import context_arrays
from .copurchase import CoPurchase, basket_matrix
from .cosine import Cosine
from .fold import Fitted, Progress, no_progress, up_to
from .matrix import row_blocks, table_from_blocks, table_to_csr
from .neighbours import NeighbourTable
from .popularity import popularity_score
from .ranking.second_stage import KEY, SecondStage
from .recipe import Recipe, Source
from .repeat import Repeat, usual_intervals
from .serving import FORMAT, KIND
from .upgrades import upgrades

#: Customers at which the company of a product is believed by half (a shrinkage prior).
SUPPORT = 10.0


@dataclass(frozen=True)
class Built:
    """``arrays`` and ``manifest`` for `persist.save_arrays`, as `Scorer` reads them."""

    arrays: dict[str, NDArray[Any]]
    manifest: dict[str, Any]


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
    progress: Progress | None = None,
) -> Built:
    """Fit ``recipe`` on all ``interactions``. Nothing of the result is about a person.

    ``now`` (epoch seconds) is the moment that "the last 30 days" end, rows later than it are ignored; default: the last
    interaction. ``contexts``: under which circumstances products were met, for visitors without a history;
    ``refused``: what people waved away or sent back (`feedback.settle`), which counts against what is trending.
    ``random_state`` seeds the map of cold items. ``second`` makes the ranker, which is stored along.
    Raises ValueError when ``item_ids``, ``catalogue`` and
    ``interactions`` disagree about the number of items.
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
    fitted = Fitted(interactions, catalogue=catalogue, now=now, neighbours=recipe.neighbours, language=recipe.language)
    tell(0.0, "fitting neighbours")
    discovery = fitted.table(recipe, popularity)
    tell(0.5, "comparing product texts")
    contents = Content(language=recipe.language).fit(interactions, catalogue=catalogue, now=now)
    content = contents.neighbours_
    similar = _similar(fitted, recipe, content, popularity)
    if recipe.sources:
        discovery = with_cold(
            discovery,
            content,
            contents.features(catalogue),
            interactions,
            active=catalogue.active,
            popularity=popularity,
            random_state=random_state,
        )
        discovery = _filled(discovery, similar)
    tell(0.7, "counting what is bought together")
    together = CoPurchase().fit(bought, now=now)
    complement = complements(interactions, together.neighbours_, together.support_, content, popularity=popularity)
    sets = bundles(basket_matrix(bought, together.max_basket), together.neighbours_, active=catalogue.active)
    better = upgrades(catalogue, content, popularity=popularity)
    tell(0.9, "counting what is popular")
    names, category = _categories(catalogue)
    arrays: dict[str, NDArray[Any]] = {
        "item_ids": item_ids.ids,
        "popularity": popularity,
        "trending": popularity_score(interactions, now=now, window_days=recipe.trending_days, refused=refused),
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
        "complement_indices": complement.indices,
        "complement_scores": complement.scores,
        "better_indices": better.indices,
        "better_scores": better.scores,
        "bundle_items": sets.items,
        "bundle_support": sets.support,
        "bundle_lift": sets.lift,
        "bundle_scores": sets.scores,
        "margin": catalogue.margin.astype(np.float32),
        **context_arrays(contexts or Contexts.empty(), n_items=n_items, now=now, active=catalogue.active),
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


def _similar(
    fitted: Fitted, recipe: Recipe, content: NeighbourTable, popularity: NDArray[np.floating]
) -> NeighbourTable:
    """Alike by content and by company (same customers), half each: what a product page shows. No trend in it.

    Company counts for as much as is known of both products (``SUPPORT`` customers: half): of a product that three
    people bought, what else those three bought says little, and its words say more.
    """
    cosine = next((s for s in recipe.sources if s.kind == Cosine.kind), Source("cosine", {"half_life_days": 180.0}))
    alike = table_to_csr(content)
    if alike.nnz:
        alike.data /= alike.data.mean()
    trust = sparse.diags(popularity / (popularity + SUPPORT))
    company = sparse.csr_matrix(trust @ fitted.matrix(cosine) @ trust)
    total = sparse.csr_matrix(alike + company)
    active = fitted.catalogue.active if fitted.catalogue is not None else np.ones(total.shape[0], dtype=bool)
    total.data *= active[total.indices]
    return table_from_blocks(row_blocks(total), total.shape[0], min(recipe.neighbours, 100), popularity)


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


def _categories(catalogue: Catalogue) -> tuple[IdMap, NDArray[np.int32]]:
    names = IdMap.from_ids(name for name in catalogue.category if name)
    return names, names.encode(list(catalogue.category))
