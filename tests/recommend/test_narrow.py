"""Filters and boosts of a page, in Python, in the tag and over REST."""

from __future__ import annotations

import json
import logging
import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Q
from hypothesis import example, given
from hypothesis import strategies as st

from django_ecomai.mirror.models import Product
from django_ecomai.recommend.catalogue import Card
from django_ecomai.recommend.narrow import MOST_FACTOR, Narrow, narrow_read
from django_ecomai.recommend.rendering import carousels_html
from django_ecomai.recommend.serving import carousels, recommendations
from tests.recommend.factories import START, MirrorShop, category, event, order, placement, product, products
from tests.recommend.helpers import draw, ids, queries

URL = "/ecomai/api/recommendations/{}/"


class FilteringShop(MirrorShop):
    """A shop whose own products are the mirror's rows and can be filtered."""

    def resolve_where(self, ids: Any, where: Q) -> dict[str, Any]:
        return {one.external_id: one for one in Product.objects.filter(where, external_id__in=ids)}


@pytest.fixture
def shelf(ecomai: Any) -> None:
    """p0 .. p5, the last one newest; even ones are lamps of Acme, odd ones mugs of Bolt."""
    ecomai(FILTER_ATTRIBUTES=["color", "size"])
    lights = category("lights")
    lamps, mugs = category("lamps", parent=lights), category("mugs")
    for number, made in enumerate(products(6)):
        made.categories.set([mugs if number % 2 else lamps])
        made.brand = "Bolt" if number % 2 else "Acme"
        made.price = number * 10
        made.attributes = {"color": "Red" if number < 3 else "blue", "size": number, "secret": 1}
        made.save()


def newest(**filters: Any) -> list[str]:
    return ids(recommendations("new_arrivals", filters=filters))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"in_category": "lamps"}, ["p4", "p2", "p0"]),
        ({"in_category": "lights"}, ["p4", "p2", "p0"]),
        ({"in_category": ["lamps", "mugs"]}, ["p5", "p4", "p3", "p2", "p1", "p0"]),
        ({"brand": "acme"}, ["p4", "p2", "p0"]),
        ({"min_price": "20", "max_price": 40}, ["p4", "p3", "p2"]),
        ({"attributes": {"color": "red"}}, ["p2", "p1", "p0"]),
        ({"attributes": "color:red,size:1"}, ["p1"]),
        ({"attributes": {"size": [1, 2.0]}}, ["p2", "p1"]),
        ({"brand": "Acme", "attributes": {"color": "blue"}}, ["p4"]),
        ({"brand": "Nobody"}, []),
        ({"in_category": "lamps", "min_price": 1000}, []),
    ],
)
def test_filters_leave_out_what_does_not_fit(shelf: None, filters: dict[str, Any], left: list[str]) -> None:
    assert newest(**filters) == left


@pytest.mark.django_db
def test_in_stock_holds_whatever_the_carousel_says(shelf: None) -> None:
    Product.objects.filter(external_id="p5").update(stock=0)
    placement("home", "new_arrivals", only_in_stock=False)

    assert "p5" in ids(recommendations("home"))
    assert "p5" not in ids(recommendations("home", filters={"in_stock": True}))


@pytest.mark.django_db
def test_a_rare_match_is_found_far_down(ecomai: Any) -> None:
    products(600)
    Product.objects.filter(external_id="p3").update(brand="Rare")

    # 600 products are newer or more popular than it: the query itself brings what matches.
    assert ids(recommendations("trending", filters={"brand": "Rare"}, limit=4)) == ["p3"]
    assert len(queries(lambda: recommendations("trending", filters={"brand": "Rare"}))) <= 3


@pytest.mark.django_db
def test_the_merchant_may_want_a_full_list_behind_what_passes(shelf: None) -> None:
    placement("home", "new_arrivals", size=3, fill_filtered=True)
    assert ids(recommendations("home", filters={"attributes": {"size": 1}})) == ["p1", "p5", "p4"]

    placement("home", "new_arrivals", size=3)
    assert ids(recommendations("home", filters={"attributes": {"size": 1}})) == ["p1"]


@pytest.mark.django_db
def test_negative_and_missing_prices_pass_no_filter_by_price() -> None:
    product("p0", price=-5)
    product("p1", price=None)
    product("p2", price=5)

    assert newest(max_price=10) == ["p2"]
    assert sorted(newest()) == ["p0", "p1", "p2"]


@pytest.mark.django_db
def test_boosts_lift_what_they_are_about(shelf: None) -> None:
    def first(**boost: Any) -> str:
        return ids(recommendations("new_arrivals", boost=boost))[0]

    assert first() == "p5"
    assert first(brand={"ACME": 3}) == "p4"
    assert first(category={"lights": 3}) == "p4"
    assert first(attributes={"color:red": 10}) == "p2"


