"""Prices in the example shop: what is applied is shown with the price before, and a price shown holds in the cart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ecomai.adapters.base import get_adapter
from django_ecomai.mirror import models as mirror
from django_ecomai.mirror.models import PricePoint
from django_ecomai.mirror.services import shop_sync
from django_ecomai.pricing.hold import price_hold
from django_ecomai.pricing.services import change_undo, changes_apply, proposals_approve
from example_project.shop.models import Order, Product
from tests.example.factories import product_create
from tests.example.test_buying import ADDRESS
from tests.pricing.factories import proposal_make

pytestmark = pytest.mark.django_db
LINE = "Lowest price of the last 30 days before the reduction: {} GBP"


@pytest.fixture
def heart() -> Iterator[Product]:
    """An article at 2.95 that the mirror has known for forty days."""
    product = product_create()
    shop_sync()
    PricePoint.objects.update(valid_from=timezone.now() - timedelta(days=40))
    yield product


def apply(price: str, commits: Any) -> Product:
    with commits(execute=True):
        get_adapter().apply_price("85123A", Decimal(price))
    return Product.objects.get(sku="85123A")


def page(client: Client, product: Product) -> str:
    return client.get(product.get_absolute_url()).content.decode().split("ecomai-carousel")[0]


def test_a_lower_price_is_struck_out_and_told_with_the_price_before(
    client: Client, heart: Product, django_capture_on_commit_callbacks: Any
) -> None:
    assert "Lowest price" not in page(client, heart)
    apply("2.45", django_capture_on_commit_callbacks)
    html = page(client, heart)
    assert "£2.45" in html and "<s>" in html and "−16 %" in html and LINE.format("2.95") in html
    # Undone: as it was.
    apply("2.95", django_capture_on_commit_callbacks)
    html = page(client, heart)
    assert "£2.95" in html and "<s>" not in html and "Lowest price" not in html


def test_an_approved_price_is_applied_to_the_article_of_that_number(heart: Product) -> None:
    # the mirror knows the article by its number, which is not the table's primary key
    assert str(heart.pk) != heart.sku
    mirror.Product.objects.update(cost=Decimal("1.00"))
    copy = mirror.Product.objects.get(external_id=heart.sku)
    row = proposal_make(copy, state="approved", old_price=Decimal("2.95"), new_price=Decimal("2.75"), currency="GBP")
    found = changes_apply(proposals=[row])
    assert [change.product for change in found.changes] == [copy], [
        one.held_reason for one in [*found.failed, *found.stale]
    ]
    heart.refresh_from_db()
    assert heart.price == Decimal("2.75")


@pytest.mark.parametrize("listed", [None, Decimal("3.49"), Decimal("2.95")])
@pytest.mark.parametrize("new", [Decimal("2.75"), Decimal("3.15")])
def test_approve_and_undo_restore_price_and_list_price_to_the_cent(
    client: Client, listed: Decimal | None, new: Decimal, django_capture_on_commit_callbacks: Any
) -> None:
    heart = product_create(list_price=listed)
    shop_sync()
    PricePoint.objects.update(valid_from=timezone.now() - timedelta(days=40))
    mirror.Product.objects.update(cost=Decimal("1.00"))
    copy = mirror.Product.objects.get(external_id=heart.sku)
    user = User.objects.create_superuser("merchant")
    row = proposal_make(copy, old_price=Decimal("2.95"), new_price=new, list_price=listed, currency="GBP")
    with django_capture_on_commit_callbacks(execute=True):
        proposals_approve(proposals=[row], user=user)
        (change,) = changes_apply(proposals=[row], user=user).changes
    heart.refresh_from_db()
    struck = Decimal("2.95") if new < Decimal("2.95") and listed != Decimal("3.49") else listed
    assert (heart.price, heart.list_price) == (new, struck)
    assert (change.old_list_price, change.new_list_price) == (listed, struck)
    mirror.Product.objects.update(cost=Decimal("1.00"))  # what was copied since knows none
    with django_capture_on_commit_callbacks(execute=True):
        change_undo(change=change, user=user)
    heart.refresh_from_db()
    copy.refresh_from_db()
    assert (heart.price, heart.list_price) == (Decimal("2.95"), listed)
    assert (copy.price, copy.list_price) == (Decimal("2.95"), listed)
    html = page(client, heart)
    assert "£2.95" in html and ("<s>" in html) is (listed == Decimal("3.49"))


def test_a_price_raised_and_put_back_is_no_reduction(
    client: Client, heart: Product, django_capture_on_commit_callbacks: Any
) -> None:
    apply("3.45", django_capture_on_commit_callbacks)
    apply("2.95", django_capture_on_commit_callbacks)
    html = page(client, heart)
    assert "£2.95" in html and "<s>" not in html


def test_lists_tell_the_price_before_as_well(
    client: Client, heart: Product, django_capture_on_commit_callbacks: Any
) -> None:
    apply("2.45", django_capture_on_commit_callbacks)
    assert LINE.format("2.95") in client.get("/search/?q=heart").content.decode()


def test_without_a_known_price_before_nothing_is_announced_as_reduced(client: Client) -> None:
    product = product_create(list_price=Decimal("5.00"))
    shop_sync()
    assert product.saving_percent == 41
    for html in (page(client, product), client.get("/search/?q=heart").content.decode()):
        assert "£2.95" in html and "<s>" not in html and "−41 %" not in html


def token_of(client: Client, product: Product) -> str:
    found = re.search(r'name="hold" value="([^"]+)"', page(client, product))
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("now", "paid"), [("3.45", "2.95"), ("2.45", "2.45")])
def test_a_price_shown_holds_through_the_checkout_unless_it_is_cheaper_now(
    client: Client, heart: Product, django_capture_on_commit_callbacks: Any, now: str, paid: str
) -> None:
    client.post("/cart/add/85123A/", {"quantity": "2", "hold": token_of(client, heart)})
    apply(now, django_capture_on_commit_callbacks)
    html = client.get("/cart/").content.decode()
    assert f"£{paid} each" in html and ("as shown to you; now £3.45" in html) is (now == "3.45")
    client.post("/checkout/", ADDRESS)
    order = Order.objects.get()
    assert order.total == 2 * Decimal(paid) and order.lines.get().unit_price == Decimal(paid)


def test_another_product_s_or_a_made_up_token_holds_nothing(
    client: Client, heart: Product, django_capture_on_commit_callbacks: Any
) -> None:
    other = product_create("22423", "Regency Cakestand")
    for token in (token_of(client, other), "made up"):
        client.post("/cart/add/85123A/", {"quantity": "1", "hold": token})
    apply("3.45", django_capture_on_commit_callbacks)
    assert "£3.45 each" in client.get("/cart/").content.decode()


def test_a_price_held_in_another_currency_is_not_this_one(
    client: Client, heart: Product, django_capture_on_commit_callbacks: Any
) -> None:
    token = price_hold(product_id="85123A", price=Decimal("1.00"), currency="JPY")
    client.post("/cart/add/85123A/", {"quantity": "1", "hold": token})
    assert "£2.95 each" in client.get("/cart/").content.decode()


def test_after_its_time_today_s_price_counts(
    client: Client, heart: Product, django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    client.post("/cart/add/85123A/", {"quantity": "1", "hold": token_of(client, heart)})
    apply("3.45", django_capture_on_commit_callbacks)
    settings.ECOMAI = {**settings.ECOMAI, "PRICE_HOLD_MINUTES": 0}
    assert "£3.45 each" in client.get("/cart/").content.decode()
