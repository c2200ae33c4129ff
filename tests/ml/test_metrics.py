"""Golden values, worked out by hand from the definitions in the docstrings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from django_ecomai.ml.evaluate.metrics import all_metrics, hits

LOG3, LOG5 = np.log2(3), np.log2(5)


def truth(*rows: set[int], n_items: int = 10) -> sparse.csr_matrix:
    dense = np.zeros((len(rows), n_items))
    for row, items in enumerate(rows):
        dense[row, list(items)] = 1
    return sparse.csr_matrix(dense)


def test_one_customer_by_hand():
    # hits at ranks 2 and 4 of 5; six true items
    metrics = all_metrics(np.array([[9, 1, 8, 2, 7]]), truth({1, 2, 3, 4, 5, 6}), ks=(5,))
    ideal = sum(1 / np.log2(rank + 1) for rank in range(1, 6))  # min(k, truth) = 5 places
    assert metrics == pytest.approx(
        {
            "precision@5": 2 / 5,
            "recall@5": 2 / 6,
            "f1@5": 2 * 2 / (5 + 6),
            "hit_rate@5": 1,
            "ndcg@5": (1 / LOG3 + 1 / LOG5) / ideal,
            "map@5": (1 / 2 + 2 / 4) / 5,
            "mrr@5": 1 / 2,
            "coverage@5": 5 / 10,
        }
    )


def test_fewer_true_items_than_k():
    metrics = all_metrics(np.array([[3, 1, 0, 2, 4]]), truth({1}), ks=(1, 5))
    assert metrics["recall@5"] == metrics["hit_rate@5"] == 1
    assert metrics["ndcg@5"] == pytest.approx(1 / LOG3)
    assert metrics["map@5"] == metrics["mrr@5"] == 0.5
    assert metrics["precision@5"] == pytest.approx(0.2)
    assert metrics["f1@5"] == pytest.approx(2 / 6)
    assert [metrics[f"{name}@1"] for name in ("recall", "ndcg", "map", "mrr", "hit_rate")] == [0] * 5


def test_the_mean_is_over_customers_and_padding_is_no_hit():
    ranked = np.array([[0, 1], [-1, -1], [2, -1]])
    metrics = all_metrics(ranked, truth({0, 1}, {5}, {2, 3}, n_items=6), ks=(2,))
    assert metrics["recall@2"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert metrics["precision@2"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert metrics["ndcg@2"] == pytest.approx((1 + 0 + 1 / (1 + 1 / LOG3)) / 3)
    assert metrics["mrr@2"] == pytest.approx(2 / 3)
    assert metrics["coverage@2"] == pytest.approx(3 / 6)


def test_no_customers_give_zeros():
    metrics = all_metrics(np.empty((0, 2), dtype=np.int32), truth(n_items=4), ks=(2,))
    assert set(metrics.values()) == {0.0}
    assert len(metrics) == 8


@pytest.mark.parametrize(
    ("ranked", "true", "message"),
    [
        ([[1, 1]], truth({1}), "recommended twice"),
        ([[1, 2]], truth(set()), "without a true item"),
        ([[1, 2], [1, 2]], truth({1}), "2 rankings for 1"),
        ([[1]], truth({1}), "pad with -1"),
    ],
)
def test_wrong_input_is_refused(ranked, true, message):
    with pytest.raises(ValueError, match=message):
        all_metrics(np.array(ranked), true, ks=(2,))


@given(st.lists(st.permutations(range(8)), min_size=1, max_size=4), st.data())
def test_every_metric_lies_between_zero_and_one_and_recall_grows(rankings, data):
    rows = [data.draw(st.sets(st.integers(0, 7), min_size=1)) for _ in rankings]
    ranked = np.array(rankings)
    metrics = all_metrics(ranked, truth(*rows, n_items=8), ks=(1, 3, 8))
    assert all(0 <= value <= 1 + 1e-12 for value in metrics.values())
    assert metrics["recall@1"] <= metrics["recall@3"] <= metrics["recall@8"] == pytest.approx(1)
    assert hits(ranked, truth(*rows, n_items=8)).sum() == sum(map(len, rows))


def test_a_perfect_ranking_scores_one():
    metrics = all_metrics(np.array([[4, 2, 7, 0, 1]]), truth({2, 4, 7}), ks=(3,))
    perfect = ("recall@3", "precision@3", "f1@3", "ndcg@3", "map@3", "mrr@3", "hit_rate@3")
    assert [metrics[name] for name in perfect] == pytest.approx([1] * 7)
