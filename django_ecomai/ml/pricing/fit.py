"""One regression of all products on price and controls: what each one's own data says about its elasticity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .censoring import expected_demand
from .nuisance import CrossFit
from .panel import PricePanel

if TYPE_CHECKING:
    from .elasticity import ElasticityOptions

Floats = NDArray[np.float64]
DEMANDS = ("poisson", "log")
#: Columns of the design: intercept, price, trend, promotion, price index, two of season.
_PRICE, PROMOTION, _INDEX = 1, 3, 4
_ROUNDS = 8
#: Products for which the shop's mean counts beside those of a category.
_SHOP = 3.0


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
    between: float = 0.1  # variance of the mean effect of promotions between categories


class Fit:
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
            # freed of everything but the index itself, price included: with the others' prices left in, the index would
            # be their mean demand at their mean price, and the price index is too noisy to take that out again
            own = np.where(np.arange(self.design.shape[1]) == _INDEX, 0.0, state.coefficient)
            left = working - (self.design * own[who]).sum(axis=1)
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
        """Means by category [n, k] and spreads [k] of the control effects, by expectation-maximisation.

        A category's mean is drawn to the shop's; the mean effect of promotions as far as categories do not differ.
        Promotions are price cuts, and the few weeks of one category hardly tell the two apart.
        """
        state, panel = self.state, self.panel
        k = gram.shape[1]
        size = np.bincount(panel.category)
        some = np.einsum("nii->ni", gram)[:, 0] > 0
        count = np.bincount(panel.category, some.astype(float), len(size))
        variance = state.spread**2
        mean = state.group_mean
        for _ in range(12):
            prior = np.diag(np.r_[1e-6, 1 / variance[1:]])
            inverse = np.linalg.inv(gram + prior)
            b = np.einsum("nij,nj->ni", inverse, moment + np.r_[0.0, 1 / variance[1:]] * mean)
            doubt = np.einsum("nii->ni", inverse)
            means = np.zeros_like(mean)
            for column in range(1, k):
                values = np.where(some, b[:, column], 0.0)
                everyone = values[some].mean() if some.any() else 0.0
                shop = max(variance[column] / state.between, _SHOP) if column == PROMOTION else _SHOP
                total = np.bincount(panel.category, values, len(size)) + shop * everyone
                drawn = total / (count + shop)
                means[:, column] = drawn[panel.category]
                if column == PROMOTION:
                    told = (variance[column] - doubt[:, column]).clip(min=0.0) / variance[column] ** 2
                    told = np.bincount(panel.category, told, len(size)).astype(np.float64)
                    self._between(drawn - everyone, told, count > 0)
            apart = (b - means) ** 2 + doubt
            if some.any():
                variance = apart[some].mean(axis=0).clip(min=1e-4, max=9.0)
            mean = means
        state.group_mean, state.spread = mean, np.sqrt(variance)

    def _between(self, off: Floats, told: Floats, used: NDArray[np.bool_]) -> None:
        """How far the mean effects of promotions [c] of the used categories are apart: what they are off the shop's,
        and the doubt that is left of them when their products tell so much [c] (precision)."""
        if used.any():
            doubt = 1 / (told[used] + 1 / self.state.between)
            self.state.between = max(float((off[used] ** 2 + doubt).mean()), 1e-5)

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
