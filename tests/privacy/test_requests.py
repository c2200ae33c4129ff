"""Export, erasure and objection of a person in a shop with every capability filled."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError
from django.utils import timezone

from django_ecomai.core.persons import Subject, refused
from django_ecomai.core.registry import JobKind, job_kinds, personal_data
from django_ecomai.events import log_store
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.events.selectors import visitor_history
from django_ecomai.mirror.models import Customer, Order, ReturnLine, Review
from django_ecomai.privacy import scanning
from django_ecomai.privacy.models import Refusal, SubjectRequest
from django_ecomai.privacy.scanning import declared_lookups, subject_scan
from django_ecomai.privacy.services import (
    RequestError,
    carrying_out,
    objection_lift,
    request_archive,
    request_cancel,
    request_carry_out,
    request_follow_up,
    request_make,
    requests_carry_out,
)
from django_ecomai.privacy.subjects import subject_complete
from django_ecomai.recommend.models import CustomerPreference
from django_ecomai.runs.models import Artifact, LiveArtifact, Run
from django_ecomai.runs.services import artifact_save

from .factories import ANN, BOB, EMAIL, PHONE, TABLET, Shop, email_hash, event_make, model_make

pytestmark = pytest.mark.django_db


def ann(shop: Shop) -> Subject:
    """Ann, as her login and the cookie of her phone tell, and staff who has seen a letter with her address."""
    return Subject(
        customer_ids=frozenset({ANN}),
        visitor_ids=frozenset({PHONE}),
        user_ids=frozenset({str(shop.user.pk)}),
        email_hashes=frozenset({email_hash(EMAIL)}),
    )


def whole(shop: Shop) -> Subject:
    """Everything that belongs to Ann, noted before anything is erased."""
    return subject_complete(ann(shop))


def erase(shop: Shop) -> SubjectRequest:
    return request_carry_out(request=request_make(subject=ann(shop), kind="erase", start=False))


def test_all_that_belongs_to_a_person_is_found(shop: Shop) -> None:
    found = subject_complete(Subject(user_ids=frozenset({str(shop.user.pk)})))
    assert found.customer_ids == {ANN}
    assert found.visitor_ids == {PHONE}  # the tablet is Bob's as well
    assert found.email_hashes == set()  # anybody can order under an address, so orders do not say whose it is


# -- export


def archive_of(shop: Shop) -> dict[str, Any]:
    request = request_make(subject=ann(shop), kind="export")
    with request_archive(request=request) as made, zipfile.ZipFile(io.BytesIO(made.read())) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_export_holds_every_declaration_with_an_explanation(shop: Shop) -> None:
    files = archive_of(shop)
    for name in personal_data.names():
        stem = name.replace(".", "-")
        assert json.loads(files[f"{stem}.json"]), name
        assert str(personal_data.get(name).label) in files[f"{stem}.txt"]
    assert "customer_id" in files["events.txt"] and "400 days" in files["events.txt"]
    assert json.loads(files["about.json"])["customers"] == [ANN]


def test_the_export_tells_of_nobody_else(shop: Shop) -> None:
    text = "".join(archive_of(shop).values())
    assert ANN in text and PHONE in text
    assert BOB not in text and TABLET in text  # that she used the tablet is hers to know, what Bob did on it is not
    events = json.loads(archive_of(shop)["events.json"])
    assert {row.get("visitor_id") for row in events if row["kind"] == "event"} <= {PHONE, None}


def test_an_export_counts_what_it_held_and_expires(shop: Shop) -> None:
    request = request_make(subject=ann(shop), kind="export")
    request_archive(request=request).close()
    request.refresh_from_db()
    assert request.outcome["tables"]["mirror.customer"] == 1
    SubjectRequest.objects.update(carried_out_at=timezone.now() - timedelta(days=8))
    call_command("ecomai_prune")
    request.refresh_from_db()
    assert (request.status, request.customer_id, request.persons) == ("done", "", {})
    with pytest.raises(RequestError, match="expired"):
        request_archive(request=request)


# -- erasure


def test_an_erasure_leaves_nothing_and_the_scan_proves_it(shop: Shop, shared_cache: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(log_store, "LEAST_KEPT", 1)
    log_store.log_read(channel="")
    visitor_history(channel="", customer_id=ANN)
    person = whole(shop)
    before = {one.where for one in subject_scan(subject=person)}
    assert {"ecomai_events.Event", "ecomai_mirror.Order", "mirror.findings", "cache of recent items"} <= before
    assert any(where.startswith("eventlog") for where in before)
    request = erase(shop)
    assert request.status == "done"
    assert request.outcome["scan"]["left"] == []
    assert subject_scan(subject=person, deep=True, staff=False) == []


def test_with_every_capability_filled_a_person_is_exported_whole_and_erased_whole(shop: Shop) -> None:
    person = whole(shop)
    parts = json.loads(archive_of(shop)["about.json"])["files"]
    assert len(parts) == len(personal_data.names()) and all(parts.values())
    SubjectRequest.objects.update(handled_by=shop.user)  # as a member of staff she handled her own
    everywhere = {one.where for one in subject_scan(subject=person, deep=True)}
    declared = {apps.get_model(table)._meta.label for table, kinds in declared_lookups().items() if any(kinds.values())}
    assert declared - everywhere == set()

    asked = request_make(subject=person, kind="erase", origin="admin", start=False)
    assert request_carry_out(request=asked).status == "done"
    assert subject_scan(subject=person, deep=True) == []
    told = {name for name, declared in personal_data.items() if list(declared.export(person))}
    assert told == {"privacy.requests", "privacy.consents"}  # the proofs, by keyed hashes


def test_what_accounting_needs_stays_without_the_person(shop: Shop) -> None:
    erase(shop)
    order = Order.objects.get(external_id=f"o-{ANN}")
    assert (order.customer, order.email_hash, order.lines.count(), order.total) == (None, "", 1, shop.product.price)
    assert ReturnLine.objects.get(external_id=f"r-{ANN}").reason == ""
    assert Order.objects.get(external_id="guest").email_hash == ""
    assert not Customer.objects.filter(external_id=ANN).exists()
    assert not Review.objects.filter(external_id=f"w-{ANN}").exists()


def test_others_are_not_touched(shop: Shop) -> None:
    other = subject_complete(Subject(customer_ids=frozenset({BOB})))
    before = {name: list(declared.export(other)) for name, declared in personal_data.items()}
    erase(shop)
    after = {name: list(declared.export(other)) for name, declared in personal_data.items()}
    assert after == before
    assert Event.objects.filter(visitor_id=TABLET).count() == 1
    assert sorted(VisitorIdentity.objects.values_list("customer_id", flat=True)) == ["", BOB]


def test_a_finished_erasure_says_what_was_done_and_names_nobody(shop: Shop) -> None:
    request = erase(shop)
    request.refresh_from_db()
    assert request.outcome["tables"]["events"] == 4  # two events, two links
    assert request.outcome["tables"]["mirror.customer"] == 1
    assert (request.customer_id, request.persons) == ("", {})
    row = json.dumps(SubjectRequest.objects.values().get(pk=request.pk), default=str)
    assert ANN not in row and PHONE not in row


def test_asking_twice_is_one_request(shop: Shop) -> None:
    first = request_make(subject=ann(shop), kind="erase", start=False)
    assert request_make(subject=ann(shop), kind="erase", start=False) == first
    assert request_make(subject=ann(shop), kind="export") != first


def test_nothing_is_stored_from_the_moment_of_the_request_on(shop: Shop) -> None:
    request = request_make(subject=ann(shop), kind="erase", start=False)
    assert refused(channel="", persons=[("customer", ANN), ("customer", BOB)]) == {("customer", ANN)}
    request_cancel(request=request)
    assert refused(channel="", persons=[("customer", ANN)]) == set()
    assert Customer.objects.filter(external_id=ANN).exists()


def test_nobody_and_nonsense_are_refused() -> None:
    with pytest.raises(RequestError, match="Nobody is named"):
        request_make(subject=Subject(), kind="erase")
    with pytest.raises(RequestError, match="Unknown kind"):
        request_make(subject=Subject(customer_ids=frozenset({"x"})), kind="sell")


def test_a_failure_is_kept_told_and_repaired_by_the_next_run(shop: Shop, monkeypatch: Any) -> None:
    request = request_make(subject=ann(shop), kind="erase", start=False)
    declared = personal_data.get("mirror.customer")
    broken = type(declared)(declared.label, declared.purpose, declared.export, _fail, columns=declared.columns)
    with monkeypatch.context() as patch:
        patch.setitem(personal_data._items, "mirror.customer", broken)
        assert requests_carry_out() == {"done": 0, "waiting": 0, "failed": 1}
    request.refresh_from_db()
    assert (request.status, request.error) == ("failed", "OSError: disk is full")
    assert requests_carry_out() == {"done": 1, "waiting": 0, "failed": 0}
    assert subject_scan(subject=ann(shop), staff=False) == []


def _fail(subject: Subject) -> int:
    raise OSError("disk is full")


def test_what_is_still_there_makes_the_request_fail(shop: Shop, monkeypatch: Any) -> None:
    declared = personal_data.get("events")
    lazy = type(declared)(declared.label, "", declared.export, lambda subject: 0, columns=declared.columns)
    monkeypatch.setitem(personal_data._items, "events", lazy)
    request = erase(shop)
    assert request.status == "failed"
    assert "ecomai_events.Event" in request.error


def test_an_event_written_meanwhile_is_swept(shop: Shop) -> None:
    model_make()
    request = erase(shop)
    assert request.status == "models"
    event_make(customer_id=ANN)  # by a page that began before
    LiveArtifact.objects.all().delete()
    assert request_follow_up(request=request).status == "models"  # what was trained meanwhile may know it
    assert not Event.objects.filter(customer_id=ANN).exists()
    assert request_follow_up(request=request).status == "done"


# -- models


@pytest.fixture
def toy_job() -> Any:
    """A job that trains the toy model and obeys the gate unless it is told not to."""

    def train(context: Any) -> None:
        artifact = context.artifact_save(
            kind="toy", arrays={"item_ids": np.array([b"lamp"])}, manifest={"model": "toy"}, passed_gate=False
        )
        if context.parameters.get("no_gate"):
            context.go_live(artifact)

    job_kinds.register("toy.train", JobKind(execute=train, label="Toy"))
    yield "toy.train"
    job_kinds.unregister("toy.train")


def trained(hours_ago: float, **fields: Any) -> Artifact:
    at = timezone.now() - timedelta(hours=hours_ago)
    run = Run.objects.create(kind="toy.train", state="done", started_at=at)
    artifact = model_make(run=run, **fields)
    Artifact.objects.filter(pk=artifact.pk).update(created_at=at)
    return artifact


def later(request: SubjectRequest, hours: float) -> SubjectRequest:
    """As if the erasure had been so many hours ago."""
    span = timedelta(hours=hours)
    request.carried_out_at -= span
    request.models_due_at -= span
    request.save()
    return request


def test_models_from_before_are_deleted_and_the_serving_one_is_waited_for(shop: Shop, toy_job: str) -> None:
    old, serving = trained(48, live=False), trained(24)
    request = erase(shop)
    assert request.status == "models"
    assert request.models_due_at - request.carried_out_at == timedelta(hours=72)
    assert not Artifact.objects.filter(pk=old.pk).exists()
    assert LiveArtifact.objects.get().artifact == serving
    assert Run.objects.filter(kind=toy_job, parameters__no_gate=True).count() == 0  # the regular training comes first


def test_a_model_trained_after_the_erasure_finishes_the_request(shop: Shop, toy_job: str) -> None:
    old = trained(24)
    request = later(erase(shop), 1)
    new = trained(0)
    assert request_follow_up(request=request).status == "done"
    assert [one["state"] for one in request.outcome["models"]] == ["retrained"]
    assert list(Artifact.objects.values_list("pk", flat=True)) == [new.pk] and old.pk != new.pk


def test_after_half_the_time_it_is_trained_without_the_gate(
    shop: Shop, toy_job: str, django_capture_on_commit_callbacks: Any
) -> None:
    trained(100)
    request = later(erase(shop), 37)
    with django_capture_on_commit_callbacks(execute=True):
        assert request_follow_up(request=request).status == "models"
    assert [one["state"] for one in request.outcome["models"]] == ["started"]
    assert LiveArtifact.objects.get().artifact.run.parameters == {"no_gate": True}
    assert request_follow_up(request=request).status == "done"
    assert [one["state"] for one in request.outcome["models"]] == ["started", "retrained"]
    assert Artifact.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_training_that_runs_inline_finishes_the_request_in_one_go(shop: Shop, toy_job: str) -> None:
    trained(100)
    request = later(erase(shop), 37)
    assert request_follow_up(request=request).status == "done"
    assert [one["state"] for one in request.outcome["models"]] == ["started", "retrained"]
    assert list(Artifact.objects.values_list("pk", flat=True)) == [LiveArtifact.objects.get().artifact_id]


def test_a_short_key_of_an_account_is_no_hit_in_a_model(shop: Shop) -> None:
    model_make(str(shop.user.pk), live=False)
    assert not [one for one in subject_scan(subject=ann(shop)) if one.where.startswith("model")]


def test_when_the_time_is_over_it_is_taken_out_of_service(shop: Shop) -> None:
    trained(100)  # no job trains it
    request = later(erase(shop), 73)
    assert request_follow_up(request=request).status == "done"
    assert [one["state"] for one in request.outcome["models"]] == ["withdrawn"]
    assert not Artifact.objects.exists() and not LiveArtifact.objects.exists()


def test_a_training_that_began_before_the_erasure_does_not_count(shop: Shop, toy_job: str) -> None:
    trained(24)
    request = erase(shop)
    trained(0.01)  # read the rows before, wrote the model after
    assert request_follow_up(request=request).status == "models"


# -- objection


def test_an_objection_holds_at_once_and_deletes_what_was_derived(shop: Shop) -> None:
    request = request_make(subject=ann(shop), kind="object")
    assert request.status == "done"
    assert refused(channel="", persons=[("customer", ANN)], purpose="personalization") == {("customer", ANN)}
    assert refused(channel="", persons=[("customer", ANN)], purpose="marketing") == {("customer", ANN)}
    assert refused(channel="", persons=[("customer", ANN)]) == set()  # he is still counted
    assert list(CustomerPreference.objects.values_list("customer_id", flat=True)) == [BOB]
    assert Event.objects.filter(customer_id=ANN).exists()


def test_an_objection_can_be_lifted(shop: Shop) -> None:
    request_make(subject=ann(shop), kind="object")
    assert objection_lift(subject=ann(shop)) == Refusal.objects.count()
    assert refused(channel="", persons=[("customer", ANN)], purpose="personalization") == set()
    request_make(subject=ann(shop), kind="object")
    assert refused(channel="", persons=[("customer", ANN)], purpose="personalization") == {("customer", ANN)}


def test_what_went_wrong_is_told_without_what_the_database_says_of_the_person(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def fails(subject: Subject) -> int:
        raise IntegrityError(f"Key (external_id)=({ANN}) is still referenced")

    request = request_make(subject=ann(shop), kind="erase", start=False)
    declared = personal_data.get("mirror.customer")
    monkeypatch.setitem(personal_data._items, "mirror.customer", replace(declared, erase=fails))
    assert requests_carry_out() == {"done": 0, "waiting": 0, "failed": 1}
    request.refresh_from_db()
    assert request.error == "IntegrityError"
    assert "IntegrityError" in caplog.text and ANN not in caplog.text


def test_what_is_asked_for_while_the_job_runs_is_carried_out_by_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    request_make(subject=ann(shop), kind="erase", start=False)
    carry_out = carrying_out.request_carry_out
    bob = Subject(customer_ids=frozenset({BOB}))

    def and_meanwhile(*, request: SubjectRequest, **options: Any) -> SubjectRequest:
        if SubjectRequest.objects.count() == 1:
            request_make(subject=bob, kind="erase", start=False)
        return carry_out(request=request, **options)

    monkeypatch.setattr(carrying_out, "request_carry_out", and_meanwhile)
    assert requests_carry_out() == {"done": 2, "waiting": 0, "failed": 0}
    assert not Customer.objects.filter(external_id=BOB).exists()


def test_models_are_searched_piece_by_piece(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_PIECE", 2)
    arrays = {
        "raw": np.array([b"a", b"bb", PHONE.encode(), b"c", b"d"]),
        "texts": np.array([["lamp", "vase"], ["candle", TABLET]]),
        "numbers": np.arange(3),
        "none": np.array([], dtype="S4"),
    }
    artifact = artifact_save(kind="toy", arrays=arrays, manifest={"who": [ANN]}, passed_gate=True)

    def found(**ids: Any) -> list[tuple[int, bool]]:
        left = subject_scan(subject=Subject(**{kind: frozenset(one) for kind, one in ids.items()}), deep=False)
        return [(one.count, one.certain) for one in left if one.where == f"model {artifact.path}"]

    assert found(visitor_ids=[PHONE, TABLET, "c" * 32]) == [(2, True)]
    assert found(customer_ids=[ANN]) == [(1, False)]
    assert found(customer_ids=["b"]) == []
