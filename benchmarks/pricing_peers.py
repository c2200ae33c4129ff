"""What others make of a price panel: OLS, Poisson regression, EconML and DoubleML, each told the same controls.

A peer is ``panel -> (elasticity, standard error)``, [n] each, NaN where it has nothing to say. Demand and price are
logarithms of weeks with sales in which nothing ran out (as these methods are used), cleared of product means; controls
are promotion, trend, season and the mean demand and price of the rest of the category in that week.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from django_ecomai.ml.pricing.panel import PricePanel

Floats = NDArray[np.float64]
FOLDS = 3


class Table:
    """Rows that a peer learns from."""

    def __init__(self, panel: PricePanel) -> None:
        used = panel.rows((panel.units > 0) & (panel.in_stock >= 1))
        self.panel = used
        self.product, self.category = used.product, used.category[used.product]
        self.y, self.p = (self._cleared(np.log(one)) for one in (used.units, used.price))
        time = used.period.astype(float)
        angle = 2 * np.pi * time / 52
        rest = [self._rest(one) for one in (self.y, self.p)]
        columns = [used.promotion, time / max(np.ptp(time), 1), np.sin(angle), np.cos(angle), *rest]
        self.w = np.column_stack([self._cleared(one) for one in columns])

    def _cleared(self, values: Floats) -> Floats:
        return values - self.panel.mean(values)[self.product]

    def _rest(self, values: Floats) -> Floats:
        """Mean of the other products of the category in that week."""
        _, period = np.unique(self.panel.period, return_inverse=True)
        cell = self.category * (period.max() + 1) + period
        total, size = np.bincount(cell, values)[cell], np.bincount(cell)[cell]
        return np.divide(total - values, size - 1, out=np.zeros(len(values)), where=size > 1)


def _ols(y: Floats, x: Floats, cluster: NDArray[np.int64] | None, absorbed: int) -> tuple[float, float]:
    """The first coefficient and its standard error: robust (HC1), or clustered (CR1)."""
    inverse = np.linalg.pinv(x.T @ x)
    b = inverse @ (x.T @ y)
    score = x * (y - x @ b)[:, None]
    rows, k = len(y), x.shape[1] + absorbed
    scale = rows / max(rows - k, 1)
    if cluster is not None:
        _, group = np.unique(cluster, return_inverse=True)
        size = group.max() + 1
        score = np.column_stack([np.bincount(group, score[:, at], size) for at in range(x.shape[1])])
        scale = size / max(size - 1, 1)
    return float(b[0]), float(np.sqrt(max((inverse @ (score.T @ score) @ inverse)[0, 0] * scale, 1e-12)))


def _each(
    table: Table, group: NDArray[np.int64], size: int, one: Callable[[Any], tuple[float, float]]
) -> tuple[Floats, Floats]:
    """``one(rows)`` for the rows of each group."""
    mean, sd = np.full(size, np.nan), np.full(size, np.nan)
    for at in range(size):
        rows = np.flatnonzero(group == at)
        if len(rows) >= 12 and np.ptp(table.p[rows]) > 1e-9:
            mean[at], sd[at] = one(rows)
    return mean, sd


def _moved(panel: PricePanel, mean: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Answers of categories for their products, where the price ever moved."""
    none = panel.price_levels() < 2
    each = [one[panel.category].copy() for one in (mean, sd)]
    for one in each:
        one[none] = np.nan
    return each[0], each[1]


def ols_each(panel: PricePanel) -> tuple[Floats, Floats]:
    """Log-log regression of every product."""
    table = Table(panel)
    x = np.column_stack([table.p, table.w])
    return _each(table, table.product, panel.n_products, lambda rows: _ols(table.y[rows], x[rows], None, 1))


def ols_category(panel: PricePanel) -> tuple[Floats, Floats]:
    """One regression per category with product effects, errors clustered by product."""
    table = Table(panel)
    x = np.column_stack([table.p, table.w])
    fit = _each(
        table, table.category, int(panel.category.max()) + 1, lambda r: _ols(table.y[r], x[r], table.product[r], 0)
    )
    return _moved(panel, *fit)


def poisson_each(panel: PricePanel) -> tuple[Floats, Floats]:
    """Poisson regression of every product (statsmodels), robust errors; weeks without sales stay in."""
    import statsmodels.api as sm

    table = Table(panel)
    kept = panel.rows(panel.in_stock >= 1)
    angle = 2 * np.pi * kept.period / 52
    # the mean demand of the category, as the other peers have it, by week
    known = dict(
        zip(
            zip(table.product.tolist(), table.panel.period.tolist(), strict=True), table.w[:, 4:6].tolist(), strict=True
        )
    )
    rest = np.array(
        [known.get(key, (0.0, 0.0)) for key in zip(kept.product.tolist(), kept.period.tolist(), strict=True)]
    )
    x = np.column_stack(
        [np.log(kept.price), np.ones(len(kept)), kept.promotion, kept.period / 52, np.sin(angle), np.cos(angle), rest]
    )
    mean, sd = np.full(panel.n_products, np.nan), np.full(panel.n_products, np.nan)
    for at in range(panel.n_products):
        rows = kept.product == at
        if rows.sum() < 12 or np.ptp(x[rows, 0]) < 1e-9:
            continue
        try:
            fit = sm.GLM(kept.units[rows], x[rows], family=sm.families.Poisson()).fit(cov_type="HC1")
        except (np.linalg.LinAlgError, ValueError):
            continue
        mean[at], sd[at] = fit.params[0], fit.bse[0]
    return mean, sd


