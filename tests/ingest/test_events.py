"""What shoppers elsewhere do: stored with their consent, under pseudonyms, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event
from django_ecomai.ingest.services.events import visitor_hash

from .conftest import Sender, verdicts

pytestmark = pytest.mark.django_db
YES = ["analytics", "personalization"]


def view(**more: Any) -> dict[str, Any]:
    return {"name": "view_item", "product_id": "A", "visitor_id": "v1", "consent": YES, **more}


def test_events_with_their_verdicts(shop: Sender) -> None:
    one = view(id=str(uuid7()))
    answer = shop.send_lines("events", one, one, view(name="dance"), view(product_id=""), "{", "[]")
    assert verdicts(answer) == ["accepted", "duplicate", "unknown_name", "product_missing", "not_json", "not_an_object"]
    assert [one["row"] for one in answer["verdicts"]] == [1, 2, 3, 4, 5, 6]
    event = Event.objects.get()
    assert (event.product_id, event.channel) == ("A", "")


def test_ids_of_visitors_are_kept_as_pseudonyms_only(shop: Sender) -> None:
    shop.send("events", view(visitor_id="cookie-4711-" + "x" * 60, session_id="s-1"))
    event = Event.objects.get()
    assert event.visitor_id == visitor_hash(channel="", visitor_id="cookie-4711-" + "x" * 60)
    assert len(event.session_id) == 32 and "s-1" not in event.session_id
    assert verdicts(shop.send("events", view(visitor_id="x" * 201), view(session_id=["x"]))) == [
        "not_text:visitor_id", "not_text:session_id",
    ]  # fmt: skip


@pytest.mark.parametrize("visitor, visit", [("Visitor_ID", "SESSION_ID"), ("VisitorId", "sessionId"),
                                            ("visitor_id ", "session-id"), ("VISITOR_ID", "Session_Id")])  # fmt: skip
def test_no_spelling_of_a_field_slips_past_hashing(shop: Sender, visitor: str, visit: str) -> None:
    bare = {"NAME": "view_item", "Product_ID": "A", "CONSENT": YES, visitor: "cookie-4711", visit: "visit-4711"}
    assert verdicts(shop.send("events", bare)) == ["accepted"]
    event = Event.objects.get()
    hashed = visitor.lower() == "visitor_id"
    assert event.visitor_id == (visitor_hash(channel="", visitor_id="cookie-4711") if hashed else "")
    assert len(event.session_id) == (32 if hashed else 0)
    row = Event.objects.values().get()
    assert not [name for name, value in row.items() if "4711" in str(value)]


def test_of_two_spellings_one_counts_and_it_is_hashed(shop: Sender) -> None:
    shop.send("events", view(visitor_id="", Visitor_ID="cookie-4711", VISITOR_ID="cookie-4712"))
    assert Event.objects.get().visitor_id == visitor_hash(channel="", visitor_id="cookie-4711")


def test_consents_and_times_are_read_in_any_spelling(shop: Sender) -> None:
    shop.send("customers", {"id": "ann", "consent": ["analytics"]})
    bare = {"name": "view_item", "product_id": "A"}
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    answer = shop.send("events", {**bare, "Customer_ID": "ann"}, {**bare, "customer_id": "ann", "Consent": []},
                       view(At=old), view(Timestamp=old))  # fmt: skip
    assert verdicts(answer) == ["accepted", "no_consent", "too_old", "too_old"]
    assert Event.objects.get().customer_id == "ann"


def test_without_consent_nothing_is_stored(shop: Sender) -> None:
    bare = {"name": "view_item", "product_id": "A", "visitor_id": "v1"}
    answer = shop.send("events", bare, {**bare, "consent": []}, {**bare, "consent": ["marketing"]},
                       {**bare, "consent": ["all"]}, {**bare, "consent": True},
                       {**bare, "consent": ["analytics"]})  # fmt: skip
    assert verdicts(answer) == [
        "no_consent", "no_consent", "no_consent", "unknown_consent", "unknown_consent", "accepted",
    ]  # fmt: skip
    assert Event.objects.count() == 1


def test_the_customer_s_consent_counts_where_the_event_tells_none(shop: Sender) -> None:
    shop.send("customers", {"id": "ann", "consent": ["analytics"]}, {"id": "bob", "consent": []})
    bare = {"name": "view_item", "product_id": "A"}
    answer = shop.send("events", {**bare, "customer_id": "ann"}, {**bare, "customer_id": "bob"},
                       {**bare, "customer_id": "eve"}, {**bare, "customer_id": "ann", "consent": []})  # fmt: skip
    assert verdicts(answer) == ["accepted", "no_consent", "no_consent", "no_consent"]


def test_the_next_page_reacts_only_with_consent_to_personalization(
    shop: Sender, django_capture_on_commit_callbacks: Any
) -> None:
    with (
        mock.patch("django_ecomai.events.reacting.recent_push") as pushed,
        django_capture_on_commit_callbacks(execute=True),
    ):
        shop.send("events", view(product_id="A"), view(product_id="B", consent=["analytics"]))
    assert [call.kwargs["items"][0][0] for call in pushed.call_args_list] == ["A"]
    assert Event.objects.count() == 2


def test_late_events_keep_their_time_and_old_ones_are_refused(shop: Sender) -> None:
    now = datetime.now(UTC)
    answer = shop.send(
        "events",
        view(at=(now - timedelta(days=6)).isoformat()),
        view(at=(now - timedelta(days=8)).isoformat()),
        view(at=(now + timedelta(hours=1)).isoformat()),
        view(at="some time"),
    )
    assert verdicts(answer) == ["accepted", "too_old", "accepted", "accepted"]
    assert [one.get("notes") for one in answer["verdicts"]] == [None, None, ["time_in_future"], ["time_unreadable"]]
    assert Event.objects.order_by("id").first().client_at.date() == (now - timedelta(days=6)).date()


def test_a_purchase_is_stored_once_however_often_it_is_told(shop: Sender) -> None:
    bought = view(name="purchase", product_id="", order_id="1001", value="19.80", currency="EUR")
    assert verdicts(shop.send("events", bought, bought)) == ["accepted", "duplicate"]
    assert verdicts(shop.send("events", bought)) == ["duplicate"]


def test_an_event_of_another_shop_cannot_be_sent(shop: Sender, make_sender: Callable[..., Sender]) -> None:
    make_sender("Other", channel="b").send("events", view(channel=""), view(Channel="", source="import"))
    assert set(Event.objects.values_list("channel", flat=True)) == {"b"}


def test_numbers_in_properties_survive(shop: Sender) -> None:
    shop.send_raw(
        "events",
        '{"name": "view_item", "product_id": "A", "consent": ["analytics"], "dwell_seconds": 2.5, "value": 0.1,'
        ' "properties": {"zoom": 1.5}}',
        "application/x-ndjson",
    )
    event = Event.objects.get()
    assert (event.dwell_seconds, event.properties, str(event.value)) == (2.5, {"zoom": 1.5}, "0.1000")
    deep = (
        '{"name": "view_item", "product_id": "A", "consent": ["analytics"], "properties": '
        + '{"a":' * 50
        + "1"
        + "}" * 51
    )
    assert verdicts(shop.send_raw("events", deep, "application/x-ndjson")) == ["not_json:properties"]


def test_an_erased_person_is_refused(shop: Sender) -> None:
    from django_ecomai.core.persons import Subject
    from django_ecomai.privacy.services import request_make
    from django_ecomai.runs.services import run_now

    request_make(subject=Subject(customer_ids=frozenset({"ann"})), kind="erase", origin="admin")
    run_now(kind="privacy.requests")
    assert verdicts(shop.send("events", view(customer_id="ann"), view(customer_id="bob"))) == [
        "person_erased", "accepted",
    ]  # fmt: skip


def test_a_log_that_is_gone_says_send_it_again(shop: Sender) -> None:
    with mock.patch("django_ecomai.ingest.services.events.events_receive", return_value=None):
        assert shop.send("events", view(), status=503)["error"] == "not_stored"
