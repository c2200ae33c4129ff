"""ABC by value, XYZ by how even demand is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def abc_xyz(
    value: ArrayLike,
    demand: ArrayLike,
    *,
    shares: tuple[float, float] = (0.8, 0.95),
    variations: tuple[float, float] = (0.5, 1.0),
) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """``(abc, xyz)``, each [n] of one letter.

    ``value`` [n] is turnover or margin: the products that bring the first ``shares[0]`` of its sum are A, up to
    ``shares[1]`` B, the others C (Pareto; the product that crosses a border belongs to the better class). What has no
    value or a negative one is C. ``demand`` [n, periods] gives the coefficient of variation: at most ``variations[0]``
    is X, at most ``variations[1]`` Y, above it Z; periods that are NaN do not count, no demand is Z. Raises
    ``ValueError`` for other shapes or borders that do not rise.
    """
    worth = np.nan_to_num(np.asarray(value, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(min=0.0)
    history = np.asarray(demand, dtype=np.float64)
    if worth.ndim != 1 or history.ndim != 2 or len(history) != len(worth):
        raise ValueError("value must be [n] and demand [n, periods]")
    if not 0 < shares[0] < shares[1] <= 1 or not 0 < variations[0] < variations[1]:
        raise ValueError("shares and variations must rise, shares up to 1")
    order = np.argsort(-worth, kind="stable")
    total = worth.sum()
    before = np.empty(len(worth))
    before[order] = np.cumsum(worth[order]) - worth[order]
    abc = np.where(before < shares[0] * total, "A", np.where(before < shares[1] * total, "B", "C"))
    abc = np.where(worth > 0, abc, "C")
    known = np.isfinite(history)
    count = np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, history, 0.0)
    mean = filled.sum(axis=1) / count
    spread = np.sqrt(np.where(known, (filled - mean[:, None]) ** 2, 0.0).sum(axis=1) / count)
    variation = np.where(mean > 0, spread / np.where(mean > 0, mean, 1.0), np.inf)
    xyz = np.where(variation <= variations[0], "X", np.where(variation <= variations[1], "Y", "Z"))
    return abc.astype("U1"), xyz.astype("U1")