def _boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=15, learning_rate=0.1, random_state=0)


def econml_category(panel: PricePanel) -> tuple[Floats, Floats]:
    """EconML LinearDML with gradient boosting, an effect for each category."""
    from econml.dml import LinearDML

    table = Table(panel)
    some = np.arange(int(panel.category.max()) + 1)
    model = LinearDML(model_y=_boosting(), model_t=_boosting(), cv=FOLDS, random_state=0, fit_cate_intercept=False)
    model.fit(table.y, table.p, X=(table.category[:, None] == some).astype(float), W=table.w)
    found = model.const_marginal_effect_inference(np.eye(len(some)))
    return _moved(panel, np.ravel(found.point_estimate), np.ravel(found.stderr))


def econml_product(panel: PricePanel) -> tuple[Floats, Floats]:
    """EconML LinearDML with linear nuisances, an effect for each product."""
    from econml.dml import LinearDML
    from sklearn.linear_model import Ridge

    table = Table(panel)
    some = np.flatnonzero(panel.price_levels() > 1)
    if len(some) * len(table.y) > 20_000_000:
        raise MemoryError("a column for each product does not fit into memory")
    keep = np.isin(table.product, some)
    model = LinearDML(model_y=Ridge(0.1), model_t=Ridge(0.1), cv=FOLDS, random_state=0, fit_cate_intercept=False)
    model.fit(table.y[keep], table.p[keep], X=(table.product[keep][:, None] == some).astype(float), W=table.w[keep])
    found = model.const_marginal_effect_inference(np.eye(len(some)))
    mean, sd = np.full(panel.n_products, np.nan), np.full(panel.n_products, np.nan)
    mean[some], sd[some] = np.ravel(found.point_estimate), np.ravel(found.stderr)
    return mean, sd


def _doubleml_category(panel: PricePanel, learner: Callable[[], Any]) -> tuple[Floats, Floats]:
    import doubleml as dml

    table = Table(panel)

    def one(rows: Any) -> tuple[float, float]:
        import pandas as pd

        frame = pd.DataFrame(table.w[rows], columns=[f"w{at}" for at in range(table.w.shape[1])])
        frame = frame.assign(y=table.y[rows], p=table.p[rows], product=table.product[rows])
        names = [name for name in frame if name.startswith("w")]
        data = dml.DoubleMLData(frame, y_col="y", d_cols="p", x_cols=names, cluster_cols="product")
        np.random.seed(0)
        model = dml.DoubleMLPLR(data, ml_l=learner(), ml_m=learner(), n_folds=FOLDS)
        model.fit()
        return float(model.coef[0]), float(model.se[0])

    return _moved(panel, *_each(table, table.category, int(panel.category.max()) + 1, one))


def doubleml_category(panel: PricePanel) -> tuple[Floats, Floats]:
    """DoubleML partially linear regression with gradient boosting for each category, clustered by product."""
    return _doubleml_category(panel, _boosting)


def doubleml_category_lasso(panel: PricePanel) -> tuple[Floats, Floats]:
    """The same with the cross-validated lasso, a linear learner (DoubleML's guide tunes a lasso's penalty by it)."""
    from sklearn.linear_model import LassoCV

    return _doubleml_category(panel, LassoCV)


def doubleml_each(panel: PricePanel) -> tuple[Floats, Floats]:
    """DoubleML partially linear regression with ridge nuisances for every product."""
    import doubleml as dml
    from sklearn.linear_model import Ridge

    table = Table(panel)

    def one(rows: Any) -> tuple[float, float]:
        data = dml.DoubleMLData.from_arrays(table.w[rows], table.y[rows], table.p[rows])
        np.random.seed(0)
        model = dml.DoubleMLPLR(data, ml_l=Ridge(0.1), ml_m=Ridge(0.1), n_folds=FOLDS)
        model.fit()
        return float(model.coef[0]), float(model.se[0])

    return _each(table, table.product, panel.n_products, one)


PEERS: dict[str, Callable[[PricePanel], tuple[Floats, Floats]]] = {
    "OLS, each product": ols_each,
    "OLS, each category": ols_category,
    "Poisson GLM, each product": poisson_each,
    "EconML LinearDML, each category": econml_category,
    "EconML LinearDML, each product": econml_product,
    "DoubleML PLR, each category": doubleml_category,
    "DoubleML PLR (LassoCV), each category": doubleml_category_lasso,
    "DoubleML PLR, each product": doubleml_each,
}


def pooled(mean: Floats, sd: Floats, panel: PricePanel, *, by_category: bool) -> tuple[float, float]:
    """What a peer says on average and how sure that is: over products, which are clusters; or, for a peer that answers
    by category, over categories, each with its own standard error."""
    known = np.isfinite(mean)
    if not known.any():
        return float("nan"), float("nan")
    if not by_category:
        return float(mean[known].mean()), float(mean[known].std(ddof=1) / np.sqrt(known.sum()))
    _, first = np.unique(np.where(known, panel.category, -1), return_index=True)
    first = first[known[first]]
    return float(mean[first].mean()), float(np.sqrt((sd[first] ** 2).sum()) / len(first))
