"""One gradient-boosted model for all series and all steps ahead (Montero-Manso & Hyndman, "Principles and algorithms
for forecasting groups of time series", International Journal of Forecasting 37, 2021): direct forecasts of demand in
units of each series' recent level.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .demand import without_spikes
from .features import FeatureMaker
from .metrics import naive_scales
from .panel import Panel

Floats = NDArray[np.float64]


def lightgbm_installed() -> bool:
    """Whether LightGBM can be imported (it needs the system's libgomp1)."""
    try:
        import lightgbm  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


class GlobalBoosting:
    """Mean demand by a loss for amounts that are often zero (Tweedie 1.5, in scikit-learn Poisson): LightGBM, or
    scikit-learn's histogram boosting where that is missing (``engine`` "auto", "lightgbm", "sklearn").

    ``rows`` training rows at most, drawn from the last ``seasons`` seasons of origins.
    """

    kind = "learned"

    def __init__(
        self,
        *,
        rounds: int = 120,
        learning_rate: float = 0.05,
        leaves: int = 31,
        least: int = 100,
        rows: int = 150_000,
        seasons: float = 2.0,
        engine: str = "auto",
        seed: int = 0,
    ) -> None:
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.least = least
        self.rows = rows
        self.seasons = seasons
        self.engine = engine
        self.seed = seed

    def fit(self, panel: Panel, *, horizon: int, season_length: int) -> Self:
        """Learn from every origin of ``panel`` whose target lies inside it. Too little history: predicts nothing."""
        self.season_ = season_length
        self.model_: Any = None
        maker = FeatureMaker(panel, season_length)
        self.yearly_ = maker.yearly
        series, origin, pair, step = self._drawn(panel, horizon)
        if len(pair) < 100:
            return self
        names, features, level = maker.rows(series, origin, pair, step)
        cut = without_spikes(panel.y)
        actual = cut[series[pair], origin[pair] + step - 1]
        known = np.isfinite(actual)
        squared = naive_scales(panel.y)[1]
        # errors count as in the RMSSE, relative to how much a series changes anyway
        weight = level**2 / np.where(np.isfinite(squared), squared, np.inf)[series[pair]]
        usual = float(np.median(weight[weight > 0])) if (weight > 0).any() else 1.0
        weight = np.clip(weight / usual, 0.05, 20.0)
        self.names_ = names
        target = np.minimum(actual / level, 50.0)
        # scikit-learn cannot bin a column without any value, such as last year's in a young shop
        self.blank_ = np.isnan(features[known]).all(axis=0)
        features[:, self.blank_] = 0.0
        self.model_ = self._fitted(features[known], target[known], weight[known])
        return self

    def predict(self, panel: Panel, horizon: int) -> Floats:
        """Mean demand [S, horizon] after the end of ``panel``; NaN when there was too little to learn from."""
        shape = (len(panel), horizon)
        if self.model_ is None or not len(panel):
            return np.full(shape, np.nan)
        # it may know more of the year by now: the model has learned from what there was then
        maker = FeatureMaker(panel, self.season_, yearly=self.yearly_)
        series = np.arange(len(panel))
        origin = np.full(len(panel), panel.length)
        pair, step = np.repeat(series, horizon), np.tile(np.arange(1, horizon + 1), len(panel))
        _, features, level = maker.rows(series, origin, pair, step)
        features[:, self.blank_] = 0.0
        found = np.maximum(self._predicted(features), 0) * level
        found = found.reshape(shape)
        found[panel.start >= panel.length] = np.nan
        return found

    def _drawn(self, panel: Panel, horizon: int) -> tuple[NDArray[np.int64], ...]:
        random = np.random.default_rng(self.seed)
        first = max(2, panel.length - int(self.seasons * self.season_) - horizon, panel.length // 4)
        last = panel.length - 1
        start = panel.start
        span = np.maximum(last + 1 - np.maximum(start + 2, first), 0)
        steps = min(horizon, 4)
        total = int(span.sum())
        wanted = min(total, max(self.rows // steps, 1))
        if not wanted:
            empty = np.empty(0, dtype=np.int64)
            return empty, empty, empty, empty
        chosen = np.sort(random.choice(total, wanted, replace=False)) if wanted < total else np.arange(total)
        ends = np.cumsum(span)
        series = np.searchsorted(ends, chosen, side="right")
        origin = np.maximum(start + 2, first)[series] + chosen - (ends - span)[series]
        pair = np.repeat(np.arange(len(series)), steps)
        step = random.integers(1, horizon + 1, len(pair))
        inside = origin[pair] + step <= panel.length
        return series, origin, pair[inside], step[inside]

    def _fitted(self, features: Any, target: Floats, weight: Floats) -> Any:
        engine = self.engine
        if engine == "auto":
            engine = "lightgbm" if lightgbm_installed() else "sklearn"
        if engine == "lightgbm":
            import lightgbm

            params = {
                "objective": "tweedie", "learning_rate": self.learning_rate, "num_leaves": self.leaves,
                "min_data_in_leaf": self.least, "feature_fraction": 0.6, "bagging_fraction": 0.7, "bagging_freq": 1,
                "lambda_l2": 1.0, "verbosity": -1, "seed": self.seed, "deterministic": True, "force_row_wise": True,
                "num_threads": 1, "max_bin": 127,
            }  # fmt: skip
            data = lightgbm.Dataset(features, target, weight=weight, free_raw_data=True)
            return lightgbm.train(params, data, num_boost_round=self.rounds)
        from sklearn.ensemble import HistGradientBoostingRegressor

        model = HistGradientBoostingRegressor(
            loss="poisson", max_iter=self.rounds, learning_rate=self.learning_rate, max_leaf_nodes=self.leaves,
            min_samples_leaf=self.least, l2_regularization=1.0, max_bins=127, early_stopping=False,
            random_state=self.seed, max_features=0.6,
        )  # fmt: skip
        return model.fit(features, target, sample_weight=weight)

    def _predicted(self, features: Any) -> Floats:
        arguments = {"num_threads": 1} if type(self.model_).__module__.startswith("lightgbm") else {}
        return np.asarray(self.model_.predict(features, **arguments), dtype=np.float64)

    def get_params(self) -> dict[str, Any]:
        """Hyper-parameters by name."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name != "self"}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"
