"""What is known of a visitor when a page is rendered, and what that costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_ecomai.events.recent import MOST_ITEMS, recent_push, recent_set, subject_key
from django_ecomai.events.selectors import History, HistoryItem, behaviour_rows, visitor_history
from django_ecomai.events.services import visitor_link

from .factories import ago, make_event, make_order

pytestmark = pytest.mark.django_db


def products(history: History) -> list[str]:
    return [item.product_id for item in history.items]


def of(visitor: str = "", customer: str = "", **more: Any) -> History:
    return visitor_history(channel="", visitor_id=visitor, customer_id=customer, **more)


def test_nobody_has_no_history_and_costs_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert of() == History()


def test_items_are_newest_first_each_product_once_per_kind() -> None:
    for minutes, name, product in (
        (9, "view_item", "A"),
        (8, "view_item", "B"),
        (7, "view_item", "A"),
        (6, "add_to_cart", "B"),
        (5, "view_item_list", "X"),
        (4, "select_item", "X"),
    ):
        make_event(name, product, at=ago(minutes=minutes), visitor_id="v")
    items = of("v").items
    assert [(item.name, item.product_id) for item in items] == [
        ("add_to_cart", "B"),
        ("view_item", "A"),
        ("view_item", "B"),
    ]
    assert items[0].at - items[1].at == pytest.approx(60, abs=1)


def test_others_robots_and_other_shops_do_not_count() -> None:
    make_event(product="mine", visitor_id="v")
    make_event(product="other", visitor_id="w")
    make_event(product="robot", visitor_id="v", is_bot=True)
    make_event(product="elsewhere", visitor_id="v", channel="shop-2")
    assert products(of("v")) == ["mine"]


def test_what_was_waved_away_is_known() -> None:
    make_event("dismiss", "D", visitor_id="v")
    make_event(product="A", visitor_id="v")
    history = of("v")
    assert (history.dismissed, products(history)) == ({"D"}, ["A"])


def test_a_dismissal_that_was_taken_back_is_none_until_the_next() -> None:
    for minutes, name, item in (
        (9, "dismiss", "D"),
        (8, "undismiss", "D"),
        (7, "dismiss", "E"),
        (6, "undismiss", "E"),
        (5, "dismiss", "E"),
        (4, "undismiss", "never waved away"),
    ):
        make_event(name, item, at=ago(minutes=minutes), visitor_id="v")
    assert (of("v").dismissed, products(of("v"))) == ({"E"}, [])


def test_a_dismissal_is_not_pushed_out_by_later_views() -> None:
    make_event("dismiss", "D", at=ago(hours=1), visitor_id="v")
    for number in range(80):
        make_event(product=str(number), visitor_id="v")
    assert of("v").dismissed == {"D"}


def test_a_customer_is_his_orders_his_events_and_his_visitors() -> None:
    make_order("o1", "P1", "P2", customer="c", at=ago(days=200))
    make_order("o2", "Q", customer="somebody else")
    make_event(product="own", customer_id="c", at=ago(minutes=3))
    make_event(product="phone", visitor_id="phone", at=ago(minutes=2))
    make_event(product="laptop", visitor_id="laptop", at=ago(minutes=1))
    visitor_link(visitor_id="phone", customer_id="c")
    history = of("laptop", "c")
    assert products(history)[:3] == ["laptop", "phone", "own"]
    assert sorted(products(history)[3:]) == ["P1", "P2"]
    assert history.bought == {"P1", "P2"}
    assert {item.name for item in history.items[3:]} == {"purchase"}


def test_a_user_is_found_by_his_customer() -> None:
    user = get_user_model().objects.create_user("ada")
    make_order("o1", "P", customer="c", user=user)
    make_event(product="A", customer_id="c")
    make_event(product="B", visitor_id="v")
    visitor_link(visitor_id="v", customer_id="c")
    history = visitor_history(channel="", user_id=user.pk)
    assert set(products(history)) == {"A", "B", "P"}
    assert history.bought == {"P"}


def test_returned_and_removed_lines_are_not_bought() -> None:
    make_order("o1", "P", customer="c", quantity=-1)
    make_order("o2", "Q", customer="c").lines.update(removed_at=ago(days=1))
    assert of("", "c").bought == set()


@pytest.mark.parametrize(("visitor", "customer"), [("v", ""), ("", "c"), ("v", "c")])
def test_a_history_is_one_query(visitor: str, customer: str, django_assert_num_queries: Any) -> None:
    make_order("o1", "P", customer="c")
    for number in range(30):
        make_event(product=str(number), visitor_id="v", customer_id="c")
    with django_assert_num_queries(3) as captured:  # and its savepoint
        of(visitor, customer)
    assert sum("SELECT" in query["sql"] for query in captured.captured_queries) == 1


def test_the_limit_counts_products_not_events() -> None:
    for number in range(40):
        make_event(product=str(number % 10), at=ago(minutes=60 - number), visitor_id="v")
    assert products(of("v", limit=5)) == ["9", "8", "7", "6", "5"]


# -- cache ------------------------------------------------------------------------------------------------------------


def test_a_second_page_needs_no_query(shared_cache: Any, django_assert_num_queries: Any) -> None:
    make_event(product="A", visitor_id="v")
    make_event("dismiss", "D", visitor_id="v")
    first = of("v")
    with django_assert_num_queries(0):
        assert of("v") == first


def test_a_cache_of_one_process_is_not_believed(django_assert_num_queries: Any) -> None:
    """Another worker's memory would show old news: with such a cache the database is always asked."""
    make_event(product="A", visitor_id="v")
    of("v")
    with django_assert_num_queries(3):
        of("v")


