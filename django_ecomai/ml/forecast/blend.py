"""Weights of a blend: non-negative, summing to one, of least squared error on forecasts made before what they
forecast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def blend_weights(errors: Floats, importance: Floats | None = None, *, ridge: float = 0.02) -> Floats:
    """Weights [M] on the simplex that minimise the weighted squared mean of ``errors`` [M, n]; ``ridge`` (relative to
    the mean squared error) draws them towards equal weights (Diebold & Shin, International Journal of Forecasting 35,
    2019).
    """
    models = len(errors)
    if errors.shape[1] == 0:
        return np.full(models, 1 / models)
    weighted = errors if importance is None else errors * np.sqrt(importance)
    gram = weighted @ weighted.T / errors.shape[1]
    pull = ridge * max(float(np.min(np.diag(gram))), 1e-12)
    gram = gram + pull * np.eye(models)
    gain = np.full(models, pull / models)
    step = 1 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-12)
    weights = np.full(models, 1 / models)
    ahead, momentum = weights, 1.0
    for _ in range(400):  # accelerated projected gradient
        moved = onto_simplex(ahead - step * (gram @ ahead - gain))
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return weights


def onto_simplex(values: Floats) -> Floats:
    """Nearest point whose parts are non-negative and sum to one (Duchi et al., ICML 2008)."""
    ordered = np.sort(values)[::-1]
    excess = (np.cumsum(ordered) - 1) / np.arange(1, len(values) + 1)
    cut = excess[np.flatnonzero(ordered > excess)[-1]]
    return np.maximum(values - cut, 0.0)
