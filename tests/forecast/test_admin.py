"""The forecast pages: what they show, to whom, in how many queries, and how a change is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.forecast import presenting
from django_ecomai.forecast.forms import TargetForm
from django_ecomai.forecast.models import Forecast, ForecastOverride, PastForecast, SalesTarget, Signal
from django_ecomai.testing import category_make, product_make

from .conftest import forecast_make, user_make
from .factories import week

pytestmark = pytest.mark.django_db
LIST = "admin:ecomai_forecast_forecast_changelist"
RULES = {"kind": "percent", "value": "20", "starts_on": week(60), "ends_on": week(62), "reason": "fair"}


def client_of(*permissions: str) -> Client:
    client = Client()
    client.force_login(user_make(*permissions, name=f"u{len(permissions)}{''.join(permissions)[:20]}"))
    return client


def change(row: Forecast) -> str:
    return reverse("admin:ecomai_forecast_forecast_change", args=[row.pk])


def test_the_list_shows_products_with_pictures_in_few_queries(
    shop: Any, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    ForecastOverride.objects.create(product=shop["lamp"], **{**RULES, "value": 100, "ends_on": week(70)})
    admin_client.get(reverse(LIST))
    with django_assert_max_num_queries(14):
        page = admin_client.get(reverse(LIST)).content.decode()
    assert "Glass vase" in page and "Paper &lt;b&gt;lantern&lt;/b&gt;" in page and "<b>lantern" not in page
    assert page.count("<svg") >= 2 and "Whole shop" not in page
    assert "next 4 weeks, with an override" in page and "fewer than two years" in page
    money = admin_client.get(reverse(LIST), {"show": "money"}).content.decode()
    assert "Whole shop" in money and "Glass vase" not in money
    assert "Glass vase" in admin_client.get(reverse(LIST), {"q": "vase"}).content.decode()
    assert "Glass vase" not in admin_client.get(reverse(LIST), {"kind": "lumpy"}).content.decode()


def test_an_empty_shop_is_told_what_to_do(admin_client: Client) -> None:
    page = admin_client.get(reverse(LIST)).content.decode()
    assert "No forecast has been made yet" in page and "Make forecasts now" in page
    page = admin_client.get(reverse("admin:ecomai_forecast_forecast_sales")).content.decode()
    assert "No forecast has been made yet" in page and "No target has been set" in page
    start = admin_client.get(reverse("admin:ecomai_dashboard_start_changelist")).content.decode()
    assert "No forecast has been made yet" in start


def test_the_page_of_a_product(shop: Any, admin_client: Client, django_assert_max_num_queries: Any) -> None:
    row = shop["rows"]["lamp"]
    Forecast.objects.filter(pk=row.pk).update(
        components={"season": [1, 2, 3, -4], "trend": [5, 5, 5, 5]}, components_start=week(60)
    )
    PastForecast.objects.create(
        key="lamp", period=week(59), model_value=8, final_value=9, naive_value=6, actual=10, lo_80=5, hi_80=12,
        made_on=week(59),
    )  # fmt: skip
    with django_assert_max_num_queries(16):
        page = admin_client.get(change(row)).content.decode()
    for words in (
        "exponential smoothing 60 %", "missed 50 % less than the simple forecast", "What moves it", "season: +2",
        "simple forecast missed by 40 %", "Change the forecast for a span of days", "likely range",
        "often, steady amounts", "Week from",
    ):  # fmt: skip
        assert words in page, words
    assert admin_client.get(reverse("admin:ecomai_forecast_forecast_change", args=[999999])).status_code == 404


def test_an_override_is_made_on_the_page_shown_and_taken_back(shop: Any, admin_client: Client) -> None:
    row = shop["rows"]["lamp"]
    make = reverse("admin:ecomai_forecast_forecast_override", args=[row.pk])
    bad = admin_client.post(make, {**RULES, "reason": "", "value": "-200"})
    assert bad.status_code == 200 and "from -100" in bad.content.decode() and not ForecastOverride.objects.exists()
    page = admin_client.post(make, RULES, follow=True).content.decode()
    made = ForecastOverride.objects.get()
    assert (made.product, made.level, made.author.username) == (shop["lamp"], "product", "admin")
    assert "forecast without overrides" in page and "+20 %" in page
    toggle = reverse("admin:ecomai_forecast_forecast_toggle", args=[row.pk, made.pk, "withdraw"])
    assert "forecast without overrides" not in admin_client.post(toggle, follow=True).content.decode()
    admin_client.post(toggle.replace("withdraw", "restore"))
    made.refresh_from_db()
    assert made.withdrawn_at is None
    assert admin_client.get(toggle).status_code == 405
    for level in ("shelf", "whole"):
        admin_client.post(reverse("admin:ecomai_forecast_forecast_override", args=[shop["rows"][level].pk]), RULES)
    assert sorted(ForecastOverride.objects.values_list("level", flat=True)) == ["category", "product", "shop"]
    assert ForecastOverride.objects.get(level="category").category == shop["shelf"]
    page = admin_client.get(change(shop["rows"]["lamp"])).content.decode()
    assert page.count("fair") == 3, "what holds for its category and for the shop stands there as well"


def test_nobody_does_what_he_may_not(shop: Any) -> None:
    row = shop["rows"]["lamp"]
    reader = client_of("view_forecast")
    page = reader.get(change(row)).content.decode()
    assert "Change the forecast" not in page and "Make forecasts now" not in page
    assert reader.post(reverse("admin:ecomai_forecast_forecast_override", args=[row.pk]), RULES).status_code == 403
    override = ForecastOverride.objects.create(product=shop["lamp"], **RULES)
    toggle = reverse("admin:ecomai_forecast_forecast_toggle", args=[row.pk, override.pk, "withdraw"])
    assert reader.post(toggle).status_code == 403
    for name in ("forecastoverride_upload", "salestarget_upload"):
        assert reader.get(reverse(f"admin:ecomai_forecast_{name}")).status_code == 403
    nobody = client_of()
    for address in (reverse(LIST), change(row), reverse("admin:ecomai_forecast_forecast_sales"),
                    reverse("admin:ecomai_forecast_forecast_export")):  # fmt: skip
        assert nobody.get(address).status_code == 403


def test_sales_beside_targets(shop: Any, admin_client: Client, django_assert_max_num_queries: Any) -> None:
    SalesTarget.objects.create(starts_on=week(60), ends_on=week(62), amount=1000, note="spring")
    address = reverse("admin:ecomai_forecast_forecast_sales")
    admin_client.get(address)
    with django_assert_max_num_queries(12):
        page = admin_client.get(address).content.decode()
    assert "spring" in page and "Lanterns" in page and "of it sold" in page
    listed = admin_client.get(reverse("admin:ecomai_forecast_salestarget_changelist")).content.decode()
    assert "Whole shop" in listed and "(32 %)" in listed


def test_targets_and_overrides_by_form(shop: Any, admin_client: Client) -> None:
    add = reverse("admin:ecomai_forecast_salestarget_add")
    assert admin_client.get(add).status_code == 200
    span = {"starts_on": week(60), "ends_on": week(62)}
    bad = admin_client.post(add, {"about": "category:nope", "amount": 5, **span})
    assert "not one of the available choices" in bad.content.decode() and not SalesTarget.objects.exists()
    admin_client.post(add, {"about": "category:c1", "amount": 5, **span})
    assert SalesTarget.objects.get().author.username == "admin"
    add = reverse("admin:ecomai_forecast_forecastoverride_add")
    both = admin_client.post(add, {**RULES, "product": shop["lamp"].pk, "category": shop["shelf"].pk})
    assert "not both" in both.content.decode()
    admin_client.post(add, {**RULES, "category": shop["shelf"].pk})
    made = ForecastOverride.objects.get()
    assert made.level == "category"
    listed = reverse("admin:ecomai_forecast_forecastoverride_changelist")
    for action, holds in (("withdraw", False), ("restore", True)):
        admin_client.post(listed, {"action": action, "_selected_action": [made.pk]})
        made.refresh_from_db()
        assert (made.withdrawn_at is None) == holds
    assert "fair" in admin_client.get(listed, {"state": "holds"}).content.decode()


@pytest.mark.parametrize(
    ("fields", "state", "listed"),
    [
        ({}, "holds", "holds"),
        ({"starts_on": week(61)}, "begins later", "holds"),
        ({"starts_on": week(50), "ends_on": week(59)}, "over", "over"),
        ({"starts_on": week(50), "expires_on": week(60)}, "expired", "over"),
        ({"withdrawn_at": timezone.now()}, "withdrawn", "withdrawn"),
    ],
)
def test_the_list_of_overrides_says_what_holds(
    shop: Any, admin_client: Client, fields: Any, state: str, listed: str
) -> None:
    ForecastOverride.objects.create(product=shop["lamp"], **{**RULES, **fields})
    address = reverse("admin:ecomai_forecast_forecastoverride_changelist")
    assert f'field-state">{state}<' in admin_client.get(address).content.decode()
    for name in ("holds", "over", "withdrawn"):
        assert ("fair</td>" in admin_client.get(address, {"state": name}).content.decode()) == (name == listed)


def test_what_is_new_begins_where_the_forecast_does(shop: Any, admin_client: Client) -> None:
    for name in ("salestarget", "forecastoverride"):
        page = admin_client.get(reverse(f"admin:ecomai_forecast_{name}_add")).content.decode()
        first = week(60).replace(day=1) if name == "salestarget" else week(60)
        assert f'value="{first.isoformat()}"' in page
    page = admin_client.get(reverse("admin:ecomai_forecast_salestarget_add")).content.decode()
    assert '<optgroup label="category">' in page and 'value="category:c1">Lanterns' in page


def test_several_shops_stand_beside_each_other(shop: Any, admin_client: Client) -> None:
    product_make(external_id="x", channel="de")
    for measure in ("money", "pieces"):
        forecast_make(channel="de", level="shop", measure=measure, title="Whole shop", total=1)
    address = reverse("admin:ecomai_forecast_forecast_sales")
    page = admin_client.get(address).content.decode()
    assert '<a href="?channel=de">de</a>' in page and '<a href="?channel=">main shop</a>' in page
    assert "Lanterns" not in admin_client.get(address, {"channel": "de"}).content.decode()
    listed = admin_client.get(reverse(LIST), {"channel": "de"}).content.decode()
    assert f'href="{address}?channel=de"' in listed


def test_what_is_made_in_the_only_shop_belongs_to_its_channel(admin_client: Client, settings: Any, db: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CHANNEL": "de"}
    lamp = product_make(external_id="lamp", channel="de")
    span = {"starts_on": week(60), "ends_on": week(62)}
    target, signal = {"about": "shop:", "amount": 5, **span}, {"name": "Trend", "key": "trend"}
    for name, data in (
        ("salestarget", target),
        ("forecastoverride", {**RULES, "product": lamp.pk}),
        ("signal", signal),
    ):
        assert admin_client.post(reverse(f"admin:ecomai_forecast_{name}_add"), data).status_code == 302
    assert [model.objects.get().channel for model in (SalesTarget, ForecastOverride, Signal)] == ["de"] * 3
    twice = admin_client.post(reverse("admin:ecomai_forecast_salestarget_add"), target).content.decode()
    assert "a target of this span already" in twice
    twice = admin_client.post(reverse("admin:ecomai_forecast_signal_add"), signal).content.decode()
    assert "a signal with this key already" in twice


def test_who_may_only_add_targets_replaces_none_by_file(shop: Any, client: Client) -> None:
    client.force_login(user_make("add_salestarget", "view_salestarget", name="adder"))
    SalesTarget.objects.create(starts_on="2026-12-01", ends_on="2026-12-31", amount=300)
    file = SimpleUploadedFile("t.csv", b"level,key,from,to,amount\nshop,,2026-12-01,2026-12-31,7\n")
    page = client.post(reverse("admin:ecomai_forecast_salestarget_upload"), {"file": file}, follow=True)
    assert "may not change targets" in page.content.decode()
    assert str(SalesTarget.objects.get().amount) == "300.00"


def test_csv_out_and_in(shop: Any, admin_client: Client) -> None:
    text = b"".join(admin_client.get(reverse("admin:ecomai_forecast_forecast_export")).streaming_content).decode()
    assert text.splitlines()[0].startswith("measure,level,unique_id,ds,mean,final,lo-80")
    assert len(text.splitlines()) == 9
    chosen = admin_client.post(reverse(LIST), {"action": "export", "_selected_action": [shop["rows"]["vase"].pk]})
    assert b"".join(chosen.streaming_content).count(b"vase") == 4
    signal = Signal.objects.create(key="trend", name="Trend")
    upload = reverse("admin:ecomai_forecast_signal_upload", args=[signal.pk])
    assert "planned values" in admin_client.get(upload).content.decode()

    def send(address: str, content: bytes) -> str:
        file = SimpleUploadedFile("values.csv", content)
        return str(admin_client.post(address, {"file": file}, follow=True).content.decode())

    assert "Line 2" in send(upload, b"day,value\nsoon,1\n")
    assert "1 line was read" in send(upload, b"day,value\n2026-01-01,1\n")
    assert "must name the columns" in send(upload, b"a,b\n1,2\n")
    line = b"shop,,2026-12-01,2026-12-31,9\n"
    page = send(reverse("admin:ecomai_forecast_salestarget_upload"), b"level,key,from,to,amount\n" + line + line)
    assert "1 line stood twice" in page and SalesTarget.objects.count() == 1
    page = admin_client.get(reverse("admin:ecomai_forecast_signal_changelist")).content.decode()
    assert "Trend" in page
    page = admin_client.get(reverse("admin:ecomai_forecast_signal_change", args=[signal.pk])).content.decode()
    assert "<svg" in page


def test_the_card_and_the_role(shop: Any, admin_client: Client) -> None:
    from django.contrib.auth.models import Group

    page = admin_client.get(reverse("admin:ecomai_dashboard_start_changelist")).content.decode()
    assert "600 GBP expected" in page and "Glass vase" in page
    granted = set(Group.objects.get(name="Merchant").permissions.values_list("codename", flat=True))
    assert {"view_forecast", "add_forecastoverride", "change_signal"} <= granted


def test_the_pages_in_german(shop: Any, admin_client: Client, settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    page = admin_client.get(reverse(LIST)).content.decode()
    assert "Was verkauft werden wird" in page and "nächste 4 Wochen" in page and "Korrektur" in page
    page = admin_client.get(change(shop["rows"]["lamp"])).content.decode()
    assert "lag sie 50 % weniger daneben" in page and "exponentielle Glättung 60 %" in page and "Woche ab" in page
    page = admin_client.get(reverse("admin:ecomai_forecast_forecast_sales")).content.decode()
    assert "Umsatzprognose" in page and "Noch kein" not in page
    start = admin_client.get(reverse("admin:ecomai_dashboard_start_changelist")).content.decode()
    assert "600 GBP erwartet" in start


def test_a_target_is_of_a_category_of_its_own_shop() -> None:
    for channel, name in (("uk", "Lanterns"), ("de", "Laternen")):
        category_make(external_id="c1", name=name, channel=channel)
    category_make(external_id="c2", name="Vases", channel="uk")
    span = {"starts_on": week(60), "ends_on": week(61), "amount": 5}
    target = SalesTarget.objects.create(channel="de", level="category", key="c1", **span)
    choices: Any = TargetForm(instance=target).fields["about"].choices  # type: ignore[attr-defined]
    assert choices[1:] == [("category", [("category:c1", "Laternen")])]


def test_a_range_that_failed_its_test_is_flagged_where_it_is_read(shop: dict[str, Any]) -> None:
    client = client_of("view_forecast")
    lamp, fine = shop["rows"]["lamp"], shop["rows"]["vase"]
    lamp.accuracy = {**lamp.accuracy, "coverage_80": 0.38}
    lamp.save()
    html = client.get(reverse("admin:ecomai_forecast_forecast_changelist")).content.decode()
    assert html.count("range failed its test: held 38 %") == 1 and "failed its test: held 81 %" not in html
    html = client.get(reverse("admin:ecomai_forecast_forecast_change", args=[lamp.pk])).content.decode()
    assert "in the test it held 38 % of the time" in html and "The likely range failed its test" in html
    html = client.get(reverse("admin:ecomai_forecast_forecast_change", args=[fine.pk])).content.decode()
    assert "in the test it held 81 % of the time" in html and "failed its test" not in html


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(100, 200, ""), (148, 400, "The likely range lies above the forecast"), (160, 400, "lies above the forecast"),
     (20, 152, "The likely range lies below the forecast"), (150, 150, "")],
)  # fmt: skip
def test_a_forecast_along_the_edge_of_its_range_is_explained(
    shop: dict[str, Any], low: float, high: float, told: str
) -> None:
    whole = shop["rows"]["money"]  # 150 a week
    whole.lo_80, whole.hi_80 = [low] * 4, [high] * 4
    note = presenting.range_note(whole, None)
    assert told in note and bool(note) is bool(told)
    whole.accuracy = {**whole.accuracy, "coverage_80": 0.15}
    both = presenting.range_note(whole, None)
    assert both.startswith("The likely range failed its test") and both.endswith(note)
