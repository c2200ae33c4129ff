"""What may happen to a request at which moment: workers, buttons, crashes, and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_ecomai.core.persons import Subject, refused
from django_ecomai.core.registry import personal_data
from django_ecomai.events.models import Event
from django_ecomai.inventory.models import PurchaseOrder
from django_ecomai.mirror.models import Customer
from django_ecomai.privacy import model_care
from django_ecomai.privacy.erasure_log import erasure_log_read
from django_ecomai.privacy.models import SubjectRequest
from django_ecomai.privacy.scanning import subject_scan
from django_ecomai.privacy.services import (
    RequestError,
    request_cancel,
    request_carry_out,
    request_confirm,
    request_follow_up,
    request_make,
    requests_carry_out,
)
from django_ecomai.runs.models import Artifact, LiveArtifact, Run
from django_ecomai.testing import customer_make

from .factories import ANN, PHONE, TABLET, Shop, event_make, model_make

pytestmark = pytest.mark.django_db
ANNS = Subject(customer_ids=frozenset({ANN}))
REFUSED = {("customer", ANN)}


@pytest.fixture
def ann() -> Customer:
    return customer_make(external_id=ANN)


@pytest.fixture
def instead(monkeypatch: Any) -> Callable[..., None]:
    """Let a declaration erase in another way."""

    def put(name: str, erase: Callable[[Subject], int]) -> None:
        monkeypatch.setitem(personal_data._items, name, replace(personal_data.get(name), erase=erase))

    return put


def make(**fields: Any) -> SubjectRequest:
    return request_make(**{"subject": ANNS, "kind": "erase", "start": False, **fields})


def again(request: SubjectRequest) -> SubjectRequest:
    """As another process reads it."""
    return SubjectRequest.objects.get(pk=request.pk)


# -- the worker and the buttons


def test_it_is_too_late_to_withdraw_while_the_worker_erases(ann: Customer, instead: Any) -> None:
    request, seen = make(), []
    page = again(request)  # was read before the worker began

    def erase(subject: Subject) -> int:
        with pytest.raises(RequestError, match="cannot be withdrawn"):
            request_cancel(request=page)
        seen.append(again(request).status)
        return 0

    instead("recommend.preferences" if "recommend.preferences" in personal_data else "events", erase)
    assert request_carry_out(request=request).status == "done"
    assert seen and refused(channel="", persons=[("customer", ANN)]) == REFUSED
    assert not Customer.objects.exists()


def test_a_worker_that_read_it_before_it_was_withdrawn_erases_nothing(ann: Customer) -> None:
    worker = make()
    request_cancel(request=again(worker))
    assert request_carry_out(request=worker).status == "cancelled"
    assert Customer.objects.exists() and refused(channel="", persons=[("customer", ANN)]) == set()
    assert list(erasure_log_read()) == []


def test_what_has_begun_is_carried_on_and_not_withdrawn(ann: Customer, instead: Any) -> None:
    request = make()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            personal_data._items, "mirror.customer", replace(personal_data.get("mirror.customer"), erase=_fail)
        )
        assert requests_carry_out() == {"done": 0, "waiting": 0, "failed": 1}
    with pytest.raises(RequestError, match="cannot be withdrawn"):
        request_cancel(request=again(request))
    assert requests_carry_out() == {"done": 1, "waiting": 0, "failed": 0}


def test_what_failed_before_the_first_row_can_be_withdrawn(ann: Customer, ecomai: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    ecomai(ERASURE_LOG_DIR=str(tmp_path / "file" / "below"))
    request = make()
    assert requests_carry_out()["failed"] == 1
    request_cancel(request=again(request))
    assert refused(channel="", persons=[("customer", ANN)]) == set() and Customer.objects.exists()


def _fail(subject: Subject) -> int:
    raise OSError("disk is full")


def test_it_is_not_confirmed_from_a_page_that_is_out_of_date(ann: Customer) -> None:
    page = make(confirmed=False)
    request_cancel(request=again(page))
    with pytest.raises(RequestError, match="carried out or withdrawn"):
        request_confirm(request=page, start=False)
    assert refused(channel="", persons=[("customer", ANN)]) == set()


def test_two_who_follow_up_do_not_overwrite_each_other(ann: Customer) -> None:
    model_make()
    request = request_carry_out(request=make())
    stale = again(request)
    LiveArtifact.objects.all().delete()
    assert request_follow_up(request=request).status == "done"
    assert request_follow_up(request=stale).status == "done"
    assert (again(request).persons, again(request).finished_at) == ({}, request.finished_at)


def test_withdrawing_one_of_two_leaves_the_other_in_force(ann: Customer) -> None:
    first = make(subject=replace(ANNS, visitor_ids=frozenset({PHONE})))
    second = make(subject=replace(ANNS, visitor_ids=frozenset({TABLET})))
    assert first != second
    request_cancel(request=first)
    assert refused(channel="", persons=[("customer", ANN)]) == REFUSED
    request_cancel(request=second)
    assert refused(channel="", persons=[("customer", ANN)]) == set()


# -- what began before the erasure


def test_an_older_copy_or_training_is_waited_for(ann: Customer) -> None:
    older = Run.objects.create(
        kind="recommend.train", state="running", started_at=timezone.now() - timedelta(minutes=5)
    )
    request = request_carry_out(request=make())
    assert request.status == "models"
    Customer.objects.create(external_id=ANN, synced_at=timezone.now())  # it had read the customer
    model_make(ANN, live=False, run=older)
    Run.objects.update(state="done")
    assert request_follow_up(request=request).status == "models"  # swept
    assert not Customer.objects.exists() and not Artifact.objects.exists()
    assert request_follow_up(request=request).status == "done"


def test_runs_that_began_later_and_the_job_itself_are_not_waited_for(ann: Customer) -> None:
    Run.objects.create(kind="privacy.requests", state="running", started_at=timezone.now() - timedelta(minutes=5))
    Run.objects.create(kind="recommend.train", state="queued")
    Run.objects.create(
        kind="recommend.train", channel="other", state="running", started_at=timezone.now() - timedelta(minutes=5)
    )
    assert request_carry_out(request=make()).status == "done"


def test_pages_under_way_are_given_some_minutes(ann: Customer, monkeypatch: Any) -> None:
    monkeypatch.setattr(model_care, "GRACE", timedelta(minutes=10))
    request = request_carry_out(request=make())
    assert request.status == "models"
    SubjectRequest.objects.update(carried_out_at=timezone.now() - timedelta(minutes=11))
    assert request_follow_up(request=request).status == "done"


def test_a_model_trained_before_the_last_row_went_does_not_count(ann: Customer) -> None:
    model_make()
    request = request_carry_out(request=make())
    event_make(customer_id=ANN)  # by a page that began before
    LiveArtifact.objects.all().delete()
    Run.objects.all().delete()
    between = model_make(ANN)
    assert request_follow_up(request=request).status == "models"
    assert not Event.objects.exists() and request.carried_out_at > again(request).requested_at
    assert request_follow_up(request=request).status == "models"  # the model between has seen the row
    LiveArtifact.objects.all().delete()
    assert request_follow_up(request=request).status == "done"
    assert not Artifact.objects.filter(pk=between.pk).exists()


def test_erasing_again_finds_nothing(shop: Shop) -> None:
    """Else the models' time would begin anew for ever."""
    subject = replace(ANNS, user_ids=frozenset({str(shop.user.pk)}), visitor_ids=frozenset({PHONE}))
    for name in personal_data.names():
        personal_data.get(name).erase(subject)
    assert {name: declared.erase(subject) for name, declared in personal_data.items()} == dict.fromkeys(
        personal_data.names(), 0
    )