@pytest.mark.django_db
def test_margin_lifts_what_earns_more_and_is_never_on_a_card(shelf: None) -> None:
    Product.objects.filter(external_id="p3").update(cost=Decimal(3))  # nine tenths of the price stay
    Product.objects.filter(external_id="p5").update(cost=Decimal(50))

    items = recommendations("new_arrivals", boost={"margin": 5})

    assert items[0].product_id == "p3"
    assert not hasattr(items[0].card, "cost") and not hasattr(items[0].card, "margin")


@pytest.mark.django_db
def test_a_condition_on_the_shops_own_products(shelf: None, ecomai: Any) -> None:
    ecomai(ADAPTER="tests.recommend.test_narrow.FilteringShop")

    sent = queries(lambda: recommendations("new_arrivals", where=Q(title__endswith="p1"), limit=2))

    assert ids(recommendations("new_arrivals", where=Q(title__endswith="p1"), limit=2)) == ["p1"]
    assert recommendations("new_arrivals", where=Q(title="nothing")) == []
    assert len(sent) <= 3


@pytest.mark.django_db
def test_a_condition_that_nobody_can_check_shows_nothing(shelf: None) -> None:
    assert recommendations("new_arrivals", where=Q(title__endswith="p1")) == []


@pytest.mark.django_db
def test_what_a_tag_gets_wrong_is_told_and_left_out(shelf: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="django_ecomai.recommend"):
        drawn = draw(
            '{% recommend "new_arrivals" attributes="secret:1" max_price="cheap" as items %}{{ items|length }}'
        )

    assert drawn == "6"
    assert "The attribute 'secret' cannot be asked for. Allowed: color, size." in caplog.text
    assert "Send a price of at least 0" in caplog.text


@pytest.mark.django_db
def test_the_tag_filters_and_boosts(shelf: None) -> None:
    text = '{% recommend "new_arrivals" brand="Acme" max_price=20 as items %}{% for i in items %}{{ i.product_id }} {% endfor %}'  # noqa: E501
    assert draw(text) == "p2 p0 "
    assert draw(text.replace('brand="Acme" max_price=20', "boost=wish"), wish={"brand": {"Acme": 9}}).startswith("p4")


@pytest.mark.django_db
def test_a_lazy_carousel_asks_the_same(shelf: None, client: Any) -> None:
    placement("home", "new_arrivals")
    drawn = draw('{% recommend_carousel "home" attributes="color:red" brand="Acme" lazy=True %}')
    address = drawn.split('data-ecomai-fragment="')[1].split('"')[0].replace("&amp;", "&")

    fragment = client.get(address).content.decode()

    assert "Product p2" in fragment and "Product p0" in fragment
    assert "Product p1" not in fragment and "Product p4" not in fragment


# -- REST -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_rest_filters_and_boosts(shelf: None, client: Any) -> None:
    def found(query: str) -> list[str]:
        (carousel,) = client.get(URL.format("new_arrivals") + "?" + query).json()["carousels"]
        return [item["product_id"] for item in carousel["items"]]

    assert found("brand=Acme&max_price=20") == ["p2", "p0"]
    assert found("attribute=color:red&attribute=color:blue&in_category=mugs") == ["p5", "p3", "p1"]
    assert found("boost_brand=Acme:9")[0] == "p4"
    assert found("in_stock=true&min_price=50") == ["p5"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "name", "sentence"),
    [
        ("attribute=secret:1", "attribute", "Allowed: color, size."),
        ("attribute=color", "attribute", "Send name:value"),
        ("min_price=-1", "min_price", "at least 0"),
        ("max_price=NaN", "max_price", "at least 0"),
        ("min_price=9&max_price=8", "min_price", "not above max_price"),
        ("boost_brand=Acme", "boost_brand", "value:factor"),
        ("boost_brand=Acme:1000", "boost_brand", "from 0.1 to 10"),
        ("boost_attribute=secret:1:2", "boost_attribute", "Allowed: color, size."),
        ("in_stock=perhaps", "in_stock", "true or false"),
        ("boost_margin=2", "boost_margin", "Only staff"),
    ],
)
def test_rest_says_what_to_send_instead(shelf: None, client: Any, query: str, name: str, sentence: str) -> None:
    answer = client.get(URL.format("new_arrivals") + "?" + query)

    assert answer.status_code == 400
    assert sentence in answer.json()[name]


@pytest.mark.django_db
def test_staff_may_ask_for_margin(shelf: None, admin_client: Any) -> None:
    Product.objects.filter(external_id="p3").update(cost=Decimal(3))

    answer = admin_client.get(URL.format("new_arrivals") + "?boost_margin=5")

    assert answer.json()["carousels"][0]["items"][0]["product_id"] == "p3"
    assert "cost" not in json.dumps(answer.json()) and "margin" not in json.dumps(answer.json())


