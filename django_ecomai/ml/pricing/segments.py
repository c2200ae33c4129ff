"""How price-sensitive parts of the trade are, over a short list of what may be asked at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .elasticity import Z95, ElasticityOptions, fit_elasticities
from .panel import PricePanel

Floats = NDArray[np.float64]
#: What a segment may be made of. Never a protected attribute, and nothing that stands in for one: no name, age, gender,
#: address below a region, device or past behaviour of a person.
ALLOWED = ("channel", "region", "customer_tier", "volume")
#: Fewer products with an elasticity of their own say nothing about a segment.
FEWEST_PRODUCTS = 5


@dataclass(frozen=True, eq=False)
class SegmentElasticities:
    """Per segment, in the order of ``names``: the mean ``elasticity`` [s] of the shop's products in it, ``sd``, ``low``
    and ``high`` (95 %), ``products`` [s] how many have one of their own there, and ``reason`` [s] ("too_few_products";
    "": there is one). ``apart`` [s, s] is the probability that the first is more sensitive than the second."""

    names: tuple[str, ...]
    elasticity: Floats
    sd: Floats
    low: Floats
    high: Floats
    products: NDArray[np.int64]
    reason: NDArray[np.str_]
    apart: Floats


def segment_elasticities(
    attribute: str, panels: Mapping[str, PricePanel], options: ElasticityOptions | None = None
) -> SegmentElasticities:
    """One fit for each segment of ``attribute`` (one of ``ALLOWED``), every one with all its controls.

    ``panels``: what each segment bought, over the same products. Segments are fitted apart, so what the shop sells to
    one does not draw the other. They describe the trade (where a wholesale list, a region or a channel has prices of
    its own); no proposal is made for a person. Raises ``ValueError`` for any other attribute.
    """
    if attribute not in ALLOWED:
        raise ValueError(
            f"prices are not compared by {attribute!r}: only by {', '.join(ALLOWED)}. Attributes of a person, and what "
            "stands in for one, are left out on purpose."
        )
    names = tuple(sorted(panels))
    mean, sd = np.full(len(names), np.nan), np.full(len(names), np.nan)
    products, reason = np.zeros(len(names), dtype=np.int64), np.full(len(names), "", dtype="U32")
    for at, name in enumerate(names):
        found = fit_elasticities(panels[name], options)
        products[at] = int(found.accepted.sum())
        if products[at] < FEWEST_PRODUCTS:
            reason[at] = "too_few_products"
            continue
        mean[at], sd[at] = found.groups.shop_mean, found.groups.shop_sd
    return SegmentElasticities(
        names, mean, sd, mean - Z95 * sd, mean + Z95 * sd, products, reason, _more_sensitive(mean, sd)
    )


def _more_sensitive(mean: Floats, sd: Floats) -> Floats:
    from scipy.stats import norm

    apart = mean[None, :] - mean[:, None]
    return np.asarray(norm.cdf(apart / np.sqrt(sd[None, :] ** 2 + sd[:, None] ** 2)))
