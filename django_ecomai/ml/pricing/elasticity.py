"""Price elasticities of all products in one pass: double/debiased, drawn to category and shop, or refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .censoring import expected_demand
from .nuisance import CrossFit
from .panel import PricePanel
from .shrink import Shrunk, shrink

Floats = NDArray[np.float64]
DEMANDS = ("poisson", "log")
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
#: Columns of the design: intercept, price residual, trend, promotion, price index, season.
_PRICE = 1
_ROUNDS = 8
_CHUNK = 200_000
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
    folds: int = 5
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


@dataclass(eq=False)
class _State:
    """What the rounds improve."""

    coefficient: Floats  # [n, k]
    demand_index: Floats  # [m]
    alpha: Floats  # [n]
    phi: Floats  # [n]
    rho: float
    group_mean: Floats  # [n, k]
    spread: Floats  # [k]


def fit_elasticities(panel: PricePanel, options: ElasticityOptions | None = None) -> Elasticities:
    """Elasticity of every product of the panel.

    ``log E[units] = a_i + e_i log price + own trend, promotion, season + index of category and period``. The price is
    first cleared of what other products of the category, the season and promotions explain (cross-fitted by products),
    so that what is left of it is not correlated with what errors in the demand index; that index is learned from other
    products too. Control effects are drawn to the category's, elasticities to category and shop (`shrink`). Variances
    are those of a generalised estimating equation with NB2 variance and AR(1) correlation (Liang and Zeger, 1986), with
    dispersion per product drawn to the common one. Raises ``ValueError`` for an unknown ``demand``.
    """
    use = options or ElasticityOptions()
    if use.demand not in DEMANDS:
        raise ValueError(f"demand must be one of {', '.join(DEMANDS)}")
    n, n_categories = panel.n_products, int(panel.category.max(initial=0)) + 1
    whole = panel
    if use.demand == "log":
        panel = panel.rows((panel.units > 0) & np.isfinite(panel.in_stock))
    fit = _Fit(panel, use)
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
        promotion=fit.state.coefficient[:, 3],
        variation=fit.variation,
        levels=whole.price_levels(),
        periods=np.bincount(whole.product, minlength=n),
        rate=np.divide(whole.total(whole.units), served, out=np.zeros(n), where=served > 0),
        dispersion=fit.state.phi,
        alpha=fit.state.alpha,
        groups=groups,
        rho=fit.state.rho,
    )


def _reasons(panel: PricePanel, fit: _Fit, groups: Shrunk, use: ElasticityOptions) -> NDArray[np.str_]:
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


class _Fit:
    """One fit of all products: iteratively reweighted least squares on sums per product."""

    def __init__(self, panel: PricePanel, use: ElasticityOptions) -> None:
        self.panel, self.use = panel, use
        n, m = panel.n_products, len(panel)
        known = np.isfinite(panel.in_stock)
        self.offset = np.log(np.where(known, panel.in_stock, 1.0))
        self.censored = np.flatnonzero(~known)
        self.cells = CrossFit.build(panel, folds=use.folds, seed=use.random_state)
        self.first = np.r_[True, np.diff(panel.product) != 0] if m else np.zeros(0, dtype=bool)
        self.gap = np.r_[1, np.diff(panel.period)].clip(min=1) if m else np.zeros(0, dtype=np.int64)
        self.residual, price_index, self.depth = self._price()
        self.design = self._design(price_index)
        self.variation = np.sqrt(panel.mean(self.residual**2))
        k = self.design.shape[1]
        # the start: mean demand, no effect of price, no doubt about dispersion
        start = np.zeros((n, k))
        start[:, 0] = np.log((panel.total(panel.units) + 0.1) / (panel.total(np.exp(self.offset)) + 0.1))
        start[:, _PRICE] = use.prior_mean
        spread = np.full(k, 0.3)
        self.state = _State(start, np.zeros(m), np.full(n, 0.1), np.ones(n), 0.0, np.zeros((n, k)), spread)
        self.own, self.own_variance = np.zeros(n), np.full(n, np.inf)
        if not m:
            return
        for turn in range(_ROUNDS):
            self._round(last=turn == _ROUNDS - 1)

    def _price(self) -> tuple[Floats, Floats, Floats]:
        """What controls do not explain of log price [m], and the index of category and period [m] and the depth of
        promotions [m] that explain the rest."""
        panel = self.panel
        log = np.log(panel.price)
        log -= panel.mean(log)[panel.product]
        promotion = panel.promotion - panel.mean(panel.promotion)[panel.product]
        ones = np.ones(len(panel))
        index, depth = np.zeros(len(panel)), np.zeros(len(panel))
        for _ in range(3):
            cleared = log - index
            depth = self._promotion_depth(cleared, promotion) * promotion
            if self.use.category_periods:
                index = self.cells.index(log - depth, ones)
        residual = log - depth - index
        return residual, index - panel.mean(index)[panel.product], depth

    def _promotion_depth(self, log: Floats, promotion: Floats) -> Floats:
        """Slope [m] of log price on promotion among the products of other folds in the category."""
        panel, folds = self.panel, self.use.folds
        group = panel.category[panel.product]
        size = int(panel.category.max()) + 1
        key = group * folds + self.cells.fold
        cross = np.bincount(key, log * promotion, size * folds).reshape(size, folds)
        square = np.bincount(key, promotion**2, size * folds).reshape(size, folds)
        cross, square = (one.sum(axis=1, keepdims=True) - one for one in (cross, square))
        # where other products say little, the shop's slope
        shop = cross.sum() / max(square.sum(), 1e-9)
        slope = (cross + shop) / (square + 1.0)
        return np.asarray(slope.ravel()[key])

    def _design(self, price_index: Floats) -> Floats:
        panel, use = self.panel, self.use
        time = panel.period.astype(np.float64)
        span = max(float(np.ptp(time)) if len(time) else 1.0, 1.0)
        angle = 2 * np.pi * time / use.periods_per_year
        middle = panel.mean(time)[panel.product]
        # the whole price, so that what promotion and index say besides it does not depend on the product's elasticity
        # and may be drawn to the category's without drawing that too
        price = self.residual + price_index + self.depth
        columns = [np.ones(len(panel)), price, 2 * (time - middle) / span, panel.promotion, price_index]
        return np.column_stack([*columns, np.sin(angle), np.cos(angle)])

    def _round(self, *, last: bool) -> None:
        panel, state, use = self.panel, self.state, self.use
        who = panel.product
        eta = (self.design * state.coefficient[who]).sum(axis=1) + state.demand_index
        mean = np.exp(np.clip(eta + self.offset, -12, 25))
        units, sure = panel.units, np.ones(len(panel))
        if len(self.censored):
            at = self.censored
            asked, information = expected_demand(units[at], mean[at], state.alpha[who[at]])
            units = units.copy()
            units[at], sure[at] = asked, information
        spread = mean * (1 + state.alpha[who] * mean)
        if use.demand == "poisson":
            weight = sure * mean**2 / spread
            working = eta + (units - mean) / mean
        else:
            weight = mean / (1 + state.alpha[who] * mean)
            working = np.log(units) - self.offset
        # extreme rows of a first guess must not decide it
        working = eta + np.clip(working - eta, -5.0, 5.0)
        if use.category_periods:
            # demand itself, not freed of price: what is left of the others' prices would hold this product's own price
            own = np.where(np.isin(np.arange(self.design.shape[1]), (_PRICE, 4)), 0.0, state.coefficient)
            left = working - (self.design * own[who]).sum(axis=1) - state.coefficient[who, _PRICE] * self.depth
            left -= panel.mean(left, weight)[who]
            state.demand_index = self.cells.index(left, weight)
            state.demand_index -= panel.mean(state.demand_index, weight)[who]
        target = working - state.demand_index
        gram, moment, square, size = self._sums(target, np.sqrt(weight), state.rho * self._lasting(mean))
        scaled, scaled_moment = gram / state.phi[:, None, None], moment / state.phi[:, None]
        self._spreads(scaled, scaled_moment)
        own, variance, coefficient = self._own(scaled, scaled_moment)
        self.own, self.own_variance = own, variance
        state.coefficient = coefficient
        left = target - (self.design * coefficient[who]).sum(axis=1)
        self._dispersion(gram, moment, square, size, coefficient)
        if use.demand == "poisson":
            fitted = np.exp(np.clip(np.log(mean) - eta + working - left, -12, 25))
            self._alpha(units, fitted, sure)
        else:
            self._log_alpha(left, mean)
        if use.autocorrelated and not last:
            self._rho(left * np.sqrt(weight), self._lasting(mean))

    def _lasting(self, mean: Floats) -> Floats:
        """Share [n] of a product's variance that is not the chance of single sales and can last from period to period:
        nearly all for fast sellers, hardly any for slow ones."""
        over = self.state.alpha[self.panel.product] * mean
        return self.panel.mean(over / (1 + over))

    def _sums(self, target: Floats, root: Floats, near: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Cross products per product, whitened by the correlation [n] of neighbouring periods: [n, k, k], [n, k], [n]
        and how many rows [n]."""
        n, k = self.panel.n_products, self.design.shape[1]
        x = np.column_stack([self.design, target]) * root[:, None]
        if near.any():
            # over a gap the correlation fades as the lasting part does
            fades = self.state.rho ** (self.gap - 1)
            near = np.where(self.first, 0.0, near[self.panel.product] * fades)
            before = np.empty_like(x)
            before[0], before[1:] = 0.0, x[:-1]
            x = (x - near[:, None] * before) / np.sqrt(1 - near**2)[:, None]
        starts = np.flatnonzero(self.first)
        present = self.panel.product[starts]
        sums = np.zeros((n, k + 1, k + 1))
        for a in range(k + 1):
            for b in range(a, k + 1):
                sums[present, a, b] = sums[present, b, a] = np.add.reduceat(x[:, a] * x[:, b], starts)
        size = np.bincount(self.panel.product, minlength=n).astype(np.float64)
        return sums[:, :k, :k], sums[:, :k, k], sums[:, k, k], size

    def _spreads(self, gram: Floats, moment: Floats) -> None:
        """Means by category [n, k] and spreads [k] of the control effects, by expectation-maximisation."""
        state, panel = self.state, self.panel
        k = gram.shape[1]
        size = np.bincount(panel.category)
        some = np.einsum("nii->ni", gram)[:, 0] > 0
        variance = state.spread**2
        mean = state.group_mean
        for _ in range(12):
            prior = np.diag(np.r_[1e-6, 1 / variance[1:]])
            inverse = np.linalg.inv(gram + prior)
            b = np.einsum("nij,nj->ni", inverse, moment + np.r_[0.0, 1 / variance[1:]] * mean)
            means = np.zeros_like(mean)
            for column in range(1, k):
                values = np.where(some, b[:, column], 0.0)
                everyone = values[some].mean() if some.any() else 0.0
                total = np.bincount(panel.category, values, len(size)) + 3 * everyone
                known = np.bincount(panel.category, some.astype(float), len(size)) + 3
                means[:, column] = (total / known)[panel.category]
            apart = (b - means) ** 2 + np.einsum("nii->ni", inverse)
            if some.any():
                variance = apart[some].mean(axis=0).clip(min=1e-4, max=9.0)
            mean = means
        state.group_mean, state.spread = mean, np.sqrt(variance)

    def _own(self, gram: Floats, moment: Floats) -> tuple[Floats, Floats, Floats]:
        """Own estimate of the elasticity and its variance [n], price effect free and controls drawn to their category;
        and all coefficients [n, k] with the price effect drawn too."""
        state = self.state
        weight = 1 / state.spread**2
        weight[0] = 1e-6
        drawn = state.group_mean * np.where(np.arange(len(weight)) == 0, 0.0, weight)
        free = weight.copy()
        free[_PRICE] = 1e-9
        inverse = np.linalg.inv(gram + np.diag(free))
        own = np.einsum("nij,nj->ni", inverse, moment + drawn * (free > 1e-8))[:, _PRICE]
        variance = inverse[:, _PRICE, _PRICE]
        nothing = (gram[:, _PRICE, _PRICE] <= 1e-9) | (variance > 1e6)
        both = np.linalg.inv(gram + np.diag(weight))
        coefficient = np.einsum("nij,nj->ni", both, moment + drawn)
        return np.where(nothing, 0.0, own), np.where(nothing, np.inf, variance), coefficient

    def _dispersion(self, gram: Floats, moment: Floats, square: Floats, size: Floats, coefficient: Floats) -> None:
        """Scale [n] of what is left over, drawn to the common one by what chance makes of equal ones (Smyth, 2004)."""
        state = self.state
        left = square - 2 * np.einsum("ni,ni->n", moment, coefficient)
        left += np.einsum("ni,nij,nj->n", coefficient, gram, coefficient)
        prior = np.diag(np.r_[1e-6, 1 / state.spread[1:] ** 2])
        used = np.einsum(
            "nij,nji->n", gram / state.phi[:, None, None], np.linalg.inv(gram / state.phi[:, None, None] + prior)
        )
        free = (size - used).clip(min=1.0)
        some = size > used + 3
        if not some.any():
            return
        each = left.clip(min=0.0) / free
        common = float(left[some].sum() / free[some].sum())
        extra = float(((each[some] / common - 1) ** 2 - 2 / free[some]).mean())
        prior_size = 2 / max(extra, 0.02)
        state.phi = ((prior_size * common + left.clip(min=0.0)) / (prior_size + free)).clip(0.05, 1e4)

    def _alpha(self, units: Floats, mean: Floats, sure: Floats) -> None:
        """NB2 overdispersion [n] by moments, drawn to the common one as far as products differ by chance only.

        A product's own overdispersion of a year of weeks is off by a third; whoever looks steady by luck would get too
        narrow an interval.
        """
        panel, state = self.panel, self.state
        sure = np.where(sure < 1, 0.0, 1.0)
        k = self.design.shape[1] - 2
        rows = np.bincount(panel.product, minlength=panel.n_products)
        free = np.divide(rows, (rows - k).clip(min=1), out=np.ones(len(rows)), where=rows > 0).clip(max=2.0)
        over = panel.total(sure * (free[panel.product] * (units - mean) ** 2 - mean))
        mass = panel.total(sure * mean**2)
        some = mass > 1e-9
        if not some.any():
            return
        each = np.clip(over[some] / mass[some], -1.0, 5.0)
        # the variance of a square is twice the square of the variance (normal), more where neighbours err alike
        usual = float(np.median(state.alpha))
        twice = 2 * (1 + state.rho**2) / (1 - state.rho**2)
        chance = panel.total(sure * twice * free[panel.product] * (mean + usual * mean**2) ** 2)[some] / mass[some] ** 2
        apart = 0.0
        for _ in range(5):
            precision = 1 / (chance + apart)
            common = float((precision * each).sum() / precision.sum())
            apart = max(float((precision**2 * ((each - common) ** 2 - chance)).sum() / (precision**2).sum()), 0.0)
        share = apart / (apart + chance)
        state.alpha = np.full(panel.n_products, max(common, 1e-3))
        state.alpha[some] = (share * each + (1 - share) * common).clip(1e-3, 5.0)

    def _log_alpha(self, left: Floats, mean: Floats) -> None:
        panel = self.panel
        each = panel.mean(left**2 - 1 / (1 + mean))
        self.state.alpha = (0.5 * each + 0.5 * float(np.median(each))).clip(1e-3, 5.0)

    def _rho(self, left: Floats, lasting: Floats) -> None:
        """Correlation of what lasts in neighbouring periods, freed of what fitting takes from it (Kendall, 1954)."""
        near = ~self.first & (self.gap == 1)
        at = np.flatnonzero(near)
        if len(at) < 30:
            return
        centred = left - self.panel.mean(left)[self.panel.product]
        scale = np.sqrt(self.panel.mean(centred**2))[self.panel.product]
        z = np.divide(centred, scale, out=np.zeros_like(centred), where=scale > 0).clip(-4.0, 4.0)
        raw = float((z[at] * z[at - 1]).sum() / max((z[at] ** 2 + z[at - 1] ** 2).sum() / 2, 1e-9))
        length = max(len(z) / max(int(self.first.sum()), 1), 6.0)
        common = (raw * length + 2.0) / (length - 4.0) if raw > -0.1 else 0.0
        share = max(float(lasting[self.panel.product[at]].mean()), 0.05)
        self.state.rho = float(np.clip(common / share, 0.0, 0.9))


def reasons_counted(found: Elasticities) -> dict[str, int]:
    """How many products were refused for which reason."""
    names, counts = np.unique(found.reason[~found.accepted], return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}
