"""The speed benchmark asks every model the same and counts what it says it counts, on a small table."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import recommend_speed, speed_table
from benchmarks.speed_ranker import ranked
from benchmarks.speed_table import artifact, histories, simulated
from django_ecomai.ml.recommend.ranking.learn import ROUNDS
from django_ecomai.ml.recommend.serving import Scorer

pytest.importorskip("scipy")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(speed_table.SIZES, "small", 2_000)
    return tmp_path


@pytest.mark.parametrize("model", [name for name in recommend_speed.MODELS if "memory" not in name])
def test_every_model_answers_with_twenty_items(small: Path, model: str) -> None:
    if model.startswith("implicit"):
        pytest.importorskip("implicit")
    asked, serve = recommend_speed._server(model, small, 2_000, 3)

    answers = [serve(one) for one in asked]

    found = [answer.items if hasattr(answer, "items") else answer for answer in answers]
    found = [one[0] if isinstance(one, tuple) else one for one in found]
    assert [len(set(np.asarray(one).tolist())) for one in found] == [20, 20, 20]


def test_a_row_has_the_percentiles_of_both_clocks(small: Path) -> None:
    row = recommend_speed._child("small", "EcomAI", small, 20)

    assert set(row["metrics"]) == {"p50_ms", "p99_ms", "cpu_p50_ms", "cpu_p99_ms"}
    assert 0 < row["metrics"]["p50_ms"] <= row["metrics"]["p99_ms"]


def test_the_learned_order_is_another_and_as_large_as_training_makes_it(small: Path) -> None:
    learned, blend = ranked(small, 2_000), Scorer.load(artifact(small, 2_000))
    assert learned._second is not None
    assert (len(learned._second.trees), learned._second.trees.n_features) == (ROUNDS, len(learned._second.maker.names))
    [(items, ages)] = histories(blend, 1)
    one, other = (each.for_history(items, ages_days=ages, exclude=items).items.tolist() for each in (learned, blend))
    assert one != other


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("model", [name for name in recommend_speed.MODELS if "memory" in name])
def test_the_memory_of_a_worker(small: Path, model: str) -> None:
    pid = os.getpid()

    metrics = recommend_speed._child("small", model, small, 5)["metrics"]

    assert set(metrics) == {"worker_mb", "own_mb", "mapped_mb"}
    assert os.getpid() == pid


def test_simulated_tables_are_the_same_for_the_same_seed_and_hold_no_item_twice() -> None:
    one, two = simulated(3_000, 20), simulated(3_000, 20)
    assert all(np.array_equal(one[name], two[name], equal_nan=one[name].dtype.kind == "f") for name in one)
    rows = one["neighbours_indices"]
    assert all(len(set(row[row >= 0].tolist())) == (row >= 0).sum() for row in rows)
    assert not (rows == np.arange(3_000)[:, None]).any()


def test_histories_are_different_items_that_grow_newer(small: Path) -> None:
    scorer = Scorer.load(artifact(small, 2_000))
    for items, ages in histories(scorer, 5):
        assert len(set(items.tolist())) == len(items) == len(ages) == 20
        assert (np.diff(ages) <= 0).all()
