"""What a price for more pieces earns: a discount from a quantity on, and two products for one price."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Offer:
    """The best offer of its kind: ``discount`` is the part taken off, from ``quantity`` pieces on (bundle: 1 of each);
    ``gain`` the expected profit more than today over the lines that were given, ``gain_sd`` over the elasticity's
    posterior, ``gain_chance`` the probability of any. ``reason`` says why there is none ("": there is one)."""

    quantity: float
    discount: float
    gain: float
    gain_sd: float
    gain_chance: float
    reason: str = ""


def _nothing(reason: str) -> Offer:
    return Offer(0.0, 0.0, 0.0, 0.0, 0.0, reason)


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
) -> Offer:
    """The all-units discount that earns most: from ``quantity`` pieces on each costs ``price * (1 - discount)``.

    ``quantities`` [m] are the pieces of past order lines at about this ``price``; ``cost`` is per piece and ``lowest``
    the price that no limit allows to go below; prices are multiples of ``step`` (0: any). Lines of at least that many
    pieces grow as the ``elasticity`` (with its ``sd``) has it. Lines of fewer pieces whose money would buy the larger
    quantity take it: that costs them nothing. Nobody else changes, so what is left out is on the careful side.
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
    nodes, weights = posterior_nodes()
    slopes = np.minimum(elasticity + sd * nodes, 0.0)
    total = np.concatenate([[0.0], np.cumsum(pieces)])
    best, found = 0.0, _nothing("no_gain")
    lower, kept = price * (1 - allowed), (1 - allowed)[:, None] ** slopes  # [discounts], [discounts, nodes]
    for quantity in steps.tolist() if len(allowed) else []:
        many = int(np.searchsorted(pieces, quantity))
        above = total[-1] - total[many]
        reach = np.searchsorted(pieces, quantity * (1 - allowed))
        jump = (many - reach) * quantity * (lower - cost) - (total[many] - total[reach]) * (price - cost)
        gains = above * (kept * (lower - cost)[:, None] - (price - cost)) + jump[:, None]
        means = gains @ weights
        at = int(means.argmax())
        if means[at] > best:
            best, found = float(means[at]), Offer(quantity, float(allowed[at]), *_moments(gains[at], weights))
    return found


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
    nodes, weights = posterior_nodes()
    slope = [np.minimum(e + s * nodes, 0.0) for e, s in zip(elasticity, sd, strict=True)]
    margin = price[0] - cost[0], price[1] - cost[1]
    both = sum(price)
    best, found = 0.0, _nothing("no_gain")
    joint_weights = np.outer(weights, weights).ravel()
    for discount in _discounts(both, max(lowest, sum(cost)), step).tolist():
        asked = both * (1 - discount)
        extra = asked - price[0], asked - price[1]  # what the second, and the first, costs on top
        if min(extra) <= 0:
            continue
        # who buys the first alone adds the second at its lower price, and the other way round
        more_second = np.minimum(together * ((extra[0] / price[1]) ** slope[1] - 1), first_only)
        more_first = np.minimum(together * ((extra[1] / price[0]) ** slope[0] - 1), second_only)
        bundle = asked - sum(cost)
        gain = (
            together * (bundle - sum(margin))
            + (more_second * (bundle - margin[0]))[None, :]
            + (more_first * (bundle - margin[1]))[:, None]
        ).ravel()
        mean = float(gain @ joint_weights)
        if mean > best:
            best, found = mean, Offer(1.0, discount, *_moments(gain, joint_weights))
    return found


def _discounts(price: float, lowest: float, step: float) -> Floats:
    """Those whose price is allowed; with a ``step`` each goes up to the next price that can be written on a label."""
    if step <= 0:
        return np.asarray(DISCOUNTS[price * (1 - DISCOUNTS) >= lowest])
    prices = np.unique(np.round(np.ceil(np.round(price * (1 - DISCOUNTS) / step, 6)) * step, 9))[::-1]
    return np.asarray(1 - prices[(prices < price) & (prices >= lowest)] / price)


def _moments(gain: Floats, weights: Floats) -> tuple[float, float, float]:
    """Mean, standard deviation and chance of being above 0."""
    mean = float(gain @ weights)
    variance, chance = float((gain - mean) ** 2 @ weights), float((gain > 0) @ weights)
    return mean, float(np.sqrt(max(variance, 0.0))), min(chance, 1.0)
