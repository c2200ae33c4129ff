"""Who was erased does not come back by any way in; who objected is not followed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from django_ecomai.adapters.rows import BadRow, ReviewRow
from django_ecomai.core.persons import UNKNOWN, Subject, refused, refused_purposes
from django_ecomai.core.registry import prunes
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.events.services import events_insert, events_receive, track, visitor_link
from django_ecomai.events.tokens import page_token
from django_ecomai.mirror.models import Customer, Order, Review
from django_ecomai.mirror.services import shop_sync
from django_ecomai.privacy import refusing
from django_ecomai.privacy.models import Refusal
from django_ecomai.privacy.refusing import refusal_lift, refuse
from django_ecomai.testing import MOMENT, FakeAdapter, customer_row, line_row, order_row, product_row
from tests.adapters.test_csv import Retail

from .factories import ANN, BOB, EMAIL, PHONE, TABLET, Shop, email_hash

pytestmark = pytest.mark.django_db

GONE = Subject(
    customer_ids=frozenset({ANN}),
    visitor_ids=frozenset({PHONE}),
    user_ids=frozenset({"77"}),
    email_hashes=frozenset({"x"}),
)


def adapter() -> FakeAdapter:
    """The shop still has Ann: account, order, review; and an order under her e-mail address as a guest."""
    return FakeAdapter(
        product=[product_row(id="lamp")],
        customer=[customer_row(id=ANN), customer_row(id=BOB)],
        order=[
            order_row(line_row("lamp"), id="o1", customer_id=ANN, email=EMAIL, ip="10.0.0.1"),
            order_row(line_row("lamp"), id="o2", customer_id=BOB, email="bob@example.org", ip="10.0.0.2"),
            order_row(line_row("lamp"), id="o3", customer_id="", email="  ANN@example.org "),
        ],
        review=[
            ReviewRow(id="w1", product_id="lamp", customer_id=ANN, created_at=MOMENT),
            ReviewRow(id="w2", product_id="lamp", customer_id=BOB, created_at=MOMENT),
        ],
    )


def refuse_ann() -> None:
    refuse(subject=Subject(customer_ids=frozenset({ANN}), email_hashes=frozenset({email_hash(EMAIL)})))


def test_the_next_sync_does_not_bring_the_person_back() -> None:
    refuse_ann()
    report = shop_sync(adapter=adapter())
    assert list(Customer.objects.values_list("external_id", flat=True)) == [BOB]
    assert list(Review.objects.values_list("external_id", flat=True)) == ["w2"]
    orders = {order.external_id: order for order in Order.objects.all()}
    assert (orders["o1"].customer, orders["o1"].email_hash, orders["o1"].ip_hash) == (None, "", "")
    assert orders["o1"].lines.count() == 1  # what was sold is still sold
    assert orders["o2"].customer.external_id == BOB and orders["o2"].email_hash and orders["o2"].ip_hash
    assert orders["o3"].email_hash == ""  # as a guest under the same address
    told = {(issue.table, issue.action): issue for issue in report.findings if issue.code == "person_erased"}
    assert {key: issue.count for key, issue in told.items()} == {
        ("customer", "dropped"): 1, ("order", "kept_nameless"): 2, ("review", "dropped"): 1,
    }  # fmt: skip
    assert not any(ANN in str(issue.examples) for issue in report.findings)


def test_a_second_sync_changes_nothing() -> None:
    refuse_ann()
    shop_sync(adapter=adapter())
    counts = shop_sync(adapter=adapter()).counts
    assert (counts["order"].get("updated", 0), counts["order"]["unchanged"]) == (0, 3)


def test_an_erasure_after_a_sync_outlives_the_next(django_user_model: Any) -> None:
    from django_ecomai.privacy.services import request_carry_out, request_make

    shop_sync(adapter=adapter())
    assert Order.objects.get(external_id="o3").email_hash == email_hash(EMAIL)
    who = Subject(customer_ids=frozenset({ANN}), email_hashes=frozenset({email_hash(EMAIL)}))
    request_carry_out(request=request_make(subject=who, kind="erase", start=False))
    shop_sync(adapter=adapter())
    assert not Customer.objects.filter(external_id=ANN).exists()
    assert set(Order.objects.exclude(external_id="o2").values_list("customer", "email_hash")) == {(None, "")}


def test_when_it_is_lifted_the_next_sync_brings_the_person_back() -> None:
    refuse_ann()
    shop_sync(adapter=adapter())
    refusal_lift(subject=Subject(customer_ids=frozenset({ANN}), email_hashes=frozenset({email_hash(EMAIL)})))
    shop_sync(adapter=adapter())
    assert Order.objects.get(external_id="o1").customer.external_id == ANN


def test_csv_files_go_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID\n"
        f"1,lamp,Lamp,2,2011-01-01 10:05,2.55,{ANN}\n"
        f"2,lamp,Lamp,1,2011-01-02 10:05,2.55,{BOB}\n"
    )
    refuse_ann()
    shop_sync(adapter=type("Adapter", (Retail,), {"folder": tmp_path})())
    assert list(Customer.objects.values_list("external_id", flat=True)) == [BOB]
    assert Order.objects.get(external_id="1").customer is None


def test_who_only_objects_to_security_loses_the_hashes_not_the_order() -> None:
    refuse(subject=Subject(customer_ids=frozenset({ANN})), purposes=["security"])
    shop_sync(adapter=adapter())
    order = Order.objects.get(external_id="o1")
    assert (order.customer.external_id, order.email_hash, order.ip_hash) == (ANN, "", "")


def rows() -> list[dict[str, Any]]:
    """Events of Ann by her id, by her phone, and of others."""
    at = timezone.now()
    base = {"name": "view_item", "product_id": "lamp", "at": at.isoformat(), "source": "t"}
    return [
        {**base, "key": "1", "customer_id": ANN},
        {**base, "key": "2", "visitor_id": PHONE},
        {**base, "key": "3", "customer_id": BOB, "visitor_id": TABLET},
    ]


@pytest.mark.parametrize("source", ["import", "server"])
def test_imported_events_of_the_person_are_rejected(source: Any) -> None:
    refuse(subject=GONE)
    verdicts = events_insert(rows=rows(), source=source)
    assert [(one.status, one.reason) for one in verdicts] == [
        ("rejected", "person_erased"), ("rejected", "person_erased"), ("accepted", ""),
    ]  # fmt: skip
    assert list(Event.objects.values_list("customer_id", flat=True)) == [BOB]


def test_events_of_a_server_and_of_the_shop_are_rejected(django_capture_on_commit_callbacks: Any) -> None:
    refuse(subject=GONE)
    verdicts = events_receive(rows=[{"name": "purchase", "order_id": "o", "customer_id": ANN}], channel="")
    assert verdicts is not None and verdicts[0].reason == "person_erased"
    with django_capture_on_commit_callbacks(execute=True):
        track(name="view_item", product="lamp", customer_id=ANN)
    assert not visitor_link(visitor_id=TABLET, customer_id=ANN)
    assert not Event.objects.exists() and not VisitorIdentity.objects.exists()


def test_the_rest_endpoint_rejects_them(db: None) -> None:
    user = get_user_model().objects.create_user("server", password="secret")
    user.user_permissions.add(Permission.objects.get(codename="add_event", content_type__app_label="ecomai_events"))
    refuse(subject=GONE)
    client = Client()
    client.force_login(user)
    body = {"events": [{"id": str(uuid7()), "name": "view_item", "product_id": "lamp", "customer_id": ANN}]}
    answer = client.post("/ecomai/api/events/", body, content_type="application/json")
    assert answer.json()["verdicts"][0]["reason"] == "person_erased"
    assert not Event.objects.exists()


def test_another_channel_is_another_shop() -> None:
    refuse(subject=GONE)
    assert refused(channel="uk", persons=[("customer", ANN)]) == set()
    assert refused(channel="", persons=[("customer", ANN), ("customer", ""), ("visitor", ANN)]) == {("customer", ANN)}


def test_the_table_holds_no_id() -> None:
    refuse(subject=GONE)
    text = str(list(Refusal.objects.values()))
    assert ANN not in text and PHONE not in text and len(set(Refusal.objects.values_list("digest", flat=True))) == 4


def test_a_new_key_still_knows_who_refused_and_renews_the_entry(ecomai: Any) -> None:
    ecomai(HASH_KEY="old")
    refuse(subject=GONE)
    ecomai(HASH_KEY="new", HASH_KEY_FALLBACKS=["old"])
    persons = [("customer", ANN), ("customer", BOB)]
    assert refused_purposes(channel="", persons=persons[:1]) == {""}
    assert refused(channel="", persons=persons) == {("customer", ANN)}
    ecomai(HASH_KEY="new", HASH_KEY_FALLBACKS=[])  # the old key may go once everybody was seen
    assert refused(channel="", persons=persons) == {("customer", ANN)}
    assert refused(channel="", persons=[("visitor", PHONE)]) == set()


def test_pages_ask_the_database_only_now_and_then(ecomai: Any, django_assert_num_queries: Any) -> None:
    refuse(subject=GONE, purposes=["personalization"])
    ecomai(LIVE_CHECK_SECONDS=600)
    assert refused_purposes(channel="", persons=[("visitor", PHONE)]) == {"personalization"}
    with django_assert_num_queries(0):
        assert refused_purposes(channel="", persons=[("visitor", PHONE)]) == {"personalization"}
        assert refused_purposes(channel="", persons=[("visitor", TABLET)]) == frozenset()
    refusal_lift(subject=GONE)
    assert refused_purposes(channel="", persons=[("visitor", PHONE)]) == frozenset()


def test_too_many_for_the_memory_are_asked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusing, "MOST_IN_MEMORY", 2)
    refuse(subject=GONE, purposes=["personalization"])
    assert refused_purposes(channel="", persons=[("visitor", PHONE)]) == {"personalization"}
    assert refused_purposes(channel="", persons=[("visitor", TABLET)]) == frozenset()


def test_when_the_list_cannot_be_read_nobody_is_followed_and_no_cookie_lost(
    monkeypatch: pytest.MonkeyPatch, ecomai: Any
) -> None:
    def gone(*args: Any) -> Any:
        raise OperationalError("no such table")

    client = Client(headers={"User-Agent": "Mozilla/5.0 Chrome/130 Safari/537", "Sec-Fetch-Site": "same-origin"})
    ecomai(CONSENT="django_ecomai.events.consent.always")
    body = {"token": page_token(), "events": [{"name": "view_item", "product_id": "lamp"}]}
    client.post("/ecomai/capture/", body, content_type="application/json")
    visitor = client.cookies["ecomai_visitor"].value
    refusing.forget()
    with monkeypatch.context() as patch:
        patch.setattr(refusing, "_read", gone)
        assert refused_purposes(channel="", persons=[("visitor", PHONE)]) == {UNKNOWN}
        answer = client.post("/ecomai/capture/", body, content_type="application/json")
    # a "no" would silence the page for good: it is to send them again
    assert (answer.status_code, answer.json()["error"]) == (503, "unknown_consent")
    assert Event.objects.count() == 1
    assert client.cookies["ecomai_visitor"].value == visitor
    assert client.post("/ecomai/capture/", body, content_type="application/json").json()["consent"] is True


def test_what_was_read_before_holds_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any) -> Any:
        raise OperationalError("server closed the connection")

    refuse(subject=GONE, purposes=["personalization"])
    assert refused_purposes(channel="", persons=[("visitor", PHONE)]) == {"personalization"}
    monkeypatch.setattr(refusing, "_read", gone)
    assert refused_purposes(channel="", persons=[("visitor", PHONE)]) == {"personalization"}


def test_a_browser_whose_visitor_refused_is_not_recorded(ecomai: Any, shop: Shop) -> None:
    ecomai(CONSENT="django_ecomai.events.consent.always")
    client = Client(headers={"User-Agent": "Mozilla/5.0 Chrome/130 Safari/537", "Sec-Fetch-Site": "same-origin"})
    event = {"id": str(uuid7()), "name": "view_item", "product_id": "lamp"}
    body = {"token": page_token(), "events": [event]}
    assert client.post("/ecomai/capture/", body, content_type="application/json").json()["consent"] is True
    visitor = Event.objects.order_by("-id").first().visitor_id
    refuse(subject=Subject(visitor_ids=frozenset({visitor})))
    body["events"] = [{**event, "id": str(uuid7())}]
    answer = client.post("/ecomai/capture/", body, content_type="application/json")
    assert answer.json()["consent"] is False
    assert answer.cookies["ecomai_visitor"]["max-age"] > 0  # stays as a marker: without it the no were forgotten
    body["events"] = [{**event, "id": str(uuid7())}]
    assert client.post("/ecomai/capture/", body, content_type="application/json").json()["consent"] is False
    assert Event.objects.filter(visitor_id=visitor).count() == 1


def test_what_visitors_refused_goes_when_no_browser_can_bring_their_cookie(ecomai: Any) -> None:
    ecomai(VISITOR_COOKIE_AGE=86_400)
    refuse(subject=GONE)
    refuse(subject=Subject(visitor_ids=frozenset({TABLET})))
    old = timezone.now() - timedelta(days=3)
    Refusal.objects.exclude(digest=refusing.digest_of("", "visitor", TABLET)).update(changed_at=old)
    assert prunes.get("refusals of visitors")() == 1
    assert refused(channel="", persons=[*GONE.persons(), ("visitor", TABLET)]) == {
        ("customer", ANN), ("user", "77"), ("email", "x"), ("visitor", TABLET),
    }  # fmt: skip


def test_a_row_that_cannot_be_read_is_no_example_when_its_customer_was_erased() -> None:
    refuse_ann()
    shop = adapter()
    shop.data["customer"] = [
        BadRow(table="customer", code="field_failed", action="skipped", column="email", id=ident, value=f"Jane {ident}")
        for ident in (ANN, BOB)
    ]
    [issue] = [issue for issue in shop_sync(adapter=shop).findings if issue.code == "field_failed"]
    assert (issue.count, [one["id"] for one in issue.examples]) == (2, [BOB])
