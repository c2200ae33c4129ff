"""Requests in the admin: entered for a person who wrote, confirmed, carried out, and only by whoever may."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from django_ecomai.core.persons import Subject, refused
from django_ecomai.core.registry import doctor_checks
from django_ecomai.mirror.models import Customer, Order
from django_ecomai.privacy.models import ConsentRecord, Refusal, SubjectRequest
from django_ecomai.privacy.refusing import refuse
from django_ecomai.privacy.services import request_make, requests_carry_out
from django_ecomai.runs.models import LiveArtifact

from .factories import ANN, EMAIL, PHONE, Shop, email_hash, model_make

pytestmark = pytest.mark.django_db
BASE = "/admin/ecomai_privacy/subjectrequest/"


def staff(django_user_model: Any, *permissions: str) -> Client:
    """A member of staff with these permissions of the app."""
    user = django_user_model.objects.create_user(f"staff{len(permissions)}", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=permissions, content_type__app_label="ecomai_privacy")
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss(shop: Shop, django_user_model: Any) -> Client:
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("boss"))
    return client


@pytest.fixture
def press(boss: Client, django_capture_on_commit_callbacks: Any) -> Callable[..., Any]:
    """Press a button of a request's page; the run that it starts is executed, then the page is read again."""

    def do(found: SubjectRequest, what: str) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            answer = boss.post(f"{BASE}{found.pk}/do/{what}/")
        found.refresh_from_db()
        return boss.get(answer["Location"])

    return do


def text(response: Any) -> str:
    return response.content.decode()


def add(client: Client, **fields: str) -> Any:
    """What the form sends."""
    due = {"due_at_0": "2030-01-01", "due_at_1": "00:00"}
    return client.post(f"{BASE}add/", {"kind": "erase", "channel": "", "customer_id": "", **due, **fields}, follow=True)


def test_an_erasure_waits_for_a_confirmation_that_says_what_it_means(boss: Client, press: Any) -> None:
    page = add(boss, customer_id=ANN)
    found = SubjectRequest.objects.get()
    assert (found.status, found.origin, found.handled_by.username) == ("unconfirmed", "admin", "boss")
    assert f"{BASE}{found.pk}/erase/" in text(page) and f"customer {ANN}" in text(page)
    assert timezone.localtime(found.due_at).date().isoformat() == "2030-01-01"
    assert "This cannot be undone." in text(boss.get(f"{BASE}{found.pk}/erase/"))
    assert requests_carry_out() == {"done": 0, "waiting": 0, "failed": 0}  # no schedule confirms it
    assert Customer.objects.filter(external_id=ANN).exists() and not refused(channel="", persons=[("customer", ANN)])
    page = press(found, "carry-out")
    assert "The erasure has been started." in text(page) and "nothing found" in text(page)
    assert found.status == "done" and ANN not in text(page)
    assert not Customer.objects.filter(external_id=ANN).exists()
    assert LogEntry.objects.filter(object_id=str(found.pk)).count() == 2
    assert "carried out or withdrawn" in text(press(found, "carry-out"))


def test_the_changelist_names_nobody_once_it_is_over(boss: Client, press: Any) -> None:
    add(boss, customer_id=ANN)
    assert ANN in text(boss.get(BASE))
    found = SubjectRequest.objects.get()
    press(found, "carry-out")
    page = text(boss.get(BASE))
    assert ANN not in page and f"#{found.digest[:8]}" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Name a customer, a visitor or an e-mail address."),
        ({"customer_id": "nobody"}, "The copy of your shop knows no such customer."),
        ({"email": "no address"}, "Enter a valid email address."),
    ],
)
def test_bad_input_is_told_and_keeps_the_form(boss: Client, fields: dict[str, str], said: str) -> None:
    assert said in text(add(boss, **fields))
    assert not SubjectRequest.objects.exists()


def test_a_guest_is_found_by_his_address_which_is_not_stored(boss: Client, press: Any) -> None:
    add(boss, email=EMAIL)
    found = SubjectRequest.objects.get()
    assert found.persons == {"email": [email_hash(EMAIL)]}
    press(found, "carry-out")
    assert Order.objects.get(external_id="guest").email_hash == ""
    assert EMAIL not in str(list(SubjectRequest.objects.values()))


