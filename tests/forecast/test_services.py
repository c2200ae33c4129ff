"""Overrides, targets, CSV files, checks, the doctor and the command."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from django_ecomai.core.registry import dashboard_cards, doctor_checks
from django_ecomai.forecast.checks import check_forecast
from django_ecomai.forecast.csv_files import (
    BadFile,
    csv_stream,
    file_lines,
    overrides_import,
    signal_import,
    targets_import,
)
from django_ecomai.forecast.diagnosis import diagnose
from django_ecomai.forecast.exporting import FORECAST_HEADER, forecast_export
from django_ecomai.forecast.holidays import BadCountry, holiday_countries, holiday_mask
from django_ecomai.forecast.job import prune
from django_ecomai.forecast.models import Forecast, ForecastOverride, PastForecast, SalesTarget, Signal
from django_ecomai.forecast.presenting import value_added, value_added_shop
from django_ecomai.forecast.services import override_create, override_restore, override_withdraw, target_set
from django_ecomai.forecast.targets import target_states
from django_ecomai.testing import category_make, order_make, product_make

from .conftest import forecast_make, user_make
from .factories import shop_make, week

pytestmark = pytest.mark.django_db


def override(**fields: Any) -> ForecastOverride:
    usual: dict[str, Any] = {
        "kind": "percent", "value": Decimal(20), "starts_on": week(60), "ends_on": week(61), "reason": "fair",
    }  # fmt: skip
    return override_create(**{**usual, **fields})


def test_an_override_has_an_author_a_history_and_a_way_back() -> None:
    user = user_make()
    made = override(product=product_make(), author=user)
    assert (made.level, made.author) == ("product", user)
    assert override_withdraw(override=made, user=user) and not override_withdraw(override=made, user=user)
    assert made.withdrawn_by == user
    assert override_restore(override=made, user=user) and not override_restore(override=made)
    assert made.withdrawn_at is None
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Forecast changed: fair", "Override withdrawn.", "Override put back.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"reason": "  "}, "reason", "Say why"),
        ({"value": Decimal(-101)}, "value", "from -100"),
        ({"kind": "value", "value": Decimal(-1)}, "value", "cannot be negative"),
        ({"kind": "more"}, "kind", "percent or value"),
        ({"ends_on": week(59)}, "ends_on", "before the first"),
        ({"ends_on": week(200)}, "ends_on", "At most 400 days"),
        ({"expires_on": week(60)}, "expires_on", "before it begins"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused_by_field(fields: Any, name: str, words: str) -> None:
    with pytest.raises(ValidationError) as error:
        override(**fields)
    assert words in error.value.message_dict[name][0]


def test_targets_are_set_once_per_span_and_tell_how_they_stand(shop: Any) -> None:
    span = {"starts_on": week(58), "ends_on": week(62) - timedelta(days=1)}
    target_set(amount=Decimal(400), **span)
    target, created = target_set(amount=Decimal(500), **span)
    assert not created and SalesTarget.objects.count() == 1
    state = target_states(targets=[target])[0]
    assert (state.sold, state.coming, state.expected) == (200, 300, 500)
    assert state.chance == pytest.approx(0.5) and state.covered and state.share == 1
    late, _new = target_set(amount=Decimal(500), starts_on=week(63), ends_on=week(80))
    assert not target_states(targets=[late])[0].covered
    unknown = SalesTarget(level="segment", key="vip", starts_on=week(60), ends_on=week(61), amount=1)
    assert target_states(targets=[unknown])[0].chance is None
    assert target_states(targets=[]) == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"amount": Decimal(0)}, "amount"), ({"ends_on": week(1)}, "ends_on"), ({"level": "planet"}, "level"),
        ({"key": "x"}, "key"), ({"level": "category"}, "key"), ({"level": "category", "key": "nowhere"}, "key"),
    ],
)  # fmt: skip
def test_a_target_that_makes_no_sense_is_refused_by_field(fields: Any, name: str) -> None:
    with pytest.raises(ValidationError) as error:
        target_set(**{"amount": Decimal(5), "starts_on": week(60), "ends_on": week(61), **fields})
    assert name in error.value.message_dict


def test_a_target_of_a_country_that_is_not_there_is_refused_with_those_that_are(shop: Any) -> None:
    forecast_make(level="country", measure="money", key="DE")
    values = {"amount": Decimal(5), "starts_on": week(60), "ends_on": week(61), "level": "country"}
    with pytest.raises(ValidationError) as error:
        target_set(**values, key="Germany")
    assert error.value.message_dict["key"] == ["Nothing is forecast for Germany. Choose one of: DE."]
    target_set(**values, key="DE")


# -- CSV --------------------------------------------------------------------------------------------------------------


def test_overrides_by_csv_are_all_taken_or_none() -> None:
    product_make(external_id="p1")
    category_make(external_id="c1")
    head = "level;key;kind;value;from;to;reason;expires\n"
    good = "product;p1;percent;12,5;2026-12-01;2026-12-24;fair;\ncategory;c1;value;90;2026-12-01;2026-12-24;fair;\n"
    result = overrides_import(channel="", lines=(head + good + good.splitlines()[0]).splitlines())
    assert (result.written, result.duplicates, result.errors) == (2, 1, [])
    assert ForecastOverride.objects.get(level="product").value == Decimal("12.5")
    bad = head + good + (
        "product;nobody;percent;1;2026-12-01;2026-12-02;x;\nplanet;;percent;1;2026-12-01;2026-12-02;x;\n"
        "shop;;percent;many;2026-12-01;2026-12-02;x;\nshop;;percent;1;1.12.26;2026-12-02;x;\n"
        "shop;;percent;1e15;2026-12-01;2026-12-02;x;\nshop;;percent;1;2026-12-01;2026-12-02;;\n"
    )  # fmt: skip
    result = overrides_import(channel="", lines=bad.splitlines())
    assert result.written == 0 and ForecastOverride.objects.count() == 2
    words = [
        "no such product: nobody",
        "level must be",
        "“many” is no number",
        "“1.12.26” in column from",
        "too large",
        "Say why",
    ]
    assert [word in text for word, text in zip(words, result.errors, strict=True)] == [True] * 6
    assert result.errors[0].startswith("Line 4:")


def test_targets_and_signals_by_csv() -> None:
    text = "level,key,from,to,amount,note\nshop,,2026-12-01,2026-12-31,1000,yes\nshop,,2026-12-01,2026-12-31,-1,no\n"
    result = targets_import(channel="", lines=text.splitlines())
    assert result.errors == ["Line 3: Give an amount above 0."] and not SalesTarget.objects.exists()
    assert targets_import(channel="", lines=text.splitlines()[:2]).written == 1
    signal = Signal.objects.create(key="trend", name="Trend")
    lines = "day\tvalue\n2026-01-01\t5\n2026-02-01\t6,5\n2026-02-01\t7\n".splitlines()
    result = signal_import(signal=signal, lines=lines)
    assert (result.written, result.duplicates) == (2, 1)
    signal_import(signal=signal, lines=["day,value", "2026-01-01,9"])
    assert list(signal.values.order_by("day").values_list("value", flat=True)) == [9, 7]
    result = signal_import(signal=signal, lines=["day,value", "2026-13-01,9", "soon,1", "2026-01-01,nan"])
    assert len(result.errors) == 3 and "“nan” is no number" in result.errors[2]
    many = signal_import(signal=signal, lines=["day,value", *["x,1"] * 30])
    assert len(many.errors) == 20 and many.more_errors == 10


def test_targets_are_written_in_one_order_whatever_that_of_the_file() -> None:
    text = "level,key,from,to,amount\nshop,,2027-02-01,2027-02-28,5\nshop,,2027-01-01,2027-01-31,5\n"
    wrong = "shop,,2027-03-01,2027-03-31,0\nshop,,never,2027-01-31,6\n"
    assert targets_import(channel="", lines=text.splitlines()).written == 2
    assert [one.starts_on.month for one in SalesTarget.objects.order_by("pk")] == [1, 2]
    # What is wrong is told in the order of the file.
    errors = targets_import(channel="", lines=(text + wrong).splitlines()).errors
    assert [one.split(":")[0] for one in errors] == ["Line 4", "Line 5"]


def test_what_is_no_such_file_is_told() -> None:
    signal = Signal.objects.create(key="trend", name="Trend")
    with pytest.raises(BadFile, match="The file is empty"):
        signal_import(signal=signal, lines=[])
    with pytest.raises(BadFile, match="value is missing"):
        signal_import(signal=signal, lines=["day,amount", "2026-01-01,2"])
    with pytest.raises(BadFile, match="no text file"):
        list(file_lines(b"PK\x03\x04\x00"))
    assert list(file_lines("\ufefftag;größe".encode())) == ["tag;größe"]
    assert list(file_lines("größe".encode("cp1252"))) == ["größe"]


def test_forecasts_as_long_rows_and_nothing_that_a_spreadsheet_runs(shop: Any) -> None:
    override(product=shop["lamp"], ends_on=week(61) - timedelta(days=1))
    rows = list(forecast_export(Forecast.objects.filter(level="product").order_by("pk")))
    assert len(rows) == 8 and len(rows[0]) == len(FORECAST_HEADER)
    assert rows[0] == ["pieces", "product", "lamp", week(60).isoformat(), 10, 12.0, 6, 15, 4, 18]
    assert rows[1][5] == 10
    assert list(csv_stream(["a"], [["=1+1"], [None], [-2]])) == ["a\r\n", "'=1+1\r\n", '""\r\n', "-2\r\n"]


def test_forecast_value_added_in_one_sentence() -> None:
    rows = [
        PastForecast(actual=10, naive_value=6, model_value=8, final_value=9),
        PastForecast(actual=10, naive_value=16, model_value=10, final_value=10),
    ]
    assert "simple forecast missed by 50 %, the model by 10 %, with overrides 5 %" in value_added(rows)
    assert value_added([]) == "" and value_added_shop(channel="") == ""
    for number, row in enumerate(rows):
        row.key, row.period, row.made_on = "p", week(number), week(0)
        row.save()
    PastForecast.objects.create(key="p", period=week(2), model_value=1, final_value=1, naive_value=1, made_on=week(2))
    assert value_added_shop(channel="") == value_added(rows)


def test_old_past_forecasts_are_pruned() -> None:
    for days in (10, 900):
        PastForecast.objects.create(
            key="p", period=timezone.localdate() - timedelta(days=days), model_value=1, final_value=1, made_on=week(1)
        )
    assert prune() == 1 and PastForecast.objects.count() == 1


# -- settings, doctor, card, command ----------------------------------------------------------------------------------


def test_settings_are_checked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_forecast(None) == []
    settings.ECOMAI = {**settings.ECOMAI, "FORECAST_FREQUENCY": "Q", "FORECAST_FULL_DAYS": -1, "FORECAST_HOLIDAYS": [1]}
    assert [one.id for one in check_forecast(None)] == ["ecomai.E051", "ecomai.E052", "ecomai.E053"]
    settings.ECOMAI = {"FORECAST_HOLIDAYS": "GB"}
    monkeypatch.setattr("django_ecomai.forecast.checks.find_spec", lambda name: None)
    found = check_forecast(None)
    assert [one.id for one in found] == ["ecomai.W054"] and "django-ecomai[forecast]" in (found[0].hint or "")


def test_holidays_come_from_the_package_or_say_what_to_install(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from datetime import date
    from types import SimpleNamespace

    from django_ecomai.core.extras import MissingExtra
    from django_ecomai.forecast import holidays
    from django_ecomai.forecast.days import day_number

    def country_holidays(code: str, *, subdiv: str | None, years: Any) -> list[date]:
        if code == "XX":
            raise NotImplementedError(code)
        return [date(year, 12, 26 if subdiv else 25) for year in years]

    days = day_number(date(2023, 12, 25)) + __import__("numpy").arange(2)
    holidays._dates.cache_clear()
    monkeypatch.setitem(sys.modules, "holidays", SimpleNamespace(country_holidays=country_holidays))
    assert holiday_mask(days, ["GB", "de-by"]).tolist() == [0.5, 0.5]
    with pytest.raises(BadCountry, match="'XX', which the package"):
        holiday_mask(days, ["XX"])
    holidays._dates.cache_clear()
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(MissingExtra, match=r"pip install 'django-ecomai\[forecast\]'"):
        holiday_mask(days, ["GB"])
    settings.ECOMAI = {"FORECAST_HOLIDAYS": "GB"}
    assert holiday_countries() == ("GB",)


def test_the_doctor_says_what_is_next(shop: Any, settings: Any) -> None:
    assert "forecast" in doctor_checks and "forecast.sales" in dashboard_cards
    assert [one.level for one in diagnose()] == ["ok"]
    Forecast.objects.update(created_at=timezone.now() - timedelta(days=30))
    assert "30 days old" in str(diagnose()[0].title)
    Forecast.objects.all().delete()
    assert diagnose()[0].level == "info"
    order_make(lines=[shop["lamp"]])
    assert diagnose()[0].level == "warning" and "forecast.train" in str(diagnose()[0].next_step)


def test_the_command_tries_out_and_makes(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "FORECAST_TRAINING": {"learned": False, "windows": 1}}
    shop_make(products=3, weeks=30)
    options = {"frequency": "W", "horizon": 4}
    out = StringIO()
    call_command("ecomai_forecast", dry_run=True, json=True, stdout=out, **options)
    found = json.loads(out.getvalue())
    assert found["state"] == "done" and found["dry_run"] and found["stored"] == 0
    assert found["counts"]["products"] == 3 and len(found["preview"]["pieces"]["mean"]) == 4
    out = StringIO()
    call_command("ecomai_forecast", stdout=out, stderr=StringIO(), **options)
    assert "3 products were forecast." in out.getvalue() and "pieces: product" in out.getvalue()
    assert Forecast.objects.filter(level="product", measure="pieces").count() == 3
    with pytest.raises(SystemExit):
        call_command("ecomai_forecast", horizon=100_000, stdout=StringIO(), stderr=StringIO())
