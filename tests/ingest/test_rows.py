"""Rows of a delivery become rows of the mirror, cleaned as a sync cleans them, each with a verdict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from django_ecomai.adapters.checks import adapter_check
from django_ecomai.core.hashing import keyed_hash
from django_ecomai.ingest.models import RowVersion
from django_ecomai.mirror.jobs import mirror_findings
from django_ecomai.mirror.models import (
    Category,
    Customer,
    Order,
    OrderLine,
    PricePoint,
    Product,
    Promotion,
    ReturnLine,
    Review,
    StockPoint,
)
from django_ecomai.mirror.services import batch_apply
from django_ecomai.mirror.signals import order_mirrored

from .conftest import Sender, verdicts

pytestmark = pytest.mark.django_db
DAY = "2026-03-01T10:00:00Z"


def at(minute: int) -> str:
    return f"2026-03-01T10:{minute:02}:00Z"


def test_a_product_with_everything(shop: Sender) -> None:
    shop.send("categories", {"id": "lights", "name": "Lights"}, {"id": "lamps", "name": "Lamps", "parent_id": "lights"})
    answer = shop.send(
        "products",
        {"id": "L1", "title": "Lamp", "sku": "L-1", "price": "19.90", "list_price": 25, "currency": "EUR", "stock": 4,
         "category_ids": ["lamps"], "brand": "Acme", "attributes": {"watt": 7.5}, "created_at": DAY, "url": "/l/1"},
    )  # fmt: skip
    assert answer == {
        "rows": 1, "accepted": 1, "duplicate": 0, "rejected": 0, "verdicts": [{"row": 1, "status": "accepted"}],
    }  # fmt: skip
    lamp = Product.objects.get(external_id="L1")
    assert (lamp.title, lamp.price, lamp.list_price, lamp.stock) == ("Lamp", Decimal("19.9"), 25, 4)
    assert (lamp.attributes, [one.external_id for one in lamp.categories.all()]) == ({"watt": 7.5}, ["lamps"])
    assert Category.objects.get(external_id="lamps").parent.external_id == "lights"


def test_the_same_row_again_is_a_duplicate(shop: Sender) -> None:
    row = {"id": "L1", "title": "Lamp", "price": "19.90"}
    assert verdicts(shop.send("products", row)) == ["accepted"]
    assert verdicts(shop.send("products", row)) == ["duplicate"]
    assert PricePoint.objects.count() == 1


def test_what_is_left_out_stays_and_null_empties(shop: Sender) -> None:
    shop.send("products", {"id": "L1", "title": "Lamp", "price": 10, "stock": 3, "brand": "Acme", "is_active": False})
    shop.send("products", {"id": "L1", "price": 12, "brand": None})
    lamp = Product.objects.get()
    assert (lamp.title, lamp.price, lamp.stock, lamp.brand, lamp.is_active) == ("Lamp", 12, 3, "", False)


def test_two_versions_in_one_delivery_are_written_in_their_order(shop: Sender) -> None:
    answer = shop.send_lines("products", {"id": "A", "title": "One"}, {"id": "A", "title": "Two"}, {"id": "A"})
    assert verdicts(answer) == ["accepted", "accepted", "duplicate"]
    assert Product.objects.get().title == "Two"


def test_a_parent_may_come_after_its_variant(shop: Sender) -> None:
    answer = shop.send(
        "products", {"id": "red", "title": "Red", "parent_id": "shirt"}, {"id": "shirt", "title": "Shirt"}
    )
    assert verdicts(answer) == ["accepted", "accepted"]
    assert Product.objects.get(external_id="red").parent.external_id == "shirt"


def test_an_older_version_that_comes_late_does_not_overwrite(shop: Sender) -> None:
    new, old = {"id": "A", "title": "New", "updated_at": at(5)}, {"id": "A", "title": "Old", "updated_at": at(4)}
    assert verdicts(shop.send("products", new)) == ["accepted"]
    assert verdicts(shop.send("products", old, new)) == ["outdated", "duplicate"]
    assert Product.objects.get().title == "New"


def test_what_was_deleted_is_not_brought_back_by_an_older_version(shop: Sender) -> None:
    shop.send("products", {"id": "A", "title": "Lamp", "updated_at": at(1)})
    assert verdicts(shop.send("products", {"id": "A", "deleted": True, "updated_at": at(3)})) == ["accepted"]
    lamp = Product.objects.get()
    assert lamp.removed_at is not None and not lamp.is_active
    assert verdicts(shop.send("products", {"id": "A", "title": "Lamp", "is_active": True, "updated_at": at(2)})) == [
        "outdated"
    ]
    assert verdicts(shop.send("products", {"id": "A", "is_active": True, "updated_at": at(4)})) == ["accepted"]
    lamp.refresh_from_db()
    assert lamp.removed_at is None and lamp.is_active
    assert verdicts(shop.send("products", {"id": "never there", "deleted": True})) == ["duplicate"]


def test_a_clock_that_runs_ahead_does_not_lock_a_row(shop: Sender) -> None:
    future = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    answer = shop.send("products", {"id": "A", "title": "Lamp", "updated_at": future})
    assert answer["verdicts"] == [{"row": 1, "status": "accepted", "notes": ["future_timestamp:updated_at"]}]
    later = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    assert verdicts(shop.send("products", {"id": "A", "title": "Lamp 2", "updated_at": later})) == ["accepted"]


def test_a_row_that_was_overtaken_loses_only_what_is_newer(shop: Sender) -> None:
    shop.send("products", {"id": "A", "title": "Lamp", "price": 9, "stock": 5, "updated_at": at(0)})
    shop.send("products", {"id": "A", "stock": 2, "updated_at": at(5)})
    late = shop.send("products", {"id": "A", "price": 8, "stock": 4, "updated_at": at(3)})
    assert late["verdicts"] == [{"row": 1, "status": "accepted", "notes": ["outdated:stock"]}]
    assert Product.objects.values_list("price", "stock").get() == (8, 2)
    old = {"id": "A", "price": 7, "updated_at": at(2)}
    late = shop.send("products", {**old, "stock": 1}, old)
    assert verdicts(late) == ["outdated", "outdated"]
    # The other way round: the stock is the newest although the rest is not.
    shop.send("products", {"id": "A", "price": 6, "updated_at": at(9)})
    late = shop.send("products", {"id": "A", "price": 7, "stock": 3, "updated_at": at(8)})
    assert late["verdicts"] == [{"row": 1, "status": "accepted", "notes": ["outdated:price"]}]
    assert Product.objects.values_list("price", "stock").get() == (6, 3)


def test_stock_alone_makes_no_product_and_takes_no_version(shop: Sender) -> None:
    stock = {"id": "A", "stock": 2, "updated_at": at(5)}
    assert verdicts(shop.send("products", stock)) == ["unknown_product"]
    assert verdicts(shop.send("products", {"id": "A", "title": "Lamp", "stock": 5, "updated_at": at(1)})) == [
        "accepted"
    ]
    assert Product.objects.values_list("title", "stock").get() == ("Lamp", 5)
    shop.send("products", {"id": "A", "deleted": True, "updated_at": at(6)})
    assert verdicts(shop.send("products", stock, {**stock, "updated_at": at(7)})) == ["unknown_product"] * 2
    assert Product.objects.get().removed_at is not None


def test_what_was_deleted_and_is_sent_again_is_on_sale(shop: Sender) -> None:
    lamp = {"id": "A", "title": "Lamp", "price": 9}
    shop.send("products", lamp, {"id": "A", "deleted": True}, lamp)
    assert Product.objects.values_list("is_active", "removed_at").get() == (True, None)


def test_a_category_keeps_what_is_left_out(shop: Sender) -> None:
    shop.send("categories", {"id": "a", "name": "Lights"}, {"id": "b", "name": "Lamps", "slug": "l", "parent_id": "a"})
    assert verdicts(shop.send("categories", {"id": "b", "name": "Lanterns"}, {"id": "b"})) == ["accepted", "duplicate"]
    lamps = Category.objects.get(external_id="b")
    assert (lamps.name, lamps.slug, lamps.parent.external_id) == ("Lanterns", "l", "a")
    shop.send("categories", {"id": "b", "parent_id": None})
    lamps.refresh_from_db()
    assert (lamps.name, lamps.parent) == ("Lanterns", None)


def test_a_customer_keeps_what_is_left_out(shop: Sender, admin_user: Any) -> None:
    shop.send("customers", {"id": "c1", "attributes": {"vip": True}})
    Customer.objects.update(user=admin_user, country="DE")
    shop.send("customers", {"id": "c1", "consent": ["analytics"]})
    ann = Customer.objects.get()
    assert (ann.user_id, ann.attributes) == (admin_user.pk, {"vip": True, "consent": ["analytics"]})
    shop.send("customers", {"id": "c1", "attributes": None})
    ann.refresh_from_db()
    assert (ann.user_id, ann.attributes) == (admin_user.pk, {"consent": ["analytics"]})


def test_the_ledger_notes_only_consents_that_changed(shop: Sender) -> None:
    from django_ecomai.privacy.models import ConsentRecord

    def noted() -> list[tuple[str, bool]]:
        found = list(ConsentRecord.objects.order_by("pk").values_list("purpose", "given"))
        ConsentRecord.objects.all().delete()
        return found

    shop.send("customers", {"id": "c1", "consent": ["analytics"]})
    assert ("analytics", True) in noted()
    shop.send("customers", {"id": "c1", "consent": ["analytics"], "attributes": {"vip": True}})
    assert noted() == []
    shop.send("customers", {"id": "c1", "consent": ["analytics", "marketing"]})
    assert noted() == [("marketing", True)]
    shop.send("customers", {"id": "c1", "consent": ["marketing"]})
    assert noted() == [("analytics", False)]


def test_prices_have_a_history_and_the_newest_is_the_product_s(shop: Sender) -> None:
    shop.send("products", {"id": "A", "title": "Lamp", "cost": 4})
    answer = shop.send(
        "prices",
        {"product_id": "A", "price": "8", "valid_from": "2026-01-01T00:00:00Z"},
        {"product_id": "A", "price": "9", "valid_from": "2026-02-01T00:00:00Z"},
        {"product_id": "A", "price": "9", "valid_from": "2026-02-01T00:00:00Z"},
        {"product_id": "B", "price": "9", "valid_from": "2026-02-01T00:00:00Z"},
        {"product_id": "A", "price": "9"},
    )
    assert verdicts(answer) == ["accepted", "accepted", "duplicate", "unknown_product", "valid_from_missing"]
    assert Product.objects.values_list("price", "cost").get() == (9, 4)
    shop.send("prices", {"product_id": "A", "price": "7", "valid_from": "2025-12-01T00:00:00Z"})  # late: history only
    assert Product.objects.get().price == 9
    # A product's own row is read anew after that, even when it says what it said before.
    assert verdicts(shop.send("products", {"id": "A", "title": "Lamp", "price": 5, "cost": 4})) == ["accepted"]
    assert Product.objects.get().price == 5


def test_stock_is_the_sum_of_the_places_and_a_late_count_is_outdated(shop: Sender) -> None:
    shop.send("products", {"id": "A", "title": "Lamp"})
    count = {"product_id": "A", "location": "north", "quantity": 3, "updated_at": at(5)}
    answer = shop.send("stock", count, {**count, "location": "south", "quantity": 4}, count)
    assert verdicts(answer) == ["accepted", "accepted", "duplicate"]
    assert Product.objects.get().stock == 7
    assert verdicts(shop.send("stock", {**count, "quantity": 9, "updated_at": at(4)})) == ["outdated"]
    assert verdicts(shop.send("stock", {"product_id": "A", "location": "north"})) == ["quantity_missing"]
    assert (Product.objects.get().stock, StockPoint.objects.count()) == (7, 2)


def test_the_history_goes_by_the_time_of_the_shop(shop: Sender) -> None:
    # The product's row took long: what was counted a minute after it is newer all the same.
    shop.send("products", {"id": "A", "title": "Lamp", "price": 9, "stock": 12, "updated_at": at(0)})
    assert verdicts(shop.send("stock", {"product_id": "A", "quantity": 11, "updated_at": at(1)})) == ["accepted"]
    assert verdicts(shop.send("prices", {"product_id": "A", "price": 8, "valid_from": at(1)})) == ["accepted"]
    assert Product.objects.values_list("stock", "price").get() == (11, 8)
    times = StockPoint.objects.order_by("valid_from").values_list("valid_from", flat=True)
    assert [one.isoformat() for one in times] == [
        "2026-03-01T10:00:00+00:00", "2026-03-01T10:01:00+00:00",
    ]  # fmt: skip


def test_an_order_with_its_lines(shop: Sender) -> None:
    shop.send("products", {"id": "A", "title": "Lamp"})
    order = {
        "id": "1001", "placed_at": DAY, "customer_id": "c7", "status": "paid", "total": 23.8, "currency": "EUR",
        "email": "ann@example.org",
        "lines": [{"product_id": "A", "quantity": 2, "unit_price": 9.9}, {"product_id": "?", "quantity": 1}],
        "returns": [{"product_id": "A", "quantity": 1, "returned_at": "2026-03-02"}],
    }  # fmt: skip
    answer = shop.send("orders", order)
    assert answer["verdicts"] == [
        {"row": 1, "status": "accepted",
         "notes": ["order_line.price_missing:unit_price", "order_line.unknown_product:product_id"]}
    ]  # fmt: skip
    made = Order.objects.get()
    assert (made.status, made.total, made.customer.external_id) == ("paid", Decimal("23.8"), "c7")
    assert made.email_hash == keyed_hash("ann@example.org", purpose="security:email")
    assert sorted(OrderLine.objects.values_list("product_external_id", "quantity")) == [("?", 1), ("A", 2)]
    assert ReturnLine.objects.get().quantity == 1
    assert verdicts(shop.send("orders", order)) == ["duplicate"]
    # The product that was unknown comes later, and the line finds it.
    shop.send("products", {"id": "?", "title": "Bulb"})
    assert OrderLine.objects.get(product_external_id="?").product.title == "Bulb"


def test_a_new_order_is_told_to_the_other_capabilities_and_history_is_not(shop: Sender) -> None:
    told: list[tuple[str, bool]] = []

    def hear(sender: Any, order: Order, created: bool, **kwargs: Any) -> None:
        told.append((order.external_id, created))

    now = {"id": "new", "placed_at": datetime.now(UTC).isoformat(), "lines": []}
    order_mirrored.connect(hear)
    try:
        shop.send("orders", now, {**now, "id": "old", "placed_at": DAY})
        shop.send("orders", {**now, "status": "paid"}, {**now, "status": "paid"})
    finally:
        order_mirrored.disconnect(hear)
    assert told == [("new", True), ("new", False)]


def test_an_order_without_lines_is_not_guessed_at(shop: Sender) -> None:
    shop.send("orders", {"id": "1", "placed_at": DAY, "lines": [{"product_id": "A", "quantity": 1}]})
    assert verdicts(shop.send("orders", {"id": "1", "placed_at": DAY, "status": "cancelled"})) == ["lines_missing"]
    assert verdicts(shop.send("orders", {"id": "2", "lines": []})) == ["timestamp_missing"]
    assert OrderLine.objects.get().removed_at is None
    assert verdicts(shop.send("orders", {"id": "1", "deleted": True})) == ["accepted"]
    assert OrderLine.objects.get().removed_at is not None


def test_reviews_and_promotions(shop: Sender) -> None:
    shop.send("products", {"id": "A", "title": "Lamp"})
    review = {"id": "r1", "product_id": "A", "rating": 4.5, "text": "Bright", "created_at": DAY}
    assert verdicts(shop.send("reviews", review, {"id": "r2", "product_id": "B"}, {"id": "r3"})) == [
        "accepted", "unknown_product", "unknown_product",
    ]  # fmt: skip
    assert Review.objects.get().rating == Decimal("4.5")
    promotion = {"id": "p1", "name": "Spring", "starts_at": DAY, "percent": 10, "product_ids": ["A"]}
    assert verdicts(shop.send("promotions", promotion, {"id": "p2"})) == ["accepted", "timestamp_missing"]
    assert [one.external_id for one in Promotion.objects.get().products.all()] == ["A"]


def test_a_customer_keeps_no_demographics_and_no_account(shop: Sender, admin_user: Any) -> None:
    answer = shop.send("customers", {"id": "c1", "user_id": admin_user.pk, "gender": "f", "attributes": {"vip": True}})
    assert answer["verdicts"] == [
        {"row": 1, "status": "accepted", "notes": ["ignored:user_id", "demographics_dropped"]}
    ]
    ann = Customer.objects.get()
    assert (ann.user_id, ann.gender, ann.attributes) == (None, "", {"vip": True})


def test_a_customer_s_consent_is_kept_and_noted_in_the_ledger(shop: Sender) -> None:
    from django_ecomai.privacy.models import ConsentRecord

    assert verdicts(shop.send("customers", {"id": "c1", "consent": ["analytics"]})) == ["accepted"]
    assert verdicts(shop.send("customers", {"id": "c1"})) == ["duplicate"]  # left out: stays
    assert Customer.objects.get().attributes == {"consent": ["analytics"]}
    given = ConsentRecord.objects.filter(given=True).values_list("purpose", "origin")
    assert list(given) == [("analytics", "api")]
    assert verdicts(shop.send("customers", {"id": "c1", "consent": []})) == ["accepted"]
    assert ConsentRecord.objects.filter(purpose="analytics").order_by("pk").last().given is False
    assert verdicts(shop.send("customers", {"id": "c1", "consent": ["everything"]}, {"id": "c1", "consent": "x"})) == [
        "unknown_consent", "unknown_consent",
    ]  # fmt: skip


def test_a_person_who_was_erased_is_not_brought_back(shop: Sender) -> None:
    from django_ecomai.core.persons import Subject
    from django_ecomai.privacy.services import request_make

    shop.send("customers", {"id": "ann", "updated_at": at(1)}, {"id": "bob"})
    assert RowVersion.objects.count() == 1
    request_make(subject=Subject(customer_ids=frozenset({"ann"})), kind="erase", origin="admin")
    from django_ecomai.runs.services import run_now

    run_now(kind="privacy.requests")
    assert (Customer.objects.filter(external_id="ann").count(), RowVersion.objects.count()) == (0, 0)

    assert verdicts(shop.send("customers", {"id": "ann", "updated_at": at(2)}, {"id": "bob"})) == [
        "person_erased", "duplicate",
    ]  # fmt: skip
    assert RowVersion.objects.count() == 0  # not even when he was changed last
    order = {"id": "1", "placed_at": DAY, "customer_id": "ann", "email": "ann@example.org", "lines": []}
    assert verdicts(shop.send("orders", order)) == ["accepted"]
    assert Order.objects.values_list("customer", "email_hash").get() == (None, "")


def test_a_key_of_one_shop_writes_into_that_shop_only(
    shop: Sender, make_sender: Callable[..., Sender], ecomai_setting: Callable[..., None]
) -> None:
    other = make_sender("Other", channel="b")
    shop.send("products", {"id": "A", "title": "Ours"})
    other.send("products", {"id": "A", "title": "Theirs", "channel": ""})
    other.send("products", {"id": "A", "deleted": True})
    ours, theirs = Product.objects.get(channel=""), Product.objects.get(channel="b")
    assert (ours.title, ours.removed_at) == ("Ours", None)
    assert theirs.title == "Theirs" and theirs.removed_at is not None


def test_the_doctor_waits_for_deliveries_and_not_for_a_copy(shop: Sender) -> None:
    [waiting] = mirror_findings()
    assert (waiting.level, str(waiting.title)) == ("warning", "The shop has sent no products yet")
    shop.send("products", {"id": "A", "title": "Lamp"})
    [there] = mirror_findings()
    assert (there.level, str(there.title), there.data["counts"]["products"]) == ("ok", "The shop sends its data", 1)
    assert adapter_check() == []


def test_a_table_that_does_not_exist() -> None:
    with pytest.raises(LookupError, match="No table named 'lamp'"):
        batch_apply(table="lamp", rows=[])


def test_queries_do_not_grow_with_the_rows(shop: Sender, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(40):
        shop.send_lines("products", *({"id": f"p{n}", "title": f"P {n}", "price": n + 1} for n in range(400)))
    assert Product.objects.count() == 400
