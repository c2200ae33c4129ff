"""Scores as probabilities of a purchase, and how far off these are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True, eq=False)
class Isotonic:
    """A rising step function, fitted by pooling adjacent violators (Barlow et al. 1972): ``at`` and ``value`` [s]."""

    at: Floats
    value: Floats

    @classmethod
    def fit(cls, scores: ArrayLike, outcomes: ArrayLike) -> Isotonic:
        """Least squares of ``outcomes`` [n] (0 or 1) on ``scores`` [n], rising. Raises ValueError without rows."""
        score, outcome = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
        if not len(score) or len(score) != len(outcome):
            raise ValueError(f"{len(score)} scores for {len(outcome)} outcomes: one of each per row is needed")
        at, group = np.unique(score, return_inverse=True)
        weight = np.bincount(group).astype(np.float64)
        value = np.bincount(group, weights=outcome) / weight
        means: list[float] = []
        weights: list[float] = []
        lengths: list[int] = []
        for mean, mass in zip(value.tolist(), weight.tolist(), strict=True):
            length = 1
            while means and means[-1] >= mean:
                both = weights[-1] + mass
                mean = (means.pop() * weights[-1] + mean * mass) / both
                mass, length = both, length + lengths.pop()
                weights.pop()
            means.append(mean)
            weights.append(mass)
            lengths.append(length)
        return cls(at, np.repeat(means, lengths))

    def predict(self, scores: ArrayLike) -> Floats:
        """Probabilities [n], straight lines between the fitted scores."""
        return np.asarray(np.interp(np.asarray(scores, dtype=np.float64), self.at, self.value))


def probability_metrics(predicted: ArrayLike, outcomes: ArrayLike) -> dict[str, float]:
    """``mae, rmse, brier, ece`` of probabilities [n] against outcomes 0 or 1; empty without rows.

    ``ece``: expected calibration error over `BINS` groups of equal size in the order of the prediction (Naeini 2015).
    """
    p, y = np.asarray(predicted, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if not len(p):
        return {}
    brier = float(np.mean((p - y) ** 2))
    groups = [part for part in np.array_split(np.argsort(p, kind="stable"), BINS) if len(part)]
    ece = sum(len(part) * abs(float(p[part].mean() - y[part].mean())) for part in groups) / len(p)
    return {"mae": float(np.mean(np.abs(p - y))), "rmse": brier**0.5, "brier": brier, "ece": float(ece)}
