"""Trees in numpy give what the libraries give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.recommend.ranking.export import from_hist_gradient_boosting, from_lightgbm
from django_ecomai.ml.recommend.ranking.trees import NAMES, Trees

NAN = float("nan")


def trees(*nodes: tuple, roots: tuple[int, ...] = (0,)) -> Trees:
    """Nodes as ``(feature, threshold, left, right, value, missing_left)``."""
    columns = list(zip(*nodes, strict=True))
    types = (np.int16, np.float64, np.int32, np.int32, np.float64, np.bool_)
    arrays = [np.array(column, dtype=kind) for column, kind in zip(columns, types, strict=True)]
    return Trees(*arrays, np.array(roots, dtype=np.int32))


def leaf(value: float) -> tuple:
    return (-1, 0.0, -1, -1, value, True)


def test_one_split_by_hand():
    stump = trees((0, 2.0, 1, 2, 0.0, False), leaf(-1.0), leaf(5.0))
    assert stump.predict([[1.0], [2.0], [2.1], [NAN], [-np.inf], [np.inf]]).tolist() == [-1, -1, 5, 5, -1, 5]
    assert trees((0, 2.0, 1, 2, 0.0, True), leaf(-1.0), leaf(5.0)).predict([[NAN]]).tolist() == [-1]


def test_a_split_of_known_from_missing():
    """Scikit-learn's threshold is then infinite, and what is missing goes right."""
    known = trees((0, np.inf, 1, 2, 0.0, False), leaf(1.0), leaf(2.0))
    assert known.predict([[0.0], [1e300], [np.inf], [NAN]]).tolist() == [1, 1, 1, 2]


def test_trees_add_up_and_depth_differs():
    both = trees(
        (1, 0.0, 1, 2, 0.0, True), leaf(1.0), (0, 5.0, 3, 4, 0.0, False), leaf(10.0), leaf(100.0), leaf(0.25),
        roots=(0, 5),
    )  # fmt: skip
    assert both.predict([[9, -1], [5, 1], [6, 1], [NAN, 1], [NAN, NAN]]).tolist() == [1.25, 10.25, 100.25, 100.25, 1.25]
    assert len(both) == 2
    assert both.n_features == 2


def test_arrays_survive_and_no_tree_is_zero():
    stump = trees((0, 2.0, 1, 2, 0.0, False), leaf(-1.0), leaf(5.0))
    stored = stump.arrays("x_")
    assert set(stored) == {f"x_{name}" for name in NAMES}
    assert Trees.from_arrays(stored, "x_").predict([[3.0]]).tolist() == [5]
    nothing = Trees(*(np.empty(0, dtype=stored[f"x_{name}"].dtype) for name in NAMES))
    assert nothing.predict(np.ones((3, 2))).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: trees((0, 1.0, 0, 1, 0.0, True), leaf(1.0)), "in circles"),
        (lambda: trees((0, 1.0, 1, 7, 0.0, True), leaf(1.0)), "leads nowhere"),
        (lambda: trees(leaf(1.0), roots=(3,)), "leads nowhere"),
        (lambda: Trees(**{**trees(leaf(1.0)).arrays(), "value": np.zeros(2)}), "one length"),
        (lambda: trees((3, 1.0, 1, 2, 0.0, True), leaf(1.0), leaf(2.0)).predict([[1.0]]), "look at 4"),
    ],
)
def test_what_does_not_fit_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_more_leaves_than_bits_are_refused():
    chain = [(0, float(i), 2 * i + 1, 2 * i + 2, 0.0, True) if at else leaf(1.0) for i in range(65) for at in (1, 0)]
    with pytest.raises(ValueError, match=r"more than 64 leaves|at most 64"):
        trees(*chain, leaf(2.0))


@st.composite
def forests(draw):
    """Random trees with random missing directions, as nested tuples, and rows to predict."""
    value = st.floats(-10, 10, allow_nan=False)
    tree = st.recursive(
        value,
        lambda below: st.tuples(
            st.integers(0, 2), st.sampled_from([-1.0, 0.0, 1.0, np.inf]), below, below, st.booleans()
        ),
        max_leaves=12,
    )
    cell = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 1.0, 2.0, np.inf, -np.inf, NAN])
    rows = draw(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=6))
    return draw(st.lists(tree, min_size=1, max_size=4)), np.array(rows)


def walk(tree, row) -> float:
    while isinstance(tree, tuple):
        feature, threshold, left, right, missing_left = tree
        x = row[feature]
        tree = left if (missing_left if np.isnan(x) else x <= threshold) else right
    return tree


def flat(tree, nodes: list) -> int:
    at = len(nodes)
    if not isinstance(tree, tuple):
        nodes.append(leaf(tree))
        return at
    feature, threshold, left, right, missing_left = tree
    nodes.append(None)
    nodes[at] = (feature, threshold, flat(left, nodes), flat(right, nodes), 0.0, missing_left)
    return at


@given(forests())
@settings(deadline=None)
def test_any_forest_equals_walking_it(drawn):
    forest, rows = drawn
    nodes: list = []
    roots = tuple(flat(tree, nodes) for tree in forest)
    expected = [sum(walk(tree, row) for tree in forest) for row in rows]
    np.testing.assert_allclose(trees(*nodes, roots=roots).predict(rows), expected, atol=1e-12)


def table(seed: int, rows: int = 800) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 6))
    features[random.random(features.shape) < 0.2] = NAN
    features[:, 3] = random.integers(0, 3, rows)  # never missing when trained
    features[:, 4] = NAN  # never known
    y = np.nan_to_num(features[:, 0]) + np.isnan(features[:, 1]) * 2 + features[:, 3]
    return features, y + random.normal(size=rows) * 0.1


@pytest.mark.parametrize("objective", ["regression", "binary", "lambdarank"])
def test_lightgbm_is_reproduced(objective):
    lightgbm = pytest.importorskip("lightgbm")
    features, y = table(0)
    labels = y if objective == "regression" else (y > 2).astype(int)
    options = {"objective": objective, "num_leaves": 31, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    group = [80] * 10 if objective == "lambdarank" else None
    booster = lightgbm.train(options, lightgbm.Dataset(features, labels, group=group), 40)
    other, _ = table(1)
    other[::3, 3] = NAN  # missing only when it serves: LightGBM takes it for 0
    expected = booster.predict(other, raw_score=True)
    np.testing.assert_allclose(from_lightgbm(booster).predict(other), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_scikit_learn_is_reproduced(kind):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    (features, y), (other, _) = table(2), table(3)
    features[:, 4] = other[:, 4] = 0.0  # scikit-learn cannot bin a column without any value
    if kind == "regressor":
        model = HistGradientBoostingRegressor(max_iter=40, random_state=0).fit(features, y)
        expected = model.predict(other)
    else:
        model = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(features, y > 2)
        expected = model.decision_function(other)
    exported = from_hist_gradient_boosting(model)
    assert len(exported) == 41  # one of them is the baseline
    np.testing.assert_allclose(exported.predict(other), expected, atol=1e-6)


def test_categories_cannot_be_exported():
    lightgbm = pytest.importorskip("lightgbm")
    features, y = table(4)
    data = lightgbm.Dataset(features, y, categorical_feature=[3])
    booster = lightgbm.train({"verbose": -1, "num_threads": 1, "min_data_per_group": 1}, data, 3)
    with pytest.raises(ValueError, match="only numeric splits"):
        from_lightgbm(booster)
