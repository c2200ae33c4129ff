"""Levels above the products, and forecasts that add up.

Reconciliation is the trace-minimising projection with a diagonal error covariance ("MinT", Wickramasuriya,
Athanasopoulos & Hyndman, Journal of the American Statistical Association 114, 2019), in the form that needs one
system of the size of the upper levels: products change in proportion to their own variance, so that the sums meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .demand import without_spikes
from .panel import Panel

Floats = NDArray[np.float64]
PRODUCT: Final = "product"
SHOP: Final = "shop"
#: Upper series in one system; a level with more parents than this is only added up.
MOST_PARENTS: Final = 3000


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """``level`` and ``ids`` [A] of the upper series, ``parent`` [A-position per grouping, S]: who adds up into whom
    (-1 = nobody).
    """

    level: NDArray[Any]
    ids: NDArray[Any]
    parents: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        return len(self.ids)

    def sums(self, bottom: Floats) -> Floats:
        """Sums [A, ...] of ``bottom`` [S, ...]; NaN counts as nothing, all NaN stays NaN."""
        total = np.zeros((len(self), *bottom.shape[1:]))
        known = np.zeros(total.shape, dtype=np.int64)
        for parent in self.parents:
            inside = parent >= 0
            np.add.at(total, parent[inside], np.nan_to_num(bottom[inside]))
            np.add.at(known, parent[inside], ~np.isnan(bottom[inside]))
        return np.where(known > 0, total, np.nan)


def hierarchy_build(ids: NDArray[Any], groups: Any = None) -> Hierarchy:
    """From a frame ``unique_id`` and one column per level; the shop as a whole is always on top.

    Raises ValueError when the frame has no ``unique_id`` or names a level "product" or "shop".
    """
    import pandas as pd

    level, names, parents = [SHOP], [SHOP], [np.zeros(len(ids), dtype=np.int64)]
    if groups is not None and len(groups.columns):
        if "unique_id" not in groups.columns:
            raise ValueError("groups has no column 'unique_id': give one row per series and a column per level")
        known = groups.drop_duplicates("unique_id").set_index("unique_id").reindex(ids)
        for name in known.columns:
            if name in (PRODUCT, SHOP):
                raise ValueError(f"a level cannot be called {name!r}: that one is always there")
            codes, found = pd.factorize(known[name], sort=True)
            parents.append(np.where(codes >= 0, codes + len(names), -1))
            level += [name] * len(found)
            names += [str(value) for value in found]
    return Hierarchy(np.array(level, dtype=object), np.array(names, dtype=object), tuple(parents))


def aggregate(panel: Panel, hierarchy: Hierarchy) -> Panel:
    """The upper series, spikes of single products cut; unknown (stocked out) demand of a product is filled with its
    own mean, regressors are the mean over products, weighted with their sales.
    """
    known = ~np.isnan(panel.y)
    began = np.arange(panel.length) >= panel.start[:, None]
    cut = without_spikes(panel.y)
    level = np.nansum(cut, axis=1) / np.maximum(known.sum(axis=1), 1)
    y = np.where(began, np.where(known, cut, level[:, None]), np.nan)
    weight = level[:, None] + 1e-9
    regressors = {}
    for name, values in panel.regressors.items():
        mass = hierarchy.sums(np.broadcast_to(weight, values.shape))
        regressors[name] = hierarchy.sums(values * weight) / np.where(mass > 0, mass, 1)
    total = hierarchy.sums(y)
    return Panel(hierarchy.ids, total, panel.first, panel.frequency, regressors, panel.ahead)


def reconcile(bottom: Floats, variance: Floats, upper: Floats, upper_variance: Floats, hierarchy: Hierarchy) -> Floats:
    """Products' forecasts [S, H] moved so that they add up to one best estimate of every level; never negative.

    ``variance`` and ``upper_variance`` ([S], [A]) are those of the forecast errors.
    """
    if len(hierarchy) > MOST_PARENTS or not len(bottom):
        return bottom
    gap = np.nan_to_num(upper - hierarchy.sums(bottom))
    cross = np.zeros((len(hierarchy), len(hierarchy)))
    for one in hierarchy.parents:
        for other in hierarchy.parents:
            both = (one >= 0) & (other >= 0)
            np.add.at(cross, (one[both], other[both]), variance[both])
    system = cross + np.diag(np.maximum(upper_variance, 1e-9))
    solved = np.linalg.solve(system + 1e-9 * np.trace(system) / len(system) * np.eye(len(system)), gap)
    moved = bottom.copy()
    for parent in hierarchy.parents:
        inside = parent >= 0
        moved[inside] += variance[inside, None] * solved[parent[inside]]
    return np.maximum(moved, 0.0)
