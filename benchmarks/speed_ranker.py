"""A simulated second stage for the tables of `speed_table`: as wide and as deep as training makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from django_ecomai.ml.persist import MANIFEST, load_arrays, save_arrays
from django_ecomai.ml.recommend.neighbours import NeighbourTable
from django_ecomai.ml.recommend.ranking.facts import ITEM_COLUMNS, ItemFacts
from django_ecomai.ml.recommend.ranking.features import NEIGHBOURS, FeatureMaker
from django_ecomai.ml.recommend.ranking.learn import LEAVES, ROUNDS
from django_ecomai.ml.recommend.ranking.second_stage import KEY, SecondStage
from django_ecomai.ml.recommend.ranking.trees import Trees
from django_ecomai.ml.recommend.serving import Scorer

from .speed_table import artifact, simulated

SOURCES = ("rules", "ease", "content")


def ranked(folder: Path, n_items: int) -> Scorer:
    """The scorer of `speed_table.artifact` with the arrays of a second stage beside it, all memory-mapped."""
    manifest, arrays = load_arrays(artifact(folder, n_items))
    target = folder / f"ranker-{n_items}"
    if not (target / MANIFEST).is_file():
        second = second_stage(arrays)
        save_arrays(target, second.arrays(), {KEY: second.manifest()})
    about, more = load_arrays(target)
    scorer = Scorer({**manifest, **about}, {**arrays, **more})
    if scorer._second is None:
        raise RuntimeError("the simulated second stage is of another version than the scorer")
    return scorer


def second_stage(arrays: dict[str, NDArray[Any]]) -> SecondStage:
    """One table per source, facts of every item, and trees of the size that `learn` allows."""
    n = len(arrays["item_ids"])
    random = np.random.default_rng(2)
    facts = ItemFacts(
        **{name: random.random(n, dtype=np.float32) for name in ITEM_COLUMNS},
        price=arrays["price"], category=arrays["category"],
    )  # fmt: skip
    tables = []
    for seed in range(len(SOURCES)):
        # The blend's own candidates are what its sources say: the first is its table.
        made = arrays if seed == 0 else simulated(n, NEIGHBOURS, seed)
        tables.append(NeighbourTable(made["neighbours_indices"], made["neighbours_scores"]))
    maker = FeatureMaker(SOURCES, tables, [1.0, 1.0, 0.5], facts, content=2)
    return SecondStage(maker, _trees(random, len(maker.names)), blend_share=0.3)


def _trees(random: np.random.Generator, n_features: int) -> Trees:
    """`ROUNDS` trees of `LEAVES` leaves, split where and by what it happens."""
    feature, left, right, roots = [], [], [], []
    for _ in range(ROUNDS):
        first = len(feature)
        roots.append(first)
        feature.append(-1)
        left.append(-1)
        right.append(-1)
        leaves = [first]
        while len(leaves) < LEAVES:
            node = leaves.pop(int(random.integers(len(leaves))))
            feature[node] = int(random.integers(n_features))
            for sides in (left, right):
                sides[node] = len(feature)
                leaves.append(len(feature))
                feature.append(-1)
                left.append(-1)
                right.append(-1)
    size = len(feature)
    return Trees(
        feature=np.array(feature, dtype=np.int16), threshold=random.random(size), left=np.array(left, dtype=np.int32),
        right=np.array(right, dtype=np.int32), value=random.normal(size=size),
        missing_left=random.random(size) < 0.5, roots=np.array(roots, dtype=np.int32),
    )  # fmt: skip
