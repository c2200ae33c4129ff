"""The REST endpoints: long frames, permissions, decisions, CSV bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from django_ecomai.forecast.models import ForecastOverride, PastForecast, SalesTarget, Signal

from .conftest import user_make
from .factories import week

pytestmark = pytest.mark.django_db
ALL = tuple(
    f"{verb}_{model}"
    for model in ("forecast", "forecastoverride", "salestarget", "signal")
    for verb in ("view", "add", "change", "delete")
)


@pytest.fixture
def staff(db: Any) -> Client:
    client = Client()
    client.force_login(user_make(*ALL))
    return client


def at(name: str, *args: Any) -> str:
    return reverse(f"ecomai_forecast:{name}", args=args)


def post(client: Client, address: str, data: Any) -> Any:
    kind = "text/csv" if isinstance(data, str) else "application/json"
    return client.post(address, data if isinstance(data, str) else json.dumps(data, default=str), content_type=kind)


def test_long_frames_with_the_intervals_that_are_asked_for(
    shop: Any, staff: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9):
        found = staff.get(at("api-forecasts"))
    body = found.json()
    assert found["Cache-Control"] == "private, no-store"
    assert (body["frequency"], body["next"], len(body["results"])) == ("W", None, 8)
    assert body["results"][0] == {
        "measure": "pieces", "series": "product", "unique_id": "lamp", "ds": week(60).isoformat(), "mean": 10,
        "final": 10, "lo-80": 6, "hi-80": 15, "lo-95": 4, "hi-95": 18,
    }  # fmt: skip
    row = staff.get(at("api-forecasts"), {"level": "80", "unique_id": "vase"}).json()["results"][0]
    assert row["unique_id"] == "vase" and "lo-80" in row and "lo-95" not in row
    assert "lo-80" not in staff.get(at("api-forecasts"), {"level": "0"}).json()["results"][0]
    money = staff.get(at("api-forecasts"), {"measure": "money", "series": "shop"}).json()["results"]
    assert [one["mean"] for one in money] == [150] * 4
    page = staff.get(at("api-forecasts"), {"page_size": 1}).json()
    assert page["next"] == 2 and staff.get(at("api-forecasts"), {"page_size": 1, "page": 2}).json()["next"] is None
    text = b"".join(staff.get(at("api-forecasts"), {"output": "csv", "level": "95"}).streaming_content).decode()
    assert text.splitlines()[0] == "measure,level,unique_id,ds,mean,final,lo-95,hi-95"
    assert text.splitlines()[1].endswith(",10,10.0,4,18")


@pytest.mark.parametrize(
    ("name", "value"),
    [("level", "90"), ("measure", "litres"), ("series", "planet"), ("page", "0"), ("page_size", "9999"),
     ("output", "xml"), ("channel", "nowhere"), ("page", "²")],
)  # fmt: skip
def test_a_parameter_that_cannot_be_used_is_named(shop: Any, staff: Client, name: str, value: str) -> None:
    found = staff.get(at("api-forecasts"), {name: value})
    assert found.status_code == 400 and name in found.json()


def test_past_forecasts(staff: Client) -> None:
    PastForecast.objects.create(
        key="lamp", period=week(59), model_value=8, final_value=9, naive_value=6, actual=10, made_on=week(59)
    )
    row = staff.get(at("api-past-forecasts"), {"unique_id": "lamp"}).json()["results"][0]
    assert (row["y"], row["final"], row["naive"], row["lo-80"]) == (10, 9, 6, None)
    assert staff.get(at("api-past-forecasts"), {"lag": "4"}).json()["results"] == []
    assert b"lamp" in b"".join(staff.get(at("api-past-forecasts"), {"output": "csv"}).streaming_content)


def test_overrides(shop: Any, staff: Client) -> None:
    data = {"level": "product", "key": "lamp", "kind": "percent", "value": 50, "starts_on": week(60),
            "ends_on": week(62), "reason": "fair"}  # fmt: skip
    made = post(staff, at("api-overrides"), data)
    assert made.status_code == 201 and made.json()["author"] == "buyer" and made.json()["key"] == "lamp"
    assert staff.get(at("api-forecasts"), {"unique_id": "lamp"}).json()["results"][0]["final"] == 15
    state = at("api-override-state", made.json()["id"], "withdraw")
    assert staff.post(state).json()["withdrawn_at"]
    assert staff.get(at("api-forecasts"), {"unique_id": "lamp"}).json()["results"][0]["final"] == 10
    assert staff.post(state.replace("withdraw", "restore")).json()["withdrawn_at"] is None
    assert staff.post(state.replace("withdraw", "forget")).status_code == 400
    assert post(staff, at("api-overrides"), {**data, "key": "nope"}).json()["key"]
    assert post(staff, at("api-overrides"), {**data, "value": -200}).json()["value"]
    assert post(staff, at("api-overrides"), {**data, "level": "shop", "key": ""}).status_code == 201
    assert len(staff.get(at("api-overrides")).json()) == 2
    csv = "level,key,kind,value,from,to,reason\ncategory,c1,value,9,2026-12-01,2026-12-02,x\n"
    assert post(staff, at("api-overrides"), csv).json() == {"written": 1, "duplicates": 0, "errors": []}
    assert post(staff, at("api-overrides"), csv.replace("c1", "c9")).status_code == 400
    assert post(staff, at("api-overrides"), "a,b\n1,2\n").status_code == 400
    assert ForecastOverride.objects.count() == 3


def test_targets(shop: Any, staff: Client) -> None:
    data = {"level": "shop", "starts_on": week(60), "ends_on": week(61), "amount": 300}
    made = post(staff, at("api-targets"), data)
    assert made.status_code == 201 and made.json()["expected"] > 0 and 0 < made.json()["chance"] < 1
    assert post(staff, at("api-targets"), {**data, "amount": 400}).status_code == 200
    assert post(staff, at("api-targets"), {**data, "amount": 0}).json()["amount"]
    assert [one["amount"] for one in staff.get(at("api-targets")).json()] == ["400.00"]
    assert post(staff, at("api-targets"), "level,key,from,to,amount\ncategory,c1,2026-12-01,2026-12-02,8\n").json()[
        "written"
    ] == 1  # fmt: skip
    target = SalesTarget.objects.get(level="shop")
    assert staff.delete(at("api-target", target.pk)).status_code == 204
    assert staff.delete(at("api-target", target.pk)).status_code == 404


def test_who_may_only_add_targets_replaces_none(shop: Any) -> None:
    adder = Client()
    adder.force_login(user_make("add_salestarget", "view_salestarget", name="adder"))
    data = {"level": "shop", "starts_on": "2026-12-01", "ends_on": "2026-12-31", "amount": 300}
    assert post(adder, at("api-targets"), data).status_code == 201
    again = post(adder, at("api-targets"), {**data, "amount": 5})
    assert again.status_code == 400 and "may not change targets" in again.json()["detail"][0]
    csv = "level,key,from,to,amount\nshop,,2026-12-01,2026-12-31,7\n"
    found = post(adder, at("api-targets"), csv)
    assert found.status_code == 400 and "may not change targets" in found.json()["errors"][0]
    assert str(SalesTarget.objects.get().amount) == "300.00"


def test_signals(staff: Client) -> None:
    assert post(staff, at("api-signals"), {"key": "trend", "name": "Trend"}).status_code == 201
    assert post(staff, at("api-signals"), {"key": "trend", "name": "Trend"}).status_code == 400
    values = at("api-signal-values", "trend")
    assert post(staff, values, [{"day": "2026-01-01", "value": 1}, {"day": "2026-01-01", "value": 2}]).json() == {
        "written": 1, "duplicates": 1, "errors": [],
    }  # fmt: skip
    assert post(staff, values, "day,value\n2026-02-01,3\n").json()["written"] == 1
    assert post(staff, values, '"').status_code == 400
    assert staff.get(values).json() == [{"day": "2026-02-01", "value": 3.0}, {"day": "2026-01-01", "value": 2.0}]
    bad = staff.post(values, '[{"day": "2026-01-01", "value": NaN}]', content_type="application/json")
    assert bad.status_code == 400
    assert post(staff, at("api-signal-values", "nope"), []).status_code == 404
    assert Signal.objects.count() == 1 and staff.get(at("api-signals")).json()[0]["key"] == "trend"


def test_the_right_alone_is_not_enough(shop: Any) -> None:
    user = user_make("view_forecast", name="former")
    user.is_staff = False
    user.save()
    former = Client()
    former.force_login(user)
    answer = former.get(at("api-forecasts"))
    assert answer.status_code == 403 and answer["Cache-Control"] == "private, no-store"


def test_who_lacks_the_permission_gets_nothing(shop: Any) -> None:
    reader = Client()
    reader.force_login(user_make("view_forecast", name="reader"))
    assert reader.get(at("api-forecasts")).status_code == 200
    for address in (at("api-overrides"), at("api-targets"), at("api-signals")):
        assert reader.get(address).status_code == 403 and post(reader, address, {}).status_code == 403
    assert Client().get(at("api-forecasts")).status_code == 403
