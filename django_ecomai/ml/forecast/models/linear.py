"""Ridge regression of demand on trend, season and regressors, for all series at once, with coefficients one can
read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..base import Floats, SeriesModel
from ..season import enough
from .smoothing import first_known


class LinearRegression(SeriesModel):
    """Level, trend, ``waves`` pairs of sines over the season (from two seasons on) and regressors; a penalty ``ridge``
    in units of one period's variance keeps what a short history cannot tell near zero.

    ``coefficients_``: name -> [S], change of demand per period ("trend"), per unit of a regressor, and for "price" per
    unit of its logarithm.
    """

    kind = "linear"
    seasonal = True

    def __init__(self, waves: int = 4, ridge: float = 1.0) -> None:
        self.waves = waves
        self.ridge = ridge
        self._regressors: Mapping[str, Floats] = {}

    def fit_with(self, y: ArrayLike, regressors: Mapping[str, Floats], *, season_length: int = 1) -> LinearRegression:
        """As `fit`, with regressors name -> [S, T + H]."""
        self._regressors = regressors
        self.fit(y, season_length=season_length)
        return self

    def fit(self, y: ArrayLike, *, season_length: int = 1) -> LinearRegression:
        """See `SeriesModel.fit`; without regressors unless called by `fit_with`."""
        try:
            return super().fit(y, season_length=season_length)
        finally:
            self._held, self._regressors = self._regressors, {}

    def _fit(self, y: Floats, season_length: int) -> None:
        self.season_length_ = season_length
        self.start_ = first_known(y)
        self.usable_ = enough(y, season_length)
        self.names_ = ["level", "trend"]
        if self.usable_.any():
            pairs = min(self.waves, season_length // 2)
            self.names_ += [f"season_{kind}_{wave}" for wave in range(1, pairs + 1) for kind in ("sin", "cos")]
        self.names_ += list(self._regressors)
        self._centre = {name: _usual(values[:, : y.shape[1]], name) for name, values in self._regressors.items()}
        columns = self._columns(np.arange(y.shape[1]), self._regressors, len(y))
        design = np.stack([columns[name] for name in self.names_], axis=2)  # [S, T, P]
        known = ~np.isnan(y)
        design = np.where(known[:, :, None], design, 0.0)
        scale = np.sqrt((design**2).sum(axis=1) / np.maximum(known.sum(axis=1), 1)[:, None])
        scale = np.where(scale > 1e-12, scale, 1.0)
        scaled = design / scale[:, None, :]
        gram = scaled.transpose(0, 2, 1) @ scaled
        penalty = np.full(len(self.names_), self.ridge)
        penalty[0] = 1e-6
        moment = np.einsum("stp,st->sp", scaled, np.nan_to_num(y))
        solved = np.linalg.solve(gram + np.diag(penalty + 1e-9), moment[:, :, None])[:, :, 0]
        self.weights_ = solved / scale
        self.coefficients_ = {name: self.weights_[:, place] for place, name in enumerate(self.names_)}

    def parts(self, first: int, count: int, regressors: Mapping[str, Floats] | None = None) -> dict[str, Floats]:
        """What each column adds [S, count] in the periods from ``first`` on: "trend" (with the level), "season" and the
        regressors by name. They sum to the fitted value.
        """
        told = self._held if regressors is None else regressors
        periods = np.arange(first, first + count)
        columns = self._columns(periods, told, len(self.weights_))
        found: dict[str, Floats] = {}
        for place, name in enumerate(self.names_):
            group = "trend" if name in ("level", "trend") else "season" if name.startswith("season_") else name
            found[group] = found.get(group, 0.0) + columns[name] * self.weights_[:, place][:, None]
        return found

    def _columns(self, periods: Any, regressors: Mapping[str, Floats], series: int) -> dict[str, Floats]:
        shape = (series, len(periods))
        columns = {"level": np.ones(shape), "trend": (periods[None, :] - self.start_[:, None]).astype(np.float64)}
        for wave in range(1, self.waves + 1):
            angle = 2 * np.pi * wave * periods / self.season_length_
            for kind, values in (("sin", np.sin(angle)), ("cos", np.cos(angle))):
                columns[f"season_{kind}_{wave}"] = values[None, :] * self.usable_[:, None]
        for name, values in regressors.items():
            at = np.minimum(periods, values.shape[1] - 1)
            columns[name] = _measured(values[:, at], name) - self._centre[name][:, None]
        return columns

    def _predict(self, horizon: int) -> Floats:
        parts = self.parts(self.length_, horizon)
        return np.asarray(sum(parts.values()))


def _measured(values: Floats, name: str) -> Floats:
    """A price counts by its logarithm; a price of 0 says nothing (0 after centring)."""
    if name != "price":
        return values
    with np.errstate(divide="ignore"):
        return np.where(values > 0, np.log(np.maximum(values, 1e-12)), np.nan_to_num(_usual(values, name))[:, None])


def _usual(values: Floats, name: str) -> Floats:
    if name != "price":
        return np.zeros(len(values))
    good = values > 0
    logs = np.where(good, np.log(np.maximum(values, 1e-12)), 0.0)
    return np.asarray(logs.sum(axis=1) / np.maximum(good.sum(axis=1), 1))
