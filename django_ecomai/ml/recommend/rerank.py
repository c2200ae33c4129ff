"""Reorder a ranked list: variety, lesser-known items, the customer's own mix of categories, and trying out. numpy only.

Everything works on the n candidates of one list (tens, not the catalogue). Relevance is any score of which more is
better; it is scaled to 0..1 within the list, so that a strength of 0 keeps the order and 1 ignores the relevance.

Sources: Carbonell & Goldstein, "The use of MMR" (SIGIR 1998); Zhou et al., "Solving the apparent diversity-accuracy
dilemma of recommender systems" (PNAS 2010) for novelty as self-information; Steck, "Calibrated recommendations"
(RecSys 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Share of the target mixed into a list's own distribution, so that a missing category costs much and not infinitely.
SMOOTHING = 0.01
# Of each draw this share is uniform: every candidate has a chance that an estimate can divide by.
UNIFORM = 0.2


def unit(values: ArrayLike) -> Floats:
    """Scaled to 0..1 over the list: float64 [n]. NaN counts as the least; a list of equals is all ones."""
    found = np.asarray(values, dtype=np.float64).ravel()
    known = np.isfinite(found)
    if not known.any():
        return np.ones(len(found))
    low, high = float(found[known].min()), float(found[known].max())
    filled = np.clip(np.where(known, found, np.where(found == np.inf, high, low)), low, high)
    # halved first: the spread of two huge numbers may be too large for a float
    spread = high / 2 - low / 2
    return (filled / 2 - low / 2) / spread if spread > 0 else np.ones(len(found))


def novel(relevance: ArrayLike, popularity: ArrayLike, strength: float) -> Floats:
    """``(1 - strength) relevance + strength self-information``, both scaled to 0..1: float64 [n].

    ``popularity``: customers per item, 0 for one that nobody had. Self-information is ``-log2`` of the share of
    customers (the number of them cancels out), so that the hundredth customer says less than the second.
    """
    scaled, strength = unit(relevance), _share(strength)
    if strength <= 0 or not len(scaled):
        return scaled
    counts = np.maximum(np.nan_to_num(np.asarray(popularity, dtype=np.float64).ravel()), 0.0)
    return (1 - strength) * scaled + strength * unit(-np.log2(1.0 + counts))


def divergence(target: ArrayLike, shown: ArrayLike, *, smoothing: float = SMOOTHING) -> float:
    """Kullback-Leibler divergence KL(p || q~) in nats, ``q~ = (1 - smoothing) q + smoothing p``; both sum to one.

    0 for equal mixes; categories that the target lacks cost nothing by themselves.
    """
    wanted = np.asarray(target, dtype=np.float64)
    mixed = (1 - smoothing) * np.asarray(shown, dtype=np.float64) + smoothing * wanted
    held = wanted > 0
    # rounding must not make equal mixes better than equal
    return max(float(np.sum(wanted[held] * np.log(wanted[held] / mixed[held]))), 0.0)


def rerank(
    relevance: ArrayLike,
    k: int,
    *,
    diversity: float = 0.0,
    similarity: NDArray[np.floating] | None = None,
    taste: float = 0.0,
    target: Floats | None = None,
    memberships: Floats | None = None,
) -> Ints:
    """Positions of the candidates in their new order, int64 [n]: the first ``k`` chosen greedily, then the rest.

    Each place goes to the candidate with the highest::

        (1 - taste) [(1 - diversity) relevance - diversity max similarity to those chosen] - taste KL(target || mix)

    which is MMR for ``taste`` 0 and Steck's calibration for ``diversity`` 0. ``similarity`` is [n, n] in 0..1;
    ``target`` [g] the customer's shares of g categories, ``memberships`` [n, g] the shares of each candidate (rows sum
    to one, or to zero for an item without a category). Ties keep the given order; candidates are best first.
    """
    scaled = unit(relevance)
    n = len(scaled)
    diversity, taste = _share(diversity), _share(taste)
    if similarity is None:
        diversity = 0.0
    if target is None or memberships is None or not np.sum(target) > 0:
        taste = 0.0
    given = np.argsort(-scaled, kind="stable")
    if (diversity <= 0 and taste <= 0) or n < 2:
        return given
    places = min(max(k, 0), n)
    wanted = np.zeros(0) if target is None or taste <= 0 else np.asarray(target, dtype=np.float64) / np.sum(target)
    nearest = np.zeros(n)
    mix = np.zeros(len(wanted))
    free = np.ones(n, dtype=bool)
    order: list[int] = []
    for place in range(places):
        value = (1 - diversity) * scaled - diversity * nearest
        if taste > 0 and memberships is not None:
            value = (1 - taste) * value - taste * _divergences(wanted, (mix + memberships) / (place + 1))
        value[~free] = -np.inf
        best = int(given[np.argmax(value[given])])
        order.append(best)
        free[best] = False
        if diversity > 0 and similarity is not None:
            nearest = np.maximum(nearest, similarity[best])
        if taste > 0 and memberships is not None:
            mix = mix + memberships[best]
    return np.array([*order, *(int(one) for one in given if free[one])], dtype=np.int64)


def draw(
    weights: ArrayLike,
    m: int,
    *,
    seed: Sequence[int],
    uniform: float = UNIFORM,
    labels: ArrayLike | None = None,
    room: ArrayLike = (),
) -> tuple[Ints, Floats]:
    """Draw up to ``m`` candidates without replacement: positions int64 and the chance of each, float64.

    A draw takes candidate i with ``(1 - uniform) w_i / sum(w) + uniform / n`` over those that may still be drawn. The
    chance that is returned is exactly that of the draw, given the draws before it: what an inverse-propensity estimate
    of a place divides by.
    ``labels`` int [n] (-1: none) and ``room`` int [g] limit how many of one label are drawn: who has no room left is
    not drawn and refused, which would make the chances of the others larger than what is said, but is no longer there.
    The same seed (whole numbers, not negative) draws the same.
    """
    free = np.maximum(np.nan_to_num(np.asarray(weights, dtype=np.float64).ravel(), posinf=0.0, neginf=0.0), 0.0)
    free = free / max(float(free.max(initial=0.0)), np.finfo(np.float64).tiny)  # sums of huge weights would overflow
    rng = np.random.default_rng(list(seed))
    label = np.full(len(free), -1) if labels is None else np.asarray(labels, dtype=np.int64).ravel()
    rooms = np.append(np.asarray(room, dtype=np.int64).ravel(), len(free) + 1)  # -1 is the last: room for all
    left = np.arange(len(free))
    chosen: list[int] = []
    chances: list[float] = []
    while len(chosen) < m:
        left = left[rooms[label[left]] > 0]
        if not len(left):
            break
        total = float(free[left].sum())
        even = 1.0 / len(left)
        chance = (1 - uniform) * free[left] / total + uniform * even if total > 0 else np.full(len(left), even)
        at = min(int(np.searchsorted(np.cumsum(chance), rng.random(), side="right")), len(left) - 1)
        chosen.append(int(left[at]))
        chances.append(min(float(chance[at]), 1.0))
        rooms[label[left[at]]] -= 1
        left = np.delete(left, at)
    return np.array(chosen, dtype=np.int64), np.array(chances)


def shares(labels: Sequence[Sequence[str]], names: Sequence[str]) -> Floats:
    """Memberships [n, g]: each item's weight spread evenly over those of its labels that are in ``names``."""
    at = {name: column for column, name in enumerate(names)}
    result = np.zeros((len(labels), len(names)))
    for row, own in enumerate(labels):
        columns = [at[name] for name in own if name in at]
        if columns:
            result[row, columns] = 1.0 / len(columns)
    return result


