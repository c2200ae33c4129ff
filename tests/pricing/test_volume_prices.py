"""Approved prices for more pieces in a shop: what is shown, what a cart costs, what holds."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.hold import price_hold, price_hold_verify, price_hold_void
from django_ecomai.pricing.services import offers_approve
from django_ecomai.pricing.volume_prices import (
    CartItem,
    VolumePrice,
    cart_portions,
    cart_prices,
    volume_hold_verify,
    volume_prices,
)
from tests.docs.blocks import DOCS, page_blocks

from .factories import offer_make, priced_product

D = Decimal
TEN = VolumePrice("a", "", D(10), D("8.00"), "EUR")
PAIR = VolumePrice("a", "b", D(1), D("13.00"), "EUR")


def item(product: str, quantity: int, price: str = "10.00") -> CartItem:
    return CartItem(product, D(quantity), D(price))


def told(items: list[CartItem], *offers: VolumePrice) -> list[list[tuple[int, str]]]:
    """Pieces and their price, by line."""
    return [[(int(one.quantity), str(one.price)) for one in line] for line in cart_portions(items, offers)]


# -- what a cart costs -----------------------------------------------------------------------------------------------
def test_from_its_quantity_on_every_piece_has_the_lower_price() -> None:
    assert told([item("a", 9)], TEN) == [[(9, "10.00")]]
    assert told([item("a", 10)], TEN) == [[(10, "8.00")]]
    assert told([item("a", 23), item("b", 23)], TEN) == [[(23, "8.00")], [(23, "10.00")]]
    twelve = VolumePrice("a", "", D(12), D("7.00"), "EUR")  # one that is held, say
    assert told([item("a", 11)], TEN, twelve) == [[(11, "8.00")]]
    assert told([item("a", 12)], TEN, twelve) == [[(12, "7.00")]]


def test_no_offer_makes_a_piece_dearer() -> None:
    assert told([item("a", 10, "7.90")], TEN) == [[(10, "7.90")]]
    assert told([item("a", 1, "6.00"), item("b", 1, "6.00")], PAIR) == [[(1, "6.00")], [(1, "6.00")]]


def test_a_set_costs_its_price_and_what_is_left_its_own() -> None:
    # 13.00 of 10.00 and 5.00: 8.67 and 4.33
    assert told([item("a", 3), item("b", 2, "5.00")], PAIR) == [[(2, "8.67"), (1, "10.00")], [(2, "4.33")]]
    assert told([item("a", 3)], PAIR) == [[(3, "10.00")]]


def test_a_piece_has_one_offer_and_the_cart_the_cheaper_way() -> None:
    # breaks first: 80 + 5; sets first: 13 + 9 at 10.00
    assert told([item("a", 10), item("b", 1, "5.00")], TEN, PAIR) == [[(10, "8.00")], [(1, "5.00")]]
    # sets first: 5 sets at 13.00 and 5 at 10.00 are 115, breaks first 80 + 25
    cheap = VolumePrice("a", "b", D(1), D("6.00"), "EUR")
    assert told([item("a", 10), item("b", 8, "5.00")], TEN, cheap)[0] == [(8, "4.00"), (2, "10.00")]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(100, 3000)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(2, 20), st.integers(50, 3000)), max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(50, 6000)), max_size=4),
)
def test_pieces_add_up_sets_cost_their_price_and_nothing_is_dearer(
    lines: list[tuple[int, int]], breaks: list[tuple[int, int]], bundles: list[tuple[int, int, int]]
) -> None:
    items = [item(str(at), pieces, str(D(cents) / 100)) for at, (pieces, cents) in enumerate(lines)]
    offers = [VolumePrice(str(at), "", D(q), D(c) / 100, "EUR") for at, (q, c) in enumerate(breaks)]
    offers += [VolumePrice(str(a), str(b), D(1), D(c) / 100, "EUR") for a, b, c in bundles if a != b]
    found = cart_portions(items, offers)
    assert [sum(one.quantity for one in line) for line in found] == [one.quantity for one in items]
    paid = sum(one.quantity * one.price for line in found for one in line)
    assert paid <= sum(one.quantity * one.price for one in items)
    for offer in offers:
        used = [one for line in found for one in line if one.offer is offer]
        if offer.other_id and used:
            assert len(used) == 2 and sum(one.price for one in used) == offer.price
        assert all(one.price == offer.price and one.quantity >= offer.quantity for one in used if not offer.other_id)


# -- what is shown, and how long it holds ----------------------------------------------------------------------------
@pytest.mark.django_db
class TestServed:
    def test_one_query_however_many_products(self, django_assert_num_queries: Any) -> None:
        rows = [offer_make() for _number in range(3)]
        rows.append(offer_make(rows[0].product, kind="bundle", other=rows[1].product, price=D(17), old_price=D(20)))
        offers_approve(offers=rows)
        keys = [row.product.external_id for row in rows[:2]]
        with django_assert_num_queries(1):
            found = volume_prices(product_ids=keys)
        assert {key: [one.kind for one in each] for key, each in found.items()} == {
            keys[0]: ["break", "bundle"], keys[1]: ["break", "bundle"],
        }  # fmt: skip
        assert volume_prices(product_ids=keys, channel="b2b") == {}

    def test_the_tag_shows_sentences_and_tokens_in_the_language_of_the_page(self) -> None:
        row = offer_make(priced_product(title="Cup"), kind="bundle", other=priced_product(title="Saucer"), quantity=1,
                         price=D("17.00"), old_price=D(20))  # fmt: skip
        offers_approve(offers=[row, offer_make(row.other)])
        page = Template(
            "{% load ecomai_pricing %}{% volume_prices product as offers %}"
            "{% for offer in offers %}[{{ offer }}|{{ offer.other_title }}|{{ offer.kind }}]{% endfor %}"
        )
        assert page.render(Context({"product": row.other.external_id})) == (
            "[10 or more: 8.00 EUR each||break][“Saucer” with “Cup”: 17.00 EUR together|Cup|bundle]"
        )
        with translation.override("de"):
            assert page.render(Context({"product": row.product.external_id})) == (
                "[„Cup“ mit „Saucer“: zusammen 17,00 EUR|Saucer|bundle]"
            )
            assert "[Ab 10 Stück je 8,00 EUR||break]" in page.render(Context({"product": row.other.external_id}))
        assert page.render(Context({"product": None})) == ""

    def test_a_page_and_a_cart_go_on_without_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(**_values: Any) -> Any:
            raise DatabaseError("gone")

        monkeypatch.setattr("django_ecomai.pricing.templatetags.ecomai_pricing.volume_read", fail)
        monkeypatch.setattr("django_ecomai.pricing.volume_prices.volume_prices", fail)
        page = Template("before{% load ecomai_pricing %}{% volume_prices 'a' as offers %}{{ offers }}after")
        assert page.render(Context({})) == "before[]after"
        (line,) = cart_prices([item("a", 10)], tokens=[TEN.token])
        assert [one.price for one in line] == [D("8.00")]

    def test_what_was_shown_holds_after_it_was_taken_back(self) -> None:
        row = offer_make()
        offers_approve(offers=[row])
        key = row.product.external_id
        ((shown,),) = volume_prices(product_ids=[key]).values()
        row.delete()
        assert [one.price for one in cart_prices([item(key, 10)], tokens=[shown.token])[0]] == [D(8)]
        assert [one.price for one in cart_prices([item(key, 10)])[0]] == [D(10)]

    def test_everybody_reads_by_rest_what_the_shop_shows_and_no_more(self) -> None:
        cup, saucer = priced_product(external_id="cup"), priced_product(external_id="saucer")
        rows = [offer_make(cup, kind="bundle", other=saucer, price=D(17), old_price=D(20), quantity=1), offer_make(cup)]
        offer_make(saucer)  # not approved
        offers_approve(offers=rows)
        url = reverse("ecomai_pricing:api-volume-prices")
        found = Client().get(url, {"product": ["cup", "saucer"]}).json()
        assert [(one["kind"], one["product_id"], one["other_id"], one["price"]) for one in found] == [
            ("break", "cup", "", "8.0000"), ("bundle", "cup", "saucer", "17.0000"),
        ]  # fmt: skip
        assert set(found[0]) == {"kind", "product_id", "other_id", "quantity", "price", "currency", "text", "token"}
        assert volume_hold_verify(token=found[0]["token"]) == VolumePrice("cup", "", D(10), D(8), "EUR")
        Product.objects.update(cost=D(9))
        assert Client().get(url, {"product": "cup"}).json() == []
        assert Client().get(url).status_code == 400
        assert Client().get(url, {"product": [str(number) for number in range(101)]}).status_code == 400
        assert Client().post(url).status_code in (403, 405)


def test_a_token_gives_back_its_terms_and_is_no_token_of_a_plain_price(settings: Any) -> None:
    assert volume_hold_verify(token=TEN.token) == TEN
    assert volume_hold_verify(token=PAIR.token) == PAIR
    assert volume_hold_verify(token=TEN.token, channel="b2b") is None
    assert price_hold_verify(token=TEN.token, product_id="a") is None
    assert volume_hold_verify(token=price_hold(product_id="a", price=D(1), currency="EUR")) is None
    settings.ECOMAI = {**settings.ECOMAI, "PRICE_HOLD_MINUTES": 0}
    assert TEN.token == "" and volume_hold_verify(token=PAIR.token) is None


@given(st.text(max_size=200))
def test_whatever_comes_as_a_token_is_answered(text: str) -> None:
    assert volume_hold_verify(token=text) is None


@pytest.mark.parametrize("product", ["a", "b"])
def test_a_mistyped_price_is_made_void_for_either_product_of_a_bundle(product: str) -> None:
    cache.clear()
    token, other = PAIR.token, VolumePrice("c", "", D(10), D(8), "EUR").token
    price_hold_void(product_id=product)
    assert volume_hold_verify(token=token) is None
    assert volume_hold_verify(token=other) is not None
    cache.clear()


@pytest.mark.django_db
def test_the_examples_of_the_how_to_do_what_it_says() -> None:
    blocks = {one.language: one.text for one in page_blocks(DOCS / "howto" / "volume-prices.md")}
    row = offer_make(priced_product(external_id="7"))
    offers_approve(offers=[row])
    html = Template(blocks["html+django"]).render(Context({"product": "7"}))
    assert "<p>10 or more: 8.00 EUR each</p>" in html
    token = html.partition('name="volume" value="')[2].partition('"')[0]
    names: dict[str, Any] = {}
    exec(compile(blocks["python"], "volume-prices.md", "exec"), names)
    product = SimpleNamespace(pk=7)
    row.delete()
    assert names["cart_lines"]([(product, 10, D(10))], [token]) == [(product, 10, D(8))]
    assert names["cart_lines"]([(product, 10, D(10))], []) == [(product, 10, D(10))]
