"""What ``OscarAdapter`` reads from an Oscar shop, untidy ones included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from oscar.apps.partner import strategy
from oscar.core.loading import get_model

from django_ecomai.adapters.base import NotSupported
from django_ecomai.adapters.oscar import OscarAdapter
from django_ecomai.adapters.rows import BadRow
from django_ecomai.mirror.models import Order, OrderLine, Product, Promotion, ReturnLine, Review
from django_ecomai.mirror.services import shop_sync

from . import shop

pytestmark = pytest.mark.django_db

Benefit, Condition = get_model("offer", "Benefit"), get_model("offer", "Condition")
ConditionalOffer, Range = get_model("offer", "ConditionalOffer"), get_model("offer", "Range")
Voucher = get_model("voucher", "Voucher")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rows(table: str, adapter: OscarAdapter | None = None, **kwargs: Any) -> dict[str, Any]:
    """Rows by id; the test fails at one that could not be read."""
    found = list((adapter or OscarAdapter()).rows(table, **kwargs))
    assert not [row for row in found if isinstance(row, BadRow)]
    return {row.id: row for row in found}


def of(obj: Any, table: str = "product", adapter: OscarAdapter | None = None) -> Any:
    return rows(table, adapter)[str(obj.pk)]


def test_the_checks_find_nothing_to_say() -> None:
    assert [one for one in run_checks() if "adapter" in str(one.msg).lower()] == []


def test_categories_know_their_parent_and_hidden_trees_are_left_out() -> None:
    home = shop.shelf("Home")
    light = shop.shelf("Light", home)
    lamps = shop.shelf("Lamps", light)
    secret = shop.shelf("Secret", home, is_public=False)
    shop.shelf("Below secret", secret)

    found = {row.name: row.parent_id for row in rows("category").values()}

    assert found == {"Home": "", "Light": str(home.pk), "Lamps": str(light.pk)}
    assert of(lamps, "category").slug == "lamps"


def test_a_stand_alone_product() -> None:
    light, secret = shop.shelf("Light"), shop.shelf("Secret", is_public=False)
    lantern = shop.product(
        "Lantern", "4.50", 10, upc="L-1", shelves=[light, secret], description="<p>Tin &amp; glass</p>"
    )

    row = of(lantern)

    assert (row.title, row.sku, row.description, row.parent_id) == ("Lantern", "L-1", "Tin & glass", "")
    assert (row.price, row.currency, row.stock) == (Decimal("4.50"), "GBP", 10)
    assert (row.category_ids, row.is_active) == ((str(light.pk),), True)
    assert row.url == f"/catalogue/lantern_{lantern.pk}/"
    assert row.created_at == lantern.date_created


def test_a_child_borrows_from_its_parent_and_a_parent_is_there_while_a_child_is() -> None:
    clothes = shop.shelf("Clothes")
    shirt = shop.parent("Shirt", description="Linen", shelves=[clothes])
    red, blue = shop.child(shirt, "Red shirt", "9.00", 3), shop.child(shirt, "", "8.00", 0)

    found = rows("product")
    one, other, whole = found[str(red.pk)], found[str(blue.pk)], found[str(shirt.pk)]

    assert (one.title, other.title) == ("Red shirt", "Shirt")
    assert one.parent_id == other.parent_id == str(shirt.pk)
    assert one.category_ids == whole.category_ids == (str(clothes.pk),)
    assert (one.description, one.price, one.stock) == ("Linen", Decimal("9.00"), 3)
    assert (other.price, other.stock) == (Decimal("8.00"), 0)
    # Not counted: nobody replenishes a parent. It has the price of its first child, as Oscar shows it.
    assert (whole.price, whole.stock) == (Decimal("9.00"), None)


def test_a_parent_whose_children_are_sold_out_is_sold_out() -> None:
    shirt = shop.parent()
    shop.child(shirt, stock=0)
    hidden = shop.child(shirt, stock=7, is_public=False)

    assert of(shirt).stock == 0
    assert of(hidden).is_active is False


def test_a_parent_without_children_or_category() -> None:
    shirt = shop.parent()

    row = of(shirt)

    assert (row.price, row.stock, row.category_ids) == (None, 0, ())


def test_a_child_of_a_parent_that_has_no_category() -> None:
    assert of(shop.child(shop.parent())).category_ids == ()


def test_a_child_of_a_hidden_parent_is_hidden() -> None:
    assert of(shop.child(shop.parent(is_public=False))).is_active is False


def test_a_product_without_a_stock_record_cannot_be_bought() -> None:
    row = of(shop.product(price=None))

    assert (row.price, row.currency, row.stock, row.sku) == (None, "", 0, "")


def test_a_stock_record_without_a_price() -> None:
    product = shop.product(price=None)
    shop.record(product, None, 4)

    assert (of(product).price, of(product).stock) == (None, 4)


def test_what_nobody_counts_is_always_there() -> None:
    song = shop.product("Song", stock=None, product_class=shop.kind("Download", track_stock=False))

    assert of(song).stock is None


def test_what_is_allocated_to_orders_is_no_longer_in_stock() -> None:
    lantern = shop.product(stock=10)
    shop.order(lantern, quantity=3)

    assert of(lantern).stock == 7


class Dearest(strategy.Default):
    """Sells from the dearest stock record."""

    def select_stockrecord(self, product: Any) -> Any:
        return max(product.stockrecords.all(), key=lambda record: record.price, default=None)


class DearestShop(OscarAdapter):
    def strategy(self) -> Any:
        return Dearest()


def test_of_two_partners_the_strategy_says_who_sells() -> None:
    lantern = shop.product(price="4.50", stock=10)
    shop.record(lantern, "5.20", 2, "Overseas", price_currency="EUR")

    first, other = of(lantern), of(lantern, adapter=DearestShop())

    assert (first.price, first.currency, first.stock) == (Decimal("4.50"), "GBP", 10)
    assert (other.price, other.currency, other.stock) == (Decimal("5.20"), "EUR", 2)
    assert (first.sku, other.sku) == (f"Warehouse-{lantern.pk}", f"Overseas-{lantern.pk}")


class TaxedShop(OscarAdapter):
    def strategy(self) -> Any:
        return strategy.UK()


class LaterTaxedShop(OscarAdapter):
    def strategy(self) -> Any:
        return strategy.US()


def test_prices_are_what_the_shop_shows() -> None:
    lantern = shop.product(price="10.00")

    assert of(lantern, adapter=TaxedShop()).price == Decimal("12.00")
    assert of(lantern, adapter=LaterTaxedShop()).price == Decimal("10.00")


def test_a_confirmed_price_is_written_without_the_tax() -> None:
    lantern = shop.product(price="10.00")

    TaxedShop().apply_price(str(lantern.pk), "18.00")

    assert lantern.stockrecords.get().price == Decimal("15.00")
    assert of(lantern, adapter=TaxedShop()).price == Decimal("18.00")


def test_a_confirmed_price_leaves_the_stock_alone_that_a_checkout_allocates_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lantern = shop.product(price="10.00", stock=10)
    record = type(lantern.stockrecords.get())
    save = record.save

    def after_a_checkout(self: Any, *args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(record, "save", save)
        record.objects.get(pk=self.pk).allocate(3)
        save(self, *args, **kwargs)

    monkeypatch.setattr(record, "save", after_a_checkout)
    OscarAdapter().apply_price(str(lantern.pk), "18.00")

    found = lantern.stockrecords.get()
    assert (found.price, found.num_in_stock, found.num_allocated) == (Decimal("18.00"), 10, 3)


def test_a_price_of_a_parent_is_no_price() -> None:
    with pytest.raises(NotSupported, match="children"):
        OscarAdapter().apply_price(str(shop.parent().pk), "18.00")


def test_attributes_and_the_brand() -> None:
    thing = shop.kind()
    shirt = shop.parent("Shirt", product_class=thing)
    red = shop.child(shirt)
    for owner, code, kind, value in (
        (shirt, "brand", "text", "Acme"), (shirt, "colour", "text", "any"), (red, "colour", "text", "red"),
        (red, "size", "integer", 42), (red, "washable", "boolean", True),
    ):  # fmt: skip
        attribute, _ = thing.attributes.get_or_create(code=code, defaults={"name": code, "type": kind})
        owner.attribute_values.create(attribute=attribute, **{f"value_{kind}": value})

    row = of(red)

    assert row.attributes == {"brand": "Acme", "colour": "red", "size": 42, "washable": True}
    assert (row.brand, of(shirt).brand) == ("Acme", "Acme")
    assert of(shirt).attributes["colour"] == "any"


def test_a_page_of_products_costs_the_same_however_many_they_are() -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            rows("product")
        return len(seen)

    light = shop.shelf("Light")
    shop.child(shop.parent(shelves=[light]))
    shop.product(shelves=[light])
    few = queries()
    for number in range(4):
        shop.child(shop.parent(shelves=[light]), stock=number)
        shop.product(shelves=[light])

    assert queries() == few


def test_a_product_whose_strategy_fails_is_reported_and_kept() -> None:
    class Broken(OscarAdapter):
        def strategy(self) -> Any:
            raise RuntimeError("prices are down")

    lantern = shop.product()

    found = list(Broken().products())

    assert {row.column for row in found if isinstance(row, BadRow)} == {"price", "currency", "stock", "sku"}
    assert [(row.id, row.price) for row in found if not isinstance(row, BadRow)] == [(str(lantern.pk), None)]


def test_a_subclass_changes_only_what_it_names() -> None:
    class Mine(OscarAdapter):
        product_fields = {"title": "slug", "brand": None}

    lantern = shop.product("Tin Lantern", "4.50")

    row = of(lantern, adapter=Mine())

    assert (row.title, row.price) == ("tin-lantern", Decimal("4.50"))


def test_since_finds_what_changed_in_the_stock_record_of_a_child() -> None:
    shirt, lantern = shop.parent(), shop.product()
    red = shop.child(shirt)
    yesterday = timezone.now() - timedelta(days=1)
    shop.Product.objects.update(date_updated=yesterday - timedelta(days=1))
    shop.StockRecord.objects.update(date_updated=yesterday - timedelta(days=1))
    assert rows("product", since=yesterday) == {}

    red.stockrecords.get().save()

    assert rows("product", since=yesterday).keys() == {str(red.pk), str(shirt.pk)}
    assert str(lantern.pk) in rows("product")


# -- customers and orders -------------------------------------------------------------------------------------------
def test_customers_are_the_users_who_are_no_staff() -> None:
    ada = shop.user()
    shop.user("boss@example.com", is_staff=True)

    found = rows("customer")

    assert found.keys() == {str(ada.pk)}
    assert (found[str(ada.pk)].user_id, found[str(ada.pk)].first_seen) == (ada.pk, ada.date_joined)
    assert OscarAdapter().customer_id(ada) == str(ada.pk)


def test_an_order_of_a_customer() -> None:
    ada, lantern = shop.user(), shop.product("Lantern", "4.50")
    placed = shop.order(lantern, by=ada, quantity=2, order_number="A-7")

    row = of(placed, "order")
    [line] = row.lines

    assert (row.customer_id, row.number, row.email) == (str(ada.pk), "A-7", "ada@example.com")
    assert (row.status, row.currency, row.total, row.total_tax) == ("open", "GBP", Decimal("9.00"), Decimal("0.00"))
    assert row.placed_at == placed.date_placed
    assert (line.product_id, line.title, line.quantity) == (str(lantern.pk), "Lantern", 2)
    assert (line.sku, line.unit_price, line.discount) == (f"Warehouse-{lantern.pk}", Decimal("4.50"), Decimal("0.00"))


def test_a_child_is_sold_and_not_its_parent() -> None:
    red = shop.child(shop.parent())

    assert [line.product_id for line in of(shop.order(red), "order").lines] == [str(red.pk)]


def test_an_order_of_a_guest_has_no_customer_and_only_a_hash_of_his_address() -> None:
    placed = shop.order(shop.product(), guest_email="Guest@Example.com")

    shop_sync()

    order = Order.objects.get(external_id=str(placed.pk))
    assert (of(placed, "order").customer_id, order.customer) == ("", None)
    assert len(order.email_hash) == 32
    assert order.address_hash == ""


def test_an_order_of_a_product_that_is_gone_keeps_its_line() -> None:
    lantern = shop.product("Lantern", "4.50", upc="L-1")
    placed = shop.order(lantern)
    lantern.delete()

    shop_sync()

    line = OrderLine.objects.get(order__external_id=str(placed.pk))
    assert (line.product, line.product_external_id, line.title) == (None, "", "Lantern")
    assert (line.quantity, line.unit_price) == (1, Decimal("4.50"))


def voucher(code: str = "TENTH", **benefit: Any) -> Any:
    everything, _ = Range.objects.get_or_create(name="All", defaults={"includes_all_products": True})
    offer = ConditionalOffer.objects.create(
        name=code,
        offer_type=ConditionalOffer.VOUCHER,
        condition=Condition.objects.create(range=everything, type=Condition.COUNT, value=1),
        benefit=Benefit.objects.create(**{"range": everything, "type": Benefit.PERCENTAGE, "value": 10, **benefit}),
    )
    made = Voucher.objects.create(
        name=code, code=code, start_datetime=timezone.now() - timedelta(days=2),
        end_datetime=timezone.now() + timedelta(days=2),
    )  # fmt: skip
    made.offers.add(offer)
    return made


def test_the_discount_of_a_voucher_stands_on_the_line() -> None:
    lantern = shop.product(price="5.00")
    placed = shop.order(lantern, by=shop.user(), voucher=voucher(), quantity=4)

    row = of(placed, "order")

    assert (row.total, row.lines[0].unit_price, row.lines[0].discount) == (
        Decimal("18.00"), Decimal("5.00"), Decimal("2.00"),
    )  # fmt: skip


def test_an_order_goes_its_way() -> None:
    placed = shop.order(shop.product())
    placed.set_status("Being processed")
    placed.set_status("Complete")
    begun, done = placed.status_changes.order_by("pk").values_list("date_created", flat=True)

    row = of(placed, "order")

    assert (row.status, row.paid_at, row.delivered_at, row.cancelled_at) == ("delivered", begun, done, None)


def test_events_tell_when_it_was_paid_and_shipped() -> None:
    placed = shop.order(shop.product())
    paid = placed.payment_events.create(
        amount=placed.total_incl_tax, event_type=get_model("order", "PaymentEventType").objects.create(name="Paid")
    )
    sent = placed.shipping_events.create(
        event_type=get_model("order", "ShippingEventType").objects.create(name="Shipped")
    )

    row = of(placed, "order")

    assert (row.paid_at, row.shipped_at) == (paid.date_created, sent.date_created)


def test_a_cancelled_line_and_two_pieces_that_came_back() -> None:
    lantern, candle, rug = shop.product("Lantern", "4.00"), shop.product("Candle", "2.00"), shop.product("Rug")
    placed = shop.order(lantern, candle, rug, quantity=3)
    one, other, _kept = placed.lines.all()
    one.set_status("Cancelled")
    returned = placed.shipping_events.create(
        event_type=get_model("order", "ShippingEventType").objects.create(name="Returned")
    )
    returned.line_quantities.create(line=other, quantity=2)
    # The money for the same two pieces: told twice, counted once.
    refunded = placed.payment_events.create(
        amount=4, event_type=get_model("order", "PaymentEventType").objects.create(name="Refunded")
    )
    refunded.line_quantities.create(line=other, quantity=2)

    first, second = of(placed, "order").returns

    assert (first.product_id, first.quantity, first.amount) == (str(lantern.pk), 3, Decimal("12.00"))
    assert (first.reason, first.line_id) == ("Cancelled", str(one.pk))
    assert (second.product_id, second.quantity, second.amount) == (str(candle.pk), 2, Decimal("4.00"))
    assert second.returned_at == returned.date_created
    shop_sync()
    assert ReturnLine.objects.count() == 2
    assert OrderLine.objects.count() == 3


def test_an_order_that_is_cancelled_as_a_whole_takes_nothing_back() -> None:
    placed = shop.order(shop.product())
    placed.set_status("Cancelled")

    row = of(placed, "order")

    assert (row.status, row.returns) == ("cancelled", ())
    assert row.cancelled_at == placed.status_changes.get().date_created


def test_since_finds_an_old_order_whose_status_changed() -> None:
    placed = shop.order(shop.product(), date_placed=NOON)
    other = shop.order(shop.product(), date_placed=NOON, order_number="other")
    other.status_changes.create(old_status="", new_status="Pending")

    assert rows("order", since=NOON + timedelta(days=1)).keys() == {str(other.pk)}
    assert rows("order", since=NOON - timedelta(days=1)).keys() == {str(placed.pk), str(other.pk)}


# -- reviews and offers ---------------------------------------------------------------------------------------------
def test_reviews_that_were_approved() -> None:
    ada, lantern = shop.user(), shop.product()
    model = get_model("reviews", "ProductReview")
    good = lantern.reviews.create(score=4, title="Bright", body="Very", user=ada, status=model.APPROVED)
    lantern.reviews.create(score=1, title="Spam", body="Buy", name="x", email="x@x.xx", status=model.FOR_MODERATION)

    shop_sync()

    review = Review.objects.get()
    assert (review.external_id, review.title, review.text, review.rating) == (str(good.pk), "Bright", "Very", 4)
    assert review.customer is not None and review.customer.external_id == str(ada.pk)


def test_offers_and_vouchers_are_promotions() -> None:
    lantern, shirt = shop.product(), shop.parent()
    red = shop.child(shirt)
    some = Range.objects.create(name="Some")
    some.add_product(lantern)
    some.add_product(shirt)
    tenth = voucher("TENTH")
    offer = ConditionalOffer.objects.create(
        name="Spring",
        start_datetime=NOON,
        end_datetime=NOON + timedelta(days=9),
        condition=Condition.objects.create(range=some, type=Condition.COUNT, value=1),
        benefit=Benefit.objects.create(range=some, type=Benefit.FIXED_UNIT, value=2),
    )

    shop_sync()

    spring = Promotion.objects.get(external_id=str(offer.pk))
    assert (spring.kind, spring.amount, spring.percent) == ("discount", 2, None)
    assert (spring.starts_at, spring.ends_at) == (NOON, NOON + timedelta(days=9))
    assert set(spring.products.values_list("external_id", flat=True)) == {str(p.pk) for p in (lantern, shirt, red)}
    code = Promotion.objects.get(name="TENTH")
    assert (code.kind, code.percent, code.starts_at) == ("voucher", 10, tenth.start_datetime)
    assert code.products.count() == 0  # all


def test_offers_that_cover_nothing_or_are_suspended_explain_nothing() -> None:
    empty = Range.objects.create(name="Empty")
    voucher("EMPTY", range=empty)
    paused = voucher("PAUSED").offers.get()
    paused.status = ConditionalOffer.SUSPENDED
    paused.save()

    assert rows("promotion") == {}


# -- the shop's own objects -----------------------------------------------------------------------------------------
def test_public_products_are_found_by_their_ids_in_one_go() -> None:
    lantern, hidden = shop.product(), shop.product(is_public=False)

    found = OscarAdapter().resolve([str(lantern.pk), str(hidden.pk), "999999", "no number"])

    assert found == {str(lantern.pk): lantern}


def test_lines_of_a_basket_stand_for_their_products() -> None:
    placed = shop.order(shop.product())
    line = placed.lines.get()

    assert OscarAdapter().product_id(line) == str(line.product_id)
    assert OscarAdapter().product_id(line.product) == str(line.product_id)


def test_a_second_sync_changes_nothing() -> None:
    shirt = shop.parent(shelves=[shop.shelf("Clothes")])
    shop.order(shop.child(shirt), by=shop.user())
    voucher()
    shop_sync()

    report = shop_sync()

    changed = {
        (table, what): number
        for table, counts in report.counts.items()
        for what, number in counts.items()
        if what in ("created", "updated", "removed") and number
    }
    assert changed == {}
    assert Product.objects.filter(parent__external_id=str(shirt.pk)).count() == 1
