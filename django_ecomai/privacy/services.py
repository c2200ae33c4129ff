"""What is done with requests of persons: made, carried out, followed up until no model knows the person any more."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import IO, Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import EVERYTHING, Subject
from django_ecomai.core.registry import personal_data
from django_ecomai.runs.services import run_start

from .erasure_log import erasure_log_write
from .exporting import archive_write
from .ledger import consent_record
from .model_care import models_purge, models_settle, writers_active
from .models import SubjectRequest
from .refusing import erasure_under_way, forget, refusal_lift, refuse
from .scanning import leftovers_told, subject_scan
from .signals import subject_erased
from .subjects import persons_json, request_digests, subject_complete, subject_of_request

logger = logging.getLogger("django_ecomai.privacy")
JOB = REQUESTS = "privacy.requests"
Kind, Status, Origin = SubjectRequest.Kind, SubjectRequest.Status, SubjectRequest.Origin
#: What an objection refuses: being counted goes on, being followed does not.
OBJECTED = ("personalization", "marketing")
UNFINISHED = (Status.UNCONFIRMED, Status.OPEN, Status.MODELS, Status.FAILED)
_NOT_CARRIED_OUT = (Status.UNCONFIRMED, Status.OPEN, Status.FAILED)
_BEGUN = (Status.OPEN, Status.MODELS, Status.FAILED)


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
        if kind == Kind.ERASE and confirmed and waiting.status in _NOT_CARRIED_OUT:
            return request_confirm(request=waiting, user=user, origin=origin, start=start)
        if kind == Kind.OBJECT:
            _object_now(waiting)
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
            refuse(subject=subject, purposes=OBJECTED, request=request)
        elif kind == Kind.ERASE and not waits:  # from now on nothing is added to what will be erased
            refuse(subject=subject, request=request)
    if kind == Kind.OBJECT:
        _object_now(request)
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
    values = {"status": Status.OPEN, "origin": origin or request.origin, **_handled(user)}
    with transaction.atomic():
        if request.kind != Kind.ERASE or not _change(request, _NOT_CARRIED_OUT, **values):
            raise RequestError(_("This request has been carried out or withdrawn."))
        refuse(subject=_named(request), request=request)
    if start:
        run_start(kind=JOB, user=user)
    return request


def request_cancel(*, request: SubjectRequest, user: Any = None) -> None:
    """Withdraw a request that has not been carried out. Raises ``RequestError`` when it is too late."""
    now = timezone.now()
    with transaction.atomic():
        untouched = Q(begun_at=None, carried_out_at=None)
        if not _change(request, _NOT_CARRIED_OUT, untouched, **_finished(Status.CANCELLED), **_handled(user)):
            raise RequestError(_("This request has been carried out and cannot be withdrawn."))
        refusals = request.refusals.filter(lifted_at=None)
        others = SubjectRequest.objects.filter(channel=request.channel, kind=request.kind, digest=request.digest)
        others = others.exclude(status__in=(Status.UNCONFIRMED, Status.CANCELLED)).exclude(pk=request.pk)
        other = others.filter(Q(finished_at=None) | Q(finished_at__gt=request.requested_at)).order_by("id").first()
        if other is not None:  # made from another device: it still holds
            refusals.update(request=other, changed_at=now)
        else:
            refusals.update(lifted_at=now, changed_at=now)
    forget()


def _change(request: SubjectRequest, states: Iterable[str], *conditions: Q, **values: Any) -> bool:
    """Change columns of a request that is in one of the states still; ``False`` when somebody else was faster.

    The worker and the buttons of the pages work on one request: nobody may write back what he read before.
    """
    rows = SubjectRequest.objects.filter(*conditions, pk=request.pk, status__in=tuple(states))
    changed = rows.update(**values) == 1
    request.refresh_from_db()
    return changed


def _note(request: SubjectRequest, *, tables: Mapping[str, int] | None = None, **parts: Any) -> None:
    """Add rows erased and other parts to the outcome, as it stands now."""
    with transaction.atomic():
        outcome = dict(SubjectRequest.objects.select_for_update().values_list("outcome", flat=True).get(pk=request.pk))
        if tables is not None:
            before = outcome.get("tables", {})
            outcome["tables"] = {**before, **{name: rows + before.get(name, 0) for name, rows in tables.items()}}
        if models := parts.pop("models", None):
            known = {(one["kind"], one["state"]) for one in outcome.get("models", [])}
            new = [one for one in models if (one["kind"], one["state"]) not in known]
            outcome["models"] = [*outcome.get("models", []), *new]
        SubjectRequest.objects.filter(pk=request.pk).update(outcome={**outcome, **parts})
    request.refresh_from_db()


def _handled(user: Any) -> dict[str, Any]:
    return {} if user is None else {"handled_by": user}


def request_carry_out(*, request: SubjectRequest, user: Any = None) -> SubjectRequest:
    """Do what a person asked for. An error is kept with the request, which stays open as failed, and is raised."""
    if not _change(request, _BEGUN, **_handled(user), error=""):
        return request
    try:
        if request.kind == Kind.ERASE:
            _erase(request)
        elif request.kind == Kind.OBJECT:
            _object(request)
    except Exception as error:
        _change(request, _BEGUN, status=Status.FAILED, error=_error_told(error))
        raise
    return request


def _error_told(error: Exception) -> str:
    """A database names the person in its messages ("Key (external_id)=(17)"): of those the class only."""
    harmless = isinstance(error, RequestError | OSError)
    return f"{type(error).__name__}: {error}"[:2000] if harmless else type(error).__name__


def _object_now(request: SubjectRequest) -> None:
    """Delete what was derived; when another app fails at that the objection holds, and the job tries again."""
    try:
        request_carry_out(request=request)
    except Exception as error:
        logger.error("objection %s: what was derived is still there: %s", request.reference, type(error).__name__)


def _named(request: SubjectRequest) -> Subject:
    """Whom a request is about, with all that is known by now. Raises ``RequestError`` when it names nobody."""
    subject = subject_complete(subject_of_request(request))
    if not subject:
        raise RequestError(_("The request does not say any more whose it is. Withdraw it and enter it again."))
    return subject


def _object(request: SubjectRequest) -> None:
    subject = _named(request)
    refuse(subject=subject, purposes=OBJECTED, request=request)  # first: it holds even when what follows fails
    with transaction.atomic():
        tables = {name: declared.erase(subject) for name, declared in personal_data.items() if declared.derived}
    _note(request, tables=tables, refused=list(OBJECTED))
    _change(request, _BEGUN, carried_out_at=timezone.now(), **_finished(Status.DONE))


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
    subject = _named(request)
    before = request.begun_at
    values = {"begun_at": before or timezone.now(), "persons": persons_json(subject)}
    if not _change(request, (Status.OPEN, Status.FAILED), status=Status.OPEN, **values):
        return  # withdrawn meanwhile
    if request.carried_out_at is None:
        try:
            erasure_log_write(subject=subject, reference=str(request.reference))
        except Exception:
            _change(request, _BEGUN, begun_at=before)  # nothing was erased
            raise
    refuse(subject=subject, request=request)
    tables = subject_erase(subject=subject, request=request)
    _note(request, tables=tables)
    clock = _clock() if request.carried_out_at is None or _of_the_past(tables) else {}
    if not _change(request, (Status.OPEN, Status.FAILED), status=Status.MODELS, error="", **clock):
        return
    subject_erased.send_robust(sender=SubjectRequest, request=request, subject=subject)
    request_follow_up(request=request)


def _clock() -> dict[str, Any]:
    """From when on models know the person no more, and until when: anew whenever something of him was found."""
    now = timezone.now()
    return {"carried_out_at": now, "models_due_at": now + timedelta(hours=float(ecomai.ERASURE_MODEL_HOURS))}


def _of_the_past(tables: Mapping[str, int]) -> bool:
    """Whether rows went that a model may have been trained on, not only a request or what an employee did."""
    return any(rows for name, rows in tables.items() if name != REQUESTS and not personal_data.get(name).staff)


def subject_erase(*, subject: Subject, request: SubjectRequest | None = None) -> dict[str, int]:
    """Let every declaration erase the person; rows changed or deleted by name. The request itself still knows him.

    What he did as an employee is the shop's, who approved an order for example: it goes only when staff asks for it.
    """
    staff = _as_employee(request)
    return {name: declared.erase(subject) for name, declared in personal_data.items() if staff or not declared.staff}


def _as_employee(request: SubjectRequest | None) -> bool:
    return request is not None and request.origin == Origin.ADMIN


def request_follow_up(*, request: SubjectRequest) -> SubjectRequest:
    """Look whether models from before an erasure are gone; when they are, sweep once more, search, and finish.

    It also waits for whatever began before the erasure and may still write: what is swept then is the last.
    """
    request.refresh_from_db()
    if request.kind != Kind.ERASE or request.status != Status.MODELS or request.carried_out_at is None:
        return request
    models_purge(channel=request.channel, before=request.carried_out_at)
    due = request.models_due_at or request.carried_out_at
    settled, told = models_settle(channel=request.channel, erased_at=request.carried_out_at, due_at=due)
    _note(request, models=told)
    if not settled or writers_active(channel=request.channel, since=request.carried_out_at, without=JOB):
        return request
    subject = _named(request)
    # A request of the shop that was under way while the rows went may have written one more.
    swept = subject_erase(subject=subject, request=request)
    _note(request, tables=swept)
    if _of_the_past(swept):  # what was trained since may know it
        _change(request, (Status.MODELS,), **_clock())
        return request
    left = subject_scan(subject=subject, deep=False, without=request, staff=_as_employee(request))
    _note(request, scan={"at": timezone.now().isoformat(), "left": [one.as_dict() for one in left]})
    if any(one.certain for one in left):
        error = _("Still there after the erasure: %(places)s") % {"places": "; ".join(leftovers_told(left))}
        _change(request, (Status.MODELS,), status=Status.FAILED, error=error)
        logger.error("erasure %s left something behind: %s", request.reference, error)
        return request
    _change(request, (Status.MODELS,), **_finished(Status.DONE))
    return request


def _finished(status: str) -> dict[str, Any]:
    """Over: from here on only the digest says whose it was."""
    return {"status": status, "error": "", "finished_at": timezone.now(), "customer_id": "", "persons": {}}


def requests_carry_out(*, requests: Iterable[SubjectRequest] | None = None) -> dict[str, int]:
    """Carry out what is open and follow up what waits for models; one that fails stops no other."""
    counts = {"done": 0, "waiting": 0, "failed": 0}
    unfinished = SubjectRequest.objects.filter(status__in=_BEGUN).exclude(kind=Kind.EXPORT)
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
    subject = _named(request)
    archive, counts = archive_write(subject=subject, reference=str(request.reference))
    values = {"outcome": {"tables": counts}, "carried_out_at": timezone.now(), **_handled(user)}
    _change(request, (Status.OPEN, Status.FAILED), **values)
    return archive


def requests_prune() -> int:
    """Close what nobody waits for any more, delete finished requests after ``REQUEST_RETENTION_DAYS``.

    Copies are closed a week after they were fetched, or when they are due. An erasure that staff never confirmed is
    shown as late for as long as it was given, then withdrawn.
    """
    now = timezone.now()
    copies = SubjectRequest.objects.filter(kind=Kind.EXPORT, status=Status.OPEN)
    fetched = Q(carried_out_at__lt=now - timedelta(days=7))
    copies.filter(fetched | Q(carried_out_at=None, due_at__lt=now)).update(**_finished(Status.DONE))
    forgotten = now - timedelta(days=float(ecomai.REQUEST_DUE_DAYS))
    unconfirmed = SubjectRequest.objects.filter(status=Status.UNCONFIRMED, due_at__lt=forgotten)
    unconfirmed.update(**_finished(Status.CANCELLED))
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
