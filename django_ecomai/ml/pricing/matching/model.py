"""The probability that a pair is one product: by a rule of thumb, or learned from pairs that somebody decided."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .features import FEATURES

Floats = NDArray[np.float64]
#: Weights that nobody has measured: what a buyer looks at, in logarithms of odds. They order pairs for a review.
RULE: dict[str, float] = {
    "words": 3.0,
    "letters": 4.0,
    "offer_told": 1.5,
    "product_told": 1.5,
    "codes_shared": 2.0,
    "codes_differ": -0.5,
    "numbers_differ": -1.5,
    "units_agree": 0.5,
    "units_differ": -2.0,
    "brand_same": 0.5,
    "brand_differs": -2.0,
    "price_apart": -1.0,
    "offer_gap": 4.0,
    "product_gap": 2.0,
}
RULE_BASE = -6.0
#: The rule is never surer than this: what it finds is for a person to decide.
RULE_MOST = 0.9
#: From so many pairs of either kind on, something is learned; with so many in all, trees do it better than a line.
LEAST, MANY = 30, 1000
FOLDS = 5


def rule_probability(features: ArrayLike) -> Floats:
    """[m] by the rule of thumb, at most 0.9."""
    rows = np.asarray(features, dtype=np.float64)
    weights = np.array([RULE.get(name, 0.0) for name in FEATURES])
    return np.asarray(RULE_MOST / (1 + np.exp(-(RULE_BASE + rows @ weights))))


class MatchModel:
    """Learns from decided pairs: a logistic regression, or with 1,000 pairs and more a forest with its probabilities
    calibrated by a sigmoid on held-out folds (Platt, 1999).

    ``random_state`` seeds the folds and the trees.
    """

    def __init__(self, *, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, features: ArrayLike, same: ArrayLike) -> MatchModel:
        """``features`` [m, len(FEATURES)], ``same`` [m] whether the pair is one product. Raises ``ValueError`` with
        fewer than 30 of either kind, or another number of features."""
        x, y = _checked(features, same)
        if min(y.sum(), (~y).sum()) < LEAST:
            raise ValueError(f"{LEAST} pairs of either kind are needed, {y.sum()} and {(~y).sum()} are there")
        self.model_ = self._model(len(y)).fit(x, y)
        return self

    def probability(self, features: ArrayLike) -> Floats:
        """[m] that each pair is one product."""
        x = np.asarray(features, dtype=np.float64)
        return np.asarray(self.model_.predict_proba(x)[:, 1]) if len(x) else np.zeros(0)

    def beats_rule(self, features: ArrayLike, same: ArrayLike) -> tuple[bool, float, float]:
        """Whether what is learned orders held-out pairs better than the rule, and both average precisions.

        Each pair is judged by a model that was fitted without its fold."""
        from sklearn.metrics import average_precision_score
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        x, y = _checked(features, same)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self.random_state)
        held = cross_val_predict(self._model(len(y)), x, y, cv=folds, method="predict_proba")[:, 1]
        learned, rule = (float(average_precision_score(y, one)) for one in (held, rule_probability(x)))
        return learned >= rule, learned, rule

    def _model(self, pairs: int) -> Any:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.ensemble import ExtraTreesClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if pairs < MANY:
            return make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2000))
        trees = ExtraTreesClassifier(300, min_samples_leaf=3, max_features=8, random_state=self.random_state)
        return CalibratedClassifierCV(trees, method="sigmoid", cv=FOLDS, ensemble=False)


def _checked(features: ArrayLike, same: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    x, y = np.asarray(features, dtype=np.float64), np.asarray(same, dtype=bool)
    if x.ndim != 2 or x.shape[1] != len(FEATURES) or y.shape != (len(x),):
        raise ValueError(f"features must be [m, {len(FEATURES)}] and same [m]")
    return x, y
