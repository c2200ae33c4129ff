"""The same need, better: alternatives of a product that are worth more to the shop and within reach of the shopper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue
from .matrix import blocks, table_from_blocks
from .neighbours import FloatArray, NeighbourTable

#: An alternative costs between these multiples of the product's price.
PRICE_BAND = (0.95, 1.6)
#: Alternatives kept per product.
KEPT = 20
#: Likeness below this part of the best alternative's is another need: at a third a mug led to bunting and milk pans.
LEAST_ALIKE = 0.5


def upgrades(
    catalogue: Catalogue,
    content: NeighbourTable,
    *,
    popularity: FloatArray,
    support: float = 10.0,
    price_band: tuple[float, float] = PRICE_BAND,
    kept: int = KEPT,
) -> NeighbourTable:
    """For each item those that serve the same need (alike by ``content`` and of the same category, where both name
    one), with a price within ``price_band`` times its own and a better margin or better reviews; where neither costs
    nor reviews of both are known: with a higher price.

    They are ordered by likeness x gain x trust: gain is the larger one of the relative rise of margin (or price) and
    the rise of ``stars`` as a share of the scale that the shop's products span, at most 1; trust is the share of its
    customers that a beta prior of ``support`` leaves, so that what nobody bought is no upgrade before what many did.
    The stored scores are ``1 / rank``: margins cannot be read off them. Without a price: no upgrade.
    Source: the expected-revenue ranking of Das, Mathieu and Ricketts, "Maximizing profit using recommender systems",
    2010, with likeness in the place of the predicted rating.
    """
    n = content.n_items
    rows, places = np.nonzero(content.indices >= 0)
    columns = content.indices[rows, places]
    score = content.scores[rows, places] * _gain(catalogue, rows, columns, price_band)
    best = np.zeros(n, dtype=np.float32)
    np.maximum.at(best, rows, content.scores[rows, places])
    score[content.scores[rows, places] < LEAST_ALIKE * best[rows]] = 0
    category = np.array(catalogue.category, dtype=object)
    if len(category):
        other = (category[rows] != category[columns]) & (category[rows] != "") & (category[columns] != "")
        score[other.astype(bool)] = 0
    score = score * ((popularity[columns] + 1) / (popularity[columns] + 1 + support)) * catalogue.active[columns]
    matrix = sparse.csr_matrix((score, (rows, columns)), shape=(n, n))
    table = table_from_blocks(((part.start, matrix[part]) for part in blocks(n, n)), n, kept, popularity)
    ranks = (1.0 / np.arange(1, table.indices.shape[1] + 1, dtype=np.float32))[None, :]
    return NeighbourTable(table.indices, np.where(table.indices >= 0, ranks, 0).astype(np.float32))


def _gain(
    catalogue: Catalogue, rows: NDArray[np.integer], columns: NDArray[np.integer], band: tuple[float, float]
) -> NDArray[np.float64]:
    """Relative rise of the margin (of the price, where one of the margins is unknown) or rise of the stars as a share
    of their range, whichever is larger, 0..1; 0 outside the band.
    """
    price, margin, stars = catalogue.price, catalogue.margin, catalogue.stars
    known = stars[~np.isnan(stars)]
    scale = max(float(np.ptp(known)), 1.0) if len(known) else 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = price[columns] / price[rows]
        by_price = ratio - 1
        usual = np.maximum(np.abs(margin[rows]), 0.01 * price[rows])
        by_margin = (margin[columns] - margin[rows]) / usual
        by_stars = (stars[columns] - stars[rows]) / scale
        by_value = np.where(np.isnan(by_margin), np.where(np.isnan(by_stars), by_price, np.nan), by_margin)
        gain = np.nan_to_num(np.fmax(by_value, by_stars), nan=0.0)
        inside = (ratio >= band[0]) & (ratio <= band[1])
    return np.asarray(np.where(inside & (gain > 0), np.minimum(gain, 1.0), 0.0))
