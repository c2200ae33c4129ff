"""A price that was shown stays valid for the cart."""

from __future__ import annotations

import csv
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core import signing
from django.core.cache import cache
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connection
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.adapters.base import AdapterError
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.hold import (
    SALT,
    HeldPrice,
    price_hold,
    price_hold_cheaper,
    price_hold_verify,
    price_hold_void,
)
from django_ecomai.pricing.services import changes_apply, prices_watch
from django_ecomai.testing import FakeAdapter

from .factories import priced_product, proposal_make


def token(**changes: Any) -> str:
    return price_hold(**{"product_id": "p", "price": Decimal("4.50"), "currency": "EUR", **changes})


def test_a_held_price_is_given_back_exactly() -> None:
    assert price_hold_verify(token=token(), product_id="p") == HeldPrice("p", Decimal("4.5"), "EUR")


@given(st.decimals(min_value="0.0001", max_value="9999999999", places=4), st.text(min_size=1, max_size=64))
def test_every_price_and_id_survives(price: Decimal, product_id: str) -> None:
    held = price_hold_verify(token=token(price=price, product_id=product_id), product_id=product_id)
    assert held is not None and held.price == price


@pytest.mark.parametrize(
    ("kept", "shown", "counts"),
    [
        (("4.50", "EUR"), ("5", "EUR"), "kept"),
        (("5", "EUR"), ("4.50", "EUR"), "shown"),
        (("4.50", "EUR"), ("4.50", "EUR"), "shown"),
        (("10", "EUR"), ("1500", "JPY"), "shown"),
        (None, ("5", "EUR"), "shown"),
        (("5", "EUR"), None, "kept"),
        (None, None, ""),
    ],
)
def test_of_two_held_prices_the_lower_counts_in_one_currency(kept: Any, shown: Any, counts: str) -> None:
    tokens = {
        name: token(price=Decimal(told[0]), currency=told[1]) if told else "x"
        for name, told in (("kept", kept), ("shown", shown))
    }
    assert price_hold_cheaper(**tokens, product_id="p") == tokens.get(counts, "")


def test_it_holds_for_its_product_and_shop_only() -> None:
    assert price_hold_verify(token=token(), product_id="q") is None
    assert price_hold_verify(token=token(), product_id="p", channel="b2b") is None
    assert price_hold_verify(token=token(channel="b2b"), product_id="p", channel="b2b") is not None


def test_after_the_minutes_of_the_setting_it_is_void(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICE_HOLD_MINUTES": 5}
    made = token()
    begin = datetime.now().timestamp()
    monkeypatch.setattr("django.core.signing.time.time", lambda: begin + 4.9 * 60)
    assert price_hold_verify(token=made, product_id="p") is not None
    monkeypatch.setattr("django.core.signing.time.time", lambda: begin + 5.1 * 60)
    assert price_hold_verify(token=made, product_id="p") is None
    settings.ECOMAI = {**settings.ECOMAI, "PRICE_HOLD_MINUTES": 0}
    assert token() == "" and price_hold_verify(token=made, product_id="p") is None


@pytest.mark.parametrize("forged", ["", "x", "a:b:c", "é", "{made}x", "x{made}", "{made[1:]}", "a" * 10_000])
def test_a_forged_token_holds_nothing(forged: str) -> None:
    made = token()
    forged = forged.replace("{made[1:]}", made[1:]).replace("{made}", made)
    assert price_hold_verify(token=made, product_id="p") is not None
    assert price_hold_verify(token=forged, product_id="p") is None


@pytest.mark.parametrize("content", [[], ["", "p", "x", "EUR"], {"a": 1}, 5, ["", "p", "4.5"]])
def test_a_signed_token_of_another_content_holds_nothing(content: Any) -> None:
    signed = signing.TimestampSigner(salt=SALT).sign_object(content)
    assert price_hold_verify(token=signed, product_id="p") is None


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_no_price_is_not_held(price: str) -> None:
    assert token(price=Decimal(price)) == ""


@given(st.text(max_size=200))
def test_whatever_comes_as_a_token_is_answered(text: str) -> None:
    assert price_hold_verify(token=text, product_id="p") is None


def test_the_tag_holds_the_price_shown_and_never_raises() -> None:
    page = Template("{% load ecomai_pricing %}{% price_hold product price 'EUR' as token %}{{ token }}")
    made = page.render(Context({"product": "p", "price": Decimal("4.50")}))
    assert price_hold_verify(token=made, product_id="p") == HeldPrice("p", Decimal("4.5"), "EUR")
    for product, price in ((None, None), ("p", "dear"), ("p", ""), (object(), 0)):
        assert page.render(Context({"product": product, "price": price})) == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error", [KeyError("pk"), ObjectDoesNotExist(), DatabaseError("gone"), AdapterError("no such")]
)
def test_whatever_the_shop_raises_its_page_is_shown(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, value: Any) -> str:
        raise error

    monkeypatch.setattr(FakeAdapter, "product_id", fail)
    monkeypatch.setattr("django_ecomai.pricing.templatetags.ecomai_pricing.get_adapter", lambda channel: FakeAdapter())
    page = Template("before{% load ecomai_pricing %}{% price_hold product price 'EUR' %}after")
    assert page.render(Context({"product": object(), "price": Decimal("4.50")})) == "beforeafter"


