"""What is changed of targets, signals and by files can be undone: in the admin and through the API."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_ecomai.core.undo import UndoConflict
from django_ecomai.forecast import services
from django_ecomai.forecast.changes import change_permissions, change_undo
from django_ecomai.forecast.csv_files import overrides_import, signal_import, targets_import
from django_ecomai.forecast.job import prune
from django_ecomai.forecast.models import ForecastChange, ForecastOverride, SalesTarget, Signal, SignalValue
from django_ecomai.forecast.services import (
    override_restore,
    override_withdraw,
    signal_changed,
    signal_delete,
    signal_values_set,
    target_delete,
    target_set,
)
from django_ecomai.testing import product_make

from .conftest import user_make

pytestmark = pytest.mark.django_db
SPAN = {"starts_on": date(2026, 12, 1), "ends_on": date(2026, 12, 31)}


def amounts() -> list[int]:
    return [int(one) for one in SalesTarget.objects.order_by("starts_on").values_list("amount", flat=True)]


def latest() -> ForecastChange:
    found = ForecastChange.objects.order_by("-pk").first()
    assert found is not None
    return found


def test_a_target_that_was_set_replaced_and_deleted_comes_back_step_by_step() -> None:
    target_set(**SPAN, amount=Decimal(300), note="Christmas")
    target, _created = target_set(**SPAN, amount=Decimal(250))
    target_delete(target=SalesTarget.objects.get())
    made, replaced, deleted = ForecastChange.objects.order_by("pk")
    assert replaced.summary == "whole shop, 2026-12-01 – 2026-12-31: 300 GBP (Christmas) → 250 GBP"
    assert deleted.summary == "whole shop, 2026-12-01 – 2026-12-31: 250 GBP → –"
    with pytest.raises(UndoConflict, match="changed again since"):
        change_undo(change=replaced)
    assert amounts() == []
    change_undo(change=deleted)
    assert amounts() == [250] and SalesTarget.objects.get().pk == target.pk
    change_undo(change=replaced)
    assert amounts() == [300] and SalesTarget.objects.get().note == "Christmas"
    change_undo(change=made)
    assert amounts() == []
    with pytest.raises(UndoConflict, match="undone before"):
        change_undo(change=made)
    redo = latest()
    assert redo.label == "undone: Sales target"
    change_undo(change=redo)
    assert amounts() == [300]


def test_a_file_of_targets_is_one_change() -> None:
    target_set(**SPAN, amount=Decimal(300))
    lines = ["level,key,from,to,amount", "shop,,2026-12-01,2026-12-31,1", "shop,,2027-01-01,2027-01-31,5",
             "shop,,2027-01-01,2027-01-31,6"]  # fmt: skip
    change = targets_import(channel="", lines=lines).change
    assert amounts() == [1, 6] and change is not None and change.label == "3 sales targets from a file"
    change_undo(change=change)
    assert amounts() == [300]
    before = ForecastChange.objects.count()
    assert targets_import(channel="", lines=[lines[0], "shop,,never,2027-01-31,6"]).change is None
    assert ForecastChange.objects.count() == before


def test_a_file_of_overrides_is_withdrawn_as_one_and_nothing_is_deleted() -> None:
    lines = ["level,key,kind,value,from,to,reason", "shop,,percent,25,2026-12-01,2026-12-24,fair",
             "product,lamp,value,90,2026-12-01,2026-12-24,hotel"]  # fmt: skip
    product_make(external_id="lamp", title="Paper lantern")
    change = overrides_import(channel="", lines=lines).change
    assert change is not None
    assert change.summary == (
        "whole shop, 2026-12-01 – 2026-12-24: – → 25 %\nPaper lantern, 2026-12-01 – 2026-12-24: – → 90"
    )
    undone = change_undo(change=change)
    assert ForecastOverride.objects.filter(withdrawn_at=None).count() == 0
    assert ForecastOverride.objects.count() == 2
    assert undone is not None and undone.summary == (
        "whole shop, 2026-12-01 – 2026-12-24: 25 % → withdrawn\nPaper lantern, 2026-12-01 – 2026-12-24: 90 → withdrawn"
    )
    again = change_undo(change=undone)
    assert again is not None and ForecastOverride.objects.filter(withdrawn_at=None).count() == 2
    change_undo(change=again)
    assert ForecastOverride.objects.filter(withdrawn_at=None).count() == 0


def test_a_file_of_overrides_is_not_undone_over_what_somebody_withdrew() -> None:
    lines = ["level,key,kind,value,from,to,reason", *(
        f"shop,,percent,{number},2026-12-01,2026-12-24,fair" for number in range(1, 31)
    )]  # fmt: skip
    change = overrides_import(channel="", lines=lines).change
    assert change is not None
    one = ForecastOverride.objects.earliest("pk")
    override_withdraw(override=one)
    with pytest.raises(UndoConflict, match="changed again since"):
        change_undo(change=change)
    assert ForecastOverride.objects.filter(withdrawn_at=None).count() == 29
    override_restore(override=one)
    with CaptureQueriesContext(connection) as asked:
        change_undo(change=change, user=user_make(name="buyer"))
    assert ForecastOverride.objects.filter(withdrawn_at=None).count() == 0 and len(asked) < 40
    assert LogEntry.objects.filter(change_message="Override withdrawn.").count() == 30


def test_an_account_that_was_deleted_is_no_later_change() -> None:
    author = user_make(name="leaver")
    target, _created = target_set(**SPAN, amount=Decimal(300), author=author)
    change = latest()
    gone = target_delete(target=SalesTarget.objects.get())
    assert gone is not None
    author.delete()
    change_undo(change=gone)
    back = SalesTarget.objects.get()
    assert (back.pk, back.author) == (target.pk, None)
    change_undo(change=change)
    assert amounts() == []


@pytest.mark.skipif(not connection.features.has_select_for_update, reason="SQLite has one writer at a time")
def test_what_is_undone_or_replaced_is_locked_before_it_is_read() -> None:
    def locked(asked: Any, table: str) -> bool:
        found = [one["sql"] for one in asked.captured_queries if f'FROM "{table}"' in one["sql"]]
        return found[0].endswith("FOR UPDATE")

    table = SalesTarget._meta.db_table
    target_set(**SPAN, amount=Decimal(300))
    with CaptureQueriesContext(connection) as asked:
        target_set(**SPAN, amount=Decimal(250))
    assert locked(asked, table)
    with CaptureQueriesContext(connection) as asked:
        change_undo(change=latest())
    assert locked(asked, table) and amounts() == [300]
    with CaptureQueriesContext(connection) as asked:
        targets_import(channel="", lines=["level,key,from,to,amount", "shop,,2026-12-01,2026-12-31,1"])
    assert locked(asked, table)


def test_values_of_a_signal_and_a_deleted_signal_come_back() -> None:
    trend = Signal.objects.create(key="trend", name="Trend")
    days = [date(2026, 1, 1) + timedelta(days=day) for day in range(30)]
    signal_values_set(signal=trend, values=dict.fromkeys(days, 7.0))
    change = signal_import(signal=trend, lines=["day,value", "2026-01-02,9", "2026-03-01,1"]).change
    assert change is not None and change.summary == "2026-01-02: 7 → 9\n2026-03-01: – → 1"
    change_undo(change=change)
    assert list(trend.values.order_by("day").values_list("value", flat=True)) == [7.0] * 30
    gone = signal_delete(signal=Signal.objects.get())
    assert gone is not None and "and 11 more" in gone.summary
    with CaptureQueriesContext(connection) as asked:
        change_undo(change=gone)
    assert Signal.objects.get().values.count() == 30 and len(asked) < 30, "not a few for every value"
    SignalValue.objects.filter(day=date(2026, 1, 5)).update(value=1)
    taken = signal_values_set(signal=trend, values={date(2026, 1, 5): 2.0})
    assert taken is not None
    change_undo(change=taken)
    assert SignalValue.objects.get(day=date(2026, 1, 5)).value == 1


def test_a_signal_that_has_got_values_since_is_not_undone_over_them() -> None:
    trend = Signal.objects.create(key="trend", name="Trend")
    made = signal_changed(signal=trend, before=[])
    values = signal_values_set(signal=trend, values={date(2026, 1, day): 7.0 for day in range(1, 31)})
    assert made is not None and values is not None
    with pytest.raises(UndoConflict, match="changed again since"):
        change_undo(change=made)
    assert trend.values.count() == 30 and ForecastChange.objects.get(pk=made.pk).undone_at is None
    change_undo(change=values)
    undone = change_undo(change=made)
    assert not Signal.objects.exists() and undone is not None
    change_undo(change=undone)
    assert Signal.objects.get().name == "Trend"


def test_a_deletion_that_is_done_again_takes_the_values_that_it_knew_and_no_others() -> None:
    trend = Signal.objects.create(key="trend", name="Trend")
    signal_values_set(signal=trend, values={date(2026, 1, 1): 7.0})
    gone = signal_delete(signal=trend)
    assert gone is not None
    back = change_undo(change=gone)
    assert back is not None
    later = signal_values_set(signal=Signal.objects.get(), values={date(2026, 1, 2): 8.0})
    with pytest.raises(UndoConflict, match="changed again since"):
        change_undo(change=back)
    assert later is not None and SignalValue.objects.count() == 2
    change_undo(change=later)
    change_undo(change=back)
    assert not Signal.objects.exists()


def test_undo_in_the_admin(shop: Any, admin_client: Client) -> None:
    target, _created = target_set(**SPAN, amount=Decimal(300))
    delete = reverse("admin:ecomai_forecast_salestarget_delete", args=[target.pk])
    page = admin_client.post(delete, {"post": "yes"}, follow=True).content.decode()
    undo = reverse("admin:ecomai_forecast_forecastchange_undo", args=[latest().pk])
    assert f'href="{undo}"' in page and amounts() == []
    assert "300 GBP → –" in admin_client.get(undo).content.decode() and amounts() == []
    page = admin_client.post(undo, follow=True).content.decode()
    assert amounts() == [300] and "The change was undone" in page and "undone: Sales target deleted" in page
    edit = reverse("admin:ecomai_forecast_salestarget_change", args=[target.pk])
    admin_client.post(edit, {"about": "shop:", "amount": 10, **SPAN})
    assert amounts() == [10]
    admin_client.post(reverse("admin:ecomai_forecast_forecastchange_undo", args=[latest().pk]))
    assert amounts() == [300]
    listed = reverse("admin:ecomai_forecast_salestarget_changelist")
    admin_client.post(listed, {"action": "delete_selected", "_selected_action": [target.pk], "post": "yes"})
    assert amounts() == []
    admin_client.post(reverse("admin:ecomai_forecast_forecastchange_undo", args=[latest().pk]))
    assert amounts() == [300]
    file = SimpleUploadedFile("t.csv", b"level,key,from,to,amount\nshop,,2026-12-01,2026-12-31,7\n")
    page = admin_client.post(reverse("admin:ecomai_forecast_salestarget_upload"), {"file": file}, follow=True)
    assert reverse("admin:ecomai_forecast_forecastchange_undo", args=[latest().pk]) in page.content.decode()


def test_the_list_of_changes_reads_no_rows(admin_client: Client) -> None:
    target_set(**SPAN, amount=Decimal(300))
    with CaptureQueriesContext(connection) as asked:
        page = admin_client.get(reverse("admin:ecomai_forecast_forecastchange_changelist")).content.decode()
    undo = reverse("admin:ecomai_forecast_forecastchange_undo", args=[latest().pk])
    assert f'href="{undo}"' in page
    assert not any('"ecomai_forecast_forecastchange"."before"' in one["sql"] for one in asked.captured_queries)
    change = latest()
    assert change_permissions(change) == {"ecomai_forecast.delete_salestarget"}
    change.needs = None
    assert change_permissions(change) == {"ecomai_forecast.delete_salestarget"}, "a change of before they were kept"


def test_signals_in_the_admin_are_undone(admin_client: Client) -> None:
    admin_client.post(reverse("admin:ecomai_forecast_signal_add"), {"name": "Trend", "key": "trend", "is_active": "on"})
    trend = Signal.objects.get()
    edit = reverse("admin:ecomai_forecast_signal_change", args=[trend.pk])
    admin_client.post(edit, {"name": "Trend", "key": "trend"})
    assert latest().summary == "Trend: used for forecasts → not used"
    admin_client.post(reverse("admin:ecomai_forecast_signal_delete", args=[trend.pk]), {"post": "yes"})
    assert not Signal.objects.exists()
    for _ in range(2):
        change = ForecastChange.objects.filter(undone_at=None).exclude(label__startswith="undone").latest("pk")
        admin_client.post(reverse("admin:ecomai_forecast_forecastchange_undo", args=[change.pk]))
    assert Signal.objects.get().is_active


def test_undo_through_the_api_and_who_may(client: Client) -> None:
    target_set(**SPAN, amount=Decimal(300))
    client.force_login(user_make("delete_salestarget", "view_forecastchange", name="deleter"))
    address = reverse("ecomai_forecast:api-target", args=[SalesTarget.objects.get().pk])
    assert client.delete(address).status_code == 204
    rows = client.get(reverse("ecomai_forecast:api-changes")).json()
    assert [row["label"] for row in rows] == ["Sales target deleted", "Sales target"]
    undo = reverse("ecomai_forecast:api-change-undo", args=[rows[0]["id"]])
    assert client.post(undo).status_code == 403, "bringing a target back is adding one"
    assert client.get(reverse("admin:ecomai_forecast_forecastchange_undo", args=[rows[0]["id"]])).status_code == 403
    client.force_login(user_make("add_salestarget", "view_forecastchange", name="adder"))
    assert client.post(undo).json()["undone_at"] and amounts() == [300]
    assert client.post(undo).status_code == 409
    client.force_login(user_make("add_salestarget", name="blind"))
    assert client.get(reverse("ecomai_forecast:api-changes")).status_code == 403


def test_signals_through_the_api_are_undone(admin_client: Client) -> None:
    Signal.objects.create(key="trend", name="Trend")
    address = reverse("ecomai_forecast:api-signal", args=["trend"])
    send = {"content_type": "application/json"}
    assert admin_client.patch(address, {"key": "other"}, **send).status_code == 400
    assert admin_client.patch(address, {"is_active": False}, **send).json()["is_active"] is False
    admin_client.post(reverse("ecomai_forecast:api-change-undo", args=[latest().pk]))
    assert Signal.objects.get().is_active
    assert admin_client.delete(address).status_code == 204 and not Signal.objects.exists()
    admin_client.post(reverse("ecomai_forecast:api-change-undo", args=[latest().pk]))
    assert Signal.objects.get().name == "Trend"
    assert admin_client.delete(reverse("ecomai_forecast:api-signal", args=["none"])).status_code == 404


def test_a_signal_and_its_change_are_written_together_or_not_at_all(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**given: Any) -> None:
        raise RuntimeError("the disk is full")

    Signal.objects.create(key="trend", name="Trend")
    monkeypatch.setattr(services, "change_record", broken)
    send: dict[str, Any] = {"content_type": "application/json"}
    with pytest.raises(RuntimeError):
        admin_client.post(reverse("ecomai_forecast:api-signals"), {"key": "new", "name": "New"}, **send)
    with pytest.raises(RuntimeError):
        admin_client.patch(reverse("ecomai_forecast:api-signal", args=["trend"]), {"name": "Other"}, **send)
    assert list(Signal.objects.values_list("name", flat=True)) == ["Trend"]


def test_changes_are_kept_for_a_year_and_a_bit() -> None:
    target_set(**SPAN, amount=Decimal(300))
    assert prune() == 0
    ForecastChange.objects.update(at=timezone.now() - timedelta(days=401))
    assert prune() == 1 and amounts() == [300]
