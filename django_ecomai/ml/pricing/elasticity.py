"""Price elasticities of all products in one pass: double/debiased, drawn to category and shop, or refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .fit import DEMANDS, PROMOTION, Fit
from .panel import PricePanel
from .shrink import Shrunk, shrink

Floats = NDArray[np.float64]
#: Why a product has no elasticity; the empty string: it has one.
REASONS = (
    "no_rows",
    "too_few_periods",
    "too_few_sales",
    "price_never_varied",
    "price_moved_only_with_controls",
    "implausible_sign",
    "implausible_size",
)
Z95 = 1.959963984540054
#: What is never believed about one product: this many per cent of demand per per cent of price.
LARGEST = 12.0


@dataclass(frozen=True)
class ElasticityOptions:
    """``demand`` is one of ``DEMANDS``: all rows by a Poisson quasi-likelihood, or logarithms of rows with sales.

    ``periods_per_year`` is the length of the season; ``prior_mean`` and ``prior_sd`` are what is known of the mean
    elasticity of any shop (1,851 estimates: mean -2.6; Bijmolt, van Heerde and Pieters, 2005). Fewer than
    ``fewest_periods`` periods or ``fewest_units`` pieces, and a price residual with a standard deviation below
    ``least_variation``, are refused. ``category_periods``: price and demand of other products of the category are
    controls. ``autocorrelated``: neighbouring periods of a product err alike.
    """

    demand: str = "poisson"
    periods_per_year: float = 52.0
    folds: int = 10
    prior_mean: float = -2.0
    prior_sd: float = 1.5
    fewest_periods: int = 8
    fewest_units: float = 10.0
    least_variation: float = 0.01
    category_periods: bool = True
    autocorrelated: bool = True
    random_state: int = 0


@dataclass(frozen=True, eq=False)
class Elasticities:
    """n products: ``elasticity``, ``sd``, ``low``, ``high`` (95 %) and ``reason`` (see ``REASONS``; refused products
    are NaN). ``fallback`` and ``fallback_sd`` are what category and shop say about any such product, for price tests
    and for nothing else.

    ``own`` and ``own_sd`` are the product's own estimate before it is drawn to others, ``weight`` its share in
    ``elasticity``; ``variation`` is the standard deviation of the logarithm of the price that controls do not explain,
    ``levels`` how many prices it had, ``periods`` in how many periods it was on sale, ``rate`` its mean demand per
    period in stock, ``dispersion`` and ``alpha`` say that the variance of demand is ``dispersion * (mean + alpha *
    mean2)``. ``groups`` are means of categories and shop, whose doubt counts products as clusters. ``rho`` is the
    correlation of neighbouring periods.
    """

    elasticity: Floats
    sd: Floats
    low: Floats
    high: Floats
    reason: NDArray[np.str_]
    fallback: Floats
    fallback_sd: Floats
    own: Floats
    own_sd: Floats
    weight: Floats
    promotion: Floats
    variation: Floats
    levels: NDArray[np.int64]
    periods: NDArray[np.int64]
    rate: Floats
    dispersion: Floats
    alpha: Floats
    groups: Shrunk
    rho: float

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """[n] which products have an elasticity."""
        return np.asarray(self.reason == "")


def fit_elasticities(panel: PricePanel, options: ElasticityOptions | None = None) -> Elasticities:
    """Elasticity of every product of the panel.

    ``log E[units] = a_i + e_i log price + own trend, promotion, season + index of category and period``. The price is
    first cleared of what other products of the category, the season and promotions explain (cross-fitted by products),
    so that what is left of it is not correlated with what errors in the demand index; that index is learned from other
    products too. Control effects are drawn to the category's (what promotions do, on to the shop's as far as categories
    are alike), elasticities to category and shop (`shrink`). Variances are those of a generalised estimating equation
    with NB2 variance and AR(1) correlation (Liang and Zeger, 1986), with dispersion per product drawn to the common
    one. Raises ``ValueError`` for an unknown ``demand``.
    """
    use = options or ElasticityOptions()
    if use.demand not in DEMANDS:
        raise ValueError(f"demand must be one of {', '.join(DEMANDS)}")
    n, n_categories = panel.n_products, int(panel.category.max(initial=0)) + 1
    whole = panel
    if use.demand == "log":
        panel = panel.rows((panel.units > 0) & np.isfinite(panel.in_stock))
    fit = Fit(panel, use)
    groups = shrink(
        fit.own, fit.own_variance, panel.category, n_categories=n_categories, prior_mean=use.prior_mean,
        prior_sd=use.prior_sd,
    )  # fmt: skip
    reason = _reasons(panel, fit, groups, use)
    # a product that is refused for what its own data says must not move the others
    for _ in range(2):
        wild = np.isin(reason, ("implausible_sign", "implausible_size"))
        if not wild.any():
            break
        variance = np.where(wild, np.inf, fit.own_variance)
        groups = shrink(
            fit.own, variance, panel.category, n_categories=n_categories, prior_mean=use.prior_mean,
            prior_sd=use.prior_sd,
        )  # fmt: skip
        again = _reasons(panel, fit, groups, use)
        reason = np.where(wild, reason, again)
    fine = reason == ""
    mean, sd = np.where(fine, groups.mean, np.nan), np.where(fine, groups.sd, np.nan)
    share = np.where(np.isfinite(whole.in_stock), whole.in_stock, 1.0)
    served = whole.total(share)
    return Elasticities(
        elasticity=mean,
        sd=sd,
        low=mean - Z95 * sd,
        high=mean + Z95 * sd,
        reason=reason,
        fallback=groups.category_mean[panel.category],
        fallback_sd=groups.new_sd[panel.category],
        own=fit.own,
        own_sd=np.sqrt(fit.own_variance),
        weight=groups.weight,
        promotion=fit.state.coefficient[:, PROMOTION],
        variation=fit.variation,
        levels=whole.price_levels(),
        periods=np.bincount(whole.product, minlength=n),
        rate=np.divide(whole.total(whole.units), served, out=np.zeros(n), where=served > 0),
        dispersion=fit.state.phi,
        alpha=fit.state.alpha,
        groups=groups,
        rho=fit.state.rho,
    )


def _reasons(panel: PricePanel, fit: Fit, groups: Shrunk, use: ElasticityOptions) -> NDArray[np.str_]:
    rows = np.bincount(panel.product, minlength=panel.n_products)
    units = panel.total(panel.units)
    own_sd = np.sqrt(fit.own_variance)
    found = np.select(
        [
            rows == 0,
            rows < use.fewest_periods,
            units < use.fewest_units,
            panel.price_levels() < 2,
            fit.variation < use.least_variation,
            (fit.own - 1.645 * own_sd > 0) | (groups.mean >= 0),
            np.abs(groups.mean) > LARGEST,
        ],
        REASONS,
        default="",
    )
    return found.astype("U32")


def reasons_counted(found: Elasticities) -> dict[str, int]:
    """How many products were refused for which reason."""
    names, counts = np.unique(found.reason[~found.accepted], return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}
