"""The forecast benchmarks on small files in their formats: what a model may see, what is scored."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import forecast, forecast_data, forecast_ours, forecast_scale
from tests.ml.forecast.factories import long, weeks


@pytest.fixture
def carparts(tmp_path):
    months = [f"m{number}" for number in range(51)]
    random = np.random.default_rng(0)
    rows = [[f"part{number}", *random.poisson(1.0, 51)] for number in range(12)]
    rows.append(["gone", *np.r_[random.poisson(1.0, 20), np.full(31, np.nan)]])
    (tmp_path / "carparts").mkdir()
    pd.DataFrame(rows, columns=["Part", *months]).to_csv(tmp_path / "carparts" / "carparts.csv", index=False)
    return tmp_path


def cut():
    y = {f"p{number}": np.arange(20.0) + number for number in range(5)}
    frame = long(y)
    late = frame["ds"] >= weeks(20)[16]
    return forecast_data.Cut(frame[~late], frame[late], "W", 4, 52)


def test_the_test_part_comes_after_everything_a_model_sees(carparts):
    (only,) = forecast_data.READERS["carparts"](carparts)
    assert only.train["ds"].max() < only.test["ds"].min()
    assert only.test["ds"].nunique() == 12
    assert "gone" not in set(only.test["unique_id"])


def test_validation_asks_the_same_question_earlier():
    validation = cut().validation()
    assert validation.train["ds"].max() == weeks(20)[11]
    assert validation.test["ds"].unique().tolist() == weeks(20)[12:16].tolist()
    assert validation.test["y"].tolist() == cut().train[cut().train["ds"] >= weeks(20)[12]]["y"].tolist()
    assert cut().validation(2).train["ds"].max() == weeks(20)[7]


def test_a_sample_is_the_same_every_time():
    ids = [sorted(cut().sampled(3).train["unique_id"].unique()) for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 3


def test_files_hold_nothing_of_the_test_part(tmp_path):
    ids = forecast._write(cut(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["meta.json", "train.parquet"]
    assert pd.read_parquet(tmp_path / "train.parquet")["ds"].max() == weeks(20)[15]
    assert json.loads((tmp_path / "meta.json").read_text())["ids"] == ids


def test_a_perfect_forecast_has_no_error():
    actual = forecast._wide(cut().test, [f"p{number}" for number in range(5)])
    quantiles = np.repeat(actual[:, :, None], len(forecast.PROBABILITIES), axis=2)
    found = forecast.scored(cut(), [f"p{number}" for number in range(5)], actual, quantiles)
    assert found["all"]["rmsse"] == found["all"]["wrmsse"] == found["all"]["pinball"] == found["all"]["bias"] == 0
    assert found["smooth"]["coverage_80"] == 1


def test_ours_and_the_trivial_forecasts_answer_in_order(tmp_path):
    forecast._write(cut(), tmp_path)
    for model in (forecast.OURS, "moving average"):
        forecast_ours.main(tmp_path, model)
        out = np.load(tmp_path / "out.npz")
        assert out["mean"].shape == (5, 4)
        assert (np.diff(out["quantiles"], axis=2) >= 0).all()
    assert out["mean"][4].mean() - out["mean"][0].mean() == pytest.approx(4)


def test_the_table_compares_with_the_best_peer():
    metrics = dict.fromkeys(forecast.SHOWN, 1.0)
    rows = [
        {"dataset": "d", "model": forecast.OURS, "ours": True, "metrics": metrics, "cpu_s": 1.0, "peak_mb": 1.0},
        {"dataset": "d", "model": "AutoETS", "ours": False, "metrics": {**metrics, "rmsse": 2.0}, "cpu_s": 20.0},
    ]
    assert "rmsse -50.0 % of AutoETS" in forecast.ratio(rows, "d")
    assert "CPU 0.050 of AutoETS" in forecast.ratio(rows, "d")
    assert forecast.line(rows[0]).startswith("* d ")
    assert "failed: gone" in forecast.line(
        {"dataset": "d", "model": "m", "ours": False, "metrics": {}, "error": "gone"}
    )


def test_ours_is_scored_on_the_series_that_a_slow_peer_gets():
    ids = [f"p{number}" for number in range(5)]
    kept = sorted(cut().sampled(2).train["unique_id"].unique())
    actual = forecast._wide(cut().test, ids)
    off = np.where(np.isin(ids, kept), 0.0, 100.0)[:, None]  # right on the sample alone
    quantiles = np.repeat((actual + off)[:, :, None], len(forecast.PROBABILITIES), axis=2)
    found = forecast.on_sample(cut(), 2, ids, {"mean": actual + off, "quantiles": quantiles})
    assert (found["n"], found["rmsse"], found["pinball"]) == (2, 0, 0)
    head = {"dataset": "d", "cpu_s": 1.0, "peak_mb": 1.0}
    metrics = dict.fromkeys(forecast.SHOWN, 1.0)
    ours = {**head, "model": forecast.OURS, "ours": True, "metrics": metrics, "details": {"samples": {"2": found}}}
    slow = {**head, "model": "AutoETS", "ours": False, "metrics": metrics, "details": {"sample": 2}}
    assert [(row["model"], row["ours"]) for row in forecast.on_samples(ours)] == [("EcomAI, 2 series", False)]
    assert forecast.ratio([ours, slow], "d") == "  d: rmsse -100.0 % of AutoETS, pinball -100.0 % of AutoETS"


def test_the_simulated_shop_is_the_same_every_time():
    one, other = (next(forecast_scale.chunks(30)) for _ in range(2))
    np.testing.assert_array_equal(one.y, other.y)
    assert one.y.shape == (30, forecast_scale.WEEKS)
