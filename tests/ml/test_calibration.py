from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.evaluate.calibration import Isotonic, probability_metrics


def test_violators_are_pooled_by_hand():
    steps = Isotonic.fit([1, 2, 3, 4, 5], [0, 1, 0, 1, 1])
    assert steps.value.tolist() == [0, 0.5, 0.5, 1, 1]
    assert steps.predict([0, 1.5, 3, 9]).tolist() == [0, 0.25, 0.5, 1]


def test_equal_scores_share_their_mean():
    assert Isotonic.fit([7, 7, 7, 7], [1, 0, 0, 0]).predict([7]).tolist() == [0.25]
    with pytest.raises(ValueError, match="one of each per row"):
        Isotonic.fit([], [])
    with pytest.raises(ValueError, match="2 scores for 1"):
        Isotonic.fit([1, 2], [1])


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=40))
def test_it_rises_keeps_the_mean_and_equals_scikit_learn(rows):
    from sklearn.isotonic import IsotonicRegression

    scores, outcomes = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows], float)
    fitted = Isotonic.fit(scores, outcomes)
    assert (np.diff(fitted.value) >= -1e-12).all()
    predicted = fitted.predict(scores)
    assert predicted.mean() == pytest.approx(outcomes.mean())
    np.testing.assert_allclose(predicted, IsotonicRegression().fit_transform(scores, outcomes), atol=1e-9)


def test_errors_of_probabilities_by_hand():
    metrics = probability_metrics([0.5, 0.5, 1.0, 0.0], [1, 0, 1, 0])
    assert metrics == pytest.approx({"mae": 0.25, "rmse": 0.125**0.5, "brier": 0.125, "ece": 0.25})
    assert probability_metrics([], []) == {}


def test_a_calibrated_forecast_has_no_calibration_error():
    predicted = np.repeat([0.1, 0.9], 100)
    outcomes = np.r_[np.tile([1] + [0] * 9, 10), np.tile([0] + [1] * 9, 10)]
    assert probability_metrics(predicted, outcomes)["ece"] == pytest.approx(0, abs=1e-9)
