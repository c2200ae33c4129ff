"""What a price for more pieces earns: a discount from a quantity on, and two products for one price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .optimise import posterior_nodes

Floats = NDArray[np.float64]
#: Discounts that are tried, as parts of the price.
DISCOUNTS = np.round(np.arange(0.02, 0.31, 0.01), 2)
#: Different quantities from which a discount is tried.
MOST_QUANTITIES = 30
#: Fewer lines than this say nothing about how much people buy at once.
FEWEST_LINES = 30
#: Draws of what may come: a probability told from so many is off by one of a hundred at most.
DRAWS = 2000


@dataclass(frozen=True)
class Offer:
    """The best offer of its kind: ``discount`` is the part taken off, from ``quantity`` pieces on (bundle: 1 of each);
    ``gain`` the profit more than without it that is expected of as many weeks again as the lines were of. ``gain_low``
    to ``gain_high`` (the ``level`` that was asked for), ``gain_sd`` and ``gain_chance``, the probability of any, are
    counted over the same draws: of the elasticity, and of which orders come. So the interval is as lopsided as the gain
    is, and begins above 0 exactly where the chance says so. ``reason`` says why there is none ("": there is one)."""

    quantity: float
    discount: float
    gain: float
    gain_sd: float
    gain_low: float
    gain_high: float
    gain_chance: float
    reason: str = ""


def _nothing(reason: str) -> Offer:
    return Offer(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, reason)


def quantity_break(
    quantities: ArrayLike,
    *,
    price: float,
    cost: float,
    elasticity: float,
    sd: float,
    lowest: float = 0.0,
    step: float = 0.0,
    most_reached: float = 1.0,
    level: float = 0.95,
    random_state: int = 0,
) -> Offer:
    """The all-units discount that earns most: from ``quantity`` pieces on each costs ``price * (1 - discount)``.

    ``quantities`` [m] are the pieces of past order lines at about this ``price``; ``cost`` is per piece and ``lowest``
    the price that no limit allows to go below; prices are multiples of ``step`` (0: any). Lines of at least that many
    pieces grow as the ``elasticity`` (with its ``sd``) has it. Lines of fewer pieces whose money would buy the larger
    quantity take it: that costs them nothing. Nobody else changes, so what is left out is on the careful side.
    Lines are taken to come one by one: where one buyer places many of the large ones, the interval is too narrow.
    Quantities that more than the share ``most_reached`` of the lines have are left out: what nearly everybody gets is a
    lower price, not a break. Source of the scheme: Dolan, "Quantity discounts: managerial issues and research
    opportunities", Marketing Science 6 (1987).
    Reasons: "too_few_lines", "no_margin", "no_elasticity", "no_gain". Raises ``ValueError`` for a price of 0 or less.
    """
    pieces = np.asarray(quantities, dtype=np.float64)
    pieces = np.sort(pieces[np.isfinite(pieces) & (pieces > 0)])
    if price <= 0:
        raise ValueError("price must be above 0")
    if len(pieces) < FEWEST_LINES:
        return _nothing("too_few_lines")
    if not np.isfinite(cost) or cost >= price:
        return _nothing("no_margin")
    if not np.isfinite(elasticity):
        return _nothing("no_elasticity")
    steps = np.unique(pieces[pieces > 1])
    if not len(steps):
        steps = np.array([2.0])
    steps = np.unique(np.concatenate([steps, steps + 1])) if len(steps) < MOST_QUANTITIES else steps
    steps = steps[len(pieces) - np.searchsorted(pieces, steps) <= most_reached * len(pieces)]
    if not len(steps):
        return _nothing("no_gain")
    steps = steps[np.linspace(0, len(steps) - 1, min(len(steps), MOST_QUANTITIES)).astype(int)]
    allowed = _discounts(price, max(lowest, cost), step)
    nodes, weights = _nodes()
    slopes = np.minimum(elasticity + sd * nodes, 0.0)
    total = np.concatenate([[0.0], np.cumsum(pieces)])
    best, chosen = 0.0, None
    lower, kept = price * (1 - allowed), (1 - allowed)[:, None] ** slopes  # [discounts], [discounts, nodes]
    for quantity in steps.tolist() if len(allowed) else []:
        many = int(np.searchsorted(pieces, quantity))
        above = total[-1] - total[many]
        reach = np.searchsorted(pieces, quantity * (1 - allowed))
        jump = (many - reach) * quantity * (lower - cost) - (total[many] - total[reach]) * (price - cost)
        means = (above * (kept * (lower - cost)[:, None] - (price - cost)) + jump[:, None]) @ weights
        at = int(means.argmax())
        if means[at] > best:
            best, chosen = float(means[at]), (quantity, float(allowed[at]))
    if chosen is None:
        return _nothing("no_gain")
    rng = np.random.default_rng(random_state)
    gains = _break_draws(pieces, *chosen, price, cost, _slopes(elasticity, sd, rng), rng)
    return Offer(*chosen, best, *_counted(gains, level))


def _break_draws(
    pieces: Floats,
    quantity: float,
    discount: float,
    price: float,
    cost: float,
    slopes: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Gains [draws] of a break over lines that come as often as those of ``pieces`` did, give or take chance."""
    sizes, counts = np.unique(pieces[pieces >= quantity * (1 - discount)], return_counts=True)
    coming = _orders(counts, len(slopes), rng)
    grown = sizes >= quantity
    above, below = coming[:, grown] @ sizes[grown], coming[:, ~grown] @ sizes[~grown]
    left = price * (1 - discount) - cost
    gains: Floats = above * ((1 - discount) ** slopes * left - (price - cost))
    return gains + coming[:, ~grown].sum(axis=1) * quantity * left - below * (price - cost)


