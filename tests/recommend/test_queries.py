"""The tag's price: at most three queries, savepoints aside, whatever is cold; and no write."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import RequestFactory

from django_ecomai.core.persons import refused_purposes
from django_ecomai.events.middleware import VisitorMiddleware
from django_ecomai.recommend import config
from django_ecomai.recommend.viewer import SESSION_KEY
from django_ecomai.runs import live
from django_ecomai.runs.services import run_now
from tests.example.factories import customer_create, order_create
from tests.example.factories import product_create as shop_product
from tests.recommend.factories import category, event, lantern_shop, order, placement, product, products
from tests.recommend.helpers import draw, queries, train

pytestmark = pytest.mark.django_db
ALL = '{% recommend_carousel "home" %}{% recommend_carousel "account" %}{% recommend "similar" product="p1" as items %}'
ONE = '{% recommend_carousel "home" %}'


def visitor(customer: Any = None) -> Any:
    """A request of a returning visitor, logged in or not; the user is loaded, as Django's own pages do."""
    browser = RequestFactory(
        headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
    )
    first = browser.get("/")
    VisitorMiddleware(lambda request: None).process_request(first)
    cookie = first.ecomai._cookie.dumps()
    request = browser.get("/")
    request.COOKIES["ecomai_visitor"] = cookie
    request.user = customer
    VisitorMiddleware(lambda request: None).process_request(request)
    assert not request.ecomai.new
    return request


def go_cold() -> None:
    config.forget()
    live.live_reset()
    cache.clear()
    # Who has refused something is read every LIVE_CHECK_SECONDS for all pages, not by each.
    refused_purposes(channel="", persons=[("visitor", "nobody")])


@pytest.fixture
def customer() -> Any:
    return get_user_model().objects.create_user("ada")


@pytest.fixture(params=["no model", "model"])
def shop(request: Any) -> None:
    lantern_shop(weeks=6)
    if request.param == "model":
        assert train().state == "done"
    go_cold()


@pytest.mark.parametrize("known", [False, True], ids=["anonymous", "customer"])
def test_a_cold_process_asks_three_times(shop: None, known: bool, customer: Any) -> None:
    request = visitor(customer if known else None)
    event("view_item", "p1", visitor_id=request.ecomai.visitor_id)
    order(f"c{customer.pk}", ["p4"], number="mine")
    go_cold()

    sent = queries(lambda: draw(ONE, request=request))

    assert len(sent) == 3, "\n".join(sent)
    assert "ecomai_recommend_placement" in sent[0] and "ecomai_events_event" in sent[0]
    assert sent[1].count("ecomai_mirror_product") > 0
    assert sent[2].startswith("SELECT") and "ecomai_mirror_product" in sent[2]


@pytest.mark.parametrize("known", [False, True], ids=["anonymous", "customer"])
def test_a_warm_process_asks_for_the_history_the_products_and_the_objects(
    shop: None, known: bool, customer: Any
) -> None:
    event("view_item", "p1", visitor_id=visitor().ecomai.visitor_id)
    draw(ONE, request=visitor(customer if known else None))

    assert len(queries(lambda: draw(ONE, request=visitor(customer if known else None)))) == 3


def test_somebody_unknown_has_no_history_to_ask_for(shop: None) -> None:
    draw(ONE)

    assert len(queries(lambda: draw(ONE))) == 2


def test_further_tags_of_a_page_share_what_is_known(shop: None, customer: Any) -> None:
    request = visitor(customer)
    draw(ONE, request=request)

    # The products and the objects of each of the two tags that follow.
    assert len(queries(lambda: draw(ALL.removeprefix(ONE), request=request))) <= 4


def test_without_the_shops_objects_one_query_less(shop: None, ecomai: Any) -> None:
    ecomai(RESOLVE_OBJECTS=False)
    draw(ONE)

    assert len(queries(lambda: draw(ONE))) == 1


def test_a_channel_without_placements_is_as_cheap(customer: Any) -> None:
    product("b1", channel="b")
    from django_ecomai.recommend.serving import carousels

    assert len(queries(lambda: carousels("home", channel="b", customer_id="c1"))) == 3


