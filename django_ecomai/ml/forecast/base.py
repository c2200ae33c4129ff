"""What every forecasting model has in common. Scikit-learn's conventions: ``__init__`` stores hyper-parameters, ``fit``
returns self, learned names end in ``_``, a second ``fit`` forgets the first.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class SeriesModel(ABC):
    """Fits S series at once, each on its own history."""

    kind: ClassVar[str]
    #: Seasons of history that a series needs; the model leaves the season out where there are fewer.
    seasonal: ClassVar[bool] = False
    length_: int

    def fit(self, y: ArrayLike, *, season_length: int = 1) -> Self:
        """Learn from ``y`` [S, T]: NaN before the first period and where demand is unknown.

        Raises ValueError when ``y`` is not two-dimensional, holds infinite values, or season_length is below 1.
        """
        values = np.asarray(y, dtype=np.float64)
        if values.ndim != 2:
            raise ValueError(f"y has {values.ndim} dimensions: give series x periods")
        if np.isinf(values).any():
            raise ValueError("y holds infinite values")
        if season_length < 1:
            raise ValueError(f"season_length is {season_length}: it counts periods, 1 is no season")
        self.length_ = values.shape[1]
        self._fit(values, season_length)
        return self

    def predict(self, horizon: int) -> Floats:
        """Mean demand [S, horizon], never negative; 0 for a series without a known period."""
        if horizon < 1:
            raise ValueError(f"horizon is {horizon}: forecast at least one period")
        return np.maximum(np.nan_to_num(self._predict(horizon), nan=0.0, posinf=0.0, neginf=0.0), 0.0)

    @abstractmethod
    def _fit(self, y: Floats, season_length: int) -> None: ...

    @abstractmethod
    def _predict(self, horizon: int) -> Floats: ...

    def get_params(self) -> dict[str, Any]:
        """Hyper-parameters by name."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if name != "self" and hasattr(self, name)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"