def bundle_price(
    together: float,
    first_only: float,
    second_only: float,
    *,
    price: tuple[float, float],
    cost: tuple[float, float],
    elasticity: tuple[float, float],
    sd: tuple[float, float],
    lowest: float = 0.0,
    step: float = 0.0,
    level: float = 0.95,
    random_state: int = 0,
) -> Offer:
    """The discount on two products bought together that earns most, each of them staying on sale alone.

    ``together``, ``first_only`` and ``second_only`` are numbers of orders. Who would buy one of them gets the other for
    the bundle's price less that one's; the share of such orders that take it grows from today's as the ``elasticity``
    of the other has it. Orders that hold both today pay less: that is the price of the offer (mixed bundling; Adams and
    Yellen, Quarterly Journal of Economics 90, 1976). ``lowest`` is the least that both together may cost,
    and what they cost is a multiple of ``step`` (0: any).
    Reasons: "too_few_lines" (fewer than 30 orders of both), "no_margin", "no_elasticity", "no_gain".
    Raises ``ValueError`` for a price of 0 or less and for negative numbers of orders.
    """
    if min(price) <= 0:
        raise ValueError("price must be above 0")
    if min(together, first_only, second_only) < 0:
        raise ValueError("numbers of orders must not be negative")
    if together < FEWEST_LINES:
        return _nothing("too_few_lines")
    if not np.isfinite(cost).all() or cost[0] >= price[0] or cost[1] >= price[1]:
        return _nothing("no_margin")
    if not np.isfinite(elasticity).all():
        return _nothing("no_elasticity")
    allowed = _discounts(sum(price), max(lowest, sum(cost)), step)
    # one of them must cost something on top of the other
    allowed = allowed[sum(price) * (1 - allowed) > max(price)]
    if not len(allowed):
        return _nothing("no_gain")
    nodes, weights = _nodes()
    known = [np.minimum(e + s * nodes, 0.0) for e, s in zip(elasticity, sd, strict=True)]
    # every node of the one with every node of the other
    slopes = np.repeat(known[0], len(nodes)), np.tile(known[1], len(nodes))
    orders = np.array([[together], [first_only], [second_only]], dtype=np.float64)
    means = _bundle_gains(orders, allowed, price, cost, slopes) @ np.outer(weights, weights).ravel()
    at = int(means.argmax())
    if means[at] <= 0:
        return _nothing("no_gain")
    rng = np.random.default_rng(random_state)
    drawn = _slopes(elasticity[0], sd[0], rng), _slopes(elasticity[1], sd[1], rng)
    gains = _bundle_gains(_orders(orders[:, 0], DRAWS, rng).T, allowed[at : at + 1], price, cost, drawn)[0]
    return Offer(1.0, float(allowed[at]), float(means[at]), *_counted(gains, level))


def _bundle_gains(
    orders: Floats,
    discounts: Floats,
    price: tuple[float, float],
    cost: tuple[float, float],
    slopes: tuple[Floats, Floats],
) -> Floats:
    """Gains [discounts, draws] for ``orders`` [3, draws or 1] of both, of the first and of the second alone."""
    together, first_only, second_only = orders
    asked = sum(price) * (1 - discounts)[:, None]
    margin, bundle = (price[0] - cost[0], price[1] - cost[1]), asked - sum(cost)
    # who buys the first alone adds the second at its lower price, and the other way round
    more_second = np.minimum(together * (((asked - price[0]) / price[1]) ** slopes[1] - 1), first_only)
    more_first = np.minimum(together * (((asked - price[1]) / price[0]) ** slopes[0] - 1), second_only)
    gains: Floats = together * (bundle - sum(margin)) + more_second * (bundle - margin[0])
    return gains + more_first * (bundle - margin[1])


def _discounts(price: float, lowest: float, step: float) -> Floats:
    """Those whose price is allowed; with a ``step`` each goes up to the next price that can be written on a label."""
    if step <= 0:
        return np.asarray(DISCOUNTS[price * (1 - DISCOUNTS) >= lowest])
    prices = np.unique(np.round(np.ceil(np.round(price * (1 - DISCOUNTS) / step, 6)) * step, 9))[::-1]
    return np.asarray(1 - prices[(prices < price) & (prices >= lowest)] / price)


@cache
def _nodes() -> tuple[Floats, Floats]:
    return posterior_nodes()


@cache
def _normal() -> Floats:
    """The middles of so many equally likely parts of a standard normal: no draw is wasted on being near another."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((number + 0.5) / DRAWS) for number in range(DRAWS)])


def _slopes(elasticity: float, sd: float, rng: Any) -> Floats:
    """Draws of an elasticity; nobody buys more because it costs more, so what is above 0 counts as 0."""
    return np.minimum(elasticity + sd * rng.permutation(_normal()), 0.0)


def _orders(counts: Iterable[float], draws: int, rng: Any) -> Floats:
    """How many orders of each kind come where so many came [draws, k]: the rate is not known (gamma), and at that rate
    they come by chance (Poisson). As many are expected as came."""
    known = np.asarray(counts, dtype=np.float64)
    return rng.poisson(rng.standard_gamma(known, (draws, len(known)))).astype(np.float64)


def _counted(gains: Floats, level: float) -> tuple[float, float, float, float]:
    """Standard deviation, lower and upper end, and chance of being above 0, over draws."""
    low, high = np.quantile(gains, [(1 - level) / 2, (1 + level) / 2])
    return float(gains.std()), float(low), float(high), float((gains > 0).mean())
