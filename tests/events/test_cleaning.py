"""Bad input, named: what is kept, what is repaired, what is refused, and that the verdict says so."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from django_ecomai.core.uuid7 import uuid7, uuid7_time
from django_ecomai.events.cleaning import Rejected, event_clean, moment_read
from django_ecomai.events.models import Event, EventName
from django_ecomai.events.names import ALIASES, event_name
from django_ecomai.events.tokens import token_make

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def clean(source: str = "browser", /, **raw: Any) -> tuple[Event, tuple[str, ...]]:
    return event_clean({"name": "view_item", "product_id": "A", **raw}, source=source, now=NOW)  # type: ignore[arg-type]


def reason(source: str = "browser", /, **raw: Any) -> str:
    with pytest.raises(Rejected) as caught:
        clean(source, **raw)
    return str(caught.value)


@pytest.mark.parametrize("name", EventName.values)
def test_every_ga4_name_is_its_own(name: str) -> None:
    assert event_name(name) == name


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        ("Product Viewed", "view_item"),
        ("product_viewed", "view_item"),
        ("Product List Viewed", "view_item_list"),
        ("Products Searched", "search"),
        ("Product Added", "add_to_cart"),
        ("Order Completed", "purchase"),
        ("detailView", "view_item"),
        ("AddCartAddition", "add_to_cart"),
        ("bookmark", "add_to_wishlist"),
        ("PURCHASE", "purchase"),
    ],
)
def test_segment_and_recombee_names_are_understood(foreign: str, ours: str) -> None:
    assert event_name(foreign) == ours


def test_every_alias_leads_to_a_real_name() -> None:
    assert set(ALIASES.values()) <= set(EventName.values)


@pytest.mark.parametrize("name", ["", "buy now", None, 5, ["view_item"], "v" * 65])
def test_unknown_names_are_refused(name: Any) -> None:
    assert reason(name=name) == "unknown_name"


@pytest.mark.parametrize("raw", [None, "view_item", 5, ["name", "view_item"]])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(Rejected, match="not_an_object"):
        event_clean(raw, source="browser", now=NOW)


@pytest.mark.parametrize("name", ["purchase", "Order Completed", "refund"])
def test_a_browser_never_reports_purchases(name: str) -> None:
    assert reason(name=name) == "server_only_name"


@pytest.mark.parametrize(
    "field", ["customer_id", "user_id", "visitor_id", "session_id", "price", "value", "currency", "order_id", "Value"]
)
def test_a_browser_never_sets_people_or_money(field: str) -> None:
    assert reason(**{field: "1"}) == f"server_only_field:{field.lower()}"


def test_unknown_fields_are_left_out_and_noted() -> None:
    event, notes = clean(page="/home", props=1)
    assert notes == ("ignored:page", "ignored:props")
    assert event.product_id == "A"


def test_an_unknown_product_is_kept_as_text() -> None:
    event, notes = clean(product_id="no such product")
    assert (event.product_id, notes) == ("no such product", ())


def test_a_number_is_an_id_too() -> None:
    assert clean(product_id=22423)[0].product_id == "22423"


@pytest.mark.parametrize(
    ("product", "why"),
    [
        ("x" * 65, "too_long:product_id"),
        ("a\x00b", "control_character:product_id"),
        ("a\nb", "control_character:product_id"),
        ("a\ud800b", "control_character:product_id"),
        (True, "not_text:product_id"),
        (1.5, "not_text:product_id"),
        ({"id": 1}, "not_text:product_id"),
        (10**30, "too_long:product_id"),
        ("   ", "product_missing"),
        (None, "product_missing"),
    ],
)
def test_ids_that_cannot_be_stored_are_refused(product: Any, why: str) -> None:
    assert reason(product_id=product) == why


@pytest.mark.parametrize("quantity", [0, -1, "-3", 0.0])
def test_zero_and_negative_quantities_are_refused(quantity: Any) -> None:
    assert reason(quantity=quantity) == "not_positive:quantity"


@pytest.mark.parametrize("quantity", ["many", "NaN", float("nan"), float("inf"), True, [], "1" * 40])
def test_quantities_that_are_no_numbers_are_refused(quantity: Any) -> None:
    assert reason(quantity=quantity) == "not_a_number:quantity"


def test_a_quantity_is_an_exact_decimal() -> None:
    assert clean(quantity=2.5)[0].quantity == Decimal("2.500")
    assert reason(quantity=10**9) == "too_large:quantity"
    assert reason(quantity="1e400") == "too_large:quantity"


def test_a_server_may_refund_a_negative_value_but_not_sell_for_one() -> None:
    assert clean("server", name="refund", value="-5")[0].value == Decimal("-5.0000")
    assert reason("server", name="add_to_cart", value=-5) == "not_positive:value"
    assert clean("server", name="add_to_cart", value=0)[0].value == 0


def test_a_purchase_needs_an_order() -> None:
    assert reason("server", name="purchase") == "order_missing"


@pytest.mark.parametrize("dwell", [-1, float("nan"), float("inf"), "long", True])
def test_impossible_dwell_times_are_dropped_and_noted(dwell: Any) -> None:
    event, notes = clean(dwell_seconds=dwell)
    assert (event.dwell_seconds, notes) == (None, ("dwell_ignored",))


def test_a_tab_left_open_over_night_was_not_read_all_night() -> None:
    assert clean(dwell_seconds=40_000)[0].dwell_seconds == 3600.0


@pytest.mark.parametrize("position", [-1, 32768, "1", 1.5, True])
def test_impossible_positions_are_dropped_and_noted(position: Any) -> None:
    event, notes = clean(position=position)
    assert (event.position, notes) == (None, ("position_ignored",))


def test_search_words_are_cut_and_cleaned() -> None:
    event, _ = event_clean({"name": "search", "query": " red\x00lantern\n" + "x" * 999}, source="browser", now=NOW)
    assert event.query.startswith("red lantern xxx")
    assert len(event.query) == 255


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([1], "not_an_object:properties"),
        ({"a": "x" * 3000}, "too_long:properties"),
        ({"a": "\x00"}, "control_character:properties"),
        ({"a": "\ud800"}, "control_character:properties"),
        ({"a": float("nan")}, "not_json:properties"),
        ({"a": object()}, "not_json:properties"),
    ],
)
def test_properties_that_cannot_be_stored_are_refused(value: Any, why: str) -> None:
    assert reason(properties=value) == why


# -- clocks and ids ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [timedelta(0), -timedelta(days=6, hours=23), timedelta(minutes=4)])
def test_a_browsers_uuid7_near_our_clock_is_kept(shift: timedelta) -> None:
    given = uuid7(NOW + shift)
    event, notes = clean(id=str(given))
    assert (event.id, notes) == (given, ())


@pytest.mark.parametrize(
    "given",
    [
        str(uuid7(NOW - timedelta(days=8))),
        str(uuid7(NOW + timedelta(minutes=6))),
        str(uuid7(datetime(1970, 1, 1, tzinfo=UTC))),
        str(uuid7(datetime(4000, 1, 1, tzinfo=UTC))),
        str(uuid.UUID(int=0)),
        "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
        "not-a-uuid",
        12345,
        ["x"],
    ],
    # Named, because the ids are random and every worker must collect the same tests.
    ids=["old", "ahead", "1970", "4000", "zero", "version 1", "text", "number", "list"],
)
def test_other_ids_are_replaced_by_ours(given: Any) -> None:
    event, notes = clean(id=given)
    assert notes == ("rekeyed",)
    assert uuid7_time(event.id) == NOW


def test_a_foreign_id_sent_again_gives_the_same_key() -> None:
    at = (NOW - timedelta(minutes=1)).isoformat()
    first, second = clean(id="msg-1", at=at)[0], clean(id="msg-1", at=at)[0]
    assert first.id == second.id
    assert clean(id="msg-2", at=at)[0].id != first.id


@pytest.mark.parametrize(
    ("at", "note"),
    [
        (0, "time_in_past"),
        ("1970-01-01T00:00:00Z", "time_in_past"),
        ((NOW - timedelta(days=8)).isoformat(), "time_in_past"),
        ((NOW + timedelta(hours=1)).isoformat(), "time_in_future"),
        ("2999-01-01T00:00:00Z", "time_in_future"),
        ("yesterday", "time_unreadable"),
        (1e300, "time_unreadable"),
        ({"t": 1}, "time_unreadable"),
        ("2026-13-45T99:00:00Z", "time_unreadable"),
    ],
)
def test_wrong_clocks_are_replaced_by_ours_and_noted(at: Any, note: str) -> None:
    event, notes = clean(at=at)
    assert notes == (note,)
    assert event.client_at is None
    assert (uuid7_time(event.id), event.received_at) == (NOW, NOW)


def test_a_late_but_honest_event_keeps_both_clocks() -> None:
    at = NOW - timedelta(hours=5)
    event, notes = clean(at=at.timestamp() * 1000)
    assert notes == ()
    assert (event.client_at, event.received_at, uuid7_time(event.id)) == (at, NOW, at)


def test_a_naive_time_is_utc_from_a_browser_and_local_from_the_shop(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Paris"
    event, notes = clean(at="2026-11-22T11:00:00")
    assert (event.client_at, notes) == (NOW - timedelta(hours=1), ("naive_time",))
    event, notes = clean("server", at=datetime(2026, 11, 22, 12, 30))
    assert (event.client_at, notes) == (NOW - timedelta(minutes=30), ("naive_time",))


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (None, "time_missing"),
        (datetime(1970, 1, 1, tzinfo=UTC), "time_out_of_range"),
        (NOW + timedelta(days=1), "time_out_of_range"),
        ("soon", "time_missing"),
    ],
)
def test_an_import_needs_a_believable_time(at: Any, why: str) -> None:
    assert reason("import", at=at) == why


def test_an_import_keeps_its_own_time_and_is_keyed_by_source_and_key() -> None:
    at = datetime(2011, 3, 4, 5, 6, tzinfo=UTC)
    first, _ = clean("import", at=at, source="logs", key="17")
    assert uuid7_time(first.id) == at
    assert clean("import", at=at, source="logs", key="17")[0].id == first.id
    assert clean("import", at=at, source="logs", key="18")[0].id != first.id
    assert clean("import", at=at, source="other", key="17")[0].id != first.id


def test_a_moment_may_be_seconds_or_milliseconds() -> None:
    expected = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert moment_read(expected.timestamp()) == (expected, False)
    assert moment_read(expected.timestamp() * 1000) == (expected, False)
    with pytest.raises(ValueError, match="not a time"):
        moment_read(True)


# -- attribution ------------------------------------------------------------------------------------------------------


def _token(**changes: Any) -> str:
    values = {"run": 7, "placement": "home", "slot": 3, "position": 2, "product_id": "B", "recommendation_id": "r1"}
    return token_make(**{**values, **changes})  # type: ignore[arg-type]


def test_attribution_comes_from_the_token_not_from_the_browser() -> None:
    event, notes = clean(
        name="select_item", token=_token(propensity=0.25), product_id="A", position=9, placement="cart"
    )
    assert (event.placement, event.position, event.product_id, event.recommendation_id) == ("home", 2, "B", "r1")
    assert event.properties == {"run": "7", "slot": "3", "propensity": 0.25}
    assert set(notes) == {"ignored:placement", "product_from_token"}


def test_a_forged_token_counts_for_no_placement() -> None:
    event, notes = clean(name="select_item", token=_token()[:-3] + "abc", product_id="A")
    assert (event.placement, event.recommendation_id, notes) == ("", "", ("token_invalid",))


def test_a_browser_cannot_overwrite_what_the_token_says_in_properties() -> None:
    event, _ = clean(token=_token(), properties={"propensity": 99, "mine": 1})
    assert event.properties == {"mine": 1, "run": "7", "slot": "3", "propensity": 1.0}


@pytest.mark.parametrize(
    ("name", "quantity", "stored", "notes"),
    [
        ("refund", -2, Decimal(2), ("sign_dropped:quantity",)),
        ("refund", "2", Decimal(2), ()),
        ("refund", None, None, ()),
    ],
)
def test_what_comes_back_is_counted_whatever_its_sign(name: str, quantity: Any, stored: Any, notes: Any) -> None:
    event, said = event_clean({"name": name, "order_id": "1", "quantity": quantity}, source="server", now=NOW)
    assert (event.quantity, said) == (stored, notes)


@pytest.mark.parametrize(("name", "quantity"), [("refund", 0), ("add_to_cart", -1), ("add_to_cart", 0)])
def test_a_quantity_that_means_nothing_rejects(name: str, quantity: int) -> None:
    with pytest.raises(Rejected, match="not_positive:quantity"):
        event_clean({"name": name, "product_id": "A", "quantity": quantity}, source="server", now=NOW)
