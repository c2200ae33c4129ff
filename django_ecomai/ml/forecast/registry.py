"""Names of the models and which of them suit a set of series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .base import Floats, SeriesModel
from .models.intermittent import ADIDA, IMAPA, SBA, TSB, Croston
from .models.linear import LinearRegression
from .models.nixtla import EXTRA_MODELS
from .models.simple import MovingAverage, SeasonalNaive, Zero
from .models.smoothing import DampedTrend, HoltWinters, SimpleSmoothing
from .models.theta import DynamicTheta
from .season import enough

LEARNED: Final = "learned"
#: The sum of the products' forecasts, a candidate of the levels above them.
BELOW: Final = "products"
MODELS: Final[dict[str, Callable[[], SeriesModel]]] = {
    model.kind: model
    for model in (
        Zero, MovingAverage, SeasonalNaive, SimpleSmoothing, DampedTrend, HoltWinters, DynamicTheta,
        LinearRegression, Croston, SBA, TSB, ADIDA, IMAPA,
    )
}  # fmt: skip
#: What is blended for series whose periods mostly have demand, and for the others.
CONTINUOUS: Final = ("damped_trend", "holt_winters", "theta")
SPARSE: Final = ("sba", "tsb", "imapa")


def model_build(name: str) -> SeriesModel:
    """A fresh model, of ours or of statsforecast. Raises ValueError for an unknown name."""
    if name in EXTRA_MODELS:
        return EXTRA_MODELS[name]()
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: use some of {', '.join((*MODELS, *EXTRA_MODELS))}")
    return MODELS[name]()


def baseline_name(y: Floats, season_length: int) -> str:
    """The forecast to beat: the seasonal naive where most series have two seasons, else the moving average."""
    if not len(y) or season_length < 2:
        return "moving_average"
    return "seasonal_naive" if float(np.mean(enough(y, season_length))) >= 0.5 else "moving_average"
