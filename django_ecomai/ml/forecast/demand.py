"""Classes of demand, one-off spikes and tails of products that are no longer sold.

The classes are those of Syntetos, Boylan & Croston, "On the categorization of demand patterns", Journal of the
Operational Research Society 56 (2005): the mean interval between periods with demand (ADI) against 1.32, the squared
coefficient of variation of the demand in those periods (CV²) against 0.49.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CLASSES: Final = ("smooth", "erratic", "intermittent", "lumpy", "obsolete", "cold")
SMOOTH, ERRATIC, INTERMITTENT, LUMPY, OBSOLETE, COLD = range(6)
ADI_CUT: Final = 1.32
CV2_CUT: Final = 0.49
#: A tail of zeros is the end of a product when chance alone would bring it this rarely.
TAIL_CHANCE: Final = 0.001
#: Standard deviations of log size beyond which one period is a spike.
SPIKE: Final = 5.0
#: ... and it is at least this many times the median.
LEAST_SPIKE: Final = 10.0


@dataclass(frozen=True, eq=False)
class Demand:
    """Per series [S]: ``code`` position in `CLASSES`, ``adi`` in periods, ``cv2``, ``tail`` zero periods at the end."""

    code: NDArray[np.int8]
    adi: Floats
    cv2: Floats
    tail: NDArray[np.int64]


def classify(y: Floats) -> Demand:
    """Classes of ``y`` [S, T] (NaN = unknown). A series of zeros is obsolete; without a known period it is cold."""
    known, sold = ~np.isnan(y), y > 0
    periods, sales = known.sum(axis=1), sold.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        adi = np.where(sales > 0, periods / np.maximum(sales, 1), np.inf)
        sizes = np.where(sold, y, np.nan)
        mean = np.nansum(sizes, axis=1) / np.maximum(sales, 1)
        spread = np.nansum((sizes - mean[:, None]) ** 2, axis=1) / np.maximum(sales - 1, 1)
        cv2 = np.where(mean > 0, spread / np.maximum(mean, 1e-12) ** 2, 0.0)
        tail = _tail(known, sold)
        chance = (1 - np.clip(sales / np.maximum(periods - tail, 1), 0, 0.999)) ** tail
    code = np.where(
        adi < ADI_CUT, np.where(cv2 < CV2_CUT, SMOOTH, ERRATIC), np.where(cv2 < CV2_CUT, INTERMITTENT, LUMPY)
    )
    code = np.where((sales == 0) | ((chance < TAIL_CHANCE) & (tail > 3)), OBSOLETE, code)
    code = np.where(periods == 0, COLD, code)
    return Demand(code.astype(np.int8), adi, cv2, tail)


def _tail(known: NDArray[np.bool_], sold: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Known periods after the last sale."""
    later = np.cumsum(sold[:, ::-1], axis=1)[:, ::-1] == 0
    return np.asarray((known & later).sum(axis=1))


def without_spikes(y: Floats) -> Floats:
    """``y`` [S, T] with the largest size of a series cut where its other orders would not let one expect it: at `SPIKE`
    deviations of their log size above their median.

    The median of few orders is drawn towards that of all series as far as those are alike (empirical Bayes), so that
    the only order of a product can be a spike too.
    """
    sold = y > 0
    count = sold.sum(axis=1)
    often = count >= 5
    if not often.any():
        return y
    largest = np.argmax(np.where(sold, y, 0), axis=1)
    rest = sold.copy()
    rest[np.arange(len(y)), largest] = False
    n = rest.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        logs = np.log(np.where(rest, y, np.nan))
        median = np.nan_to_num(np.nanmedian(logs, axis=1))
        deviation = np.nan_to_num(np.nanstd(logs, axis=1))
    within = max(float(np.median(deviation[often])), 0.3)
    middle = float(np.median(median[often]))
    between = max(float(1.4826 * np.median(np.abs(median[often] - middle))), 0.1)
    own = n / (n + (within / between) ** 2)
    centre = own * median + (1 - own) * middle
    spread = np.sqrt((n * deviation**2 + 5 * within**2) / (n + 5) + (1 - own) * between**2)
    # few other products say nothing about a product with few orders
    reach = np.maximum(SPIKE * spread, np.log(LEAST_SPIKE))
    limit = np.where(often | (often.sum() >= 20), np.exp(np.minimum(centre + reach, 700.0)), np.inf)
    return np.asarray(np.minimum(y, limit[:, None]), dtype=np.float64)


def counts(y: Floats) -> NDArray[Any]:
    """Whether each series [S] holds whole numbers only."""
    return np.asarray(np.where(np.isnan(y), 0, np.abs(y - np.rint(y))).max(axis=1, initial=0) < 1e-9)
