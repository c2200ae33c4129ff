"""The cost of session neighbours is measured on what the model of the benchmarks answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("scipy")

from benchmarks import speed_sessions
from benchmarks.speed_sessions import Visits
from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.sessions import SessionKNN


def test_numpy_alone_answers_as_the_model_does(tmp_path):
    visits = Visits(tmp_path, items=40, visits=60)
    owners = np.repeat(np.arange(60), np.diff(visits.bounds))
    pairs = np.unique(np.column_stack([owners, visits.met]), axis=0)
    assert len(pairs) <= len(owners)
    # each item once per visit, as the model counts it
    visits.met, visits.bounds = pairs[:, 1].astype(np.int32), np.searchsorted(pairs[:, 0], np.arange(61))
    order = np.lexsort((pairs[:, 0], pairs[:, 1]))
    visits.visits, visits.first = pairs[order, 0], np.searchsorted(pairs[order, 1], np.arange(41))
    visits.rarity = np.log(61 / np.maximum(np.diff(visits.first), 1))
    times = np.arange(len(pairs)) + 100
    model = SessionKNN(neighbours=60, sample=1000).fit(Interactions.build(pairs[:, 0], pairs[:, 1], times, n_items=40))
    for length in (1, 3, 6):
        history = visits.history(length)
        items, scores = model.candidates(history[::-1])
        expected = items[np.lexsort((items, -scores))][:10]
        assert visits.answer(history, sample=1000, neighbours=60, n=10).tolist() == expected.tolist()


def test_the_command_prints_and_writes_a_row_per_setting(tmp_path, capsys):
    out = tmp_path / "rows.json"
    rows = speed_sessions.main(["--json", str(out), "--items", "200", "--visits", "500", "--requests", "3"])
    assert json.loads(out.read_text()) == rows
    assert len(rows) == len(capsys.readouterr().out.splitlines()) == 9
    assert all(0 < row["metrics"]["p50_ms"] <= row["metrics"]["p99_ms"] for row in rows)
