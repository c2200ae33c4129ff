"""Beside a price that a shop elsewhere shows: the ledger, and tokens that hold it, for its server only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.hold import price_hold_verify, price_hold_void
from django_ecomai.pricing.ledger import price_record
from django_ecomai.pricing.models import PriceChange
from django_ecomai.pricing.services import prices_watch
from django_ecomai.testing import product_make
from tests.pricing.factories import proposal_make

from .conftest import Sender

pytestmark = pytest.mark.django_db


def test_a_token_holds_the_price_that_was_shown(shop: Sender) -> None:
    product_make(external_id="a", price="9.90", currency="EUR")
    found = shop.send("holds", {"product_id": "a", "price": "8.90"}, {"product_id": "a"}, {"product_id": "gone"})
    assert found["minutes"] == 60 and [row["product_id"] for row in found["rows"]] == ["a", "a", "gone"]
    shown, copied, none = (row["token"] for row in found["rows"])
    assert none == ""
    for token, price in ((shown, "8.90"), (copied, "9.90")):
        held = price_hold_verify(token=token, product_id="a")
        assert held is not None and (held.price, held.currency) == (Decimal(price), "EUR")
    answer = shop.send(
        "holds/check",
        {"product_id": "a", "token": shown}, {"product_id": "b", "token": shown}, {"product_id": "a", "token": "x:y:z"},
    )  # fmt: skip
    assert [row["price"] for row in answer["rows"]] == ["8.9000", None, None]


@pytest.mark.parametrize("new", ["10.50", "9.50"])
def test_a_price_that_a_csv_file_brings_is_held_as_the_one_before(new: str, shop: Sender) -> None:
    """The shop elsewhere imports the file, and tells its new price: carts that saw the old one keep it."""
    product = product_make(external_id="a", price="10.00", cost=Decimal(4), currency="EUR")
    row = proposal_make(product, state="approved", new_price=Decimal(new))
    (before,) = shop.send("holds", {"product_id": "a"})["rows"]
    assert f",10,{Decimal(new).normalize()},EUR," in "".join(proposals_csv())
    assert shop.send("products", {"id": "a", "title": "A", "price": new, "currency": "EUR"})["accepted"] == 1
    assert prices_watch().applied == 1
    row.refresh_from_db()
    change = PriceChange.objects.get()
    assert (row.state, change.old_price, change.new_price) == ("applied", Decimal(10), Decimal(new))
    (after,) = shop.send("holds", {"product_id": "a"})["rows"]
    found = shop.send("holds/check", before, after)["rows"]
    assert [Decimal(one["price"]) for one in found] == [Decimal(10), Decimal(new)]


def test_a_void_price_is_held_no_longer(shop: Sender) -> None:
    cache.clear()
    (row,) = shop.send("holds", {"product_id": "a", "price": "1.00"})["rows"]
    price_hold_void(product_id="a")
    assert shop.send("holds/check", row)["rows"][0]["price"] is None


def test_a_token_is_of_the_shop_of_its_key(make_sender: Callable[..., Sender]) -> None:
    here, there = make_sender("here"), make_sender("there", channel="uk")
    product_make(external_id="a", price="9.90", channel="uk", currency="GBP")
    (row,) = there.send("holds", {"product_id": "a"})["rows"]
    assert there.send("holds/check", row)["rows"] == [{"product_id": "a", "price": "9.9000", "currency": "GBP"}]
    assert here.send("holds/check", row)["rows"][0]["price"] is None
    assert here.send("holds", {"product_id": "a"})["rows"][0]["token"] == ""


@pytest.mark.parametrize(
    "rows",
    [
        [{"price": "1"}],
        [{"product_id": "a", "price": "x"}],
        [{"product_id": "a", "price": "-1"}],
        [{"product_id": "a\x00"}],
        ["a"],
        [{"product_id": "a"}] * 501,
    ],
)
def test_what_cannot_be_held(rows: list[Any], shop: Sender) -> None:
    shop.send("holds", *rows, status=400)


def test_without_a_time_nothing_is_held(shop: Sender, ecomai_setting: Callable[..., None]) -> None:
    ecomai_setting(PRICE_HOLD_MINUTES=0)
    assert shop.send("holds", {"product_id": "a", "price": "1.00"}) == {
        "minutes": 0,
        "rows": [{"product_id": "a", "token": ""}],
    }


def test_the_ledger_of_the_shop_of_the_key(make_sender: Callable[..., Sender]) -> None:
    shop = make_sender("uk", channel="uk")
    product = product_make(external_id="a", price="9.00", list_price=Decimal(12), currency="GBP", channel="uk")
    for days, price in ((60, "11.00"), (1, "9.00")):
        PricePoint.objects.create(
            product=product, price=Decimal(price), list_price=Decimal(12) if days == 1 else Decimal(price),
            currency="GBP", valid_from=timezone.now() - timedelta(days=days),
        )  # fmt: skip
    price_record(products=[product.pk])
    (line,) = shop.get("ledger/", product=["a", "b"])
    assert (line["product_id"], line["lowest"], line["currency"]) == ("a", "11.0000", "GBP")
    assert make_sender("main").get("ledger/", product="a") == []
    shop.get("ledger/", status=400)
