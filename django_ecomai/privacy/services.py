"""What is done with requests of persons: made, carried out, followed up until no model knows the person any more."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import IO, Any

from django.db import transaction
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
from .refusing import forget, refusal_lift, refuse
from .scanning import leftovers_told, subject_scan
from .signals import subject_erased
from .subjects import persons_json, request_digests, subject_complete, subject_of_request

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
    """Note what a person asks for and begin with it after commit.

    An unfinished request of the same kind that names him with the same ids is returned instead; a ``confirmed`` erasure
    begins then, too, should it have waited. An objection holds at once; an erasure that is not ``confirmed`` does
    nothing before ``request_confirm``. ``user`` is the member of staff who enters it. Without ``start`` the next run of
    the job carries it out. Raises ``RequestError`` for nobody and for an unknown kind.
    """
    if not subject:
        raise RequestError(_("Nobody is named: give a customer or a visitor."))
    if kind not in Kind.values:
        raise RequestError(_("Unknown kind of request: %(kind)s.") % {"kind": kind})
    subject = subject_complete(subject)  # now: when the shop deletes the account next, nobody knows any more
    waits = kind == Kind.ERASE and not confirmed
    waiting = _waiting(subject, kind)
    if waiting is not None:
        if kind == Kind.ERASE and confirmed and waiting.status in (Status.UNCONFIRMED, Status.OPEN, Status.FAILED):
            return request_confirm(request=waiting, user=user, origin=origin, start=start)
        return waiting
    digests = request_digests(subject)
    with transaction.atomic():
        request = SubjectRequest.objects.create(
            channel=subject.channel,
            kind=kind,
            status=Status.UNCONFIRMED if waits else Status.OPEN,
            origin=origin,
            customer_id=min(subject.ids("customer"), default=""),
            persons=persons_json(subject),
            digest=digests[0] if digests else "",
            handled_by=user,
        )
        if kind == Kind.OBJECT:
            request_carry_out(request=request)
        elif kind == Kind.ERASE and not waits:  # from now on nothing is added to what will be erased
            refuse(subject=subject, request=request)
    if start and kind == Kind.ERASE and not waits:
        run_start(kind=JOB, user=user)
    return request


def _waiting(subject: Subject, kind: str) -> SubjectRequest | None:
    """An unfinished request of the same person that already names everything that this one would."""
    rows = SubjectRequest.objects.filter(channel=subject.channel, kind=kind, status__in=UNFINISHED)
    same = rows.filter(digest__in=request_digests(subject)).order_by("-id")
    named = set(subject.persons())
    return next((row for row in same if named <= set(subject_of_request(row).persons())), None)


def request_confirm(
    *, request: SubjectRequest, user: Any = None, origin: str | None = None, start: bool = True
) -> SubjectRequest:
    """Let an erasure begin (or begin again after a failure) with the next run, which is started.

    ``origin`` says who confirms when it is not whoever made it. Raises ``RequestError`` when there is nothing to begin.
    """
    if request.kind != Kind.ERASE or request.status not in (Status.UNCONFIRMED, Status.OPEN, Status.FAILED):
        raise RequestError(_("This request has been carried out or withdrawn."))
    with transaction.atomic():
        request.status, request.handled_by = Status.OPEN, user or request.handled_by
        request.origin = origin or request.origin
        request.save()
        refuse(subject=_named(request), request=request)
    if start:
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
        request.status, request.error = Status.FAILED, f"{type(error).__name__}: {error}"[:2000]
        request.save()
        raise
    return request


def _named(request: SubjectRequest) -> Subject:
    """Whom a request is about, with all that is known by now. Raises ``RequestError`` when it names nobody."""
    subject = subject_complete(subject_of_request(request))
    if not subject:
        raise RequestError(_("The request does not say any more whose it is. Withdraw it and enter it again."))
    return subject


def _object(request: SubjectRequest) -> None:
    subject = _named(request)
    with transaction.atomic():
        refuse(subject=subject, purposes=OBJECTED, request=request)
        tables = {name: declared.erase(subject) for name, declared in personal_data.items() if declared.derived}
        request.outcome = {"tables": tables, "refused": list(OBJECTED)}
        request.carried_out_at = timezone.now()
        _finish(request, Status.DONE)


def objection_lift(*, subject: Subject) -> int:
    """The person wants suggestions of his own again; noted in the ledger of consents."""
    subject = subject_complete(subject)
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
    subject = _named(request)
    again = request.carried_out_at is not None
    request.persons = persons_json(subject)
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
    request.customer_id, request.persons = "", {}
    request.save()


def requests_carry_out(*, requests: Iterable[SubjectRequest] | None = None) -> dict[str, int]:
    """Carry out what is open and follow up what waits for models; one that fails stops no other."""
    counts = {"done": 0, "waiting": 0, "failed": 0}
    begun = (Status.OPEN, Status.MODELS, Status.FAILED)
    unfinished = SubjectRequest.objects.filter(status__in=begun).exclude(kind=Kind.EXPORT)
    for request in list(unfinished.order_by("id") if requests is None else requests):
        try:
            if request.status == Status.MODELS:
                request_follow_up(request=request)
            else:
                request_carry_out(request=request)
        except Exception:  # declarations are other apps' code: kept with the request, the next one goes on
            logger.exception("request %s could not be carried out", request.reference)
        name = {Status.DONE: "done", Status.FAILED: "failed"}.get(Status(request.status), "waiting")
        counts[name] += 1
    return counts


def request_archive(*, request: SubjectRequest, user: Any = None) -> IO[bytes]:
    """The archive of an export, made at this moment; the caller closes it. Nothing of it is kept on the server.

    Raises ``RequestError`` for another kind, and when the request is over and does not know the person any more.
    """
    if request.kind != Kind.EXPORT:
        raise RequestError(_("Only a request for a copy of the data has an archive."))
    if request.is_over:
        raise RequestError(_("This copy has expired. Ask for a new one."))
    subject = _named(request)
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
    """Erase again whom the log of erasures names: after a backup was restored. Returns erased rows per declaration.

    Persons are found by hashing every id that a declared column holds and comparing it with the log.
    """
    from .replaying import subjects_found

    erased: dict[str, int] = {"persons": 0}
    for subject in subjects_found():
        erased["persons"] += 1
        if dry_run:
            continue
        subject = subject_complete(subject)
        refuse(subject=subject, purposes=(EVERYTHING,))
        for name, rows in subject_erase(subject=subject).items():
            erased[name] = erased.get(name, 0) + rows
        models_purge(channel=subject.channel, before=timezone.now())
    return erased
