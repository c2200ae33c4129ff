"""The replay benchmark on a small shop in the format of the real one."""

from __future__ import annotations

import json

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

from benchmarks import inventory, inventory_data, inventory_policies  # noqa: E402  (needs pandas)


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    days = pd.date_range("2010-12-01", "2011-12-09", freq="D")
    rows = []
    for item in range(36):
        sold = random.poisson(random.gamma(1, 2), len(days)) * (random.random(len(days)) < 0.4)
        rows += [(f"{20000 + item}", day, quantity) for day, quantity in zip(days, sold, strict=True) if quantity]
    frame = pd.DataFrame(rows, columns=["StockCode", "InvoiceDate", "Quantity"])
    frame = frame.assign(InvoiceNo=[str(n) for n in range(len(frame))], UnitPrice=2.5, Country="France", CustomerID=1)
    frame["Description"] = "MUG"
    frame.to_parquet(tmp_path / "online_retail.parquet")
    (tmp_path / "carparts").mkdir()
    months = pd.DataFrame(random.poisson(0.5, (20, 51)), columns=[f"m{n}" for n in range(51)])
    months.insert(0, "Part", np.arange(20))
    months.iloc[0, 20:] = np.nan
    months.to_csv(tmp_path / "carparts" / "carparts.csv", index=False)
    return tmp_path


def test_parts_follow_each_other_and_nothing_of_the_future_is_known(folder):
    early, late = (inventory_data.read("online_retail", folder, part=part) for part in ("validation", "test"))
    assert early.shape.end == late.shape.begin
    assert late.shape.end == late.demand.shape[1] == 374
    assert late.known(late.start).shape[1] == late.start == late.shape.begin - 42
    assert np.all(late.lead >= 0) and late.lead.shape[0] == 5
    parts = inventory_data.read("carparts", folder)
    assert parts.demand.shape == (19, 51)  # one has no value at the end


def test_a_row_has_its_frontier_and_what_it_was_told(folder, monkeypatch):
    monkeypatch.setattr(inventory, "HALF_LIVES", {"online_retail": (60.0,)})
    metrics, details = inventory.evaluate("online_retail", "days of cover", folder)
    assert set(inventory.SHOWN) <= set(metrics)
    assert details["told"] == "half-life 60" and details["products"] == 34
    fills = [one["fill"] for one in details["frontier"]]
    assert fills[0] < fills[-1] and fills[-1] > 0.99
    assert 0 < metrics["cost_at_90"] < metrics["cost_at_95"] < metrics["cost_at_98"]
    assert abs(metrics["fill_error"]) < 0.05
    sighted, _ = inventory.evaluate("online_retail", inventory.CLAIRVOYANT, folder)
    assert sighted["fill_rate"] > 0.98 and sighted["cost_at_95"] < metrics["cost_at_95"]


@pytest.mark.slow
def test_ours_uses_the_engine_and_its_weeks_end_with_the_past(folder):
    world = inventory_data.read("online_retail", folder)
    forecasts = inventory_policies.Forecasts(world, "engine")
    first = forecasts(world.start)
    assert first.shape == (34, 84)
    assert first.mean() == pytest.approx(world.demand[:, world.start - 100 : world.start].mean(), rel=0.3)
    assert np.array_equal(forecasts(world.start + 7), first[:, 7:])  # not fitted anew every week


def test_the_command_prints_what_ours_saves(capsys, tmp_path):
    rows = [
        {"dataset": "carparts", "model": name, "ours": False, "metrics": {"cost_at_equal_fill": cost}}
        for name, cost in ((inventory.OURS, 80.0), ("days of cover", 100.0))
    ]
    assert "days of cover -20.0 %" in inventory.compared(rows, "carparts", inventory.SHOWN)
    assert "nothing" in inventory.compared([], "carparts", inventory.SHOWN)
    assert json.loads(json.dumps(rows)) == rows


def test_numbers_between_two_settings_are_read_in_logarithms():
    points = [{"fill": 0.9, "cost": 100.0}, {"fill": 0.99, "cost": 400.0}]
    assert inventory.at_fill(points, 1 - 10**-1.5) == pytest.approx(200)
    assert np.isnan(inventory.at_fill(points, 0.999))
