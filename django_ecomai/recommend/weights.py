"""How much each kind of behaviour says about interest.

A purchase counts 1 and comes from the order lines only, so that it is counted once; everything else counts less. The
same weights are used for training and for folding in a visitor's last steps, so that both speak of the same thing.
"""

from __future__ import annotations

from typing import Final

PURCHASE: Final = 1.0
WEIGHTS: Final[dict[str, float]] = {
    "view_item": 0.1,
    "add_to_wishlist": 0.3,
    "add_to_cart": 0.5,
    "purchase": PURCHASE,
}
# A long look says more than a glance: up to twice the weight of a view, reached after this many seconds.
DWELL_FULL_SECONDS: Final = 60.0


def behaviour_weight(name: str, *, dwell_seconds: float | None = None) -> float:
    """Weight of one behaviour; 0 for what says nothing about interest in a product."""
    weight = WEIGHTS.get(name, 0.0)
    if name == "view_item" and dwell_seconds is not None and dwell_seconds > 0:
        weight *= 1.0 + min(dwell_seconds / DWELL_FULL_SECONDS, 1.0)
    return weight