def likeness(
    *,
    categories: Sequence[str],
    brands: Sequence[str],
    content: Mapping[tuple[int, int], float] | None = None,
) -> Floats:
    """How alike the candidates are, float64 [n, n] in 0..1: .5 for one category, .2 for one brand, .3 for content.

    ``content`` holds pairs of positions with their similarity (0..1). An empty label equals nothing but itself.
    """
    n = len(categories)
    near = np.zeros((n, n))
    for (one, other), value in (content or {}).items():
        near[one, other] = near[other, one] = max(near[one, other], min(max(value, 0.0), 1.0))
    result = 0.5 * _equal(categories) + 0.2 * _equal(brands) + 0.3 * near
    result[np.arange(n), np.arange(n)] = 1.0
    return np.minimum(result, 1.0)


def _equal(labels: Sequence[str]) -> Floats:
    names = {name: code for code, name in enumerate(sorted({label for label in labels if label}))}
    codes = np.array([names.get(label, -1) for label in labels], dtype=np.int64)
    return ((codes[:, None] == codes[None, :]) & (codes[:, None] >= 0)).astype(np.float64)


def _divergences(target: Floats, mixes: Floats) -> Floats:
    """`divergence` of each row of ``mixes`` [n, g]."""
    held = target > 0
    mixed = (1 - SMOOTHING) * mixes[:, held] + SMOOTHING * target[held]
    return np.asarray(np.sum(target[held] * np.log(target[held] / mixed), axis=1))


def _share(value: float) -> float:
    return min(max(float(value), 0.0), 1.0) if value == value else 0.0
