"""The pages of a buyer: worklist, product, purchase order, files; who may do what, and in how many queries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.forecast.models import Forecast, ForecastOverride
from django_ecomai.inventory.models import Decision, PurchaseOrder, Receipt, Suggestion, Supplier
from django_ecomai.inventory.product_page import product_page
from django_ecomai.inventory.selectors import alert_counts, with_alert
from django_ecomai.inventory.services import order_advance, orders_draft, suggestions_decide
from django_ecomai.inventory.words import days_left
from django_ecomai.testing import product_make
from tests.clients import clerk

from .factories import DAY, offer_make, suggestion_make, supplier_make

pytestmark = pytest.mark.django_db
LIST = "admin:ecomai_inventory_suggestion_changelist"


def decide(client: Client, action: str, *rows: Suggestion, **values: Any) -> str:
    data = {"action": action, "index": 0, "_selected_action": [row.pk for row in rows], **values}
    return client.post(reverse(LIST) + "?show=all", data, follow=True).content.decode()


def test_the_list_tells_what_to_do_when_it_is_empty(boss: Client) -> None:
    html = boss.get(reverse(LIST)).content.decode()
    assert "Nothing has been worked out yet" in html and 'value="inventory.replenish"' in html


def test_the_list_shows_what_is_to_decide_in_few_queries(boss: Client, django_assert_max_num_queries: Any) -> None:
    supplier = supplier_make(is_simulated=True)
    for number in range(12):
        suggestion_make(product_make(title=f"Lantern {number}", sku=f"L{number}"), supplier)
    suggestion_make(product_make(title="Plenty"), supplier, status="surplus", quantity=0, alerts=["surplus"])
    boss.get(reverse(LIST))
    with django_assert_max_num_queries(16):
        html = boss.get(reverse(LIST)).content.decode()
    assert html.count("Target level 24 − 5 on hand = 19 → 24 in packs of 12") == 12
    assert "Plenty" not in html and "simulated" in html
    assert "<strong>12</strong> to decide" in html
    for query, there in (
        ("?show=all", True),
        ("?status__exact=surplus", True),
        ("?alert=surplus", True),
        ("?q=Plenty", True),
        ("?show=look", True),
        ("?show=rejected", False),
        (f"?supplier__id__exact={supplier.pk}&abc__exact=A", False),
    ):
        assert ("Plenty" in boss.get(reverse(LIST) + query).content.decode().split("result_list")[-1]) is there, query


def test_titles_of_the_shop_are_escaped(boss: Client) -> None:
    row = suggestion_make(product_make(title="<script>alert(1)</script>"), supplier_make(name="<b>S"))
    for url in (reverse(LIST), reverse("admin:ecomai_inventory_suggestion_change", args=[row.pk])):
        html = boss.get(url).content.decode()
        assert "<script>alert" not in html and "<b>S" not in html


def test_three_are_put_into_orders_with_the_quantities_typed(boss: Client) -> None:
    suppliers = supplier_make(), supplier_make()
    rows = [suggestion_make(supplier=suppliers[number % 2]) for number in range(3)]
    typed = {f"quantity-{rows[0].pk}": "36", f"quantity-{rows[1].pk}": "24"}
    html = decide(boss, "put_into_orders", *rows, **typed)
    assert "2 drafts were made" in html
    first, second = PurchaseOrder.objects.order_by("pk")
    assert sorted(line.quantity for line in first.lines.all()) == [24, 36]
    assert second.lines.get().quantity == 24
    assert set(Suggestion.objects.values_list("state", flat=True)) == {"accepted", "edited"}
    assert "stands in a purchase order already" in decide(boss, "put_into_orders", rows[0])


def test_accept_later_reject_and_their_mistakes(boss: Client) -> None:
    row = suggestion_make()
    assert "Give a reason" in decide(boss, "reject", row)
    assert "is no quantity" in decide(boss, "accept", row, **{f"quantity-{row.pk}": "many"})
    assert "Enter a valid date" in decide(boss, "snooze", row, until="soon")
    assert "no supplier" in decide(boss, "put_into_orders", row)
    assert Suggestion.objects.get().state == "open"
    assert "1 suggestion decided" in decide(boss, "accept", row, **{f"quantity-{row.pk}": "7"})
    assert (Suggestion.objects.get().state, Suggestion.objects.get().decided_quantity) == ("edited", 7)
    decide(boss, "snooze", row, until=(DAY + timedelta(days=5)).isoformat())
    assert Suggestion.objects.get().state == "snoozed"
    decide(boss, "reject", row, reason="no")
    assert Suggestion.objects.get().state == "rejected"


def test_a_budget_narrows_the_list(boss: Client) -> None:
    best = suggestion_make(product_make(title="Best"), lost_margin=Decimal(90))
    suggestion_make(product_make(title="Worse"), lost_margin=Decimal(10))
    html = boss.get(reverse(LIST) + "?budget=100").content.decode()
    assert best.product.title in html and "Worse" not in html
    assert "Worse" in boss.get(reverse(LIST) + "?budget=nothing").content.decode()


def test_the_page_of_a_product_and_undo(boss: Client, django_assert_max_num_queries: Any) -> None:
    row = suggestion_make(supplier=supplier_make())
    url = reverse("admin:ecomai_inventory_suggestion_change", args=[row.pk])
    with django_assert_max_num_queries(14):
        html = boss.get(url).content.decode()
    assert "Target level 24" in html and "Expected stock" in html and "Pieces per week" in html
    decide_url = reverse("admin:ecomai_inventory_suggestion_decide", args=[row.pk])
    html = boss.post(decide_url, {"action": "order", "quantity": "48"}, follow=True).content.decode()
    order = PurchaseOrder.objects.get()
    assert order.number in html and order.lines.get().quantity == 48
    undo = reverse("admin:ecomai_inventory_suggestion_undo", args=[Decision.objects.first().pk])  # type: ignore[union-attr]
    assert "was undone" in boss.post(undo, follow=True).content.decode()
    row.refresh_from_db()
    assert (row.order_line_id, row.state, row.decided_quantity) == (None, "edited", 48)
    assert "Give a reason" in boss.post(decide_url, {"action": "reject"}, follow=True).content.decode()
    assert boss.get(reverse("admin:ecomai_inventory_suggestion_change", args=[999])).status_code == 404


def test_who_may_only_look_can_only_look() -> None:
    row = suggestion_make(supplier=supplier_make())
    client = clerk("view_suggestion")
    html = client.get(reverse(LIST)).content.decode()
    assert "put_into_orders" not in html
    decide(client, "accept", row)
    assert Suggestion.objects.get().state == "open"
    url = reverse("admin:ecomai_inventory_suggestion_decide", args=[row.pk])
    assert client.post(url, {"action": "accept"}).status_code == 403
    suggestions_decide(suggestions=[row], action="accept")
    undo = reverse("admin:ecomai_inventory_suggestion_undo", args=[Decision.objects.get().pk])
    assert client.post(undo).status_code == 403


def test_a_purchase_order_goes_its_way(boss: Client) -> None:
    row = suggestion_make(supplier=supplier_make(name="Lamps & Co"))
    offer_make(row.product, row.supplier, price_breaks=[[100, 2.0]])
    (order,) = orders_draft(suggestions=[row])
    page = reverse("admin:ecomai_inventory_purchaseorder_change", args=[order.pk])
    stage = reverse("admin:ecomai_inventory_purchaseorder_stage", args=[order.pk])
    html = boss.get(page).content.decode()
    assert "Approve" in html and "Mark as ordered" not in html
    line = order.lines.get()
    form = {
        "lines-TOTAL_FORMS": 1, "lines-INITIAL_FORMS": 1, "lines-0-id": line.pk, "lines-0-order": order.pk,
        "lines-0-quantity": "100", "note": "Call first", "expected_on": "",
    }  # fmt: skip
    boss.post(page, form)
    line.refresh_from_db()
    assert (line.quantity, line.unit_cost) == (100, Decimal(2))
    boss.post(stage, {"to": "approved"})
    assert "Mark as ordered" in boss.get(page).content.decode()
    for to in ("ordered", "shipped", "received"):
        boss.post(stage, {"to": to})
    order.refresh_from_db()
    assert order.status == "received" and Receipt.objects.get().quantity == 100
    assert "do not go back" in boss.post(stage, {"to": "confirmed"}, follow=True).content.decode()
    printed = boss.get(reverse("admin:ecomai_inventory_purchaseorder_print", args=[order.pk])).content.decode()
    assert "Lamps &amp; Co" in printed and "200.00" in printed and "print.css" in printed
    csv = boss.get(reverse("admin:ecomai_inventory_purchaseorder_csv", args=[order.pk]))
    assert csv["Content-Disposition"].endswith(f'"{order.number}.csv"') and b",100," in csv.content


def test_approving_needs_its_own_permission() -> None:
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier_make())])
    client = clerk("view_purchaseorder", "change_purchaseorder")
    stage = reverse("admin:ecomai_inventory_purchaseorder_stage", args=[order.pk])
    assert client.post(stage, {"to": "approved"}).status_code == 403
    assert (
        "Approve"
        not in client.get(reverse("admin:ecomai_inventory_purchaseorder_change", args=[order.pk]))
        .content.decode()
        .split("<form")[1]
    )
    client.post(stage, {"to": "cancelled"})
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_a_line_taken_out_of_a_draft_is_open_again(boss: Client) -> None:
    row = suggestion_make(supplier=supplier_make())
    (order,) = orders_draft(suggestions=[row])
    line = order.lines.get()
    form = {
        "lines-TOTAL_FORMS": 1, "lines-INITIAL_FORMS": 1, "lines-0-id": line.pk, "lines-0-order": order.pk,
        "lines-0-quantity": "24", "lines-0-DELETE": "on", "note": "", "expected_on": "",
    }  # fmt: skip
    boss.post(reverse("admin:ecomai_inventory_purchaseorder_change", args=[order.pk]), form)
    row.refresh_from_db()
    assert not order.lines.exists() and row.state == "open"


@pytest.mark.parametrize("name", ["supplier", "supplierproduct", "stockpolicy", "purchaseorder", "receipt"])
def test_every_list_opens_empty_and_filled(boss: Client, name: str) -> None:
    url = reverse(f"admin:ecomai_inventory_{name}_changelist")
    assert boss.get(url).status_code == 200
    row = suggestion_make(supplier=supplier_make())
    offer_make(row.product, row.supplier)
    (order,) = orders_draft(suggestions=[row])
    order_advance(order=order, to="approved")
    Receipt.objects.create(product=row.product, quantity=1, received_at=row.made_at)
    assert boss.get(url).status_code == 200


def test_files_are_checked_first_and_then_written(boss: Client) -> None:
    url = reverse("admin:ecomai_inventory_supplier_files")

    def send(text: str, **values: Any) -> str:
        file = SimpleUploadedFile("s.csv", text.encode())
        return boss.post(url, {"table": "suppliers", "file": file, **values}).content.decode()

    assert "1 row could be written" in send("code\nS1\n", check_only="on")
    assert not Supplier.objects.exists()
    html = send("code,lead_time_days\nS1,-4\nS2,5\n")
    assert "1 row was written" in html and "1 row has a problem" in html and "<code>lead_time_days</code>" in html
    assert "lacks the column" in send("name\nx\n")
    assert b"S2" in boss.get(reverse("admin:ecomai_inventory_supplier_download", args=["suppliers"])).content
    assert (
        clerk("view_supplier")
        .post(url, {"table": "suppliers", "file": SimpleUploadedFile("s.csv", b"code\nS3\n")})
        .status_code
        == 403
    )


def test_the_start_page_names_the_most_urgent(boss: Client) -> None:
    suggestion_make(product_make(title="Gone lantern"), status="stocked_out", alerts=["stock_out"])
    html = boss.get(reverse("admin:ecomai_dashboard_start_changelist")).content.decode()
    assert "1 product should be ordered" in html and "Gone lantern" in html and "?alert=stock_out" in html


def test_the_start_page_lists_first_what_the_worklist_lists_first(boss: Client) -> None:
    suggestion_make(product_make(title="Small loss"), status="stocked_out", lost_margin=Decimal(5))
    suggestion_make(product_make(title="Large loss"), status="reorder", lost_margin=Decimal(900))
    for name in ("admin:ecomai_dashboard_start_changelist", LIST):
        html = boss.get(reverse(name)).content.decode()
        assert html.index("Large loss") < html.index("Small loss")


@pytest.mark.parametrize(
    ("cover", "out", "days"), [(20.4, 6, 7), (20.4, 0, 1), (20.4, None, 20), (None, None, None)]
)  # fmt: skip
def test_days_left_come_from_the_day_that_is_shown_beside_them(
    cover: float | None, out: int | None, days: int | None
) -> None:
    row = Suggestion(as_of=DAY, cover_days=cover, stock_out_on=None if out is None else DAY + timedelta(days=out))
    assert days_left(row) == days


def ordered(row: Suggestion) -> PurchaseOrder:
    (order,) = orders_draft(suggestions=[row])
    for to in ("approved", "ordered"):
        order_advance(order=order, to=to)
    return order


def test_no_stage_is_reached_without_approval() -> None:
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier_make())])
    client = clerk("view_purchaseorder", "change_purchaseorder")
    stage = reverse("admin:ecomai_inventory_purchaseorder_stage", args=[order.pk])
    api = f"/ecomai/api/inventory/orders/{order.number}/stage/"
    for to in ("confirmed", "shipped", "received"):
        assert "must be approved first" in client.post(stage, {"to": to}, follow=True).content.decode()
        assert client.post(api, {"to": to}).status_code == 400
    order.refresh_from_db()
    assert order.status == "draft"


def test_a_receipt_that_is_typed_fills_its_order_and_opens_it_again_when_deleted(boss: Client) -> None:
    row = suggestion_make(supplier=supplier_make())
    order = ordered(row)
    add = reverse("admin:ecomai_inventory_receipt_add")
    now = timezone.localtime()
    form = {
        "product": row.product_id, "quantity": "24", "order_number": order.number, "supplier": "", "reference": "D1",
        "ordered_at_0": "", "ordered_at_1": "",
        "received_at_0": f"{now - timedelta(days=30):%Y-%m-%d}", "received_at_1": "12:00:00",
    }  # fmt: skip
    assert "arrived before it was ordered" in boss.post(add, form, follow=True).content.decode()
    html = boss.post(add, form | {"order_number": "PO-0"}).content.decode()
    assert "There is no such purchase order" in html
    other = suggestion_make()
    assert "does not hold this product" in boss.post(add, form | {"product": other.product_id}).content.decode()
    form |= {"received_at_0": f"{now:%Y-%m-%d}", "received_at_1": f"{now:%H:%M:%S.%f}"}
    boss.post(add, form)
    receipt = Receipt.objects.get()
    order.refresh_from_db()
    assert (order.status, receipt.line, receipt.supplier) == ("received", order.lines.get(), row.supplier)
    assert "is known already" in boss.post(add, form).content.decode()
    assert boss.get(reverse("admin:ecomai_inventory_receipt_change", args=[receipt.pk])).status_code == 200
    boss.post(reverse("admin:ecomai_inventory_receipt_delete", args=[receipt.pk]), {"post": "yes"})
    order.refresh_from_db()
    assert (order.status, order.lines.get().received, Receipt.objects.count()) == ("ordered", 0, 0)


def test_alerts_are_counted_and_found_by_the_database(boss: Client, django_assert_num_queries: Any) -> None:
    first = suggestion_make(product_make(title="Both"), alerts=["stock_out", "sudden_demand"])
    second = suggestion_make(product_make(title="One"), alerts=["stock_out"])
    suggestion_make()
    with django_assert_num_queries(1):
        assert alert_counts() == {"stock_out": 2, "surplus": 0, "sudden_demand": 1, "phantom": 0}
    rows = Suggestion.objects.order_by("pk")
    with django_assert_num_queries(2):
        assert list(with_alert(rows, "sudden_demand")) == [first]
        assert list(with_alert(rows, "stock_out")) == [first, second]
    html = boss.get(reverse(LIST) + "?alert=sudden_demand").content.decode()
    assert "Both" in html and "One" not in html.split("result_list")[-1]


def test_the_page_of_a_product_knows_daily_forecasts_and_overrides(boss: Client) -> None:
    row = suggestion_make(supplier=supplier_make(), on_hand=100)
    Forecast.objects.create(
        level="product", key=row.product.external_id, product=row.product, measure="pieces", frequency="D",
        starts_on=DAY, made_on=DAY, mean=[2.0] * 84,
    )  # fmt: skip
    page = product_page(row=row)
    assert page["has_forecast"] and page["sales_chart"].count("14") >= 12
    # 100 less 14 a week; the order of 24 comes after its lead time.
    assert "86" in page["stock_chart"] and "72" in page["stock_chart"]
    ForecastOverride.objects.create(
        product=row.product, level="product", kind="percent", value=100, starts_on=DAY,
        ends_on=DAY + timedelta(days=6), expires_on=DAY + timedelta(days=60), reason="fair",
    )  # fmt: skip
    assert "28" in product_page(row=row)["sales_chart"]


def test_a_button_writes_all_or_nothing(boss: Client) -> None:
    rows = [suggestion_make(), suggestion_make()]
    typed = {f"quantity-{rows[0].pk}": "7", f"quantity-{rows[1].pk}": "many"}
    assert "is no quantity" in decide(boss, "accept", *rows, **typed)
    # The second has no supplier: the first keeps its quantity, too.
    rows[0].supplier = supplier_make()
    rows[0].save()
    assert "no supplier" in decide(boss, "put_into_orders", *rows, **{f"quantity-{rows[0].pk}": "7"})
    url = reverse("admin:ecomai_inventory_suggestion_decide", args=[rows[1].pk])
    assert "no supplier" in boss.post(url, {"action": "order", "quantity": "9"}, follow=True).content.decode()
    assert set(Suggestion.objects.values_list("state", "decided_quantity")) == {("open", None)}
    assert not Decision.objects.exists()


def test_a_large_file_is_refused_before_it_is_read(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_ecomai.inventory.admin.files.MOST_BYTES", 5)
    monkeypatch.setattr("django_ecomai.inventory.admin.files.table_import", None)
    file = SimpleUploadedFile("s.csv", b"code,name\nS,x\n")
    html = boss.post(reverse("admin:ecomai_inventory_supplier_files"), {"table": "suppliers", "file": file})
    assert "larger than 10 MB" in html.content.decode()


def test_a_row_says_units_currency_and_classes_in_words(boss: Client) -> None:
    suggestion_make(
        product_make(title="Lantern"), supplier_make(), abc="A", xyz="Z", quantity=Decimal(10284), raw_quantity=10284,
        unit_cost=None, value=Decimal(4935), cover_days=8, stock_out_on=DAY + timedelta(days=8),
        stock_out_probability=0.16, lost_margin=Decimal(1715), holding_cost=Decimal(104),
    )  # fmt: skip
    suggestion_make(product_make(title="Gone"), status="stocked_out", stock_out_probability=1)
    html = boss.get(reverse(LIST)).content.decode()
    for told in (
        "AZ: sells for most, erratically", "10,284 pieces", "1,715 EUR", "104 EUR to keep it", "lasts 9 days,",
        "until 03/10/2026", "16 % risk of selling out", "nothing left", "Stock and sales up to 03/01/2026.",
        "Most margin at stake first.", "Budget in EUR", "A: sells for most", "Accept only notes that you agree",
    ):  # fmt: skip
        assert told in html, told
    assert "Most margin at stake first." not in boss.get(reverse(LIST) + "?o=1").content.decode()


def test_the_page_of_a_product_draws_the_weeks_of_its_forecast_with_the_likely_range() -> None:
    row = suggestion_make(supplier=supplier_make(), protection_days=46.9, p50=4956, p90=6000)
    monday = DAY + timedelta(days=7)
    Forecast.objects.create(
        level="product", key=row.product.external_id, product=row.product, measure="pieces", frequency="W",
        starts_on=monday, made_on=DAY, history=[11.0, 12.0], mean=[14.0] * 12, lo_80=[5.0] * 12, hi_80=[23.0] * 12,
    )  # fmt: skip
    page = product_page(row=row)
    chart = page["sales_chart"]
    assert "likely range" in chart and "23.0" in chart and "5.0" in chart
    assert "03/09/2026" in chart and "02/23/2026" in chart  # the first week ahead and the first one behind
    facts = dict(page["facts"])
    assert facts["Demand of these days: as likely more as less than"] == "4,956 pieces"
    assert facts["Days to bridge, until the order after this one arrives"] == "47 days"
    assert facts["Class"] == "AX: sells for most, steadily"
    assert page["waits"].endswith("12.00 EUR of margin are likely to be lost.")
