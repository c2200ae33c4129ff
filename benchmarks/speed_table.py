"""A simulated artifact of any size: what is served does not depend on what was learned, only on its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from django_ecomai.ml.persist import MANIFEST, save_arrays
from django_ecomai.ml.recommend.recipe import Recipe
from django_ecomai.ml.recommend.serving import FORMAT, KIND, Scorer

SIZES = {"100k": 100_000, "1M": 1_000_000}
K = 100
HISTORY = 20
NOW = 1_700_000_000
#: A blend as tuning chooses it: decayed history, popularity as a prior, repeats.
RECIPE = Recipe(
    history_half_life_days=30.0, history_step_decay=0.8, prior=0.05, repeat_half_life_days=90.0, repeat_share=0.5
)


def artifact(folder: Path, n_items: int) -> Path:
    """The folder of a simulated artifact, written when it is not there; the same for the same size."""
    target = folder / f"simulated-{n_items}"
    if not (target / MANIFEST).is_file():
        save_arrays(target, simulated(n_items), manifest(n_items))
    return target


def manifest(n_items: int) -> dict[str, Any]:
    """What `build` writes for such an artifact."""
    return {
        "kind": KIND, "recommend_format": FORMAT, "recipe": RECIPE.to_dict(), "recipe_name": "simulated",
        "n_items": n_items, "n_interactions": 10 * n_items, "n_users": n_items, "now": NOW, "random_state": 0,
    }  # fmt: skip


def simulated(n_items: int, k: int = K, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Half of the neighbours from the item's own shelf of 1,000, half from the whole catalogue, popular ones first."""
    random = np.random.default_rng(seed)
    popularity = (1e4 / np.arange(1, n_items + 1) ** 0.8).astype(np.float32)[random.permutation(n_items)]
    names = 1_000
    neighbours, strengths = _table(random, n_items, k, popularity)
    narrow = max(1, k // 5)
    support = np.where(neighbours[:, :narrow] >= 0, 5, 0).astype(np.int32)
    ids = np.array([f"sku-{i:08d}".encode() for i in range(n_items)])
    return {
        "item_ids": ids,
        "popularity": popularity,
        "trending": (popularity * random.random(n_items, dtype=np.float32)).astype(np.float32),
        "neighbours_indices": neighbours,
        "neighbours_scores": strengths,
        "similar_indices": neighbours[:, :narrow],
        "similar_scores": strengths[:, :narrow],
        "together_indices": neighbours[:, :narrow],
        "together_scores": strengths[:, :narrow],
        "together_support": support,
        "together_lift": np.full((n_items, narrow), 2.0, dtype=np.float32),
        "repeat_boost": np.ones(n_items, dtype=np.float32),
        "category": (np.arange(n_items) % names).astype(np.int32),
        "category_names": np.array([f"c{i:04d}".encode() for i in range(names)]),
        "price": random.uniform(1, 100, n_items).astype(np.float32),
        "created": NOW - random.integers(0, 10**8, n_items),
        "active": random.random(n_items) > 0.02,
    }


def histories(scorer: Scorer, count: int, seed: int = 1) -> list[tuple[NDArray[np.int32], NDArray[np.float64]]]:
    """``count`` visitors: `HISTORY` different items, popular ones more often, and their ages in days."""
    random = np.random.default_rng(seed)
    chance = np.cumsum(scorer.popularity.astype(np.float64))
    made = []
    for _ in range(count):
        items = np.unique(np.searchsorted(chance, random.random(4 * HISTORY) * chance[-1]))
        items = random.permutation(np.minimum(items, scorer.n_items - 1))[:HISTORY].astype(np.int32)
        made.append((items, np.sort(random.exponential(20.0, len(items)))[::-1]))
    return made


def _table(
    random: np.random.Generator, n_items: int, k: int, popularity: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Drawn from disjoint strata, so that no row holds an item twice; the few that still do, or itself, lose it."""
    k = min(k, max(n_items - 1, 1))
    order = np.argsort(-popularity, kind="stable").astype(np.int32)
    shelf = min(1_000, n_items)
    near, far = k // 2, k - k // 2
    edges = np.unique(np.geomspace(1, n_items, far + 1).astype(np.int64))
    indices = np.full((n_items, k), -1, dtype=np.int32)
    scores = np.zeros((n_items, k), dtype=np.float32)
    strengths = (1.0 / np.arange(1, k + 1) ** 0.7).astype(np.float32)
    for start in range(0, n_items, 50_000):
        rows = np.arange(start, min(start + 50_000, n_items))
        first = rows[:, None] // shelf * shelf
        step = np.arange(near) * (shelf // max(near, 1))
        own = np.minimum(
            first + step + random.integers(0, max(shelf // max(near, 1), 1), (len(rows), near)), n_items - 1
        )
        spans = np.diff(edges)
        wide = order[edges[:-1] - 1 + (random.random((len(rows), len(spans))) * spans).astype(np.int64)]
        drawn = random.permuted(np.concatenate([own, wide], axis=1), axis=1).astype(np.int32)
        strength = strengths[: drawn.shape[1]] * random.uniform(0.5, 1.0, drawn.shape).astype(np.float32)
        strength = -np.sort(-strength, axis=1)
        by_item = np.argsort(drawn, axis=1, kind="stable")
        ordered = np.take_along_axis(drawn, by_item, axis=1)
        again = np.zeros(drawn.shape, dtype=bool)
        np.put_along_axis(again, by_item[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
        drop = again | (drawn == rows[:, None])
        keep = np.argsort(drop, axis=1, kind="stable")
        drawn[drop], strength[drop] = -1, 0
        indices[rows, : drawn.shape[1]] = np.take_along_axis(drawn, keep, axis=1)
        scores[rows, : drawn.shape[1]] = np.take_along_axis(strength, keep, axis=1)
    return indices, scores
