"""Neighbour tables made block by block, against the plain definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from benchmarks.plot import cost_chart
from benchmarks.simulated import simulate
from benchmarks.training_size import exponent
from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend import matrix as blockwise
from django_ecomai.ml.recommend.cosine import Cosine, gram_blocks
from django_ecomai.ml.recommend.matrix import even_parts, row_blocks, table_from_blocks
from django_ecomai.ml.recommend.neighbours import strongest
from django_ecomai.ml.recommend.sequential import follow_blocks

ODD = [0.0, -1.0, 1e-30, 0.5, 0.5 + 1e-12, 1.0, 2.0, 1e300, np.inf, np.nan]


@given(
    dense=arrays.arrays(np.float64, st.tuples(st.just(7), st.just(7)), elements=st.sampled_from(ODD)),
    popularity=arrays.arrays(np.float32, 7, elements=st.sampled_from([0, 1, 5])),
    k=st.integers(0, 9),
    cells=st.sampled_from([1, 10, 1000]),
)
def test_every_row_keeps_its_strongest(dense, popularity, k, cells):
    blockwise.SPARSE_CELLS, kept = cells, blockwise.SPARSE_CELLS
    try:
        table = table_from_blocks(row_blocks(sparse.csr_matrix(dense)), 7, k, popularity)
    finally:
        blockwise.SPARSE_CELLS = kept
    with np.errstate(over="ignore"):
        single = dense.astype(np.float32)
    for row in range(7):
        others = np.array([c for c in range(7) if c != row and single[row, c] > 0 and np.isfinite(single[row, c])], int)
        best = others[strongest(single[row, others], k, popularity[others])]
        indices, scores = table.row(row)
        assert indices.tolist() == best.tolist()
        assert scores.tolist() == single[row, best].tolist()


def test_parts_are_even_and_no_row_is_split(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blockwise, "SPARSE_CELLS", 10)
    assert [(part.start, part.stop) for part in even_parts(np.array([4, 6, 1, 50, 0, 9, 2]))] == [
        (0, 2), (2, 3), (3, 4), (4, 6), (6, 7),
    ]  # fmt: skip


def test_an_item_that_everybody_bought_is_one_long_row(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blockwise, "SPARSE_CELLS", 500)
    users = np.r_[np.arange(300), np.arange(300)]
    built = Interactions.build(users, np.r_[np.zeros(300, int), 1 + np.arange(300) % 50], np.zeros(600, int))
    parts = list(gram_blocks(built.csr()))
    assert [block.shape[0] for _, block in parts][0] == 1
    assert sum(block.shape[0] for _, block in parts) == 51
    np.testing.assert_array_equal(
        sparse.vstack([block for _, block in parts]).toarray(), (built.csr().T @ built.csr()).toarray()
    )


@pytest.mark.parametrize("cells", [1, 40, 10**6])
def test_what_follows_what_does_not_depend_on_the_blocks(cells: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blockwise, "SPARSE_CELLS", cells)
    users, items = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 2, 0])
    weights, scale = np.array([1.0, 0.5, 1.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0])
    parts = follow_blocks(users, items, weights, scale, window=2, backward=0.5)
    dense = sparse.vstack([block for _, block in parts]).toarray()
    # 0 -> 1: .5 * 2; 0 -> 2: 1/2, and .5 against 2 -> 0; 1 -> 2: .5 * 2; the rest is half of it, backwards
    assert dense.tolist() == [[0, 1.0, 1.0], [0.5, 0, 1.0], [1.25, 0.5, 0]]


def test_the_simulated_shop_is_the_same_every_time_and_as_large_as_asked():
    one, same, other = (simulate(50, 600, 3000, seed=seed) for seed in (0, 0, 1))
    assert (len(one), one.n_users, one.n_items) == (3000, 50, 600)
    assert one.items.tolist() == same.items.tolist() != other.items.tolist()
    assert (np.diff(one.times) >= 0).all()
    assert set(np.unique(one.kinds).tolist()) == {0, 1, 2}
    views = np.sort(np.bincount(one.items, minlength=600))[::-1]
    assert views[:60].sum() > 3 * views[-60:].sum()


def test_the_exponent_is_the_slope_in_logarithms():
    rows = [{"events": n, "cpu_s": 3e-6 * n**1.5} for n in (10, 100, 1000)]
    assert exponent(rows, "cpu_s") == pytest.approx(1.5)


def test_the_chart_shows_every_size():
    rows = [{"events": n, "cpu_s": n / 1e5, "peak_mb": 300} for n in (300_000, 1_200_000)]
    chart = cost_chart(rows)
    assert chart.startswith("<svg") and chart.rstrip().endswith("</svg>")
    assert ">0.3 M<" in chart and ">1.2 M<" in chart and "n log n" in chart


def test_blocks_do_not_change_a_model(monkeypatch: pytest.MonkeyPatch):
    shop = simulate(80, 500, 4000, seed=3)
    built = Interactions.build(shop.users, shop.items, shop.times // 1000)
    whole = Cosine(neighbours=20).fit(built).neighbours_
    monkeypatch.setattr(blockwise, "SPARSE_CELLS", 700)
    parts = Cosine(neighbours=20).fit(built).neighbours_
    np.testing.assert_array_equal(whole.indices, parts.indices)
    np.testing.assert_array_equal(whole.scores, parts.scores)
