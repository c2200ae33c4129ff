"""How much each kind of behaviour says about interest.

A purchase counts 1 and comes from the order lines only, so that it is counted once; everything else counts less. The
same weights are used for training and for folding in a visitor's last steps, so that both speak of the same thing.
What speaks against a product has a negative weight in training (``ml.recommend.feedback`` settles it): as large as what
it takes back, and a dismissal larger than a purchase.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .query import Behaviour

PURCHASE: Final = 1.0
WEIGHTS: Final[dict[str, float]] = {
    "view_item": 0.1,
    "add_to_wishlist": 0.3,
    "add_to_cart": 0.5,
    "purchase": PURCHASE,
}
AGAINST: Final[dict[str, float]] = {
    "remove_from_cart": -WEIGHTS["add_to_cart"],
    "refund": -PURCHASE,
    "dismiss": -2 * PURCHASE,
}
# A long look says more than a glance: up to twice the weight of a view, reached after this many seconds.
DWELL_FULL_SECONDS: Final = 60.0
# What the visitor looked at or put into the cart within this time is what he is after now.
SESSION_SECONDS: Final = 2 * 3600.0
# From this weight on (three views, or one cart) the present speaks as loudly as the whole past.
SESSION_FULL: Final = 3 * WEIGHTS["view_item"]


def behaviour_weight(name: str, *, dwell_seconds: float | None = None) -> float:
    """Weight of one behaviour; 0 for what says nothing about interest in a product."""
    weight = WEIGHTS.get(name, 0.0)
    if name == "view_item" and dwell_seconds is not None and dwell_seconds > 0:
        weight *= 1.0 + min(dwell_seconds / DWELL_FULL_SECONDS, 1.0)
    return weight


def feedback_weight(name: str, *, dwell_seconds: float | None = None) -> float:
    """Weight of one behaviour for training: that of ``behaviour_weight``, or a negative one for what speaks against."""
    return AGAINST.get(name, 0.0) or behaviour_weight(name, dwell_seconds=dwell_seconds)


def is_of_session(step: Behaviour, *, now: float) -> bool:
    """Whether a step says what its visitor is after now; a purchase is done with."""
    return step.name != "purchase" and now - step.at <= SESSION_SECONDS


def serving_weights(steps: Sequence[Behaviour], *, now: float, half_life_days: float | None) -> list[float]:
    """Weight of each step when a page is served: what happens now counts against the past as a whole.

    A regular customer's purchases would drown three views otherwise. Of several steps with one product the strongest
    counts; the past fades with ``half_life_days`` as the model lets it. For serving only: training and evaluation use
    ``behaviour_weight``.
    """
    weights = [behaviour_weight(step.name) for step in steps]
    present = [is_of_session(step, now=now) for step in steps]
    session: dict[str, float] = {}
    past: dict[str, float] = {}
    for step, weight, is_present in zip(steps, weights, present, strict=True):
        if not is_present and half_life_days:
            weight *= 0.5 ** min(max(now - step.at, 0.0) / 86_400 / half_life_days, 500.0)
        side = session if is_present else past
        side[step.product_id] = max(weight, side.get(step.product_id, 0.0))
    said = sum(session.values())
    if said <= 0:
        return weights
    factor = max(sum(past.values()) * min(said / SESSION_FULL, 1.0) / said, 1.0)
    return [weight * factor if is_present else weight for weight, is_present in zip(weights, present, strict=True)]