def test_a_copy_asked_for_meanwhile_does_not_start_the_models_time_anew(ann: Customer) -> None:
    model_make()
    request = request_carry_out(request=make())
    make(kind="export")
    LiveArtifact.objects.all().delete()
    assert request_follow_up(request=request).status == "done"


# -- employees


def test_an_employee_who_erases_himself_as_a_customer_stays_in_the_audit_trail(shop: Shop) -> None:
    subject = Subject(user_ids=frozenset({str(shop.user.pk)}))
    SubjectRequest.objects.create(kind="export", status="done", handled_by=shop.user)
    request = request_carry_out(request=make(subject=subject))
    assert (request.status, request.outcome["scan"]["left"]) == ("done", [])
    assert PurchaseOrder.objects.get().approved_by == shop.user
    assert Run.objects.filter(kind="mirror.sync", started_by=shop.user).exists()
    assert SubjectRequest.objects.filter(handled_by=shop.user).count() == 1
    assert not Customer.objects.filter(external_id=ANN).exists()


def test_staff_erases_an_employee_too(shop: Shop) -> None:
    subject = Subject(user_ids=frozenset({str(shop.user.pk)}))
    assert request_carry_out(request=make(subject=subject, origin="admin")).status == "done"
    assert PurchaseOrder.objects.get().approved_by is None
    assert not Run.objects.filter(started_by=shop.user).exists()
    assert subject_scan(subject=subject) == []


# -- an objection that another app prevents


def test_an_objection_holds_though_another_app_cannot_delete(ann: Customer, instead: Any, monkeypatch: Any) -> None:
    name = next(name for name, declared in personal_data.items() if declared.derived)

    def broken(subject: Subject) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM is_not_there")
        return 0

    with monkeypatch.context() as patch:
        patch.setitem(personal_data._items, name, replace(personal_data.get(name), erase=broken))
        request = make(kind="object")
        assert request.status == "failed" and request.error
        assert refused(channel="", persons=[("customer", ANN)], purpose="personalization") == REFUSED
    assert requests_carry_out() == {"done": 1, "waiting": 0, "failed": 0}


# -- time


def test_what_nobody_fetches_or_confirms_does_not_stay_open_for_ever(ann: Customer) -> None:
    copy, waiting = make(kind="export"), make(confirmed=False)
    SubjectRequest.objects.update(due_at=timezone.now() - timedelta(days=1))
    call_command("ecomai_prune")
    assert (again(copy).status, again(copy).persons) == ("done", {})
    assert again(waiting).status == "unconfirmed"  # late: the doctor tells
    SubjectRequest.objects.update(due_at=timezone.now() - timedelta(days=31))
    call_command("ecomai_prune")
    assert (again(waiting).status, again(waiting).persons, again(waiting).customer_id) == ("cancelled", {}, "")