@pytest.mark.django_db
def test_a_condition_never_comes_over_rest(shelf: None, client: Any) -> None:
    answer = client.get(URL.format("new_arrivals") + "?where=title&title__endswith=p1&filters=1")

    assert len(answer.json()["carousels"][0]["items"]) == 6


# -- values -----------------------------------------------------------------------------------------------------------


def test_attributes_that_are_no_number_match_nothing(ecomai: Any) -> None:
    ecomai(FILTER_ATTRIBUTES=["color"])
    narrow = narrow_read({"attributes": {"color": ["nan", "true"]}})

    assert not narrow.passes(Card("p", attributes={"color": math.nan}))
    assert not narrow.passes(Card("p", attributes={"color": None}))
    assert narrow.passes(Card("p", attributes={"color": True}))
    assert narrow.passes(Card("p", attributes={"color": ["x", "NaN"]}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["in_category", "brand", "min_price", "max_price", "in_stock", "attributes"]) | st.text(
    max_size=5
)


@example({"in_stock": Decimal("sNaN")}, {})
@given(
    st.dictionaries(keys, anything, max_size=4), st.dictionaries(st.sampled_from(["brand", "margin", "x"]), anything)
)
def test_whatever_comes_in_is_read_without_an_error_and_factors_stay_bounded(
    filters: dict[str, Any], boost: dict[str, Any]
) -> None:
    errors: dict[str, str] = {}
    narrow = narrow_read(filters, boost, errors=errors)
    card = Card("p", price=Decimal(3), brand="a")

    assert isinstance(narrow, Narrow)
    assert narrow.passes(card) in (True, False)
    assert 0 < narrow.factor(card, 0.5) <= 10 ** (len(narrow.boosts) + 1)
    narrow.condition()


@pytest.mark.django_db
def test_ids_with_commas_and_letters_of_any_script(client: Any, ecomai: Any) -> None:
    product("a,b", title="Comma")
    product("ж✓", title="Script", brand="Ärger & Söhne")
    order("c0", ["a,b", "ж✓", "gone"])
    event("view_item", "gone", visitor_id="v" * 32)

    assert sorted(ids(recommendations("trending", visitor_id="v" * 32))) == ["a,b", "ж✓"]
    assert ids(recommendations("trending", product="a,b")) == ["ж✓"]
    assert ids(recommendations("trending", filters={"brand": "ärger & söhne"})) == ["ж✓"]
    answer = client.get(URL.format("trending"), {"product": "a,b", "exclude": "x,y"})
    assert [item["product_id"] for item in answer.json()["carousels"][0]["items"]] == ["ж✓"]


@pytest.mark.django_db
def test_a_catalogue_where_everything_is_out_of_stock_shows_nothing() -> None:
    products(3, stock=0)

    assert carousels("home") == []
    assert recommendations("trending", filters={"in_stock": True}) == []


@pytest.mark.django_db
def test_a_brand_with_an_umlaut_is_found_among_many_newer_products() -> None:
    product("old", brand="Müller", created_at=START)
    products(120, brand="Acme", created_at=START + timedelta(days=1))

    assert ids(recommendations("trending", filters={"brand": "Müller"}, limit=3)) == ["old"]
    assert narrow_read({"brand": "Straße"}).condition() == Q(brand__iexact="Straße") | Q(brand__iexact="strasse")


def test_many_small_boosts_are_no_large_one() -> None:
    lineage = frozenset(f"c{number}" for number in range(5))
    narrow = narrow_read(boost={"category": dict.fromkeys(sorted(lineage), 10)})

    assert narrow.factor(Card("p", lineage=lineage)) == MOST_FACTOR


def test_boosts_are_judged_like_filters(ecomai: Any) -> None:
    ecomai(FILTER_ATTRIBUTES=["color"])
    errors: dict[str, str] = {}

    narrow_read(boost={"brand": {f"b{number}": 2 for number in range(60)}}, errors=errors)
    assert errors == {"boost_brand": "Send at most 20 values."}
    errors.clear()
    read = narrow_read(boost={"attributes": {"color:": 2, "color: Red": 2}}, errors=errors)
    assert errors == {"boost_attributes": "Give a value to each factor, such as color:red:2."}
    assert read.boosts == (("attributes", "color", "red", 2.0),)


@pytest.mark.django_db
@pytest.mark.parametrize("asked", [{"where": Q(price__gt=5)}, {"boost": {"margin": 2}}, {"customer_id": "c1"}])
def test_a_lazy_carousel_drops_nothing_that_a_browser_may_not_ask(
    asked: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    products(3)
    placement("home", "trending")

    html = carousels_html("home", lazy=True, **asked)

    assert "data-ecomai-fragment" not in html
    assert "cannot carry" in caplog.text
    assert "data-ecomai-fragment" in carousels_html("home", lazy=True)
