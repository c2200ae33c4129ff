"""Counts that may be published: differential privacy per person, for lists that leave the shop.

Whoever is in the data or not changes the probability of any published result by at most the factor exp(epsilon), apart
from a probability delta. Each person counts in at most ``most`` cells of a table, chosen at random; then discrete
Laplace noise is added (Ghosh, Roughgarden, Sundararajan 2009), drawn from whole numbers only, so that nothing leaks
through the rounding of floating-point numbers (Mironov 2012). A cell that is not known beforehand, such as a pair of
products, is published only above a threshold that one person passes with probability delta at most (Korolova et al.
2009).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Hashable, Iterable, Mapping
from fractions import Fraction
from typing import Any

Cell = Hashable
#: Draws a whole number from 0 to below its argument.
Draw = Callable[[int], int]


def bounded_counts(
    contributions: Mapping[Any, Iterable[Cell]] | Iterable[tuple[Any, Iterable[Cell]]],
    *,
    most: int,
    draw: Draw = secrets.randbelow,
) -> dict[Cell, int]:
    """Persons per cell, each counted once per cell and in ``most`` cells at most, chosen at random.

    ``contributions`` are the cells per person; as pairs they are read one person at a time, and none may come twice.
    Raises ``ValueError`` when ``most`` is below 1.
    """
    if most < 1:
        raise ValueError("most must be at least 1")
    counts: dict[Cell, int] = {}
    persons = contributions.items() if isinstance(contributions, Mapping) else contributions
    for _person, cells in persons:
        own = sorted(set(cells), key=repr)
        while len(own) > most:
            own[draw(len(own))] = own[-1]
            own.pop()
        for cell in own:
            counts[cell] = counts.get(cell, 0) + 1
    return counts


def discrete_laplace(scale: Fraction, *, draw: Draw = secrets.randbelow) -> int:
    """A whole number x with probability proportional to exp(-abs(x) / scale); exact, from whole random numbers.

    Method of Canonne, Kamath, Steinke (2020), algorithm 2. Raises ``ValueError`` for a scale that is not above zero.
    """
    if scale <= 0:
        raise ValueError("scale must be above zero")
    top, bottom = scale.numerator, scale.denominator
    while True:
        step = draw(top)
        if not _bernoulli_exp(Fraction(step, top), draw):
            continue
        rounds = 0
        while _bernoulli_exp(Fraction(1), draw):
            rounds += 1
        size = (step + top * rounds) // bottom
        negative = draw(2) == 1
        if not (negative and size == 0):
            return -size if negative else size


def _bernoulli_exp(gamma: Fraction, draw: Draw) -> bool:
    """True with probability exp(-gamma), for gamma from 0 to 1."""
    k = 1
    while draw(gamma.denominator * k) < gamma.numerator:
        k += 1
    return k % 2 == 1


def noisy_counts(
    counts: Mapping[Cell, int], *, epsilon: Fraction, most: int, known: Iterable[Cell], draw: Draw = secrets.randbelow
) -> dict[Cell, int]:
    """Counts of all ``known`` cells with noise; the list of cells must not come from the persons' data.

    ``epsilon``-differentially private for one person in ``counts`` of ``bounded_counts(most=most)``. Negative results
    are raised to 0, which costs nothing.
    """
    scale = _scale(epsilon, most)
    return {cell: max(0, counts.get(cell, 0) + discrete_laplace(scale, draw=draw)) for cell in known}


def noisy_selection(
    counts: Mapping[Cell, int], *, epsilon: Fraction, delta: float, most: int, draw: Draw = secrets.randbelow
) -> dict[Cell, int]:
    """Counts with noise of the cells that pass ``selection_threshold``; (epsilon, delta)-differentially private."""
    scale, least = _scale(epsilon, most), selection_threshold(epsilon=epsilon, delta=delta, most=most)
    noisy = {cell: count + discrete_laplace(scale, draw=draw) for cell, count in counts.items()}
    return {cell: count for cell, count in noisy.items() if count >= least}


def selection_threshold(*, epsilon: Fraction, delta: float, most: int) -> int:
    """The smallest number that any of ``most`` cells with one person in it reaches with probability delta at most.

    P(1 + noise >= t) = a^(t-1) / (1 + a) with a = exp(-epsilon / most). Raises ``ValueError`` for a delta that is not
    between 0 and 1.
    """
    if not 0 < delta < 1:
        raise ValueError("delta must be between 0 and 1")
    rate = 1 / float(_scale(epsilon, most))
    tail = delta * (1 + math.exp(-rate)) / most
    return 1 + max(1, math.ceil(-math.log(tail) / rate))


def _scale(epsilon: Fraction, most: int) -> Fraction:
    if epsilon <= 0:
        raise ValueError("epsilon must be above zero")
    if most < 1:
        raise ValueError("most must be at least 1")
    return Fraction(most) / epsilon