def test_what_is_pushed_is_there_on_the_next_page(shared_cache: Any, django_assert_num_queries: Any) -> None:
    make_event(product="A", visitor_id="v")
    of("v")
    recent_push(
        channel="", visitor_id="v",
        items=[("B", "view_item", 2e9), ("C", "add_to_cart", 2.1e9), ("D", "dismiss", 3e9), ("X", "select_item", 3e9)],
    )  # fmt: skip
    with django_assert_num_queries(0):
        history = of("v")
    assert products(history) == ["C", "B", "A"]
    assert history.dismissed == {"D"}
    assert history.items[0] == HistoryItem("C", "add_to_cart", 2.1e9)


def test_a_dismissal_and_its_end_are_there_on_the_next_page(shared_cache: Any, django_assert_num_queries: Any) -> None:
    make_event("dismiss", "D", visitor_id="v")
    of("v")
    for name, item, left in (("undismiss", "D", set()), ("dismiss", "E", {"E"}), ("dismiss", "D", {"D", "E"})):
        recent_push(channel="", visitor_id="v", items=[(item, name, 3e9)])
        with django_assert_num_queries(0):
            assert of("v").dismissed == left


def test_a_history_read_while_an_event_is_written_is_not_kept(shared_cache: Any) -> None:
    key = subject_key(channel="", visitor_id="v", customer_id="")
    recent_push(channel="", visitor_id="v", items=[("B", "view_item", 2e9)])
    recent_set(key, [("A", "view_item", 1.0)], [], [])
    assert shared_cache.get(key) is None


def test_a_link_makes_the_old_histories_old(shared_cache: Any) -> None:
    make_event(product="A", visitor_id="v")
    assert products(of("", "c")) == []
    visitor_link(visitor_id="v", customer_id="c")
    assert products(of("", "c")) == ["A"]


def test_the_cache_holds_no_more_than_is_needed(shared_cache: Any) -> None:
    make_event(product="A", visitor_id="v")
    of("v")
    views = [(str(number), "view_item", 1e9 + number) for number in range(MOST_ITEMS + 9)]
    recent_push(channel="", visitor_id="v", items=views)
    assert len(shared_cache.get(subject_key(channel="", visitor_id="v", customer_id=""))["items"]) == MOST_ITEMS


