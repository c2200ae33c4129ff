"""The quality gate's verdicts, and the sentences a merchant reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.runs.services import gate_decide

METRIC = "recall@20"


def decide(new: Any, live: Any, naive: Any, **options: Any) -> Any:
    def wrap(value: Any) -> dict[str, Any]:
        return {} if value == "absent" else {METRIC: value}

    return gate_decide(
        challenger=wrap(new), live=None if live is None else wrap(live), baseline=wrap(naive), metric=METRIC, **options
    )


@pytest.mark.parametrize(
    ("new", "live", "naive", "passed"),
    [
        (0.10, None, 0.05, True),
        (0.05, None, 0.05, True),  # no worse than the obvious
        (0.04, None, 0.05, False),
        (0.10, 0.09, 0.05, True),
        (0.10, 0.10, 0.05, True),  # retrained on newer data, same recipe
        (0.09, 0.10, 0.05, False),
        (0.04, 0.01, 0.05, False),  # better than the live one, worse than the obvious
        (0.0, None, 0.0, True),
        ("absent", None, 0.05, False),
        (float("nan"), 0.1, 0.05, False),
        (float("inf"), 0.1, 0.05, False),
        ("0.9", 0.1, 0.05, False),
        (True, None, 0.05, False),
        (0.10, None, "absent", False),
        (0.10, "absent", 0.05, True),
        (0.10, float("nan"), 0.05, True),
        (0.10, None, None, False),
        ([1], None, 0.05, False),
    ],
)
def test_verdicts(new: Any, live: Any, naive: Any, passed: bool) -> None:
    assert decide(new, live, naive).passed is passed


def test_lower_is_better_for_errors() -> None:
    assert decide(8.0, 9.0, 12.0, higher_is_better=False).passed
    assert not decide(10.0, 9.0, 12.0, higher_is_better=False).passed
    assert not decide(13.0, None, 12.0, higher_is_better=False).passed


def test_tolerance_is_for_the_live_model_only() -> None:
    assert decide(0.098, 0.1, 0.05, tolerance=0.02).passed
    assert not decide(0.0979, 0.1, 0.05, tolerance=0.02).passed
    assert not decide(0.049, None, 0.05, tolerance=0.02).passed


def test_sentences() -> None:
    assert decide(0.0824, 0.07, 0.0515).reason == (
        "Goes live: recall@20 is 0.0824, 18 % better than the model in use (0.0700) "
        "and 60 % better than the simple baseline (0.0515)."
    )
    assert decide(0.0824, None, 0.0515).reason == (
        "Goes live as the first model: recall@20 is 0.0824, 60 % better than the simple baseline (0.0515)."
    )
    assert decide(0.06, 0.07, 0.05).reason == (
        "Not put live: recall@20 is 0.0600, 14 % worse than the model in use (0.0700), which stays."
    )
    assert decide(0.04, 0.07, 0.05).reason == (
        "Not put live: recall@20 is 0.0400, 20 % worse than the simple baseline (0.0500). "
        "More data is needed before a model helps."
    )
    assert decide(0.07, 0.0701, 0, tolerance=0.02).reason == (
        "Goes live: recall@20 is 0.0700, as good as the model in use (0.0701) "
        "and better than the simple baseline (0.0000)."
    )
    assert decide(9.0, 12.0, 10.0, higher_is_better=False).reason == (
        "Goes live: recall@20 is 9.00, 25 % better than the model in use (12.00) "
        "and 10 % better than the simple baseline (10.00)."
    )
    assert "worse than the simple baseline (0.0000)" in decide(-0.1, None, 0.0).reason
    assert "could not be measured (recall@20 is missing)" in decide("absent", None, 1).reason
    assert "no simple baseline" in decide(1, None, "absent").reason


def test_facts_are_kept() -> None:
    verdict = decide(0.2, 0.1, 0.05)
    assert verdict.as_dict() == {
        "passed": True,
        "reason": verdict.reason,
        "metric": METRIC,
        "challenger": 0.2,
        "live": 0.1,
        "baseline": 0.05,
    }


numbers = st.none() | st.floats() | st.integers(-(10**400), 10**400) | st.text(max_size=3)


@given(new=numbers, live=numbers, naive=numbers)
def test_any_input_gives_a_verdict_with_a_sentence(new: Any, live: Any, naive: Any) -> None:
    verdict = gate_decide(challenger={METRIC: new}, live={METRIC: live}, baseline={METRIC: naive}, metric=METRIC)
    assert verdict.reason.endswith(".")
    if verdict.passed:
        assert verdict.challenger is not None and verdict.baseline is not None
        assert verdict.challenger >= verdict.baseline - 1e-9
