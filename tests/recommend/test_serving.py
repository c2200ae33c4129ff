"""What a page gets, without and with a model."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.recommend.models import Placement, Slot
from django_ecomai.recommend.reasons import reason_text
from django_ecomai.recommend.serving import carousels, recommendations
from tests.recommend.factories import START, category, event, order, page, placement, product, products, rule
from tests.recommend.helpers import ids

pytestmark = pytest.mark.django_db
VISITOR = "v" * 32


def test_without_a_model_popularity_serves_then_what_is_newest() -> None:
    products(5)
    order("c0", ["p1", "p2"])
    order("c1", ["p2"])

    items = recommendations("trending")

    assert ids(items) == ["p2", "p1", "p4", "p3", "p0"]
    assert [item.reason for item in items] == ["Popular right now", "Popular right now", "New", "New", "New"]
    assert [item.position for item in items] == [0, 1, 2, 3, 4]


def test_an_empty_shop_recommends_nothing() -> None:
    assert recommendations("home") == []
    assert carousels("home") == []


def test_popularity_within_a_category_counts_the_categories_below_it() -> None:
    lights = category("lights")
    lanterns = category("lanterns", parent=lights, name="Lanterns")
    product("p0", categories=[lanterns])
    product("p1", categories=[lights])
    product("p2")
    order("c0", ["p0", "p2"])
    order("c1", ["p0", "p1"])

    items = recommendations("trending", category="lights")

    assert ids(items) == ["p0", "p1"]
    assert [item.reason for item in items] == ["Popular in Lanterns", "Popular in Lights"]


def test_the_adapter_knows_the_id_of_a_category_object() -> None:
    lamps = category("lamps")
    product("p0", categories=[lamps])
    product("p1")
    order("c1", ["p0", "p1"])

    assert lamps.external_id != str(lamps.pk)
    assert ids(recommendations("trending", category=lamps)) == ids(recommendations("trending", category="lamps"))
    assert recommendations("trending", category=lamps)[0].reason == "Popular in Lamps"


def test_cancelled_orders_and_negative_lines_are_no_popularity() -> None:
    products(3)
    order("c0", ["p0"], status="cancelled")
    returned = order("c1", ["p0"])
    returned.lines.update(quantity=-1)
    order("c2", ["p1"])

    items = recommendations("trending")

    assert (items[0].product_id, items[0].reason) == ("p1", "Popular right now")
    assert {item.reason for item in items[1:]} == {"New"}


@pytest.mark.parametrize(
    "change",
    [{"is_active": False}, {"is_service": True}, {"removed_at": START}, {"stock": 0}, {"stock": -1}],
)
def test_what_cannot_be_bought_is_never_shown(change: dict[str, object]) -> None:
    products(3)
    Product.objects.filter(external_id="p1").update(**change)

    assert sorted(ids(recommendations("trending"))) == ["p0", "p2"]
    assert sorted(ids(recommendations("new_arrivals"))) == ["p0", "p2"]


def test_variants_are_recommended_as_the_product_they_belong_to() -> None:
    shirt = product("shirt")
    product("shirt-red", parent=shirt)

    assert ids(recommendations("new_arrivals")) == ["shirt"]


def test_stock_counts_only_when_the_carousel_says_so() -> None:
    products(2)
    Product.objects.filter(external_id="p1").update(stock=0)
    placement("home", "new_arrivals", only_in_stock=False)

    assert ids(recommendations("home")) == ["p1", "p0"]


def test_the_product_on_the_page_and_what_the_shop_excludes_are_left_out() -> None:
    viewed, _, in_cart, _ = products(4)

    assert ids(recommendations("trending", product=viewed, exclude=[in_cart])) == ["p3", "p1"]
    assert ids(recommendations("trending", products=["p1", "p2"])) == ["p3", "p0"]


def test_without_a_model_the_page_of_a_product_shows_what_lies_beside_it() -> None:
    lamps = category("lamps")
    viewed, near = product("p0", categories=[lamps]), product("p1", categories=[lamps])
    product("p2")

    items = recommendations("similar", product=viewed, limit=1)

    assert ids(items) == [near.external_id]


def test_what_the_visitor_dismissed_or_has_in_the_cart_is_left_out_at_once() -> None:
    products(4)
    event("dismiss", "p3", visitor_id=VISITOR)
    event("add_to_cart", "p2", visitor_id=VISITOR)
    event("add_to_cart", "p1", visitor_id=VISITOR, at=timezone.now() - timedelta(minutes=5))
    event("remove_from_cart", "p1", visitor_id=VISITOR)

    assert ids(recommendations("trending", visitor_id=VISITOR)) == ["p1", "p0"]


def test_recently_viewed_is_newest_first_without_repetition_and_never_filled_up() -> None:
    products(5)
    for minutes, seen in enumerate(["p3", "p1", "p3", "p2"]):
        event("view_item", seen, visitor_id=VISITOR, at=timezone.now() - timedelta(minutes=minutes))

    items = recommendations("recently_viewed", visitor_id=VISITOR)

    assert ids(items) == ["p3", "p1", "p2"]
    assert {item.reason for item in items} == {"You looked at this"}
    assert recommendations("recently_viewed") == []


def test_as_many_products_as_the_setting_says_are_reacted_to(ecomai) -> None:
    products(4)
    ecomai(RECENT_ITEMS=2)
    for i, seen in enumerate(["p0", "p1", "p2", "p1"]):
        event("view_item", seen, visitor_id=VISITOR, at=timezone.now() - timedelta(minutes=10 - i))

    assert ids(recommendations("recently_viewed", visitor_id=VISITOR)) == ["p1", "p2"]


def test_buy_again_names_what_was_bought_last_first() -> None:
    products(5)
    order("c0", ["p1"], at=START)
    order("c0", ["p4"], at=START + timedelta(days=1))
    order("c1", ["p2"])

    items = recommendations("buy_again", customer_id="c0")

    assert ids(items) == ["p4", "p1"]
    assert {item.reason for item in items} == {"You bought this before"}


def test_a_carousel_may_leave_out_what_was_bought() -> None:
    products(3)
    order("c0", ["p1"])
    placement("home", "trending", exclude_bought=True)

    assert ids(recommendations("home", customer_id="c0")) == ["p2", "p0"]
    assert ids(recommendations("home")) == ["p1", "p2", "p0"]


def test_carousels_of_one_page_share_no_product() -> None:
    products(6)
    placement("home", "trending", "new_arrivals", size=2)
    request = page()

    first, second = carousels("home", request=request)
    third = recommendations("trending", request=request)

    assert ids(first) == ["p5", "p4"]
    assert ids(second) == ["p3", "p2"]
    assert ids(third) == ["p1", "p0"]
    assert first.recommendation_id != second.recommendation_id


def test_a_placement_that_is_switched_off_shows_nothing() -> None:
    products(2)
    placement("home", "trending")
    Placement.objects.filter(key="home").update(is_active=False)

    assert carousels("home") == []


def test_a_carousel_that_is_switched_off_shows_nothing() -> None:
    products(2)
    placement("home", "trending", is_active=False)

    assert carousels("home") == []


def test_a_name_is_a_placement_first_and_a_strategy_second() -> None:
    products(4)
    placement("similar", "new_arrivals", size=1)

    assert ids(recommendations("similar")) == ["p3"]
    assert len(recommendations("trending")) == 4
    assert recommendations("no-such-thing") == []


def test_a_strategy_in_a_placement_follows_the_carousel_there() -> None:
    products(4)
    placement("home", "trending", "new_arrivals", size=1)

    assert ids(recommendations("home", strategy="new_arrivals")) == ["p3"]
    assert ids(recommendations("home", strategy="new_arrivals", limit=3)) == ["p3", "p2", "p1"]
    assert recommendations("home", strategy="no-such-thing") == []


def test_a_channel_that_nobody_has_set_up_uses_the_defaults() -> None:
    product("b1", channel="b")

    assert [carousel.strategy for carousel in carousels("home", channel="b")] == ["trending"]
    assert Placement.objects.filter(channel="b").count() == 0


def test_channels_never_mix() -> None:
    product("a1")
    product("b1", channel="b")

    assert ids(recommendations("trending")) == ["a1"]
    assert ids(recommendations("trending", channel="b")) == ["b1"]


@pytest.mark.parametrize(("limit", "number"), [(0, 0), (-3, 0), (1, 1), (3, 3), (500, 5)])
def test_never_more_than_asked(limit: int, number: int) -> None:
    products(5)

    assert len(recommendations("trending", limit=limit)) == number


def test_a_deleted_product_is_skipped_and_its_place_filled(ecomai) -> None:
    ecomai(ADAPTER="tests.recommend.factories.ForgetfulShop")
    products(4)
    order("c0", ["p1", "p2"])

    items = recommendations("trending", limit=3)

    assert ids(items) == ["p2", "p3", "p0"]
    assert [item.object.external_id for item in items] == ["p2", "p3", "p0"]


def test_the_objects_are_the_shops_own() -> None:
    made = products(2)

    assert [item.object for item in recommendations("new_arrivals")] == [made[1], made[0]]


def test_without_an_adapter_cards_come_from_the_mirror(ecomai) -> None:
    ecomai(ADAPTER=None)
    product("p0", title="Lantern", price="12.50", list_price="15", image_url="/i.svg")

    (item,) = recommendations("new_arrivals")

    assert item.object is None
    assert (item.card.title, str(item.card.price), item.card.url) == ("Lantern", "12.5000", "/p/p0/")
    assert item.card.is_reduced is True
    assert not hasattr(item.card, "cost")


def test_a_placement_without_carousels_shows_nothing() -> None:
    products(2)
    placement("home")

    assert carousels("home") == []


def test_a_strategy_of_an_app_that_is_gone_leaves_its_carousel_empty(caplog) -> None:
    products(2)
    placement("home", "by_the_moon", "new_arrivals")

    assert [carousel.strategy for carousel in carousels("home")] == ["new_arrivals"]
    assert "by_the_moon" in caplog.text


def test_rules_of_the_merchant_are_followed_from_the_next_request_on() -> None:
    made = products(4)
    home = placement("home", "new_arrivals")
    slot = Slot.objects.get(placement=home)
    assert ids(recommendations("home")) == ["p3", "p2", "p1", "p0"]

    rule(slot, "pin", made[0])
    rule(slot, "hide", made[3])

    assert ids(recommendations("home")) == ["p0", "p2", "p1"]


def test_a_pinned_product_comes_in_although_no_strategy_proposed_it() -> None:
    made = products(3)
    slot = Slot.objects.get(placement=placement("account", "recently_viewed"))
    rule(slot, "pin", made[1])
    event("view_item", "p0", visitor_id=VISITOR)

    items = recommendations("account", visitor_id=VISITOR)

    assert [(item.product_id, item.reason) for item in items] == [
        ("p1", "Our recommendation"),
        ("p0", "You looked at this"),
    ]


def test_somebody_unknown_is_shown_what_is_popular_under_that_name() -> None:
    made = products(6)
    order("c0", ["p0"])
    home = placement("home", "for_you", "trending", size=2)

    assert [(one.strategy, ids(one)) for one in carousels("home")] == [("trending", ["p0", "p5"])]
    assert ids(recommendations("for_you", limit=2)) == ["p0", "p5"]

    rule(home.slots.get(strategy="for_you"), "pin", made[3])
    assert [one.strategy for one in carousels("home")] == ["for_you", "trending"]


@pytest.mark.parametrize(
    ("reason", "because", "text"),
    [
        ("viewed", "Red lamp", "Because you viewed Red lamp"),
        ("viewed", "", "Chosen for you"),
        ("together", "100 % wool", "Often bought with 100 % wool"),
        ("popular", "ignored", "Popular right now"),
        ("popular_in", "Lamps", "Popular in Lamps"),
        ("again", "", "You bought this before"),
        ("by_the_moon", "Lamps", ""),
        ("", "", ""),
    ],
)
def test_reasons_are_sentences(reason: str, because: str, text: str) -> None:
    assert reason_text(reason, because=because) == text


def test_the_visitors_own_past_is_not_eaten_by_other_carousels() -> None:
    products(5)
    event("view_item", "p4", visitor_id=VISITOR)
    placement("home", "new_arrivals", "recently_viewed", size=2)

    assert [(one.strategy, ids(one)) for one in carousels("home", visitor_id=VISITOR)] == [
        ("new_arrivals", ["p3", "p2"]),
        ("recently_viewed", ["p4"]),
    ]


def test_a_product_that_no_model_knows_is_shown_with_its_department() -> None:
    lamps, mugs = category("lamps", name="Lamps"), category("mugs")
    viewed = product("new-lamp", categories=[lamps])
    product("lamp-1", categories=[lamps, mugs], created_at=START)
    product("lamp-2", categories=[lamps], created_at=START + timedelta(days=1))
    product("lamp-3", categories=[lamps], stock=0)
    product("mug-1", categories=[mugs])
    order("c0", ["mug-1"])

    items = recommendations("similar", product=viewed, limit=3)

    assert ids(items) == ["lamp-2", "lamp-1", "mug-1"]
    assert [item.reason for item in items] == ["Also in Lamps", "Also in Lamps", "Popular right now"]


def test_at_most_so_many_of_one_category() -> None:
    lamps, mugs = category("lamps"), category("mugs")
    for i in range(6):
        product(f"p{i}", categories=[lamps if i > 1 else mugs], created_at=START + timedelta(days=i))
    product("loose", created_at=START - timedelta(days=1))
    home = placement("home", "new_arrivals", category_cap=1)

    (carousel,) = carousels("home", explain=True)

    assert ids(carousel) == ["p5", "p1", "loose"]
    assert carousel.dropped == {"p4": "cap", "p3": "cap", "p2": "cap", "p0": "cap"}
    assert home.slots.get().category_cap == 1


def test_rules_about_a_category_hold_for_those_below_it() -> None:
    lights = category("lights")
    lanterns = category("lanterns", parent=lights)
    product("p0", categories=[lanterns], created_at=START)
    product("p1", categories=[lights], created_at=START)
    product("p2", created_at=START)
    slot = placement("home", "new_arrivals").slots.get()
    decided = rule(slot, "hide", lights)
    assert ids(recommendations("home")) == ["p2"]

    decided.action = "pin"
    decided.save()

    assert ids(recommendations("home")) == ["p1", "p0", "p2"]