@pytest.mark.django_db
def test_a_database_error_leaves_the_transaction_of_the_shop_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, value: Any) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
        return "p"

    monkeypatch.setattr(FakeAdapter, "product_id", fail)
    monkeypatch.setattr("django_ecomai.pricing.templatetags.ecomai_pricing.get_adapter", lambda channel: FakeAdapter())
    page = Template("{% load ecomai_pricing %}{% price_hold product price 'EUR' %}")
    assert page.render(Context({"product": object(), "price": Decimal("4.50")})) == ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["applied", "imported"])
@pytest.mark.parametrize(("new", "cart"), [("10.50", "10"), ("9.50", "9.50")], ids=["dearer", "cheaper"])
def test_a_price_that_was_shown_is_held_however_the_next_one_comes(
    way: str, new: str, cart: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put into the shop by its adapter, or by the merchant with the CSV file: for the cart there is no difference."""
    adapter = "SHOP" if way == "applied" else "READING"
    settings.ECOMAI = {
        **settings.ECOMAI, "PRICE_HOLD_MINUTES": 60, "ADAPTER": f"tests.pricing.adapters.{adapter}", "CURRENCY": "EUR",
    }  # fmt: skip
    product = priced_product(external_id="p")
    row = proposal_make(product, state="approved", new_price=Decimal(new))
    page = Template("{% load ecomai_pricing %}{% price_hold product.external_id product.price 'EUR' %}")
    before = page.render(Context({"product": product}))
    if way == "applied":
        assert changes_apply().as_dict()["applied"] == 1
    else:
        (line,) = csv.DictReader("".join(proposals_csv()).splitlines())
        Product.objects.filter(external_id=line["product_id"]).update(price=line["new_price"])
        assert prices_watch().applied == 1
    product.refresh_from_db()
    row.refresh_from_db()
    assert (row.state, product.price) == ("applied", Decimal(new))
    after = page.render(Context({"product": product}))
    assert price_hold_verify(token=before, product_id="p") == HeldPrice("p", Decimal(10), "EUR")
    assert price_hold_verify(token=after, product_id="p") == HeldPrice("p", Decimal(new), "EUR")
    kept = price_hold_cheaper(kept=before, shown=after, product_id="p")
    held = price_hold_verify(token=kept, product_id="p")
    assert held is not None and min(held.price, product.price) == Decimal(cart)
    begin = datetime.now().timestamp()
    monkeypatch.setattr("django.core.signing.time.time", lambda: begin + 59 * 60)
    assert price_hold_verify(token=before, product_id="p") is not None
    monkeypatch.setattr("django.core.signing.time.time", lambda: begin + 61 * 60)
    assert price_hold_verify(token=before, product_id="p") is None


def test_tokens_of_a_mistyped_price_are_made_void(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    wrong, other = token(price=Decimal("0.01")), token(product_id="q")
    price_hold_void(product_id="p")
    assert price_hold_verify(token=wrong, product_id="p") is None
    assert price_hold_verify(token=other, product_id="q") is not None
    later = datetime.now().timestamp() + 2
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert price_hold_verify(token=token(), product_id="p") is not None
    cache.clear()


def test_a_cache_that_is_away_does_not_stop_the_cart(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ConnectionError("no cache")

    monkeypatch.setattr("django_ecomai.pricing.hold.cache.get", fail)
    assert price_hold_verify(token=token(), product_id="p") is not None
