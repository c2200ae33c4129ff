"""What moves the demand of the upper levels: a linear decomposition that adds up."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .calendar import dates_of
from .models.linear import LinearRegression
from .panel import Panel
from .result import COMPONENT_COLUMNS

Floats = NDArray[np.float64]
PARTS: Final = ("trend", "season", "holiday", "price", "promotion")


def components_frames(panel: Panel, level: NDArray[Any], mean: Floats, season_length: int) -> tuple[Any, Any]:
    """``(components, coefficients)`` as long frames: parts of every period of the history and of the forecast ``mean``
    [A, H]; what no part explains, and regressors of other names, are "rest". Coefficients per series: ``trend`` (per
    period), ``price_elasticity`` (percent of demand per percent of price), ``promotion`` and ``holiday`` (pieces per
    unit). Prices paid explain nothing here: who orders much pays less.
    """
    import pandas as pd

    horizon = mean.shape[1]
    periods = panel.length + horizon
    regressors = {name: values for name, values in panel.regressors.items() if name != "price_paid"}
    model = LinearRegression().fit_with(panel.y, regressors, season_length=season_length)
    parts = model.parts(0, periods, regressors)
    known = np.concatenate([panel.y, mean], axis=1)
    columns: dict[str, Any] = {
        "level": np.repeat(level, periods),
        "unique_id": np.repeat(panel.ids, periods),
        "ds": np.tile(dates_of(panel.first + np.arange(periods), panel.frequency).astype("datetime64[ns]"), len(panel)),
    }
    rest = known.copy()
    for name in PARTS:
        values = parts.get(name, np.zeros(known.shape))
        rest = rest - values
        columns[name] = values.ravel()
    columns["rest"] = rest.ravel()
    frame = pd.DataFrame(columns)[list(COMPONENT_COLUMNS)]
    usual = np.nanmean(np.where(np.isnan(panel.y).all(axis=1, keepdims=True), 0.0, panel.y), axis=1)
    price = model.coefficients_.get("price", np.zeros(len(panel)))
    coefficients = pd.DataFrame(
        {
            "level": level,
            "unique_id": panel.ids,
            "trend": model.coefficients_["trend"],
            "price_elasticity": np.where(usual > 0, price / np.maximum(usual, 1e-12), 0.0),
            "promotion": model.coefficients_.get("promotion", np.zeros(len(panel))),
            "holiday": model.coefficients_.get("holiday", np.zeros(len(panel))),
        }
    )
    return frame[known.ravel() == known.ravel()].reset_index(drop=True), coefficients
