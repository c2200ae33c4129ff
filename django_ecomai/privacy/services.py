"""What is done with requests of persons: made, carried out, followed up until no model knows the person any more."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import IO, Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import EVERYTHING, Subject
from django_ecomai.core.registry import personal_data
from django_ecomai.runs.services import run_start

from .erasure_log import erasure_log_write
from .exporting import archive_write
from .ledger import consent_record
from .model_care import models_purge, models_settle
from .models import SubjectRequest
from .refusing import erasure_under_way, forget, refusal_lift, refuse
from .scanning import leftovers_told, subject_scan
from .signals import subject_erased
from .subjects import person_digests, subject_complete, subject_of_request

logger = logging.getLogger("django_ecomai.privacy")
JOB = "privacy.requests"
Kind, Status, Origin = SubjectRequest.Kind, SubjectRequest.Status, SubjectRequest.Origin
#: What an objection refuses: being counted goes on, being followed does not.
OBJECTED = ("personalization", "marketing")
UNFINISHED = (Status.UNCONFIRMED, Status.OPEN, Status.MODELS, Status.FAILED)


class RequestError(ValueError):
    """A request that cannot be made or carried out; the message says why."""


def request_make(
    *,
    subject: Subject,
    kind: str,
    origin: str = Origin.ACCOUNT,
    user: Any = None,
    start: bool = True,
    confirmed: bool = True,
) -> SubjectRequest:
    """Note what a person asks for and begin with it after commit; an open request of the same kind is returned instead.

    An objection holds at once; an erasure that is not ``confirmed`` does nothing before ``request_confirm``. ``user``
    is the member of staff who enters it. Without ``start`` the next run of the job carries it out. Raises
    ``RequestError`` for nobody and for an unknown kind.
    """
    if not subject:
        raise RequestError(_("Nobody is named: give a customer or a visitor."))
    if kind not in Kind.values:
        raise RequestError(_("Unknown kind of request: %(kind)s.") % {"kind": kind})
    digests = person_digests(subject)
    waiting = SubjectRequest.objects.filter(
        channel=subject.channel, kind=kind, digest__in=digests, status__in=UNFINISHED
    ).first()
    if waiting is not None:
        return waiting
    waits = kind == Kind.ERASE and not confirmed
    with transaction.atomic():
        request = SubjectRequest.objects.create(
            channel=subject.channel,
            kind=kind,
            status=Status.UNCONFIRMED if waits else Status.OPEN,
            origin=origin,
            customer_id=min(subject.customer_ids, default=""),
            visitor_ids=sorted(subject.visitor_ids),
            email_hashes=sorted(subject.email_hashes),
            user_id=min(subject.user_ids, default=None),
            digest=digests[0] if digests else "",
            handled_by=user,
        )
        if kind == Kind.OBJECT:
            request_carry_out(request=request)
        elif kind == Kind.ERASE and not waits:  # from now on nothing is added to what will be erased
            refuse(subject=subject_complete(subject), request=request)
    if start and kind == Kind.ERASE and not waits:
        run_start(kind=JOB, user=user)
    return request


def request_confirm(*, request: SubjectRequest, user: Any = None) -> SubjectRequest:
    """Let an erasure begin (or begin again after a failure) with the next run, which is started.

    Raises ``RequestError`` when there is nothing to begin.
    """
    if request.kind != Kind.ERASE or request.status not in (Status.UNCONFIRMED, Status.OPEN, Status.FAILED):
        raise RequestError(_("This request has been carried out or withdrawn."))
    with transaction.atomic():
        request.status, request.handled_by = Status.OPEN, user or request.handled_by
        request.save()
        refuse(subject=subject_complete(subject_of_request(request)), request=request)
    run_start(kind=JOB, user=user)
    return request


def request_cancel(*, request: SubjectRequest, user: Any = None) -> None:
    """Withdraw a request that has not been carried out. Raises ``RequestError`` when it is too late."""
    if request.status not in (Status.UNCONFIRMED, Status.OPEN, Status.FAILED) or request.carried_out_at:
        raise RequestError(_("This request has been carried out and cannot be withdrawn."))
    request.handled_by = user or request.handled_by
    with transaction.atomic():
        request.refusals.filter(lifted_at=None).update(lifted_at=timezone.now(), changed_at=timezone.now())
        _finish(request, Status.CANCELLED)
    forget()


def request_carry_out(*, request: SubjectRequest, user: Any = None) -> SubjectRequest:
    """Do what a person asked for. An error is kept with the request, which stays open as failed, and is raised."""
    if request.is_over:
        return request
    if user is not None:
        request.handled_by = user
    try:
        if request.kind == Kind.ERASE:
            _erase(request)
        elif request.kind == Kind.OBJECT:
            _object(request)
    except Exception as error:
        request.status, request.error = Status.FAILED, _error_told(error)
        request.save()
        raise
    return request


def _error_told(error: Exception) -> str:
    """A database names the person in its messages ("Key (external_id)=(17)"): of those the class only."""
    harmless = isinstance(error, RequestError | OSError)
    return f"{type(error).__name__}: {error}"[:2000] if harmless else type(error).__name__


def _object(request: SubjectRequest) -> None:
    subject = subject_complete(subject_of_request(request))
    with transaction.atomic():
        refuse(subject=subject, purposes=OBJECTED, request=request)
        tables = {name: declared.erase(subject) for name, declared in personal_data.items() if declared.derived}
        request.outcome = {"tables": tables, "refused": list(OBJECTED)}
        request.carried_out_at = timezone.now()
        _finish(request, Status.DONE)


def objection_lift(*, subject: Subject) -> int:
    """The person wants suggestions of his own again; noted in the ledger of consents.

    Raises ``RequestError`` while an erasure of him is under way: what came in now would not be erased.
    """
    subject = subject_complete(subject)
    if erasure_under_way(subject):
        raise RequestError(_("The erasure is still under way. When it is finished you can allow suggestions again."))
    with transaction.atomic():
        lifted = refusal_lift(subject=subject)
        if lifted and (subject.customer_ids or subject.visitor_ids):
            consent_record(
                channel=subject.channel,
                visitor_id=min(subject.visitor_ids, default=""),
                customer_id=min(subject.customer_ids, default=""),
                given=OBJECTED,
                origin="objection lifted",
            )
    return lifted


def _erase(request: SubjectRequest) -> None:
    """In an order that can be broken off anywhere and begun again.

    The log first, as it outlives a restored database; then the list that keeps the person out; then the rows.
    """
    subject = subject_complete(subject_of_request(request))
    again = request.carried_out_at is not None
    request.visitor_ids, request.email_hashes = sorted(subject.visitor_ids), sorted(subject.email_hashes)
    request.status, request.error = Status.OPEN, ""
    request.save()
    if not again:
        erasure_log_write(subject=subject, reference=str(request.reference))
    refuse(subject=subject, request=request)
    tables = subject_erase(subject=subject, request=request)
    now = timezone.now()
    before = request.outcome.get("tables", {})
    request.outcome = {
        **request.outcome,
        "tables": {name: rows + before.get(name, 0) for name, rows in tables.items()},
    }
    request.carried_out_at = request.carried_out_at or now
    request.models_due_at = request.models_due_at or now + timedelta(hours=float(ecomai.ERASURE_MODEL_HOURS))
    request.status = Status.MODELS
    request.save()
    subject_erased.send_robust(sender=SubjectRequest, request=request, subject=subject)
    request_follow_up(request=request)


def subject_erase(*, subject: Subject, request: SubjectRequest | None = None) -> dict[str, int]:
    """Let every declaration erase the person; rows changed or deleted by name. The request itself still knows him."""
    erased: dict[str, int] = {}
    for name, declared in personal_data.items():
        erased[name] = declared.erase(subject)
    return erased


def request_follow_up(*, request: SubjectRequest) -> SubjectRequest:
    """Look whether models from before an erasure are gone; when they are, sweep once more, search, and finish."""
    if request.kind != Kind.ERASE or request.status != Status.MODELS or request.carried_out_at is None:
        return request
    models_purge(channel=request.channel, before=request.carried_out_at)
    due = request.models_due_at or request.carried_out_at
    settled, told = models_settle(channel=request.channel, erased_at=request.carried_out_at, due_at=due)
    known = {(one["kind"], one["state"]) for one in request.outcome.get("models", [])}
    request.outcome = {
        **request.outcome,
        "models": [
            *request.outcome.get("models", []),
            *(one for one in told if (one["kind"], one["state"]) not in known),
        ],
    }
    if not settled:
        request.save()
        return request
    subject = subject_of_request(request)
    # A request of the shop that was under way while the rows went may have written one more.
    for name, rows in subject_erase(subject=subject, request=request).items():
        request.outcome["tables"][name] = request.outcome["tables"].get(name, 0) + rows
    left = subject_scan(subject=subject, deep=False, without=request)
    request.outcome["scan"] = {"at": timezone.now().isoformat(), "left": [one.as_dict() for one in left]}
    if any(one.certain for one in left):
        request.status = Status.FAILED
        request.error = _("Still there after the erasure: %(places)s") % {"places": "; ".join(leftovers_told(left))}
        request.save()
        logger.error("erasure %s left something behind: %s", request.reference, request.error)
        return request
    _finish(request, Status.DONE)
    return request


def _finish(request: SubjectRequest, status: str) -> None:
    """Over: from here on only the digest says whose it was."""
    request.status, request.error = status, ""
    request.finished_at = timezone.now()
    request.customer_id, request.visitor_ids, request.email_hashes, request.user_id = "", [], [], None
    request.save()


def requests_carry_out(*, requests: Iterable[SubjectRequest] | None = None) -> dict[str, int]:
    """Carry out what is open and follow up what waits for models; one that fails stops no other."""
    counts = {"done": 0, "waiting": 0, "failed": 0}
    begun = (Status.OPEN, Status.MODELS, Status.FAILED)
    unfinished = SubjectRequest.objects.filter(status__in=begun).exclude(kind=Kind.EXPORT)
    for request in _one_after_another(unfinished) if requests is None else requests:
        try:
            if request.status == Status.MODELS:
                request_follow_up(request=request)
            else:
                request_carry_out(request=request)
        except Exception as error:  # declarations are other apps' code: kept with the request, the next one goes on
            where = traceback.extract_tb(error.__traceback__)[-1]  # without the message, which may name the person
            told = (request.reference, type(error).__name__, where.filename, where.lineno)
            logger.error("request %s could not be carried out: %s at %s:%s", *told)
        name = {Status.DONE: "done", Status.FAILED: "failed"}.get(Status(request.status), "waiting")
        counts[name] += 1
    return counts


def _one_after_another(unfinished: QuerySet[SubjectRequest]) -> Iterator[SubjectRequest]:
    """Also what is asked for while this run is at work: its start was answered with this run."""
    seen: set[int] = set()
    while batch := [request for request in unfinished.order_by("id") if request.pk not in seen]:
        for request in batch:
            seen.add(request.pk)
            yield request


def request_archive(*, request: SubjectRequest, user: Any = None) -> IO[bytes]:
    """The archive of an export, made at this moment; the caller closes it. Nothing of it is kept on the server.

    Raises ``RequestError`` for another kind, and when the request is over and does not know the person any more.
    """
    if request.kind != Kind.EXPORT:
        raise RequestError(_("Only a request for a copy of the data has an archive."))
    if request.is_over:
        raise RequestError(_("This copy has expired. Ask for a new one."))
    subject = subject_complete(subject_of_request(request))
    archive, counts = archive_write(subject=subject, reference=str(request.reference))
    request.outcome = {"tables": counts}
    request.carried_out_at = timezone.now()
    if user is not None:
        request.handled_by = user
    request.save()
    return archive


def requests_prune() -> int:
    """Close exports that were downloaded a week ago, delete finished requests after ``REQUEST_RETENTION_DAYS``."""
    now = timezone.now()
    fetched = SubjectRequest.objects.filter(
        kind=Kind.EXPORT, status=Status.OPEN, carried_out_at__lt=now - timedelta(days=7)
    )
    for request in fetched:
        _finish(request, Status.DONE)
    before = now - timedelta(days=float(ecomai.REQUEST_RETENTION_DAYS))
    over = SubjectRequest.objects.filter(status__in=(Status.DONE, Status.CANCELLED), finished_at__lt=before)
    return over.delete()[0]


def erasures_replay(*, dry_run: bool = False) -> dict[str, int]:
    """Refuse and erase again whom the log of erasures names: after a backup was restored.

    The refusals come first, also of persons who stand in no table now: the next sync would copy them. Then the rows:
    persons are found by hashing every id that a declared column holds and comparing it with the log. Returns erased
    rows per declaration, ``persons`` (ids found again) and ``refusals`` (entries that were missing).
    """
    from .replaying import logged, refusals_restore, subjects_found

    done: dict[str, int] = {"persons": 0, "refusals": 0}
    for channel, log in logged().items():
        restored, older = refusals_restore(channel, log, dry_run=dry_run)
        done["refusals"] += restored
        erased = {person for person, purposes in log.refused.items() if EVERYTHING in purposes}
        for subject in subjects_found(channel, erased | older):
            done["persons"] += 1
            if dry_run:
                continue
            subject = subject_complete(subject)
            _counted(done, subject_erase(subject=subject))
            models_purge(channel=channel, before=timezone.now())
        objected = {person for person, purposes in log.refused.items() if purposes} - erased - older
        for subject in subjects_found(channel, objected) if not dry_run else ():
            declared = ((name, one) for name, one in personal_data.items() if one.derived)
            _counted(done, {name: one.erase(subject) for name, one in declared})
    return done


def _counted(done: dict[str, int], more: dict[str, int]) -> None:
    for name, rows in more.items():
        done[name] = done.get(name, 0) + rows
