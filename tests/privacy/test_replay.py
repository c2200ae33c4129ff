"""After a backup was restored, the log of erasures says whom to erase again."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.management import call_command
from django.db import connection

from django_ecomai.core.persons import Subject, refused
from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Customer
from django_ecomai.privacy.erasure_log import erasure_log_read
from django_ecomai.privacy.models import Refusal, SubjectRequest
from django_ecomai.privacy.scanning import subject_scan
from django_ecomai.privacy.services import objection_lift, request_carry_out, request_make
from django_ecomai.privacy.subjects import subject_complete
from django_ecomai.recommend.models import CustomerPreference
from django_ecomai.runs.models import Artifact
from django_ecomai.testing import customer_make

from .factories import ANN, BOB, EMAIL, PHONE, Shop, email_hash, model_make

pytestmark = pytest.mark.django_db


def erase(shop: Shop) -> Subject:
    who = Subject(user_ids=frozenset({str(shop.user.pk)}), email_hashes=frozenset({email_hash(EMAIL)}))
    subject = subject_complete(who)
    request_carry_out(request=request_make(subject=subject, kind="erase", start=False))
    return subject


def tables() -> list[Any]:
    """Every table of EcomAI, and the accounts."""
    ours = [config for config in apps.get_app_configs() if config.name.startswith("django_ecomai.")]
    models = [model for config in ours for model in config.get_models(include_auto_created=True)]
    return [get_user_model(), *(model for model in models if not model._meta.proxy)]


def backup() -> str:
    """The database as it is."""
    return serializers.serialize("json", [row for model in tables() for row in model._base_manager.all()])


def restore(saved: str) -> None:
    """The database as it was: Ann is back, and nothing in it knows that she was erased."""
    with connection.constraint_checks_disabled():
        for model in reversed(tables()):
            model._base_manager.all()._raw_delete(model._base_manager.db)
        for row in serializers.deserialize("json", saved):
            row.save()
    connection.check_constraints()


def replay(*arguments: str) -> str:
    out = StringIO()
    call_command("ecomai_privacy_replay", *arguments, stdout=out)
    return out.getvalue()


def test_the_log_holds_hashes_only(shop: Shop, tmp_path: Path) -> None:
    erase(shop)
    [file] = (tmp_path / "artifacts" / "privacy" / "erasures").glob("*.json")
    text = file.read_text()
    assert ANN not in text and PHONE not in text
    assert {kind for kind, _digest in json.loads(text)["persons"]} == {"customer", "visitor", "user", "email"}


def test_a_restored_database_is_erased_again(shop: Shop) -> None:
    saved = backup()
    person = erase(shop)
    assert subject_scan(subject=person, staff=False) == []
    restore(saved)
    model_make(live=False)
    assert {one.where for one in subject_scan(subject=person)} >= {"ecomai_events.Event", "ecomai_mirror.Customer"}
    assert refused(channel="", persons=[("customer", ANN)]) == set()
    assert "Nothing was changed" in replay("--dry-run")
    assert Customer.objects.filter(external_id=ANN).exists()
    told = replay()
    assert "mirror.customer: 1" in told and "--no-gate" in told
    assert subject_scan(subject=person, staff=False) == []
    assert refused(channel="", persons=[("customer", ANN), ("customer", BOB)]) == {("customer", ANN)}
    assert Customer.objects.filter(external_id=BOB).exists()
    assert not Artifact.objects.exists()  # nobody may roll back to a model of before
    assert replay().startswith("0 ids")


def test_who_is_in_no_restored_table_is_refused_again_before_the_next_sync(shop: Shop) -> None:
    erase(shop)
    Refusal.objects.all().delete()  # the backup is from before, and knows neither the person nor the erasure
    assert "4 refusals are missing" in replay("--dry-run") and not Refusal.objects.exists()
    told = replay()
    assert told.startswith("refusals: 4") and "0 ids" in told
    assert refused(channel="", persons=[("customer", ANN), ("customer", BOB)]) == {("customer", ANN)}


def test_who_allowed_it_again_is_not_erased_again(shop: Shop, django_capture_on_commit_callbacks: Any) -> None:
    person = erase(shop)
    with django_capture_on_commit_callbacks(execute=True):
        objection_lift(subject=person)
    customer_make(external_id=ANN)
    assert replay().startswith("0 ids")
    assert Customer.objects.filter(external_id=ANN).exists()
    assert refused(channel="", persons=[("customer", ANN)]) == set()


def test_of_a_backup_from_before_the_erasure_the_rows_go_though_the_person_is_allowed_again(
    shop: Shop, django_capture_on_commit_callbacks: Any
) -> None:
    saved = backup()
    person = erase(shop)
    with django_capture_on_commit_callbacks(execute=True):
        objection_lift(subject=person)
    restore(saved)
    replay()
    assert not Customer.objects.filter(external_id=ANN).exists()
    assert refused(channel="", persons=[("customer", ANN)]) == set()
    assert replay().startswith("0 ids")


def test_an_objection_is_restored(shop: Shop, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        request_make(subject=Subject(customer_ids=frozenset({ANN})), kind="object")
    Refusal.objects.all().delete()
    CustomerPreference.objects.create(customer_id=ANN, category_id="vases", probability=0.1, run=1)
    assert "recommend.preferences: 1" in replay()
    assert refused(channel="", persons=[("customer", ANN)], purpose="personalization") == {("customer", ANN)}
    assert refused(channel="", persons=[("customer", ANN)]) == set()
    assert Customer.objects.filter(external_id=ANN).exists()


def test_a_lift_that_cannot_be_logged_holds_all_the_same(
    shop: Shop, ecomai: Any, tmp_path: Path, caplog: Any, django_capture_on_commit_callbacks: Any
) -> None:
    person = erase(shop)
    (tmp_path / "file").write_text("")
    ecomai(ERASURE_LOG_DIR=str(tmp_path / "file" / "below"))
    with django_capture_on_commit_callbacks(execute=True):
        objection_lift(subject=person)
    assert refused(channel="", persons=[("customer", ANN)]) == set()
    assert "log of erasures cannot be written" in caplog.text


def test_an_entry_is_on_the_disk_before_rows_go(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr("os.fsync", lambda handle: seen.append(Customer.objects.filter(external_id=ANN).exists()))
    erase(shop)
    assert seen[:2] == [True, True]  # the file, and the folder that names it


def test_a_damaged_entry_is_named_and_the_others_are_replayed(shop: Shop, tmp_path: Path, caplog: Any) -> None:
    erase(shop)
    (tmp_path / "artifacts" / "privacy" / "erasures" / "20000101T000000-broken.json").write_text("{")
    assert len(list(erasure_log_read())) == 1
    assert "20000101T000000-broken.json" in caplog.text


def test_the_log_may_be_elsewhere(shop: Shop, ecomai: Any, tmp_path: Path) -> None:
    ecomai(ERASURE_LOG_DIR=str(tmp_path / "safe"))
    erase(shop)
    assert len(list((tmp_path / "safe").glob("*.json"))) == 1
    assert len(list(erasure_log_read())) == 1


def test_without_the_log_nothing_is_erased(shop: Shop, ecomai: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ecomai(ERASURE_LOG_DIR=str(tmp_path / "file" / "below"))
    with pytest.raises(OSError):
        erase(shop)
    assert SubjectRequest.objects.get().status == "failed"
    assert Customer.objects.filter(external_id=ANN).exists()


def test_no_log_at_all_is_no_erasure(db: None) -> None:
    assert replay().startswith("0 ids")


def scan(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("ecomai_privacy_scan", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(str(end.code))
    return out.getvalue(), 0


def test_the_scan_command_names_what_it_found_and_fails(shop: Shop) -> None:
    model_make("lamp", PHONE)
    told, code = scan("--customer", ANN, "--visitor", PHONE)
    assert code == 1
    assert "ecomai_mirror.Customer: 1" in told and "model toy/_/" in told
    Event.objects.create(
        id="01a2178f-bae2-7e1f-b6db-00982d05691a", name="view_item", received_at=shop.user.date_joined,
        properties={"hidden": PHONE},
    )  # fmt: skip
    assert "ecomai_events.Event.properties: 1" in scan("--visitor", PHONE)[0]


def test_the_scan_command_proves_that_nothing_is_left(shop: Shop) -> None:
    erase(shop)
    told, code = scan("--customer", ANN, "--visitor", PHONE, "--email", "ann@example.org")
    assert code == 0 and told.startswith("Nothing names this person")


def test_a_product_of_the_same_number_is_told_but_proves_nothing(shop: Shop) -> None:
    model_make("17850")
    told, code = scan("--customer", "17850")
    assert code == 0 and "perhaps the id of something else" in told


def test_the_scan_command_wants_somebody(db: None) -> None:
    from django.core.management.base import CommandError

    with pytest.raises(CommandError, match="Say whom to search for"):
        scan()