def test_a_copy_is_downloaded_and_the_download_is_noted(boss: Client) -> None:
    page = add(boss, kind="export", customer_id=ANN)
    found = SubjectRequest.objects.get()
    assert f"{BASE}{found.pk}/archive/" in text(page)
    answer = boss.get(f"{BASE}{found.pk}/archive/")
    assert "no-store" in answer["Cache-Control"] and "private" in answer["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert "README.txt" in archive.namelist()
    assert "archive" in LogEntry.objects.get(object_id=str(found.pk), action_flag=2).get_change_message()


def test_requests_are_neither_edited_nor_deleted(boss: Client) -> None:
    add(boss, customer_id=ANN)
    found = SubjectRequest.objects.get()
    boss.post(f"{BASE}{found.pk}/change/", {"kind": "export", "customer_id": "x"})
    assert boss.get(f"{BASE}{found.pk}/delete/").status_code == 403
    found.refresh_from_db()
    assert (found.kind, found.customer_id) == ("erase", ANN)


def test_it_is_withdrawn(boss: Client, press: Any) -> None:
    add(boss, customer_id=ANN)
    found = SubjectRequest.objects.get()
    assert "Withdrawn." in text(press(found, "cancel"))
    assert "carried out or withdrawn" in text(press(found, "carry-out"))
    assert found.status == "cancelled" and Customer.objects.filter(external_id=ANN).exists()


def test_models_are_trained_at_once_on_demand(boss: Client, press: Any) -> None:
    model_make()
    add(boss, customer_id=ANN)
    found = SubjectRequest.objects.get()
    page = text(press(found, "carry-out"))
    assert "erased, models follow" in page and "Train the models now" in page
    LiveArtifact.objects.all().delete()
    assert "trainings were started" in text(press(found, "retrain"))
    assert found.status == "done"


def test_a_failure_is_shown_and_can_be_tried_again(boss: Client, press: Any, ecomai: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    ecomai(ERASURE_LOG_DIR=str(tmp_path / "file" / "below"))
    add(boss, customer_id=ANN)
    found = SubjectRequest.objects.get()
    page = text(press(found, "carry-out"))
    assert 'class="errornote"' in page and "Error: " in page and found.status == "failed"
    assert Customer.objects.filter(external_id=ANN).exists()
    ecomai(ERASURE_LOG_DIR=None)
    press(found, "carry-out")
    assert found.status == "done"


# -- permissions


@pytest.mark.parametrize("what", ["carry-out", "cancel", "retrain"])
def test_looking_is_not_doing(shop: Shop, django_user_model: Any, what: str) -> None:
    found = request_make(subject=Subject(customer_ids=frozenset({ANN})), kind="erase", start=False)
    client = staff(django_user_model, "view_subjectrequest")
    page = text(client.get(f"{BASE}{found.pk}/change/"))
    assert "Erase…" not in page and "Withdraw" not in page
    assert client.post(f"{BASE}{found.pk}/do/{what}/").status_code == 403
    assert client.get(f"{BASE}{found.pk}/erase/").status_code == 403
    assert client.get(f"{BASE}{found.pk}/archive/").status_code == 403
    assert Customer.objects.filter(external_id=ANN).exists()


def test_entering_an_objection_is_carrying_it_out(shop: Shop, django_user_model: Any) -> None:
    may_enter = staff(django_user_model, "view_subjectrequest", "add_subjectrequest")
    assert 'value="object"' not in text(may_enter.get(f"{BASE}add/"))
    assert "Select a valid choice" in text(add(may_enter, kind="object", customer_id=ANN))
    assert not Refusal.objects.exists()
    may_do = staff(django_user_model, "view_subjectrequest", "add_subjectrequest", "carry_out_subjectrequest")
    add(may_do, kind="object", customer_id=ANN)
    assert refused(channel="", persons=[("customer", ANN)], purpose="personalization")


def test_carrying_out_is_not_downloading(shop: Shop, django_user_model: Any) -> None:
    found = request_make(subject=Subject(customer_ids=frozenset({ANN})), kind="export")
    may_do = staff(django_user_model, "view_subjectrequest", "carry_out_subjectrequest")
    assert may_do.get(f"{BASE}{found.pk}/archive/").status_code == 403
    may_fetch = staff(django_user_model, "view_subjectrequest", "download_subjectrequest", "add_subjectrequest")
    assert may_fetch.get(f"{BASE}{found.pk}/archive/").status_code == 200
    assert may_fetch.post(f"{BASE}{found.pk}/do/cancel/").status_code == 403


def test_buttons_are_pressed_not_followed(boss: Client) -> None:
    found = request_make(subject=Subject(customer_ids=frozenset({ANN})), kind="erase", start=False)
    assert boss.get(f"{BASE}{found.pk}/do/carry-out/").status_code == 405
    assert boss.post(f"{BASE}{found.pk}/do/nonsense/").status_code == 404
    assert boss.post(f"{BASE}99999/do/carry-out/").status_code == 404


# -- refusals and the ledger


def test_a_refusal_is_lifted_by_whoever_may(boss: Client, django_user_model: Any) -> None:
    refuse(subject=Subject(customer_ids=frozenset({ANN})))
    address, row = "/admin/ecomai_privacy/refusal/", Refusal.objects.get()
    assert f"#{row.digest[:8]}" in text(boss.get(address)) and "everything" in text(boss.get(address))
    body = {"action": "lift", "_selected_action": [row.pk]}
    staff(django_user_model, "view_refusal").post(address, body)
    assert refused(channel="", persons=[("customer", ANN)])
    assert "1 entry lifted." in text(boss.post(address, body, follow=True))
    assert not refused(channel="", persons=[("customer", ANN)])


def test_a_person_is_lifted_whole_and_it_is_noted(boss: Client) -> None:
    found = request_make(subject=Subject(customer_ids=frozenset({ANN})), kind="object")
    rows = list(found.refusals.all())
    assert len(rows) > 2
    boss.post("/admin/ecomai_privacy/refusal/", {"action": "lift", "_selected_action": [rows[0].pk]})
    assert not refused(channel="", persons=[("customer", ANN)], purpose="personalization")
    assert not Refusal.objects.filter(lifted_at=None).exists()
    assert LogEntry.objects.filter(content_type__model="refusal").count() == len(rows)


def test_nobody_is_lifted_in_the_middle_of_an_erasure(boss: Client) -> None:
    found = request_make(subject=Subject(customer_ids=frozenset({ANN})), kind="erase", start=False)
    body = {"action": "lift", "_selected_action": [found.refusals.first().pk]}
    page = text(boss.post("/admin/ecomai_privacy/refusal/", body, follow=True))
    assert "still under way" in page
    assert refused(channel="", persons=[("customer", ANN)])


def test_the_ledger_is_read_only(boss: Client) -> None:
    address, line = "/admin/ecomai_privacy/consentrecord/", ConsentRecord.objects.first()
    assert line is not None
    page = text(boss.get(address))
    assert "never changed" in page and PHONE not in page
    assert boss.post(f"{address}{line.pk}/delete/").status_code == 403
    assert boss.get(f"{address}add/").status_code == 403


# -- doctor


def doctor() -> list[tuple[str, str]]:
    return [(finding.level, str(finding.title)) for finding in doctor_checks.get("privacy")()]


def test_the_doctor_tells_of_what_waits_fails_and_is_late(shop: Shop) -> None:
    assert doctor() == [("ok", "No request of a person is waiting")]
    found = request_make(subject=Subject(customer_ids=frozenset({ANN})), kind="export")
    assert doctor() == [("ok", "No request of a person is waiting")]
    SubjectRequest.objects.update(due_at=timezone.now() + timedelta(days=2))
    assert doctor() == [("warning", "1 request of a person is due")]
    SubjectRequest.objects.update(status="failed")
    assert doctor()[0] == ("error", "1 request of a person failed")
    late = timezone.now() - timedelta(hours=3)
    SubjectRequest.objects.filter(pk=found.pk).update(status="models", carried_out_at=late, models_due_at=late)
    assert doctor() == [("error", "Models from before an erasure still serve")]
