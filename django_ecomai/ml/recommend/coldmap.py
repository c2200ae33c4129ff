"""Cold items: from what a product is to where it stands among those that people meet. Needs scipy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from ..frames import Interactions
from .cosine import damp
from .features import latent
from .matrix import decayed_matrix, one_blas_thread

#: Customers at which half of a product's own factors is believed.
TRUST = 10.0


def collaborative_factors(
    interactions: Interactions, rank: int, *, half_life_days: float | None = None, random_state: int = 0
) -> NDArray[np.float64]:
    """Item factors [n, at most rank] of the damped matrix ``Du^-.5 X Di^-.5`` (truncated SVD, seeded): the dot product
    of two rows approximates the items' damped cosine.
    """
    return latent(
        sparse.csr_matrix(damp(decayed_matrix(interactions, half_life_days), 0.5, 0.5).T),
        rank,
        random_state=random_state,
    )


class ColdMap:
    """Ridge regression from content to collaborative factors: where products like this one usually stand.

    ``fit(places, factors, customers)``: ``places`` [n, d] content, ``factors`` [n, k]; rows count
    ``customers / (customers + TRUST)``, so that those nobody met teach nothing. The strength of the ridge is chosen
    from ``strengths`` by leave-one-out error, in closed form (PRESS).
    ``coefficients_`` [d + 1, k], ``strength_``.
    Source: Gantner et al., "Learning attribute-to-feature mappings for cold-start recommendations", ICDM 2010 (linear
    mapping, least squares).
    """

    coefficients_: NDArray[np.float64]
    strength_: float

    def __init__(self, strengths: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)) -> None:
        self.strengths = strengths

    def fit(
        self, places: NDArray[np.float64], factors: NDArray[np.float64], customers: NDArray[np.floating]
    ) -> ColdMap:
        known = customers > 0
        weight = np.sqrt(customers[known] / (customers[known] + TRUST))[:, None]
        inputs = _with_constant(places)[known] * weight
        targets = factors[known] * weight
        width = inputs.shape[1]
        self.strength_, self.coefficients_ = self.strengths[-1], np.zeros((width, factors.shape[1]))
        if not len(inputs) or not factors.shape[1]:
            return self
        with one_blas_thread():
            gram, cross = inputs.T @ inputs, inputs.T @ targets
            scale = float(np.trace(gram)) / width
            best = np.inf
            for strength in self.strengths:
                factor = linalg.cho_factor(gram + strength * scale * 0.01 * np.eye(width))
                found = linalg.cho_solve(factor, cross)
                leverage = np.einsum("ij,ji->i", inputs, linalg.cho_solve(factor, inputs.T))
                error = float((((targets - inputs @ found) / np.maximum(1 - leverage, 1e-9)[:, None]) ** 2).sum())
                if error < best:
                    best, self.strength_, self.coefficients_ = error, strength, found
        return self

    def predict(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Collaborative factors [n, k] of products by their content."""
        return np.asarray(_with_constant(places) @ self.coefficients_)


def _with_constant(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([places, np.ones(len(places))])
