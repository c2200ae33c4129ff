"""Learn the order of candidates: LambdaRank by LightGBM, or boosted trees of scikit-learn where it is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .export import from_hist_gradient_boosting, from_lightgbm
from .groups import Groups
from .trees import Trees

LAMBDARANK, POINTWISE = "LambdaRank (LightGBM)", "gradient boosting (scikit-learn)"
#: Small trees and few of them: a shop's feedback is little data, and every tree costs time on every page.
ROUNDS, LEAVES, LEARNING_RATE, LEAST_IN_LEAF, L2 = 60, 15, 0.05, 50, 10.0
#: Candidates of each customer that are learned from.
LEARNED_FROM = 100


class BoostMissing(RuntimeError):
    """LightGBM cannot be imported; the message says what to install."""


def lightgbm_module() -> Any:
    """LightGBM, imported when it is needed. Raises BoostMissing."""
    try:
        import lightgbm
    except ImportError as error:
        raise BoostMissing("LightGBM is not installed: pip install django-ecomai[boost]") from error
    except OSError as error:  # the wheel is there, the system's OpenMP is not
        raise BoostMissing(f"LightGBM does not start ({error}): apt-get install libgomp1") from error
    return lightgbm


def learner_available() -> tuple[str, str]:
    """Which learner `fit_trees` will use, and what to do to get the better one (empty when it is there)."""
    try:
        lightgbm_module()
    except BoostMissing as missing:
        return POINTWISE, str(missing)
    return LAMBDARANK, ""


def fit_trees(groups: Groups, names: tuple[str, ...], *, learner: str = LAMBDARANK, random_state: int = 0) -> Trees:
    """Trees that score candidates; ``names`` are the columns of the features.

    A higher score of a source, and a better rank, never counts against a candidate (monotone constraints): with little
    feedback that is what keeps the trees from learning noise. Raises ValueError when nothing was bought or nothing was
    left unbought, BoostMissing when LightGBM is asked for and missing.
    """
    groups = groups.head(LEARNED_FROM)
    if not groups.labels.any() or groups.labels.all():
        raise ValueError("candidates that were bought and some that were not are needed to learn an order")
    fitted = _lambdarank if learner == LAMBDARANK else _pointwise
    return fitted(groups, monotone(names), random_state)


def monotone(names: tuple[str, ...]) -> list[int]:
    """1: more is never worse, -1: less is never worse, 0: free."""
    return [1 if name.endswith("_score") else -1 if name.endswith("_rank") else 0 for name in names]


def _lambdarank(groups: Groups, constraints: list[int], random_state: int) -> Trees:
    lightgbm = lightgbm_module()
    data = lightgbm.Dataset(groups.features, groups.labels, group=groups.sizes)
    options = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": 30,
        "num_leaves": LEAVES,
        "learning_rate": LEARNING_RATE,
        "min_data_in_leaf": LEAST_IN_LEAF,
        "lambda_l2": L2,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "max_bin": 63,
        "monotone_constraints": constraints,
        # the same data and seed give the same trees, whatever the machine
        "seed": random_state,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    return from_lightgbm(lightgbm.train(options, data, ROUNDS))


def _pointwise(groups: Groups, constraints: list[int], random_state: int) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        max_leaf_nodes=LEAVES,
        learning_rate=LEARNING_RATE,
        min_samples_leaf=LEAST_IN_LEAF,
        l2_regularization=L2,
        max_bins=63,
        max_features=0.7,
        monotonic_cst=constraints,
        early_stopping=False,
        random_state=random_state,
    )
    # a column without any value cannot be put into bins; a constant one is never split
    features = np.where(np.isnan(groups.features).all(axis=0), 0.0, groups.features)
    return from_hist_gradient_boosting(model.fit(features, groups.labels))


def list_values(groups: Groups, scores: Any, k: int) -> tuple[Any, Any]:
    """Recall@k and NDCG@k of each group, its candidates ordered by ``scores`` [N] (stable): float64 [G] each."""
    discount = 1 / np.log2(np.arange(2, k + 2))
    recall, gain = np.zeros(len(groups.sizes)), np.zeros(len(groups.sizes))
    start = 0
    for group, (size, relevant) in enumerate(zip(groups.sizes.tolist(), groups.relevant.tolist(), strict=True)):
        rows = slice(start, start + size)
        best = np.argsort(-np.asarray(scores[rows]), kind="stable")[:k]
        hit = groups.labels[rows][best] > 0
        recall[group] = hit.sum() / relevant
        gain[group] = discount[: len(hit)][hit].sum() / discount[: min(relevant, k)].sum()
        start += size
    return recall, gain
