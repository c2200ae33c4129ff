"""Estimates of products drawn to their category and the shop, with the doubt that is left: empirical Bayes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Spreads that are tried: between products of a category, and between categories.
TAUS = np.r_[0.02, np.arange(0.05, 0.5, 0.05), np.arange(0.5, 1.0, 0.1), np.arange(1.0, 2.6, 0.25)]
OMEGAS = np.r_[0.02, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.4, 2.0]
#: Scale of the half-Cauchy prior of the spread between categories (Gelman, 2006).
SCALE = 1.0
#: Grid points that hold less of the posterior than this are left out.
LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Shrunk:
    """``mean`` and ``sd`` [n] of products, ``category_mean`` and ``category_sd`` [c] of the means of categories, of the
    shop, and ``new_sd`` [c] of a product of the category that nothing is known of; ``weight`` [n] is the share of a
    product's own estimate in its mean; ``tau`` and ``omega`` are the posterior means of the two spreads."""

    mean: Floats
    sd: Floats
    weight: Floats
    category_mean: Floats
    category_sd: Floats
    new_sd: Floats
    shop_mean: float
    shop_sd: float
    tau: float
    omega: float


@dataclass(frozen=True, eq=False)
class _Level:
    """The model at one pair of spreads."""

    log_density: float
    mean: Floats
    variance: Floats
    shop_mean: float
    shop_variance: float


def shrink(
    estimate: Floats,
    variance: Floats,
    category: NDArray[np.int64],
    *,
    n_categories: int,
    prior_mean: float,
    prior_sd: float,
) -> Shrunk:
    """Product ``~ N(category, tau2)``, category ``~ N(shop, omega2)``, shop ``~ N(prior_mean, prior_sd2)``.

    ``estimate`` and ``variance`` [n]; an infinite or NaN variance says that nothing is known. The two spreads are not
    plugged in but averaged over a grid by their posterior density, so that intervals hold what they promise in small
    shops too (Gelman and others, "Bayesian Data Analysis", 2013, ch. 5; Morris, 1983, on what plugging in costs).
    """
    known = np.isfinite(estimate) & np.isfinite(variance) & (variance > 0)
    x, v, group = estimate[known], variance[known], category[known]
    pairs = [(tau, omega) for tau in TAUS for omega in OMEGAS]
    levels = [_level(x, v, group, n_categories, tau, omega, prior_mean, prior_sd) for tau, omega in pairs]
    log = np.array([one.log_density for one in levels])
    # products of a category are never quite alike: the density of tau rises from 0 (Chung and others, 2013)
    log += np.array([np.log(tau) - np.log1p((omega / SCALE) ** 2) for tau, omega in pairs])
    # the grid is uneven: every point stands for the width around it
    log += np.log(np.outer(np.gradient(TAUS), np.gradient(OMEGAS)).ravel())
    chance = np.exp(log - log.max())
    chance /= chance.sum()
    chance[chance < LEAST] = 0.0
    chance /= chance.sum()
    n = len(estimate)
    mean, square, share = np.zeros(n), np.zeros(n), np.zeros(n)
    c_mean, c_square, new_square = (np.zeros(n_categories) for _ in range(3))
    shop = np.zeros(2)
    spread = np.zeros(2)
    for (tau, omega), part, at in zip(pairs, chance, levels, strict=True):
        if not part:
            continue
        own = np.zeros(n)
        own[known] = tau**2 / (tau**2 + v)
        middle = at.mean[category]
        here = middle + own * (np.where(known, estimate, 0.0) - middle)
        doubt = own * np.where(known, variance, 0.0) + (1 - own) ** 2 * at.variance[category]
        doubt += np.where(known, 0.0, tau**2)
        mean += part * here
        square += part * (doubt + here**2)
        share += part * own
        c_mean += part * at.mean
        c_square += part * (at.variance + at.mean**2)
        new_square += part * (at.variance + at.mean**2 + tau**2)
        shop += part * np.array([at.shop_mean, at.shop_variance + at.shop_mean**2])
        spread += part * np.array([tau, omega])
    return Shrunk(
        mean=mean,
        sd=np.sqrt((square - mean**2).clip(min=1e-12)),
        weight=share,
        category_mean=c_mean,
        category_sd=np.sqrt((c_square - c_mean**2).clip(min=1e-12)),
        new_sd=np.sqrt((new_square - c_mean**2).clip(min=1e-12)),
        shop_mean=float(shop[0]),
        shop_sd=float(np.sqrt(max(shop[1] - shop[0] ** 2, 1e-12))),
        tau=float(spread[0]),
        omega=float(spread[1]),
    )


def _level(
    x: Floats,
    v: Floats,
    group: NDArray[np.int64],
    n_categories: int,
    tau: float,
    omega: float,
    prior_mean: float,
    prior_sd: float,
) -> _Level:
    """Everything in closed form for known spreads."""
    weight = 1 / (v + tau**2)
    size = np.bincount(group, weight, n_categories)
    has = size > 0
    middle = np.divide(np.bincount(group, weight * x, n_categories), size, out=np.zeros(n_categories), where=has)
    log = 0.5 * (np.log(weight).sum() - (weight * (x - middle[group]) ** 2).sum() - np.log(size[has]).sum())
    up = np.where(has, 1 / (np.divide(1, size, out=np.ones(n_categories), where=has) + omega**2), 0.0)
    total = up.sum() + 1 / prior_sd**2
    shop = ((up * middle).sum() + prior_mean / prior_sd**2) / total
    log += 0.5 * (np.log(up[has]).sum() - (up * (middle - shop) ** 2).sum())
    log += -0.5 * ((shop - prior_mean) / prior_sd) ** 2 - 0.5 * np.log(total)
    # a category: its own mean and the shop's, weighted; the doubt about the shop comes on top
    own = omega**2 * up
    mean = np.where(has, own * middle, 0.0) + (1 - own) * shop
    variance = np.where(has, own * np.divide(1, size, out=np.ones(n_categories), where=has), omega**2)
    variance = variance + (1 - own) ** 2 / total
    return _Level(float(log), mean, variance, float(shop), float(1 / total))
