"""Boosted trees as flat arrays, evaluated in numpy: the web process needs neither LightGBM nor scikit-learn.

Evaluation follows QuickScorer (Lucchese et al., SIGIR 2015): every inner node whose test fails strikes out the leaves
of its left branch, and the leftmost leaf that is left is the answer. All trees and all rows are looked at together, one
node of every tree at a time, whatever the depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Leaves fit into the bits of one word.
MOST_LEAVES = 64
NAMES = ("feature", "threshold", "left", "right", "value", "missing_left", "roots")
_LARGEST = np.finfo(np.float64).max


@dataclass(frozen=True, eq=False)
class Trees:
    """N nodes of T trees. A row goes left when its feature is ``<= threshold``, or missing (NaN) and ``missing_left``.

    ``feature`` int16 [N] (-1 = leaf), ``threshold`` float64 [N], ``left`` and ``right`` int32 [N] (positions in these
    arrays, -1 in leaves), ``value`` float64 [N] (of leaves), ``missing_left`` bool [N], ``roots`` int32 [T].
    Raises ValueError when that is not what the arrays hold.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    roots: NDArray[np.int32]

    def __post_init__(self) -> None:
        sizes = {len(getattr(self, name)) for name in NAMES[:-1]}
        if len(sizes) != 1:
            raise ValueError(f"the arrays of the trees have {sorted(sizes)} nodes: they need one length")
        object.__setattr__(self, "_plan", _plan(self))

    @property
    def n_features(self) -> int:
        """Features that are looked at, at least: the largest one and those before it."""
        return int(self.feature.max(initial=-1)) + 1

    def __len__(self) -> int:
        return len(self.roots)

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Sum over the trees per row of ``features`` [m, F]: float64 [m]. Raises ValueError for too few features."""
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] < self.n_features:
            raise ValueError(f"features of shape {rows.shape} for trees that look at {self.n_features}")
        plan: _Plan = self._plan  # type: ignore[attr-defined]
        # missing values are below everything in the first copy and above everything in the second
        columns = np.clip(rows.T[: self.n_features], -_LARGEST, _LARGEST)
        missing = np.isnan(columns)
        doubled = np.concatenate([np.where(missing, -np.inf, columns), np.where(missing, np.inf, columns)])
        alive = np.full((len(self.roots), len(rows)), np.uint64(0xFFFFFFFFFFFFFFFF), dtype=np.uint64)
        for column, threshold, mask in zip(plan.column, plan.threshold, plan.mask, strict=True):
            fails = doubled[column] > threshold[:, None]
            alive &= np.where(fails, mask[:, None], np.uint64(0xFFFFFFFFFFFFFFFF))
        lowest = alive & (~alive + np.uint64(1))
        leaf = np.frexp(lowest.astype(np.float64))[1] - 1
        return np.asarray(np.take_along_axis(plan.values, leaf, axis=1).sum(axis=0))

    def arrays(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """For `persist.save_arrays`."""
        return {prefix + name: getattr(self, name) for name in NAMES}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> Self:
        """The inverse of `arrays`. Raises KeyError when one is missing, ValueError when they do not fit together."""
        return cls(**{name: np.array(arrays[prefix + name]) for name in NAMES})


@dataclass(frozen=True, eq=False)
class _Plan:
    """Inner node p of every tree side by side: column, threshold, surviving leaves [P, T]; leaf values [T, L]."""

    column: NDArray[np.int64]
    threshold: NDArray[np.float64]
    mask: NDArray[np.uint64]
    values: NDArray[np.float64]


def _plan(trees: Trees) -> _Plan:
    walked = [_walk(trees, int(root)) for root in trees.roots]
    depth = max((len(inner) for inner, _ in walked), default=0)
    widest = max((len(leaves) for _, leaves in walked), default=1)
    n, count = trees.n_features, len(walked)
    column = np.zeros((depth, count), dtype=np.int64)
    threshold = np.full((depth, count), np.inf)  # nothing is above it: a tree without this node loses no leaf
    mask = np.full((depth, count), np.uint64(0xFFFFFFFFFFFFFFFF), dtype=np.uint64)
    values = np.zeros((count, widest))
    for tree, (inner, leaves) in enumerate(walked):
        values[tree, : len(leaves)] = trees.value[leaves]
        for place, (node, first, last) in enumerate(inner):
            goes_left = bool(trees.missing_left[node])
            column[place, tree] = int(trees.feature[node]) + (0 if goes_left else n)
            threshold[place, tree] = min(float(trees.threshold[node]), _LARGEST)
            struck = ((1 << (last - first)) - 1) << first
            mask[place, tree] = np.uint64(0xFFFFFFFFFFFFFFFF ^ struck)
    return _Plan(column, threshold, mask, values)


def _walk(trees: Trees, root: int) -> tuple[list[tuple[int, int, int]], list[int]]:
    """Inner nodes as ``(node, first leaf of its left branch, first leaf of its right branch)``, and leaves in order."""
    inner: list[tuple[int, int, int]] = []
    leaves: list[int] = []
    seen = 0

    def visit(node: int) -> None:
        nonlocal seen
        seen += 1
        if not 0 <= node < len(trees.feature) or seen > 2 * MOST_LEAVES:
            raise ValueError(f"a tree leads nowhere, in circles or to more than {MOST_LEAVES} leaves")
        if trees.feature[node] < 0:
            leaves.append(node)
            return
        first = len(leaves)
        visit(int(trees.left[node]))
        inner.append((node, first, len(leaves)))
        visit(int(trees.right[node]))

    visit(root)
    if len(leaves) > MOST_LEAVES:
        raise ValueError(f"a tree has {len(leaves)} leaves; at most {MOST_LEAVES} can be evaluated")
    return inner, leaves
