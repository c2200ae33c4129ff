from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.recommend.blend import blend
from django_ecomai.ml.recommend.fallback import fallback_chain
from django_ecomai.ml.recommend.neighbours import NeighbourTable, strongest


def source(*pairs: tuple[int, float]):
    return np.array([i for i, _ in pairs], dtype=np.int32), np.array([s for _, s in pairs], dtype=np.float32)


def test_the_chain_fills_from_the_next_source():
    items, scores, origin = fallback_chain(
        4, source((3, 9), (1, 8)), source((1, 0.5), (7, 0.4), (2, 0.3)), source((5, 1)), exclude=[7]
    )
    assert items.tolist() == [3, 1, 2, 5]
    assert scores.tolist() == pytest.approx([9, 8, 0.3, 1])
    assert origin.tolist() == [0, 0, 1, 2]


@given(
    st.lists(st.lists(st.integers(-1, 12), max_size=12), max_size=4),
    st.integers(0, 15),
    st.lists(st.integers(0, 12), max_size=5),
)
def test_the_chain_never_repeats_or_exceeds(lists, n, exclude):
    items, _, origin = fallback_chain(n, *(source(*((i, 1.0) for i in one)) for one in lists), exclude=exclude)
    available = {i for one in lists for i in one if i >= 0} - set(exclude)
    assert len(items) == min(n, len(available))
    assert set(items.tolist()) <= available
    assert len(set(items.tolist())) == len(items)
    assert (np.diff(origin) >= 0).all()


def test_blending_by_score_and_by_rank():
    one, other = (*source((1, 10), (2, 5)), 1.0), (*source((2, 0.2), (3, 0.1)), 2.0)
    items, scores = blend([one, other])
    assert items.tolist() == [1, 2, 3]
    assert scores.tolist() == pytest.approx([1, 0.5 + 2, 1])
    items, scores = blend([one, other], normalise="rank")
    assert scores.tolist() == pytest.approx([1 / 61, 1 / 62 + 2 / 61, 2 / 62])


def test_a_source_without_weight_or_positive_scores_is_left_out():
    assert blend([(*source((1, 1.0)), 0.0), (*source((2, -1.0), (3, float("nan"))), 1.0)])[0].tolist() == []
    with pytest.raises(ValueError, match="'score' or 'rank'"):
        blend([(*source((1, 1.0)), 1.0)], normalise="magic")


def test_the_history_is_one_sparse_sum():
    table = NeighbourTable(
        np.array([[1, 2], [2, -1], [0, 1]], dtype=np.int32), np.array([[3, 1], [4, 0], [2, -5]], dtype=np.float32)
    )
    items, scores, because = table.score_history([0, 1], [1.0, 0.5])
    assert items.tolist() == [1, 2]
    assert scores.tolist() == [3, 1 + 0.5 * 4]
    assert because.tolist() == [0, 1]
    assert table.score_history([2])[0].tolist() == [0], "a negative sum is no recommendation"
    assert table.score_history([0, 0])[1].tolist() == [6, 2], "repetitions add up"
    assert table.score_history([-1, 3])[0].tolist() == []
    assert table.row(2)[0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="2 weights for a history of 1"):
        table.score_history([0], [1, 2])


def test_a_table_without_neighbours():
    table = NeighbourTable.empty(3)
    assert table.score_history([0, 1])[0].tolist() == []
    assert table.row(0)[0].tolist() == []
    with pytest.raises(ValueError, match="must be equal"):
        NeighbourTable(np.zeros((2, 2), dtype=np.int32), np.zeros((2, 3), dtype=np.float32))


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(-2, 40), st.data())
def test_strongest_equals_a_full_sort(scores, k, data):
    tie = data.draw(st.lists(st.integers(0, 2), min_size=len(scores), max_size=len(scores)))
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], -tie[i], i))[: max(k, 0)]
    assert strongest(np.array(scores, dtype=float), k, np.array(tie)).tolist() == expected
