"""The shops that the benchmarks of size and of cross effects make, and what they count."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from benchmarks import by_size, pricing_cross, pricing_job


def test_the_simulated_shop_is_the_same_every_time_and_ends_at_today_s_prices():
    rows = list(pricing_job._sales(60))
    assert rows == list(pricing_job._sales(60)) and [row[0] for row in rows] == list(range(len(rows)))
    usual = {one: float(pricing_job._usual(np.array([one]))[0]) for one in range(60)}
    assert usual[0] == 10 and usual[59] == 10 + 60 * 7 % 40
    assert {price / usual[who] for _row, who, day, _pieces, price in rows if day >= 7 * 50} == {1.0}
    # the price history says every price that was paid
    listed = {(who, price) for who, _day, price in pricing_job._points(60)}
    assert {(who, price) for _row, who, _day, _pieces, price in rows} <= listed


def test_work_inside_other_work_is_taken_off_it(monkeypatch: pytest.MonkeyPatch):
    clock = iter([0.0, 2.0, 5.0, 10.0])  # outer begins, inner begins, inner ends, outer ends
    monkeypatch.setattr(pricing_job.time, "perf_counter", lambda: next(clock))
    holder = types.SimpleNamespace(inner=lambda: 1)
    holder.outer = lambda: holder.inner()
    watch = pricing_job.Watch()
    watch.on(holder, "inner", "reading")
    watch.on(holder, "outer", "storing")
    assert holder.outer() == 1 and dict(watch.wall) == {"reading": 3.0, "storing": 7.0}


def test_every_step_is_a_process_and_each_that_returns_something_a_row(monkeypatch, capsys, tmp_path):
    asked = []

    def run(command, **_options):
        asked.append(command[-3:])
        out = "null\n" if command[-2] == "fill" else f'noise\n{{"cpu_s": {command[-1]}}}\n'
        return types.SimpleNamespace(returncode=0, stdout=out, stderr="")

    monkeypatch.setattr(by_size.subprocess, "run", run)
    steps = {"fill": lambda where, size: None, "measure": lambda where, size: {"cpu_s": size}}
    file = tmp_path / "rows.json"
    rows = by_size.by_size(
        ["--data", "x", "--sizes", "2", "3", "--json", str(file)], module="m", doc="", place=("data", "where"),
        sizes=(1,), steps=steps, told=lambda row: f"told {row['cpu_s']}",
    )  # fmt: skip
    assert asked == [["--child", step, size] for size in "23" for step in ("fill", "measure")]
    assert [(row["dataset"], row["cpu_s"]) for row in rows] == [("simulated_2", 2), ("simulated_3", 3)]
    assert capsys.readouterr().out == "told 2\ntold 3\n" and '"cpu_s": 3' in file.read_text()
    by_size.by_size(["--data", "x", "--child", "measure", "7"], module="m", doc="", place=("data", ""), sizes=(),
                    steps=steps, told=str)  # fmt: skip
    assert capsys.readouterr().out == '{"cpu_s": 7}\n'
    monkeypatch.setattr(sys, "argv", [""])
    failing = types.SimpleNamespace(returncode=1, stdout="", stderr="it broke")
    monkeypatch.setattr(by_size.subprocess, "run", lambda command, **_options: failing)
    with pytest.raises(SystemExit, match="it broke"):
        by_size.by_size(["--data", "x"], module="m", doc="", place=("data", ""), sizes=(1,), steps=steps, told=str)


def test_effects_between_products_are_added_to_every_second_category():
    panel, truth = pricing_cross.market(1, 30, 0.5)
    assert len(truth) == 8 * 20
    assert {panel.category[who] % 2 for (who, _other), effect in truth.items() if effect} == {1}
    assert all(panel.category[who] == panel.category[other] for who, other in truth)
