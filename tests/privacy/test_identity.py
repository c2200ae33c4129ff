"""Who a request is about: all ids, kept from the moment it is made; and nobody else."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_ecomai.core.persons import Subject, refused
from django_ecomai.core.registry import personal_data
from django_ecomai.events.models import Event
from django_ecomai.events.services import visitor_link
from django_ecomai.mirror.models import Customer, Order
from django_ecomai.mirror.services import shop_sync
from django_ecomai.privacy.models import SubjectRequest
from django_ecomai.privacy.scanning import subject_scan
from django_ecomai.privacy.services import (
    RequestError,
    request_archive,
    request_carry_out,
    request_follow_up,
    request_make,
    requests_carry_out,
)
from django_ecomai.runs.models import LiveArtifact
from django_ecomai.testing import (
    FakeAdapter,
    customer_make,
    customer_row,
    line_row,
    order_make,
    order_row,
    product_make,
    product_row,
)

from .factories import PHONE, TABLET, email_hash, event_make, model_make

pytestmark = pytest.mark.django_db
ADDRESS = "both@example.org"


def who(**ids: Any) -> Subject:
    return Subject(**{name: frozenset(map(str, values)) for name, values in ids.items()})


def account(*customers: str) -> Any:
    """An account of the shop with its customers."""
    user = get_user_model().objects.create_user("account")
    for ident in customers:
        customer_make(external_id=ident, user=user)
    return user


def archive_of(request: SubjectRequest) -> dict[str, str]:
    with request_archive(request=request) as made, zipfile.ZipFile(io.BytesIO(made.read())) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


# -- all ids, from the beginning


def test_an_account_that_is_deleted_next_is_erased_all_the_same() -> None:
    user = account("ann")
    order_make(external_id="o", customer=Customer.objects.get(), lines=[product_make()])
    event_make(customer_id="ann")
    request = request_make(subject=who(user_ids={user.pk}), kind="erase", origin="admin", start=False)
    user.delete()
    assert requests_carry_out() == {"done": 1, "waiting": 0, "failed": 0}
    request.refresh_from_db()
    assert request.outcome["tables"]["mirror.customer"] == 1
    assert not Customer.objects.exists() and not Event.objects.exists()
    assert Order.objects.get().customer is None
    assert refused(channel="", persons=[("customer", "ann")]) == {("customer", "ann")}


def test_a_request_that_names_nobody_any_more_fails() -> None:
    request = request_make(subject=who(customer_ids={"ann"}), kind="erase", start=False)
    SubjectRequest.objects.update(persons={})
    request.refresh_from_db()
    with pytest.raises(RequestError, match="whose it is"):
        request_carry_out(request=request)
    request.refresh_from_db()
    assert (request.status, request.carried_out_at) == ("failed", None)


def test_the_last_search_looks_for_every_customer_of_an_account() -> None:
    user = account("ann", "ann-2")
    model_make()
    request = request_make(subject=who(user_ids={user.pk}), kind="erase", start=False)
    assert request_carry_out(request=request).status == "models"
    event_make(customer_id="ann")  # by pages that began before
    event_make(customer_id="ann-2")
    LiveArtifact.objects.all().delete()
    request.refresh_from_db()
    request_follow_up(request=request)
    assert not Event.objects.exists()


def test_an_erasure_that_broke_off_half_way_still_knows_the_rest(monkeypatch: Any) -> None:
    user = account("ann")
    event_make(customer_id="ann")
    request = request_make(subject=who(user_ids={user.pk}), kind="erase", start=False)
    declared = personal_data.get("events")
    with monkeypatch.context() as patch:
        patch.setitem(personal_data._items, "events", type(declared)(declared.label, "", declared.export, _fail))
        with pytest.raises(OSError):
            request_carry_out(request=request)
    Customer.objects.all().delete()  # as if the copy of the shop had been erased before
    request.refresh_from_db()
    request_carry_out(request=request)
    assert not Event.objects.exists()


def _fail(subject: Subject) -> int:
    raise OSError("disk is full")


# -- an e-mail address is not a person


@pytest.fixture
def family() -> None:
    """Mallory and a victim order under one address, somebody with it orders as a guest, too."""
    lamp = product_make(external_id="lamp")
    for ident in ("mallory", "victim"):
        customer = customer_make(external_id=ident)
        order_make(external_id=f"o-{ident}", customer=customer, lines=[lamp], email_hash=email_hash(ADDRESS))
    order_make(external_id="o-guest", lines=[lamp], email_hash=email_hash(ADDRESS))


@pytest.mark.usefixtures("family")
def test_an_address_on_ones_order_opens_nobody_elses() -> None:
    files = archive_of(request_make(subject=who(customer_ids={"mallory"}), kind="export"))
    assert [row["order"] for row in json.loads(files["mirror-orders.json"])] == ["o-mallory"]


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("emails", [set(), {email_hash(ADDRESS)}])
def test_an_erasure_leaves_the_account_of_another_with_the_same_address(emails: set[str]) -> None:
    subject = who(customer_ids={"mallory"}, email_hashes=emails)
    request = request_carry_out(request=request_make(subject=subject, kind="erase", start=False))
    assert (request.status, request.outcome["scan"]["left"]) == ("done", [])
    assert Order.objects.get(external_id="o-mallory").email_hash == ""
    victim = Order.objects.get(external_id="o-victim")
    assert (victim.customer.external_id, victim.email_hash) == ("victim", email_hash(ADDRESS))
    assert Order.objects.get(external_id="o-guest").email_hash == ("" if emails else email_hash(ADDRESS))


def test_an_erased_address_does_not_take_the_customer_off_anothers_order() -> None:
    subject = who(email_hashes={email_hash(ADDRESS)})
    request_carry_out(request=request_make(subject=subject, kind="erase", start=False))
    orders = [
        order_row(line_row("lamp"), id="o-victim", customer_id="victim", email=ADDRESS, ip="10.0.0.1"),
        order_row(line_row("lamp"), id="o-guest", customer_id="", email=ADDRESS),
    ]
    shop_sync(adapter=FakeAdapter(product=[product_row(id="lamp")], customer=[customer_row(id="victim")], order=orders))
    victim = Order.objects.get(external_id="o-victim")
    assert (victim.customer.external_id, victim.email_hash, victim.ip_hash) == ("victim", "", "")
    assert Order.objects.get(external_id="o-guest").email_hash == ""


# -- another customer on the same device


def test_what_another_customer_did_on_the_device_is_his() -> None:
    """Bob is known on the phone; the shop's server also sent an event of Ann from there."""
    visitor_link(visitor_id=PHONE, customer_id="bob")
    event_make(product="bobs", visitor_id=PHONE)
    event_make(product="anns", visitor_id=PHONE, customer_id="ann", order_id="A1")
    files = archive_of(request_make(subject=who(customer_ids={"bob"}), kind="export"))
    assert "bobs" in files["events.json"] and "A1" not in files["events.json"]
    request = request_carry_out(request=request_make(subject=who(customer_ids={"bob"}), kind="erase", start=False))
    assert (request.status, request.outcome["scan"]["left"]) == ("done", [])
    assert list(Event.objects.values_list("product_id", flat=True)) == ["anns"]


