"""How many stars a customer would give a product: biases and factors (Koren 2008; Koren, Bell and Volinsky 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..columns import METRICS, MODEL, OURS, SPLIT
from ..threads import one_blas_thread

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RATINGS = "ratings"
GLOBAL_MEAN, BIASES, FACTORS = "global mean", "biases only", "biases and factors"
#: Factors and their regularisation that are tried; the simplest comes first.
TRIED = ((0, 0.0), (4, 0.3), (4, 0.1), (12, 0.3), (12, 0.1))
#: Strengths of the priors of items and customers that are tried, in ratings.
BIAS_PRIORS = ((5.0, 5.0), (10.0, 3.0), (3.0, 10.0), (25.0, 10.0))
#: Fewer ratings in the test part tell nothing.
LEAST_TESTED = 100
_CHUNK = 20_000


@dataclass(frozen=True, eq=False)
class Ratings:
    """Rows in time order: ``users``, ``items`` int64 (dense indices), ``values`` float64, ``times`` int64 seconds."""

    users: Ints
    items: Ints
    values: Floats
    times: Ints
    n_users: int
    n_items: int

    @classmethod
    def build(cls, users: ArrayLike, items: ArrayLike, values: ArrayLike, times: ArrayLike) -> Self:
        """Sort by time (stable). Raises ValueError for unequal lengths and values that are not finite."""
        columns = [np.asarray(users, dtype=np.int64), np.asarray(items, dtype=np.int64)]
        value, time = np.asarray(values, dtype=np.float64), np.asarray(times, dtype=np.int64)
        if len({len(column) for column in (*columns, value, time)}) > 1:
            raise ValueError("users, items, values and times need the same length")
        if not np.isfinite(value).all():
            raise ValueError("ratings must be finite numbers: leave rows without a rating out")
        order = np.argsort(time, kind="stable")
        sizes = [int(column.max(initial=-1)) + 1 for column in columns]
        return cls(columns[0][order], columns[1][order], value[order], time[order], sizes[0], sizes[1])

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, index: slice) -> Ratings:
        """The rows at ``index``."""
        parts = (self.users[index], self.items[index], self.values[index], self.times[index])
        return Ratings(*parts, self.n_users, self.n_items)


class RatingPredictor:
    """mean + bias of the item + bias of the customer + product of their factors, within the range that was seen.

    Biases are means drawn to 0 by ``item_prior`` and ``user_prior`` ratings; ``factors`` are fitted to the rest by
    alternating least squares, ``regularisation`` counted per rating (Zhou et al. 2008). 0 factors: biases only.
    """

    def __init__(
        self,
        factors: int = 4,
        regularisation: float = 0.3,
        item_prior: float = 5.0,
        user_prior: float = 5.0,
        iterations: int = 8,
        random_state: int = 0,
    ) -> None:
        self.factors = factors
        self.regularisation = regularisation
        self.item_prior = item_prior
        self.user_prior = user_prior
        self.iterations = iterations
        self.random_state = random_state

    def fit(self, ratings: Ratings) -> Self:
        """Learn from ``ratings``. Raises ValueError without any."""
        if not len(ratings):
            raise ValueError("no ratings to learn from")
        users, items, values = ratings.users, ratings.items, ratings.values
        self.range_ = (float(values.min()), float(values.max()))
        self.mean_ = float(values.mean())
        self.item_bias_ = _damped(items, values - self.mean_, ratings.n_items, self.item_prior)
        left = values - self.mean_ - self.item_bias_[items]
        self.user_bias_ = _damped(users, left, ratings.n_users, self.user_prior)
        left = left - self.user_bias_[users]
        shape = (ratings.n_users, self.factors), (ratings.n_items, self.factors)
        self.user_factors_ = np.zeros(shape[0])
        self.item_factors_ = np.random.default_rng(self.random_state).normal(0, 0.1, shape[1])
        if self.factors:
            by_user, by_item = np.argsort(users, kind="stable"), np.argsort(items, kind="stable")
            with one_blas_thread():
                for _ in range(self.iterations):
                    self._alternate(self.user_factors_, self.item_factors_, users, items, left, by_user)
                    self._alternate(self.item_factors_, self.user_factors_, items, users, left, by_item)
            met = np.zeros(ratings.n_items, dtype=bool)
            met[items] = True
            self.item_factors_[~met] = 0.0  # of an item nobody rated nothing is known
        return self

    def predict(self, users: ArrayLike, items: ArrayLike) -> Floats:
        """Expected ratings [m]; a customer or an item without a rating has no bias and no factors."""
        user, item = np.asarray(users, dtype=np.int64), np.asarray(items, dtype=np.int64)
        product = np.einsum("mk,mk->m", self.user_factors_[user], self.item_factors_[item])
        value = self.mean_ + self.item_bias_[item] + self.user_bias_[user] + product
        return np.asarray(np.clip(value, *self.range_))

    def _alternate(self, mine: Floats, other: Floats, own: Ints, others: Ints, left: Floats, order: Ints) -> None:
        """Ridge regression of what is left on the other side's factors, for every own row that has a rating."""
        own, others, left = own[order], others[order], left[order]
        starts = np.flatnonzero(np.r_[True, own[1:] != own[:-1]])
        for first in range(0, len(starts), _CHUNK // max(self.factors, 1)):
            chunk = starts[first : first + _CHUNK // max(self.factors, 1)]
            last = first + len(chunk)
            end = int(starts[last]) if last < len(starts) else len(own)
            rows = slice(int(chunk[0]), end)
            factor = other[others[rows]]
            at = chunk - chunk[0]
            gram = np.add.reduceat(factor[:, :, None] * factor[:, None, :], at, axis=0)
            right = np.add.reduceat(factor * left[rows, None], at, axis=0)
            count = np.diff(np.r_[chunk, end])
            gram += self.regularisation * count[:, None, None] * np.eye(self.factors)
            mine[own[chunk]] = np.linalg.solve(gram, right[:, :, None])[:, :, 0]


def evaluate_ratings(ratings: Ratings, cut: int, *, random_state: int = 0) -> list[dict[str, Any]]:
    """Rows of MAE and RMSE on the ratings from ``cut`` on; empty when there are fewer than `LEAST_TESTED`.

    Priors and factors are chosen on the newest tenth before the cut. Models: the mean, biases, biases and factors;
    ``ours`` is the one that the validation prefers.
    """
    at = int(np.searchsorted(ratings.times, cut, side="left"))
    train, test = ratings.rows(slice(0, at)), ratings.rows(slice(at, None))
    inner = at - at // 10
    fit, judge = train.rows(slice(0, inner)), train.rows(slice(inner, None))
    if len(test) < LEAST_TESTED or len(judge) < LEAST_TESTED:
        return []

    def error(**options: Any) -> float:
        model = RatingPredictor(random_state=random_state, **options).fit(fit)
        return _errors(model.predict(judge.users, judge.items), judge.values)["rmse"]

    priors = min(BIAS_PRIORS, key=lambda one: error(factors=0, item_prior=one[0], user_prior=one[1]))
    shared = {"item_prior": priors[0], "user_prior": priors[1]}
    tried = {one: error(factors=one[0], regularisation=one[1], **shared) for one in TRIED}
    best = min((one for one in TRIED if one[0]), key=lambda one: tried[one])
    ours = FACTORS if tried[best] < tried[TRIED[0]] else BIASES
    rows = [(GLOBAL_MEAN, np.full(len(test), train.values.mean()))]
    for name, (factors, regularisation) in ((BIASES, TRIED[0]), (FACTORS, best)):
        model = RatingPredictor(factors, regularisation, *priors, random_state=random_state).fit(train)
        rows.append((name, model.predict(test.users, test.items)))
    users = len(np.unique(test.users))
    return [
        {MODEL: name, OURS: name == ours, SPLIT: RATINGS, "users": users, METRICS: _errors(predicted, test.values)}
        for name, predicted in rows
    ]


def _damped(index: Ints, values: Floats, n: int, prior: float) -> Floats:
    return np.asarray(np.bincount(index, weights=values, minlength=n) / (np.bincount(index, minlength=n) + prior))


def _errors(predicted: Floats, values: Floats) -> dict[str, float]:
    off = predicted - values
    return {"mae": float(np.abs(off).mean()), "rmse": float(np.sqrt((off**2).mean()))}