def test_a_broken_cache_costs_a_query_and_nothing_else(broken_cache: None) -> None:
    make_event(product="A", visitor_id="v")
    assert products(of("v")) == ["A"]
    recent_push(channel="", visitor_id="v", items=[("B", "view_item", 2e9)])
    visitor_link(visitor_id="v", customer_id="c")
    assert products(of("", "c")) == ["A"]


@pytest.mark.parametrize("alias", ["missing", "dummy"])
def test_no_cache_at_all_is_fine(settings: Any, ecomai_setting: Any, alias: str) -> None:
    settings.CACHES = {**settings.CACHES, "dummy": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    ecomai_setting(RECENT_CACHE=alias)
    make_event(product="A", visitor_id="v")
    assert products(of("v")) == ["A"]


# -- training ---------------------------------------------------------------------------------------------------------


def test_training_reads_the_log_oldest_first_by_person() -> None:
    make_event("add_to_cart", "B", at=ago(minutes=2), visitor_id="v")
    make_event("view_item", "A", at=ago(minutes=3), visitor_id="v", dwell_seconds=4)
    make_event("view_item", "C", at=ago(minutes=1), visitor_id="w")
    make_event("view_item", "nobody", at=ago(minutes=1))
    make_event("view_item", "robot", visitor_id="r", is_bot=True)
    make_event("view_item_list", "seen", visitor_id="v")
    make_event("search", "", visitor_id="v", query="lantern")
    visitor_link(visitor_id="v", customer_id="c7")
    rows = list(behaviour_rows(channel=""))
    assert [(who, product, name, dwell) for who, product, name, _, dwell in rows] == [
        ("c7", "A", "view_item", 4.0),
        ("c7", "B", "add_to_cart", None),
        ("visitor:w", "C", "view_item", None),
    ]
    assert rows[1][3] - rows[0][3] == pytest.approx(60, abs=1)


def test_training_spans_are_half_open_and_names_can_be_chosen() -> None:
    for hours in (3, 2, 1):
        make_event("view_item_list", str(hours), at=ago(hours=hours), visitor_id="v")
    span = {"since": ago(hours=2.5), "until": ago(hours=1.5)}
    assert list(behaviour_rows(channel="", **span)) == []
    chosen = behaviour_rows(channel="", names=["view_item_list"], **span)
    assert [product for _, product, *_ in chosen] == ["2"]


def test_time_on_a_page_is_added_to_its_view() -> None:
    for minutes, name, product, visitor, dwell in (
        (90, "view_item", "A", "v", None),
        (10, "view_item", "A", "v", None),
        (9, "view_item", "A", "w", None),
        (8, "user_engagement", "A", "v", 30),
        (7, "user_engagement", "A", "v", 12),
        (6, "user_engagement", "unseen", "v", 5),
    ):
        make_event(name, product, at=ago(minutes=minutes), visitor_id=visitor, dwell_seconds=dwell)
    rows = [(who, product, name, dwell) for who, product, name, _, dwell in behaviour_rows(channel="")]
    assert rows == [
        ("visitor:v", "A", "view_item", None),
        ("visitor:v", "A", "view_item", 42.0),
        ("visitor:w", "A", "view_item", None),
    ]


def test_a_visitor_of_two_customers_belongs_to_the_first() -> None:
    make_event(product="before", visitor_id="v")
    visitor_link(visitor_id="v", customer_id="first", at=ago(days=1))
    visitor_link(visitor_id="v", customer_id="second")
    make_event(product="own", visitor_id="v", customer_id="second")
    assert [(who, product) for who, product, *_ in behaviour_rows(channel="")] == [
        ("first", "before"),
        ("second", "own"),
    ]