def test_an_anonymous_browser_has_no_part_in_what_a_customer_did_there() -> None:
    event_make(product="nobodys", visitor_id=TABLET)
    event_make(product="anns", visitor_id=TABLET, customer_id="ann")
    anybody = who(visitor_ids={TABLET})
    files = archive_of(request_make(subject=anybody, kind="export"))
    assert "nobodys" in files["events.json"] and "anns" not in files["events.json"]
    assert request_carry_out(request=request_make(subject=anybody, kind="erase", start=False)).status == "done"
    assert list(Event.objects.values_list("product_id", flat=True)) == ["anns"]


# -- a request meets another


def test_a_copy_asked_for_before_the_log_in_is_another_than_the_one_after() -> None:
    user = account("ann")
    order_make(external_id="o1", customer=Customer.objects.get(), lines=[product_make()])
    request_make(subject=who(visitor_ids={PHONE}), kind="export")
    request = request_make(subject=who(customer_ids={"ann"}, user_ids={user.pk}, visitor_ids={PHONE}), kind="export")
    assert "o1" in archive_of(request)["mirror-orders.json"]


def test_a_person_who_confirms_does_not_wait_for_staff() -> None:
    user = account("ann")
    staff = request_make(subject=who(customer_ids={"ann"}), kind="erase", origin="admin", confirmed=False)
    assert refused(channel="", persons=[("customer", "ann")]) == set()
    request = request_make(subject=who(user_ids={user.pk}), kind="erase", start=False)
    assert (request.pk, request.status, request.origin) == (staff.pk, "open", "account")
    assert refused(channel="", persons=[("customer", "ann")]) == {("customer", "ann")}


def test_another_device_is_a_request_of_its_own() -> None:
    account("ann")
    first = request_make(subject=who(customer_ids={"ann"}, visitor_ids={PHONE}), kind="erase", start=False)
    second = request_make(subject=who(customer_ids={"ann"}, visitor_ids={TABLET}), kind="erase", start=False)
    assert first != second
    assert requests_carry_out() == {"done": 2, "waiting": 0, "failed": 0}


@pytest.mark.parametrize("kind", ["export", "erase"])
def test_a_request_that_names_the_visitor_only_is_emptied_by_the_erasure(kind: str) -> None:
    visitor_link(visitor_id=PHONE, customer_id="ann")
    other = request_make(subject=who(visitor_ids={PHONE}), kind=kind, origin="admin", confirmed=False)
    found = {one.where for one in subject_scan(subject=who(visitor_ids={PHONE}))}
    assert "ecomai_privacy.SubjectRequest.persons" in found
    request_carry_out(request=request_make(subject=who(customer_ids={"ann"}), kind="erase", start=False))
    other.refresh_from_db()
    assert (other.status, other.persons) == ("done", {})
    assert subject_scan(subject=who(visitor_ids={PHONE})) == []


def test_a_request_by_address_only_is_found_again() -> None:
    subject = who(email_hashes={email_hash(ADDRESS)})
    first = request_make(subject=subject, kind="erase", origin="admin", confirmed=False)
    assert first.digest != ""
    assert request_make(subject=subject, kind="erase", origin="admin", confirmed=False) == first
