"""From orders to stored forecasts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from django_ecomai.forecast import training
from django_ecomai.forecast.days import midnight
from django_ecomai.forecast.fitting import Fit
from django_ecomai.forecast.frames import demand_build, product_frames
from django_ecomai.forecast.ledger import ledger_read
from django_ecomai.forecast.models import Forecast, ForecastOverride, PastForecast, Signal, SignalValue
from django_ecomai.forecast.selectors import forecast_days, forecast_made_on
from django_ecomai.forecast.train_options import BadParameter, options_read, with_recipe
from django_ecomai.mirror.models import OrderLine, PricePoint, Promotion, StockPoint
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import order_make, product_make

from .factories import noon, shop_make, train, week

pytestmark = pytest.mark.django_db


def test_products_categories_and_the_shop_in_pieces_and_money() -> None:
    products = shop_make()
    run = train()
    rows = Forecast.objects.filter(measure="pieces")
    assert {level: rows.filter(level=level).count() for level in ("product", "category", "shop")} == {
        "product": 8, "category": 2, "shop": 1,
    }  # fmt: skip
    money = Forecast.objects.filter(measure="money")
    assert sorted(money.values_list("level", "key")) == [("category", "c1"), ("category", "c2"), ("shop", "")]
    one = rows.get(level="product", key="p7")
    assert one.product == products[7] and one.title == "Lantern 7"
    assert len(one.mean) == len(one.lo_80) == len(one.hi_95) == 8
    assert all(low <= high for low, high in zip(one.lo_80, one.hi_80, strict=True))
    assert one.starts_on == week(60 - 1), "the week of the last sale has not ended with it"
    assert one.made_on == week(59) + timedelta(days=5)
    assert len(one.history) == 59 and one.history_starts_on == week(0)
    assert 5 < np.mean(one.mean) / 2 < 16, "about eight twice a week"
    assert one.accuracy["wape"] < 0.6 and "naive_wape" in one.accuracy and one.model
    whole = rows.get(level="shop")
    parts = np.sum([row.mean for row in rows.filter(level="product")], axis=0)
    assert np.allclose(parts, whole.mean, rtol=0.02), "the levels add up"
    assert whole.weekdays[1] + whole.weekdays[4] == pytest.approx(1, abs=1e-4)
    assert run.metrics["gate"]["metric"] == "rmsse"
    assert any(row["ours"] for row in run.metrics["evaluation"])
    days = forecast_days(product_ids=[products[7].pk], days=28)
    assert days.has_forecast.all() and days.mean.sum() == pytest.approx(np.sum(one.mean[:4]), rel=0.2)


def test_the_same_data_give_the_same_forecast_and_a_second_night_changes_nothing() -> None:
    shop_make(products=4)
    train()
    before = list(Forecast.objects.order_by("measure", "level", "key").values_list("pk", "mean"))
    run = train()
    assert run.metrics["counts"]["changed"] == 0
    assert list(Forecast.objects.order_by("measure", "level", "key").values_list("pk", "mean")) == before
    train(full=True)
    after = list(Forecast.objects.order_by("measure", "level", "key").values_list("pk", "mean"))
    assert after == before, "also the address of each page"


def test_only_what_has_changed_is_made_anew() -> None:
    products = shop_make(products=6)
    train()
    kept = Forecast.objects.get(measure="pieces", key="p0").pk
    made_on = week(59) + timedelta(days=5)
    order_make(customer="1", lines=[(products[5], 40)], placed_at=noon(week(54)))
    # A day later, in the week that has not ended: nothing that the forecast of this product rests on.
    order_make(customer="1", lines=[(products[0], 1)], placed_at=noon(made_on))
    products[1].is_active = False
    products[1].save()
    run = train()
    assert run.metrics["counts"]["changed"] == 1 and run.metrics["full"] is False
    assert Forecast.objects.get(measure="pieces", key="p0").pk == kept
    assert Forecast.objects.get(measure="pieces", key="p5").run == run
    # Products that have not changed are as good as made today; sums that were not made anew say when they were.
    products_made = Forecast.objects.filter(measure="pieces", level="product")
    assert set(products_made.values_list("made_on", flat=True)) == {made_on + timedelta(days=1)}
    assert Forecast.objects.get(measure="pieces", level="shop").made_on == made_on
    days = forecast_days(product_ids=[products[0].pk, products[5].pk], days=3)
    assert days.made_on == days.start == forecast_made_on() == made_on + timedelta(days=1)
    assert not Forecast.objects.filter(measure="pieces", key="p1").exists()


def test_a_shop_too_young_to_be_tested_gets_the_simple_forecast_also_from_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django_ecomai.ml.forecast import recipe

    monkeypatch.setattr(recipe, "SHORTEST", 99)
    products = shop_make(products=6, weeks=12)
    run = train()
    assert run.metrics["models_serve"] is False and run.metrics["evaluation"] == []
    assert "too short for a test" in run.metrics["gate"]["reason"]
    order_make(customer="1", lines=[(products[5], 40)], placed_at=noon(week(8)))
    run = train()
    assert run.metrics["full"] is False
    row = Forecast.objects.get(measure="pieces", key="p5")
    assert row.run == run and set(row.model.replace(" 50 %", "").split(", ")) == {"moving_average", "seasonal_naive"}


def test_a_dry_run_stores_nothing() -> None:
    shop_make(products=3)
    run = train(dry_run=True)
    assert not Forecast.objects.exists() and not PastForecast.objects.exists()
    assert len(run.metrics["preview"]["money"]["mean"]) == 8


def test_what_does_not_beat_the_simple_forecast_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    shop_make(products=3)
    real = training.gate_decide

    def hard(**asked: Any) -> Any:
        return real(**{**asked, "challenger": {"rmsse": 99.0}, "baseline": {"rmsse": 1.0}})

    monkeypatch.setattr(training, "gate_decide", hard)
    run = train()
    assert run.metrics["gate"]["passed"] is False and run.metrics["models_serve"] is False
    row = Forecast.objects.get(measure="pieces", level="product", key="p2")
    assert "moving_average" in row.model or "seasonal_naive" in row.model
    assert "No model beats" in run.log


def test_a_new_recipe_is_tested_beside_the_one_in_use_before_the_same_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    shop_make(products=4)
    first = train(no_gate=True)
    assert first.metrics["recipe"] == {"learned": False, "extra": [], "seed": 0}
    # a run of before, when the recipe held the windows
    Run.objects.filter(pk=first.pk).update(
        metrics={**first.metrics, "recipe": {**first.metrics["recipe"], "windows": 5}}
    )
    asked: list[dict[str, Any]] = []
    fitted: list[tuple[int, int]] = []
    real_fit = training.fit_frames

    def fit(frames: Any, *, options: Any, bottom: str, **given: Any) -> Fit:
        if bottom == "product":
            fitted.append((options.windows, options.seed))
        return real_fit(frames, options=options, bottom=bottom, **given)

    monkeypatch.setattr(training, "fit_frames", fit)
    real = training.gate_decide

    def decided(**given: Any) -> Any:
        asked.append(given)
        if given["live"] is None:
            return real(**given)
        return real(**{**given, "challenger": {"rmsse": 2.0}, "live": {"rmsse": 1.0}, "baseline": {"rmsse": 3.0}})

    monkeypatch.setattr(training, "gate_decide", decided)
    monkeypatch.setattr(training, "_beats", lambda fit: True)
    run = train(full=True, windows=3, seed=1)
    # the shop's products met the recipe in use, fitted to today's data; it was better and stays
    assert asked[0]["live"]["rmsse"] > 0 and run.metrics["gate"]["passed"] is False
    assert "it stays" in run.log
    assert fitted == [(3, 1), (3, 0)], "the same number of cuts for both, whatever the last run had"
    assert run.metrics["recipe"]["seed"] == 0 and run.metrics["models_serve"] is True
    again = train(full=True, windows=3)
    assert asked[-1]["live"] is None and again.metrics["models_serve"] is True, "the same recipe meets nobody"


def test_a_kept_recipe_that_cannot_be_read_any_more_is_forgotten() -> None:
    ours = options_read({})
    assert with_recipe(ours, {"learned": "maybe"}) == with_recipe(ours, None) == ours
    read = with_recipe(ours, {"seed": 5, "strange": 1, "windows": 9})
    assert (read.seed, read.windows) == (5, ours.windows), "how many tests there are is the run's own"


def test_products_that_are_gone_are_judged_but_not_forecast() -> None:
    products = shop_make(products=4)
    products[1].is_active = False
    products[1].save()
    OrderLine.objects.filter(product=products[1], placed_at__gte=midnight(week(40))).delete()  # nobody kept the day
    products[2].removed_at = noon(week(50))
    products[2].save()
    demand = demand_build(ledger_read(), channel="", frequency="W", horizon=4)
    frames = product_frames(demand)
    assert frames["gone"] == ["p1", "p2"] and set(frames["frame"]["unique_id"]) == {"p0", "p1", "p2", "p3"}
    removed = frames["frame"][frames["frame"]["unique_id"] == "p2"].set_index("ds")["y"]
    assert removed.notna().sum() and removed[removed.index >= str(week(50))].isna().all()
    off = frames["frame"][frames["frame"]["unique_id"] == "p1"].set_index("ds")["y"]
    last = OrderLine.objects.filter(product=products[1]).latest("placed_at").placed_at.date()
    monday = str(last - timedelta(days=last.weekday()))
    assert off[monday] > 0 and off[off.index > monday].isna().all() and len(off[off.index > monday]) >= 19
    assert off[off.index <= monday].notna().all(), "weeks without a sale before the last one are weeks without demand"
    run = train()
    assert run.metrics["counts"]["products"] == 2
    kept = Forecast.objects.filter(measure="pieces", level="product").order_by("key")
    assert [row.key for row in kept] == ["p0", "p3"]
    whole = Forecast.objects.get(measure="pieces", level="shop")
    assert np.allclose(np.sum([row.history for row in kept], axis=0), whole.history)


def test_sales_that_lose_as_a_sum_get_the_simple_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(ours: float, naive: float) -> Fit:
        row = {"level": "shop", "demand_class": "all"}
        rows = [{**row, "ours": True, "baseline": False, "metrics": {"rmsse": ours}},
                {**row, "ours": False, "baseline": True, "metrics": {"rmsse": naive}}]  # fmt: skip
        return Fit([], rows, True)

    assert training._loses(fit(1.1, 1.0), "shop")
    assert not training._loses(fit(0.9, 1.0), "shop") and not training._loses(fit(9.0, 1.0), "category")
    shop_make(products=3)
    monkeypatch.setattr(training, "_loses", lambda found, level: level == "shop")
    train()
    money = Forecast.objects.filter(measure="money").values_list("model", flat=True)
    assert {name for model in money for name in re.findall("[a-z_]+", model)} <= {"moving_average", "seasonal_naive"}


def test_past_forecasts_are_kept_and_judged_when_their_week_has_ended() -> None:
    products = shop_make(products=3)
    ForecastOverride.objects.create(
        product=products[2], kind="percent", value=100, starts_on=week(59), ends_on=week(60), reason="fair"
    )
    train()
    first = PastForecast.objects.get(measure="pieces", key="p2", lag=1)
    assert first.period == week(59) and first.actual is None and first.naive_value is not None
    # The override holds on the whole first week.
    assert first.final_value == pytest.approx(2 * first.model_value, rel=1e-5)
    assert PastForecast.objects.get(measure="pieces", key="p2", lag=4).period == week(62)
    assert PastForecast.objects.filter(measure="money", level="shop", lag=1).exists()
    order_make(customer="1", lines=[(products[2], 5)], placed_at=noon(week(60) - timedelta(days=1)))
    order_make(customer="1", lines=[(products[0], 1)], placed_at=noon(week(63)))
    run = train()
    first.refresh_from_db()
    assert first.actual is not None and first.actual > 0
    assert "can be judged" in run.log
    assert PastForecast.objects.get(measure="pieces", key="p2", lag=4, period=week(62)).actual == 0


def test_stock_outs_promotions_prices_and_signals_reach_the_frames() -> None:

    products = shop_make(products=3, weeks=20)
    StockPoint.objects.create(product=products[0], valid_from=midnight(week(5) - timedelta(days=1)), quantity=0)
    StockPoint.objects.create(product=products[0], valid_from=midnight(week(7) + timedelta(days=2)), quantity=50)
    sale = Promotion.objects.create(
        external_id="s", name="Sale", starts_at=midnight(week(19)),
        ends_at=midnight(week(20)),
    )  # fmt: skip
    sale.products.add(products[1])
    signal = Signal.objects.create(key="trend", name="Searches")
    SignalValue.objects.create(signal=signal, day=week(0), value=1)
    SignalValue.objects.create(signal=signal, day=week(10), value=3)
    products[0].order_lines.filter(
        placed_at__range=(midnight(week(5) - timedelta(days=1)), midnight(week(7) + timedelta(days=2)))
    ).delete()
    demand = demand_build(ledger_read(), channel="", frequency="W", horizon=4)
    # Sold out on the 10th to the 25th: two whole weeks, and two days of the third.
    assert np.isnan(demand.quantity[0, 5:7]).all() and not np.isnan(demand.quantity[0, 7])
    assert demand.censored == 2
    assert demand.regressors["promotion"][1].nonzero()[0].tolist() == [19]
    assert not demand.regressors["promotion"][2].any()
    assert demand.regressors["signal_trend"][[0, 9, 10, 22]].tolist() == [1, 1, 3, 3]
    frames = product_frames(demand)
    assert list(frames["frame"].columns) == ["unique_id", "ds", "y", "price_paid", "promotion", "signal_trend"]
    assert frames["frame"].query("unique_id == 'p1'")["price_paid"].dropna().unique().tolist() == [6.0]
    # Neither prices paid nor a signal whose values have ended are known ahead.
    assert list(frames["future"].columns) == ["unique_id", "ds", "promotion"]
    SignalValue.objects.create(signal=signal, day=week(23), value=5)
    PricePoint.objects.create(product=products[1], valid_from=midnight(week(15)), price=9)
    PricePoint.objects.create(product=products[1], valid_from=midnight(week(22)), price=7)
    demand = demand_build(ledger_read(), channel="", frequency="W", horizon=4)
    listed = demand.regressors["price"]
    assert np.isnan(listed[1, :15]).all() and listed[1, 15:].tolist() == [9.0] * 7 + [7.0]
    frames = product_frames(demand)
    assert list(frames["future"].columns) == ["unique_id", "ds", "price", "promotion", "signal_trend"]
    assert len(frames["future"]) == 3 * 4
    assert frames["groups"]["category"].tolist() == ["c1", "c2", "c1"]


@pytest.mark.parametrize("case", ["empty", "one sale", "zeros of a year", "gap of a year", "price 0"])
def test_odd_shops_end_in_words_not_in_errors(case: str) -> None:
    lamp = product_make(price=0 if case == "price 0" else 5)
    if case != "empty":
        order_make(customer="1", lines=[(lamp, 2)], placed_at=datetime(2024, 1, 9, 9, tzinfo=UTC))
    if case in ("zeros of a year", "gap of a year"):
        order_make(customer="1", lines=[(product_make(), 2)], placed_at=datetime(2025, 2, 9, 9, tzinfo=UTC))
    if case == "gap of a year":
        order_make(customer="1", lines=[(lamp, 3)], placed_at=datetime(2025, 2, 9, 9, tzinfo=UTC))
    run = train()
    if case in ("empty", "one sale", "price 0"):
        assert not Forecast.objects.exists() and "too few" in run.message
    else:
        mean = Forecast.objects.get(measure="pieces", level="product", key=lamp.external_id).mean
        assert np.isfinite(mean).all() and min(mean) >= 0


def test_a_horizon_longer_than_the_history_is_no_error() -> None:
    shop_make(products=2, weeks=12)
    train(horizon=60)
    assert len(Forecast.objects.get(measure="pieces", key="p1").mean) == 60


def test_days_and_months() -> None:
    shop_make(products=2, weeks=60)
    train(frequency="M", horizon=3)
    assert Forecast.objects.get(measure="pieces", key="p1").starts_on.day == 1
    train(frequency="D", horizon=14, history_days=120)
    assert Forecast.objects.get(measure="pieces", key="p1").frequency == "D"


def test_shops_do_not_mix() -> None:
    shop_make(products=2, channel="b")
    shop_make(products=3)
    train()
    train(channel="b")
    assert Forecast.objects.filter(channel="b", level="product").count() == 2
    assert Forecast.objects.filter(channel="", measure="pieces", level="product").count() == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("frequency", "Q"), ("horizon", 0), ("horizon", "many"), ("windows", 0), ("learned", "yes"), ("seed", -1),
     ("history_days", 5), ("horizon", True)],
)  # fmt: skip
def test_parameters_are_checked(name: str, value: Any) -> None:
    with pytest.raises(BadParameter, match=name):
        options_read({name: value})


def test_a_bad_parameter_fails_the_run_with_its_words() -> None:
    run = run_now(kind="forecast.train", parameters={"frequency": "Q"})
    assert run.state == "failed" and "give D (days)" in run.error


def test_settings_are_checked(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "FORECAST_TRAINING": {"windows": 4}, "FORECAST_FREQUENCY": "M"}
    options = options_read({})
    assert (options.windows, options.frequency, options.horizon) == (4, "M", 12)
    settings.ECOMAI = {**settings.ECOMAI, "FORECAST_TRAINING": {"window": 4}}
    with pytest.raises(BadParameter, match="knows no 'window'"):
        options_read({})
    settings.ECOMAI = {**settings.ECOMAI, "FORECAST_TRAINING": 3}
    with pytest.raises(BadParameter, match="give a dict"):
        options_read({})


def test_countries_and_segments_have_sales_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_ecomai.core.registry import CustomerSegments, customer_segments
    from django_ecomai.mirror.models import Order

    shop_make(products=2, weeks=30)
    for row, order in enumerate(Order.objects.order_by("pk")):
        order.country = ("DE", "AT", "")[row % 3]
        order.save(update_fields=["country"])
    regulars = CustomerSegments("groups", lambda channel: {"regulars": ["1", "nobody"], "strangers": ["99"]})
    monkeypatch.setitem(customer_segments._items, "test", regulars)
    train()
    money = Forecast.objects.filter(measure="money")
    assert sorted(money.filter(level="country").values_list("key", "title")) == [
        ("AT", "AT"), ("DE", "DE"), ("other", "other countries"),
    ]  # fmt: skip
    segment, whole = money.get(level="segment"), money.get(level="shop")
    assert segment.key == "regulars" and segment.history == whole.history


def test_money_of_another_currency_is_not_added() -> None:
    from django_ecomai.mirror.models import Order

    shop_make(products=2, weeks=20)
    Order.objects.update(currency="GBP")
    last = Order.objects.order_by("-placed_at").values_list("pk", flat=True)[:10]
    Order.objects.filter(pk__in=list(last)).update(currency="EUR")
    run = train()
    assert any("are not in GBP: they count in pieces" in text for text in run.metrics["missing"])
    assert not any("wrong name" in text for text in run.metrics["missing"])
    money = Forecast.objects.get(measure="money", level="shop").history
    pieces = Forecast.objects.get(measure="pieces", level="shop").history
    assert money[-1] == 0 and pieces[-1] > 0 and money[0] > 0


def test_amounts_in_a_currency_that_the_settings_do_not_name_are_told(settings: Any) -> None:
    from django_ecomai.mirror.models import Order

    settings.ECOMAI = {**settings.ECOMAI, "CURRENCY": "EUR"}
    shop_make(products=1, weeks=2)
    Order.objects.update(currency="GBP")
    assert [text for text in train().metrics["missing"] if "wrong name" in text] == [
        'Most orders are in GBP, but ECOMAI["CURRENCY"] is EUR: amounts carry the wrong name.'
    ]
