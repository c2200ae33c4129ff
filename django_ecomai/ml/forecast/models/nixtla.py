"""Models of statsforecast (Nixtla, Apache 2.0) behind our interface: optional, one series after the other, slow.

They need ``pip install 'django-ecomai[statsforecast]'``, which at the time of writing takes pandas below 3. Nothing
here is imported before a model is fitted.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

from ..base import Floats, SeriesModel
from .simple import recent_mean


class MissingStatsforecast(ValueError):
    """statsforecast is not installed; the message says what to type."""


class StatsforecastModel(SeriesModel):
    """Any model of ``statsforecast.models`` that takes ``season_length``; ``name`` is that of its class.

    Unknown periods inside a history are filled in on the straight line between their neighbours. A series that is too
    short for the model, or that it fails on, gets the mean of its last season instead.
    """

    name = ""
    seasonal = True
    #: Known periods that a series needs.
    least = 5

    def _fit(self, y: Floats, season_length: int) -> None:
        self.model_ = statsforecast_model(self.name, season_length)
        self.y_ = y
        self.fallback_ = recent_mean(y, min(season_length, 13) if season_length > 1 else 8)

    def _predict(self, horizon: int) -> Floats:
        found = np.repeat(self.fallback_[:, None], horizon, axis=1)
        for row, values in enumerate(self.y_):
            known = np.flatnonzero(~np.isnan(values))
            if len(known) < self.least or values[known].min() == values[known].max():
                continue
            whole = np.interp(np.arange(known[0], len(values)), known, values[known])
            try:
                said = np.asarray(self.model_.forecast(y=whole, h=horizon)["mean"], dtype=np.float64)
            except Exception:  # noqa: S112 - one series of thousands must not end the run, whatever the library raises
                continue
            # an explosive fit is no forecast either
            if np.isfinite(said).all() and said.max() <= 10 * whole.max():
                found[row] = said
        return found


class StatsforecastETS(StatsforecastModel):
    """Exponential smoothing chosen by AICc."""

    kind, name = "statsforecast_ets", "AutoETS"


class StatsforecastTheta(StatsforecastModel):
    """The best of four theta models."""

    kind, name = "statsforecast_theta", "AutoTheta"


class StatsforecastCES(StatsforecastModel):
    """Complex exponential smoothing."""

    kind, name = "statsforecast_ces", "AutoCES"


class StatsforecastARIMA(StatsforecastModel):
    """Seasonal ARIMA chosen by AICc: by far the slowest."""

    kind, name = "statsforecast_arima", "AutoARIMA"


EXTRA_MODELS: Final = {
    model.kind: model for model in (StatsforecastETS, StatsforecastTheta, StatsforecastCES, StatsforecastARIMA)
}


def statsforecast_model(name: str, season_length: int) -> Any:
    """A model of the library. Raises MissingStatsforecast."""
    try:
        models = import_module("statsforecast.models")
    except ImportError as error:
        raise MissingStatsforecast(
            f"{name} is a model of statsforecast, which cannot be imported ({error}): type "
            "pip install 'django-ecomai[statsforecast]', or leave the model out"
        ) from error
    return getattr(models, name)(season_length=season_length)
