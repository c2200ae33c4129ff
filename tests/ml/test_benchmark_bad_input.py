"""The benchmark of bad input: every kind is what it says, and is learned from."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("scipy")

from benchmarks import bad_input
from django_ecomai.ml.recommend.feedback import MOST_EVENTS, settle


@pytest.mark.parametrize("kind", bad_input.KINDS)
def test_half_of_the_events_are_of_that_kind(kind):
    (users, items, times, weights), n_users, n_items = bad_input.events(kind, 2000)
    assert len(users) == len(items) == len(times) == len(weights) == 2000
    assert users.max() < n_users and items.max() < n_items
    row = bad_input.measure(kind, 2000)
    assert 0 < row["metrics"]["liked"] <= 2000
    largest = np.bincount(users).max()
    assert {"bot": largest >= 1000, "regular": largest >= 1000, "one moment": len(set(times.tolist())) == 1}.get(
        kind, True
    )


def test_of_a_robot_no_more_than_its_last_events_teach():
    (users, items, times, weights), n_users, n_items = bad_input.events("bot", 60_000)
    liked = settle(users, items, times, weights, n_users=n_users, n_items=n_items).liked
    assert np.bincount(liked.users, minlength=n_users)[n_users - 1] == MOST_EVENTS


def test_the_command_prints_a_line_per_kind(tmp_path, capsys):
    out = tmp_path / "rows.json"
    rows = bad_input.main(["--json", str(out), "--sizes", "1000", "2000", "--kinds", "toggler"])
    assert json.loads(out.read_text()) == rows
    assert [row["events"] for row in rows] == [1000, 2000]
    assert capsys.readouterr().out.startswith("toggler") and np.isfinite(bad_input.exponent(rows))
