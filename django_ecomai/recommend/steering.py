"""What other apps say of products (``core.registry.product_weights``), such as stock: asked at most once a minute."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from django_ecomai.core.registry import product_weights

logger = logging.getLogger("django_ecomai.recommend")

KEPT_SECONDS = 60.0
LEAST, MOST = 0.05, 20.0

# No lock: looking up, storing and clearing are one step each, and what two threads read at once is equal.
_kept: dict[str, tuple[float, Mapping[str, float]]] = {}


def weights_of_others(channel: str) -> Mapping[str, float]:
    """Product id -> factor of its weight, those of several apps multiplied; empty when nobody has anything to say.

    Never raises: an app that fails is left out.
    """
    found = _kept.get(channel)
    if found is not None and found[0] > time.monotonic():
        return found[1]
    weights: dict[str, float] = {}
    for name, source in product_weights.items():
        try:
            for product, factor in source(channel).items():
                if math.isfinite(factor) and factor > 0:
                    weights[product] = min(max(weights.get(product, 1.0) * factor, LEAST), MOST)
        except Exception:  # another app's own code
            logger.exception("The weights of %s failed; recommendations go on without them.", name)
    _kept[channel] = (time.monotonic() + KEPT_SECONDS, weights)
    return weights


def forget(**kwargs: Any) -> None:
    """Drop the copy."""
    _kept.clear()