def test_the_number_of_carousels_and_products_does_not_matter() -> None:
    lamps = [category(f"k{i}") for i in range(5)]
    for made in products(40):
        made.categories.set(lamps)
    placement("home", *["new_arrivals"] * 8, size=4)
    placement("cart", "trending", size=1)

    assert len(queries(lambda: draw(ONE))) == len(queries(lambda: draw('{% recommend_carousel "cart" %}'))) + 1 == 3


FIVE = ("for_you", "trending", "new_arrivals", "recently_viewed", "buy_again")


@pytest.mark.parametrize("known", [False, True], ids=["anonymous", "customer"])
def test_a_page_with_five_carousels_adds_at_most_six_queries(shop: None, known: bool, customer: Any) -> None:
    """Three in one tag; spread over a page's head, side and foot as well."""
    placement("home", *FIVE, size=2)
    for key, strategies in (("top", FIVE[:2]), ("foot", FIVE[2:])):
        placement(key, *strategies, size=2)
    go_cold()
    spread = '{% recommend_carousel "top" %}{% recommend_carousel "foot" %}'

    assert len(queries(lambda: draw(ONE, request=visitor(customer if known else None)))) == 3
    go_cold()
    assert len(queries(lambda: draw(spread, request=visitor(customer if known else None)))) <= 6


def test_rendering_writes_nothing(shop: None, customer: Any) -> None:
    request = visitor(customer)

    sent = queries(lambda: draw(ALL, request=request))

    assert all(sql.lstrip("( ").startswith("SELECT") for sql in sent)


@pytest.fixture
def example_shop(ecomai: Any, customer: Any) -> None:
    """The example project's shop: which customer a user is stands in a table of its own."""
    goods = [shop_product(f"7000{i}", f"Metal Lantern No {i}") for i in range(4)]
    order_create("A1", customer_create("N7", user=customer), goods[1])
    customer_create("N8", user=get_user_model().objects.create_user("grace"))
    ecomai(ADAPTER="example_project.shop.ecomai.ShopAdapter")
    assert run_now(kind="mirror.sync").state == "done"
    placement("home", "buy_again", "trending")
    go_cold()


def fresh(customer: Any) -> Any:
    """The user as the next request loads him."""
    return get_user_model().objects.get(pk=customer.pk)


@pytest.mark.parametrize("session", [False, True], ids=["never logged in before", "with a session"])
@pytest.mark.parametrize("is_cold", [True, False], ids=["cold", "warm"])
def test_a_logged_in_customer_of_the_example_shop_costs_no_more(
    example_shop: None, customer: Any, client: Any, session: bool, is_cold: bool
) -> None:
    if session:
        client.force_login(fresh(customer))
    if not is_cold:
        draw(ONE)
    request = visitor(fresh(customer))
    request.session = client.session
    assert (request.session.get(SESSION_KEY) is not None) is session  # read, as by whoever loaded the user
    drawn: list[str] = []

    sent = queries(lambda: drawn.append(draw(ONE, request=request)))

    assert len(sent) == 3, "\n".join(sent)
    assert "Metal Lantern No 1" in drawn[0].split("Trending")[0]
    assert "You bought this before" in drawn[0]
    # Further tags of the page know it already.
    assert len(queries(lambda: draw(ONE, request=request))) <= 2


def test_what_the_user_did_as_a_customer_counts_and_nobody_elses(example_shop: None, customer: Any) -> None:
    event("view_item", "70002", customer_id="N7")
    event("view_item", "70003", customer_id="N8")
    placement("home", "recently_viewed")

    drawn = draw(ONE, request=visitor(fresh(customer)))

    assert "Metal Lantern No 2" in drawn
    assert "Metal Lantern No 3" not in drawn
    assert "Metal Lantern No 3" in draw(ONE, request=visitor(get_user_model().objects.get(username="grace")))


def test_a_session_of_somebody_else_is_not_believed(example_shop: None, customer: Any) -> None:
    request = visitor(fresh(customer))
    request.session = {SESSION_KEY: {"user": "0", "channel": "", "customer": "N8"}}

    assert "Metal Lantern No 1" in draw(ONE, request=request)
