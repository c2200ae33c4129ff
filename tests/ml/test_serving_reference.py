"""Fast serving gives what a slow reading of the definition gives: plain loops over small tables of any content."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.speed_table import manifest, simulated
from django_ecomai.ml.recommend.neighbours import NeighbourTable, at_least, is_in
from django_ecomai.ml.recommend.recipe import Recipe
from django_ecomai.ml.recommend.serving import Scorer
from django_ecomai.ml.recommend.shelves import Shelves
from django_ecomai.ml.recommend.weighing import steps_back, weigh_history

N = 12
ages = st.one_of(st.none(), st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 40.0]), min_size=8, max_size=8))
items = st.lists(st.integers(-1, N - 1), max_size=8)
# Quarters: every sum is exact, so that equal scores are equal in any order of adding.
quarters = st.integers(0, 8).map(lambda number: number / 4)


@st.composite
def tables(draw) -> NeighbourTable:
    """Rows of different neighbours, some shorter; strengths that are often equal."""
    indices = np.full((N, 4), -1, dtype=np.int32)
    scores = np.zeros((N, 4), dtype=np.float32)
    for row in range(N):
        found = draw(st.lists(st.integers(0, N - 1), max_size=4, unique=True))
        indices[row, : len(found)] = found
        scores[row, : len(found)] = sorted((draw(quarters) - 0.5 for _ in found), reverse=True)
    return NeighbourTable(indices, scores)


def slow_scores(table: NeighbourTable, weights: dict[int, float]) -> dict[int, tuple[float, int]]:
    """Candidate -> (score, the item that says most for it; of equals the one named first)."""
    total: dict[int, float] = {}
    loudest: dict[int, tuple[float, int]] = {}
    top = max((w for i, w in weights.items() if i >= 0 and w > 0), default=0.0)
    for item, weight in weights.items():
        if item < 0 or weight <= 0:
            continue
        for target, strength in zip(table.indices[item].tolist(), table.scores[item].tolist(), strict=True):
            if target < 0:
                continue
            part = strength * (weight / top)
            total[target] = total.get(target, 0.0) + part
            if target not in loudest or part > loudest[target][0]:
                loudest[target] = (part, item)
    return {target: (score, loudest[target][1]) for target, score in total.items() if score > 0}


@given(tables(), st.lists(st.integers(-1, N + 3), max_size=6), st.data())
def test_a_history_is_scored_as_defined(table, history, data):
    weights = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(history), max_size=len(history)))
    found, scores, because = table.score_history(history, weights)

    total: dict[int, float] = {}
    loudest: dict[int, tuple[float, int]] = {}
    top = max((w for i, w in zip(history, weights, strict=True) if 0 <= i < N), default=0.0)
    for item, weight in zip(history, weights, strict=True):
        if not 0 <= item < N or weight <= 0:
            continue
        for target, strength in zip(table.indices[item].tolist(), table.scores[item].tolist(), strict=True):
            if target >= 0:
                part = strength * weight / top
                total[target] = total.get(target, 0.0) + part
                if target not in loudest or part > loudest[target][0]:
                    loudest[target] = (part, item)
    expected = sorted((target, score) for target, score in total.items() if score > 0)
    assert list(zip(found.tolist(), scores.tolist(), strict=True)) == expected
    assert because.tolist() == [loudest[target][1] for target, _ in expected]


@given(tables(), items, ages, st.integers(0, 14), st.lists(st.integers(-1, N - 1), max_size=5), st.sampled_from([0, 1]))
def test_discovery_is_what_plain_loops_give(table, history, when, n, exclude, prior):
    recipe = Recipe(history_half_life_days=1.0, history_step_decay=0.5, prior=float(prior))
    arrays = simulated(N, 3)
    arrays["popularity"] = np.array([3, 1, 4, 1, 5, 1, 2, 6, 5, 3, 5, 8], dtype=np.float32)
    arrays["trending"] = np.array([0, 1, 2, 4, 8, 0, 1, 2, 4, 8, 0, 1], dtype=np.float32)
    arrays["active"] = np.arange(N) != 7
    arrays["neighbours_indices"], arrays["neighbours_scores"] = table.indices, table.scores
    scorer = Scorer({**manifest(N), "recipe": recipe.to_dict()}, arrays)
    when = when if when is None else when[: len(history)]

    answer = scorer.for_history(history, ages_days=when, n=n, exclude=exclude)

    scored = slow_scores(table, slow_weights(history, when))
    best = max((score for score, _ in scored.values()), default=0.0)
    popular = np.where(arrays["active"], arrays["trending"], 0) / 8
    if prior and scored:
        scored = {i: (np.float32(s) / np.float64(np.float32(best)) + popular[i], b) for i, (s, b) in scored.items()}
        for item in range(N):
            if popular[item] > 0 and item not in scored:
                scored[item] = (popular[item], -1)
    ranked = sorted(
        ((np.float32(score), arrays["popularity"][i], -i, because) for i, (score, because) in scored.items()),
        key=lambda one: one[:3],
        reverse=True,
    )
    allowed = [one for one in ranked if arrays["active"][-one[2]] and -one[2] not in exclude][:n]
    assert answer.items.tolist() == [-one[2] for one in allowed]
    assert answer.scores.tolist() == [float(one[0]) for one in allowed]
    assert answer.because.tolist() == [one[3] for one in allowed]


def slow_weights(history: list[int], when: list[float] | None) -> dict[int, float]:
    """Item -> weight of its strongest event, by age and by the different items that came after, ascending by item."""
    order = sorted(range(len(history)), key=lambda at: (0.0 if when is None else when[at], -at))  # newest first
    steps: dict[int, int] = {}
    for at in order:
        if history[at] >= 0:
            steps.setdefault(history[at], len(steps))
    newest = min(when, default=0.0) if when is not None else 0.0
    found: dict[int, float] = {}
    for at, item in enumerate(history):
        weight = 0.5 ** (when[at] - newest) if when is not None else 1.0
        weight *= 0.5 ** steps.get(item, 0)
        found[item] = max(found.get(item, 0.0), weight)
    return dict(sorted(found.items()))


@given(items, ages)
def test_weights_of_a_history_are_as_defined(history, when):
    when = when if when is None else when[: len(history)]
    unique, weights = weigh_history(np.array(history, dtype=np.int32), None, when, half_life_days=1.0, step_decay=0.5)
    expected = slow_weights(history, when)
    assert unique.tolist() == list(expected)
    assert all(math.isclose(a, b) for a, b in zip(weights.tolist(), expected.values(), strict=True))


def test_weights_that_are_no_numbers_count_nothing():
    unique, weights = weigh_history(np.array([4, 2, 4, 9], dtype=np.int32), [np.nan, -1.0, 0.25, np.inf])
    assert unique.tolist() == [2, 4, 9]
    assert weights.tolist() == [0.0, 0.25, np.finfo(np.float64).max]
    assert steps_back(np.array([], dtype=np.int32)).tolist() == []


@given(st.lists(st.integers(0, 5), max_size=20), st.integers(-1, 25))
def test_the_highest_and_their_equals(values, k):
    found = at_least(np.array(values, dtype=np.float32), k).tolist()
    kept = sorted(values, reverse=True)[: max(k, 0)]
    assert found == [at for at, value in enumerate(values) if kept and value >= kept[-1]]


@given(st.lists(st.integers(-3, 9)), st.lists(st.integers(-3, 9)))
def test_membership(some, wanted):
    found = is_in(np.array(some, dtype=np.int32), np.array(wanted, dtype=np.int32))
    assert found.tolist() == [one in wanted for one in some]


class TestShelves:
    CATEGORY = np.array([0, 1, 0, 1, -1, 0], dtype=np.int32)
    ACTIVE = np.array([True, True, True, True, True, False])
    VALUES = np.array([2.0, 5.0, 2.0, 1.0, 7.0, 9.0], dtype=np.float32)

    def shelves(self) -> Shelves:
        return Shelves(self.CATEGORY, self.ACTIVE, np.array([1, 1, 3, 1, 1, 1], dtype=np.float32))

    def test_heads_by_value_then_popularity(self):
        shelves = self.shelves()
        assert shelves.head("v", self.VALUES, None, 3)[0].tolist() == [4, 1, 2]
        assert shelves.head("v", self.VALUES, 0, 9)[0].tolist() == [2, 0]
        assert shelves.head("v", self.VALUES, 1, 1)[1].tolist() == [5.0]
        assert shelves.head("v", self.VALUES, 7, 5)[0].tolist() == []
        assert shelves.head("v", self.VALUES, None, 9, at_least=None)[0].tolist() == [4, 1, 2, 0, 3]
        assert shelves.head("w", self.VALUES, None, 9, at_least=2)[0].tolist() == [4, 1, 2, 0]

    def test_only_heads_are_kept_and_only_so_many(self, monkeypatch):
        monkeypatch.setattr("django_ecomai.ml.recommend.shelves.HEAD", 2)
        monkeypatch.setattr("django_ecomai.ml.recommend.shelves.MOST_HEADS", 2)
        shelves = self.shelves()
        assert shelves.head("v", self.VALUES, None, 2)[0].tolist() == [4, 1]
        assert shelves.head("v", self.VALUES, None, 5)[0].tolist() == [4, 1, 2, 0, 3]
        for code in (None, 0, 1, 0, None):
            shelves.head("v", self.VALUES, code, 1)
        assert len(shelves._heads) <= 2
        assert max(len(kept[0]) for kept in shelves._heads.values()) == 2


@pytest.mark.parametrize("n_items", [40, 3_000])
def test_nothing_of_the_size_of_the_catalogue_is_copied(tmp_path, n_items):
    """Per-item arrays stay views of the mapped files; what a scorer keeps of its own is bounded."""
    from django_ecomai.ml.persist import save_arrays

    save_arrays(tmp_path / "a", simulated(n_items, 5), manifest(n_items))
    scorer = Scorer.load(tmp_path / "a")
    for vector in (*scorer._vectors.values(), scorer.ids.ids, scorer._neighbours.indices, scorer._similar.scores):
        assert not vector.flags.owndata
        assert not vector.flags.writeable
    for category in range(30):
        scorer.trending(category=f"c{category:04d}")
    kept = sum(items.nbytes + values.nbytes for items, values, _all in scorer._shelves._heads.values())
    assert kept <= 31 * 1024 * 8
