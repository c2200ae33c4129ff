"""What an Oscar shop saves reaches the mirror after the commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import pytest
from oscar.core.loading import get_model

from django_ecomai.mirror.models import Order, PricePoint, Product, ReturnLine, Review
from django_ecomai.mirror.services import shop_sync

from . import shop

pytestmark = pytest.mark.django_db
Committing = Callable[[], AbstractContextManager[Any]]


def mirrored(obj: Any) -> Product:
    return Product.objects.get(external_id=str(obj.pk))


def test_a_new_product_and_its_price(committing: Committing) -> None:
    light = shop.shelf("Light")
    shop_sync()

    with committing():
        lantern = shop.product("Lantern", "4.50", 10, shelves=[light])

    copy = mirrored(lantern)
    assert (copy.title, copy.price, copy.stock) == ("Lantern", Decimal("4.50"), 10)
    assert [one.name for one in copy.categories.all()] == ["Light"]

    with committing():
        record = lantern.stockrecords.get()
        record.price, record.num_in_stock = Decimal("3.90"), 4
        record.save()

    copy.refresh_from_db()
    assert (copy.price, copy.stock) == (Decimal("3.90"), 4)
    assert PricePoint.objects.filter(product=copy).count() == 2


def test_an_order_takes_from_the_stock_and_the_last_child_takes_the_parent_along(committing: Committing) -> None:
    shirt = shop.parent()
    red = shop.child(shirt, stock=2)
    shop_sync()
    assert (mirrored(red).stock, mirrored(shirt).stock) == (2, None)

    with committing():
        placed = shop.order(red, quantity=2)

    assert (mirrored(red).stock, mirrored(shirt).stock) == (0, 0)
    assert Order.objects.get().external_id == str(placed.pk)

    with committing():
        placed.lines.get().cancel_allocation(2)

    assert (mirrored(red).stock, mirrored(shirt).stock) == (2, None)


def test_a_child_that_is_deleted_is_gone_and_its_parent_sold_out(committing: Committing) -> None:
    shirt = shop.parent()
    red = shop.child(shirt)
    shop_sync()

    with committing():
        red.delete()

    gone = Product.objects.get(parent__external_id=str(shirt.pk))
    assert (gone.is_active, gone.removed_at is not None) == (False, True)
    assert mirrored(shirt).stock == 0


def test_a_stock_record_that_is_deleted(committing: Committing) -> None:
    lantern = shop.product(stock=5)
    shop_sync()

    with committing():
        lantern.stockrecords.get().delete()

    assert (mirrored(lantern).stock, mirrored(lantern).price) == (0, None)


def test_a_parent_that_is_hidden_hides_its_children(committing: Committing) -> None:
    shirt = shop.parent()
    red = shop.child(shirt)
    shop_sync()

    with committing():
        shirt.is_public = False
        shirt.save()

    assert (mirrored(shirt).is_active, mirrored(red).is_active) == (False, False)


def test_a_category_that_is_taken_away(committing: Committing) -> None:
    light = shop.shelf("Light")
    lantern = shop.product(shelves=[light])
    shop_sync()

    with committing():
        shop.ProductCategory.objects.get(product=lantern).delete()

    assert mirrored(lantern).categories.count() == 0


def test_the_status_of_an_order_and_its_day(committing: Committing) -> None:
    with committing():
        placed = shop.order(shop.product(), by=shop.user())
    with committing():
        placed.set_status("Being processed")
    with committing():
        placed.set_status("Cancelled")

    copy = Order.objects.get()
    begun, ended = placed.status_changes.order_by("pk").values_list("date_created", flat=True)
    assert (copy.status, copy.paid_at, copy.cancelled_at) == ("cancelled", begun, ended)


def test_a_line_that_comes_back(committing: Committing) -> None:
    with committing():
        placed = shop.order(shop.product(), quantity=2)
    with committing():
        event = placed.shipping_events.create(
            event_type=get_model("order", "ShippingEventType").objects.create(name="Returned")
        )
        event.line_quantities.create(line=placed.lines.get(), quantity=1)

    assert ReturnLine.objects.get().quantity == 1


def test_an_order_written_without_djangos_signals(committing: Committing) -> None:
    from oscar.apps.order.signals import order_placed

    placed = shop.order(shop.product())
    assert Order.objects.count() == 0

    with committing():
        order_placed.send(sender=None, order=placed, user=None)

    assert Order.objects.get().external_id == str(placed.pk)


def test_a_review_and_its_end(committing: Committing) -> None:
    lantern = shop.product()
    shop_sync()
    with committing():
        review = lantern.reviews.create(score=5, title="Bright", body="Very", user=shop.user())
    assert Review.objects.get().rating == 5

    with committing():
        review.status = review.REJECTED
        review.save()

    assert Review.objects.get().removed_at is not None
