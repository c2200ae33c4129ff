"""How much each product of a visitor's past says: recency, steps, and the strongest of several events. Numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .neighbours import IntArray


def weigh_history(
    items: IntArray,
    weights: ArrayLike | None = None,
    ages_days: ArrayLike | None = None,
    *,
    half_life_days: float | None = None,
    step_decay: float | None = None,
) -> tuple[IntArray, NDArray[np.float64]]:
    """``(items, weights)``: every item of the history once, ascending, with the weight of its strongest event.

    ``half_life_days`` fades by age (against the newest event), ``step_decay`` by the number of different items since
    (`steps_back`). Weights that are not a number, and negative ones, count 0. Raises ValueError for unequal lengths.
    """
    weight = np.ones(len(items)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    if ages_days is not None and half_life_days is not None:
        ages = np.maximum(np.asarray(ages_days, dtype=np.float64).ravel(), 0.0)
        weight = weight * 0.5 ** np.minimum((ages - ages.min(initial=np.inf)) / half_life_days, 500.0)
    if len(weight) != len(items):
        raise ValueError(f"{len(weight)} weights for a history of {len(items)} items")
    if not len(items):
        return items, weight
    order, starts, unique = _grouped(items)
    weight = weight[order]
    if step_decay is not None:
        faded = step_decay ** np.minimum(_steps(unique, order, starts, ages_days), 500)
        weight = weight * np.repeat(faded, np.diff(starts, append=len(items)))
    if not np.isfinite(weight).all():
        weight = np.nan_to_num(weight)
    return unique, np.maximum(np.maximum.reduceat(weight, starts), 0.0)


def steps_back(items: IntArray, ages_days: ArrayLike | None = None) -> NDArray[np.int64]:
    """How many different items came after the last event with each item; equal ages, or none: the later entry is newer.

    Unknown items (-1) are no step. Raises ValueError for unequal lengths.
    """
    if not len(items):
        return np.empty(0, dtype=np.int64)
    order, starts, unique = _grouped(items)
    result = np.empty(len(items), dtype=np.int64)
    result[order] = np.repeat(_steps(unique, order, starts, ages_days), np.diff(starts, append=len(items)))
    return result


def _grouped(items: IntArray) -> tuple[NDArray[np.int64], NDArray[np.int64], IntArray]:
    """Positions that sort ``items``, where each item starts among them, and the different items, ascending."""
    order = np.argsort(items, kind="stable")
    ordered = items[order]
    starts = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
    return order, starts, ordered[starts]


def _steps(
    unique: IntArray, order: NDArray[np.int64], starts: NDArray[np.int64], ages_days: ArrayLike | None
) -> NDArray[np.int64]:
    """Steps per item of ``unique``."""
    count = len(order)
    place = np.arange(count - 1, -1, -1)  # of each event, the newest first
    if ages_days is not None:
        ages = np.asarray(ages_days, dtype=np.float64).ravel()
        if len(ages) != count:
            raise ValueError(f"{len(ages)} ages for a history of {count} items")
        if not np.isfinite(ages).all():
            ages = np.nan_to_num(ages)
        newest_first = place[np.argsort(ages[::-1], kind="stable")]
        place = np.empty(count, dtype=np.int64)
        place[newest_first] = np.arange(count)
    last = np.minimum.reduceat(place[order], starts)
    steps = np.zeros(len(unique), dtype=np.int64)
    known = int(np.searchsorted(unique, 0))  # ascending: what is unknown stands first
    steps[known + np.argsort(last[known:])] = np.arange(len(unique) - known)
    return steps
