"""Which category a customer buys from next: a probability per category, calibrated. Needs scikit-learn; for workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..columns import SECONDS_PER_DAY
from ..frames import Interactions

#: Categories that are told apart, the most bought first.
MOST_CATEGORIES = 40
#: Half-lives (days) of the habits that a customer's purchases are summed up by; None = for ever.
HALF_LIVES: tuple[float | None, ...] = (None, 180.0, 30.0)
#: The past is looked at as it stood every so many days, so often; the next purchase counts within the horizon.
STEP_DAYS, SNAPSHOTS, HORIZON_DAYS = 15, 12, 90
#: Most (customer, moment) pairs that teach, and the fewest that do.
MOST_SAMPLES, LEAST_SAMPLES = 20_000, 50
#: Customers scored at once.
BATCH = 5000

FEATURES = len(HALF_LIVES) + 7


@dataclass(frozen=True)
class CategoryMetrics:
    """``accuracy``: share of next purchases whose category came first; ``log_loss`` in nats; ``calibration_error``:
    mean distance of stated and observed frequency over ten bins of probability.
    """

    accuracy: float
    log_loss: float
    calibration_error: float
    customers: int


@dataclass
class NextCategory:
    """Gradient-boosted trees on every (customer, category) pair, made probabilities over the categories.

    Each pair is described by the customer's decayed purchases in the category and their share, how long ago the last
    one was, how busy the customer is, and how the category sells; the trees learn whether it is the main category of
    his next order. The scores of a customer's categories are normalised by a softmax; its temperature, and the power to
    which the customer's smoothed habits (`habits`) are multiplied in, are fitted on the latest snapshot, which the
    trees have not seen (Guo et al., "On calibration of modern neural networks", 2017).
    Source: Ke et al., "LightGBM", 2017, and Friedman, "Greedy function approximation", 2001 (the trees, here
    scikit-learn's histogram implementation).
    """

    random_state: int = 0
    max_iter: int = 120
    categories_: NDArray[np.int64] = field(init=False)
    temperature_: float = field(init=False, default=1.0)
    habit_: float = field(init=False, default=0.0)
    model_: Any = field(init=False, default=None)

    def fit(self, purchases: Interactions, category: NDArray[np.integer], *, now: int) -> NextCategory:
        """Learn from ``purchases`` before ``now``; ``category`` [n_items] holds a code per item, -1 = none.

        With fewer than `LEAST_SAMPLES` returning customers nothing is learned and `predict` answers with smoothed
        habits.
        """
        past = _with_category(purchases.before(now), category)
        codes, counts = np.unique(category[past.items], return_counts=True)
        self.categories_ = np.sort(codes[np.argsort(-counts, kind="stable")][:MOST_CATEGORIES])
        self.model_, self.temperature_, self.habit_ = None, 1.0, 0.0
        moments = [now - STEP_DAYS * SECONDS_PER_DAY * step for step in range(1, SNAPSHOTS + 1)]
        parts = [self._sample(past, category, moment) for moment in moments]
        parts = [part for part in parts if len(part[1])]
        if len(self.categories_) < 2 or sum(len(part[1]) for part in parts[1:]) < LEAST_SAMPLES:
            return self
        inputs = np.concatenate([part[0] for part in parts[1:]])
        labels = np.concatenate([part[1] for part in parts[1:]])
        some = np.random.default_rng(self.random_state).permutation(len(labels))[:MOST_SAMPLES]
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(
            max_iter=self.max_iter,
            learning_rate=0.08,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=self.random_state,
        )
        target = (labels[some][:, None] == np.arange(len(self.categories_))[None, :]).ravel()
        self.model_ = model.fit(inputs[some].reshape(-1, FEATURES), target)
        if len(parts[0][1]) >= LEAST_SAMPLES:
            self.temperature_, self.habit_ = _calibrated(self._logits(parts[0][0]), habits(parts[0][0]), parts[0][1])
        return self

    def predict(
        self, purchases: Interactions, category: NDArray[np.integer], users: NDArray[np.integer], *, now: int
    ) -> NDArray[np.float64]:
        """Probabilities [users, categories_] of the next purchase's category, rows add up to one."""
        past = _with_category(purchases.before(now), category)
        result = np.zeros((len(users), len(self.categories_)))
        for start in range(0, len(users), BATCH):
            some = np.asarray(users[start : start + BATCH])
            inputs = self._features(past, category, some, now)
            if self.model_ is None:
                result[start : start + BATCH] = habits(inputs)
            else:
                result[start : start + BATCH] = _pooled(
                    self._logits(inputs), habits(inputs), self.temperature_, self.habit_
                )
        return result

    def evaluate(
        self, purchases: Interactions, category: NDArray[np.integer], *, cut: int
    ) -> dict[str, CategoryMetrics]:
        """Fitted before ``cut``, judged on each customer's first order after it: ``ours``, and two baselines, the most
        frequent category of the customer (``habit``, smoothed by the shop's) and of the shop (``popular``).
        """
        self.fit(purchases, category, now=cut)
        past = _with_category(purchases, category)
        users, labels = self._next(past, category, cut)
        if not len(users):
            return {}
        inputs = self._features(past.before(cut), category, users, cut)
        shop = np.tile(inputs[0, :, -2] / max(inputs[0, :, -2].sum(), 1e-12), (len(users), 1))
        answers = {"ours": self.predict(purchases, category, users, now=cut), "habit": habits(inputs), "popular": shop}
        return {name: _metrics(probabilities, labels) for name, probabilities in answers.items()}

    def _logits(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        raw = self.model_.decision_function(inputs.reshape(-1, FEATURES))
        return np.asarray(raw.reshape(inputs.shape[:2]), dtype=np.float64)

    def _sample(
        self, past: Interactions, category: NDArray[np.integer], moment: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        users, labels = self._next(past, category, moment)
        return self._features(past.before(moment), category, users, moment), labels

    def _next(
        self, past: Interactions, category: NDArray[np.integer], moment: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Customers known before ``moment`` who bought within the horizon after it, and the position in
        ``categories_`` of the main category of their first order then (ties: the lower).
        """
        after = past.between(moment, moment + HORIZON_DAYS * SECONDS_PER_DAY)
        at = np.searchsorted(self.categories_, category[after.items])
        known = np.isin(after.users, past.before(moment).users)
        known &= np.isin(category[after.items], self.categories_)
        if not known.any():
            return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)
        users, first = np.unique(after.users[known], return_index=True)
        begin = after.times[known][first]
        row = np.searchsorted(users, after.users[known])
        same = after.times[known] == begin[row]  # the lines of one order share its moment
        width = len(self.categories_)
        counts = np.bincount(row[same] * width + at[known][same], minlength=len(users) * width)
        return users.astype(np.int32), counts.reshape(len(users), width).argmax(axis=1).astype(np.int64)

    def _features(
        self, past: Interactions, category: NDArray[np.integer], users: NDArray[np.integer], moment: int
    ) -> NDArray[np.float64]:
        """[users, categories, `FEATURES`]: decayed purchases per half-life, share of the first, days since the last in
        the category, days since the last at all, the customer's lines, place of the category, its share of the shop
        for ever and lately. The last two are the same for every customer.
        """
        width = len(self.categories_)
        result = np.zeros((len(users), width, FEATURES))
        if not width:
            return result
        at = np.minimum(np.searchsorted(self.categories_, category[past.items]), width - 1)
        listed = self.categories_[at] == category[past.items]
        ages = (moment - past.times) / SECONDS_PER_DAY
        order = np.argsort(users, kind="stable")
        row = np.minimum(np.searchsorted(users[order], past.users), max(len(users) - 1, 0))
        mine = listed & (users[order][row] == past.users) if len(users) else np.zeros(len(past), dtype=bool)
        cell = order[row[mine]] * width + at[mine] if len(users) else np.empty(0, dtype=np.int64)
        for number, half_life in enumerate(HALF_LIVES):
            faded = np.ones(len(cell)) if half_life is None else 0.5 ** (ages[mine] / half_life)
            summed = np.bincount(cell, weights=faded, minlength=len(users) * width)
            result[:, :, number] = summed.reshape(len(users), width)
        base = len(HALF_LIVES)
        total = result[:, :, 0].sum(axis=1)
        result[:, :, base] = result[:, :, 0] / np.maximum(total, 1)[:, None]
        last = np.full(len(users) * width, 999.0)
        np.minimum.at(last, cell, ages[mine])
        result[:, :, base + 1] = last.reshape(len(users), width)
        result[:, :, base + 2] = result[:, :, base + 1].min(axis=1, keepdims=True)
        result[:, :, base + 3] = total[:, None]
        result[:, :, base + 4] = np.arange(width)
        for number, half_life in ((base + 5, None), (base + 6, 30.0)):
            weights = np.ones(len(past)) if half_life is None else 0.5 ** (ages / half_life)
            shop = np.bincount(at[listed], weights=weights[listed], minlength=width)
            result[:, :, number] = shop / max(shop.sum(), 1e-12)
        return result


def habits(inputs: NDArray[np.float64], *, prior: float = 5.0) -> NDArray[np.float64]:
    """The baseline: each customer's own shares, with ``prior`` purchases of the shop's added. Rows add up to one."""
    own = inputs[:, :, 0] + prior * inputs[:, :, -2]
    return np.asarray(own / np.maximum(own.sum(axis=1, keepdims=True), 1e-12))


def _with_category(interactions: Interactions, category: NDArray[np.integer]) -> Interactions:
    return interactions.rows(np.asarray(category)[interactions.items] >= 0)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _pooled(
    logits: NDArray[np.float64], habit: NDArray[np.float64], temperature: float, power: float
) -> NDArray[np.float64]:
    return _softmax(logits / temperature + power * np.log(np.maximum(habit, 1e-9)))


def _calibrated(
    logits: NDArray[np.float64], habit: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[float, float]:
    """Temperature and power with the lowest log-loss, on a grid: two numbers cannot overfit."""
    grid = [(t, p) for t in np.geomspace(0.35, 8.0, 24).tolist() for p in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    return min(grid, key=lambda one: _log_loss(_pooled(logits, habit, *one), labels))


def _log_loss(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def _metrics(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> CategoryMetrics:
    hit = np.zeros_like(probabilities)
    hit[np.arange(len(labels)), labels] = 1
    stated, happened = probabilities.ravel(), hit.ravel()
    bins = np.minimum((stated * 10).astype(np.int64), 9)
    size = np.bincount(bins, minlength=10)
    gap = np.abs(np.bincount(bins, stated, 10) - np.bincount(bins, happened, 10))
    return CategoryMetrics(
        accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
        log_loss=_log_loss(probabilities, labels),
        calibration_error=float(gap.sum() / max(size.sum(), 1)),
        customers=len(labels),
    )
