"""Requests of persons are carried out, and followed up until no model knows the person any more."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import personal_data

from ..erasure_log import erasure_log_write
from ..model_care import models_purge, models_settle, writers_active
from ..models import SubjectRequest
from ..refusing import refuse
from ..scanning import leftovers_told, subject_scan
from ..signals import subject_erased
from ..subjects import persons_json
from .erasing import as_employee, subject_erase
from .state import BEGUN, JOB, OBJECTED, REQUESTS, Kind, RequestError, Status, change, finished, handled, named, note

logger = logging.getLogger("django_ecomai.privacy")


def request_carry_out(*, request: SubjectRequest, user: Any = None) -> SubjectRequest:
    """Do what a person asked for. An error is kept with the request, which stays open as failed, and is raised."""
    if not change(request, BEGUN, **handled(user), error=""):
        return request
    try:
        if request.kind == Kind.ERASE:
            _erase(request)
        elif request.kind == Kind.OBJECT:
            _object(request)
    except Exception as error:
        change(request, BEGUN, status=Status.FAILED, error=_error_told(error))
        raise
    return request


def _error_told(error: Exception) -> str:
    """A database names the person in its messages ("Key (external_id)=(17)"): of those the class only."""
    harmless = isinstance(error, RequestError | OSError)
    return f"{type(error).__name__}: {error}"[:2000] if harmless else type(error).__name__


def _object(request: SubjectRequest) -> None:
    subject = named(request)
    refuse(subject=subject, purposes=OBJECTED, request=request)  # first: it holds even when what follows fails
    with transaction.atomic():
        tables = {name: declared.erase(subject) for name, declared in personal_data.items() if declared.derived}
    note(request, tables=tables, refused=list(OBJECTED))
    change(request, BEGUN, carried_out_at=timezone.now(), **finished(Status.DONE))


def _erase(request: SubjectRequest) -> None:
    """In an order that can be broken off anywhere and begun again.

    The log first, as it outlives a restored database; then the list that keeps the person out; then the rows.
    """
    subject = named(request)
    before = request.begun_at
    values = {"begun_at": before or timezone.now(), "persons": persons_json(subject)}
    if not change(request, (Status.OPEN, Status.FAILED), status=Status.OPEN, **values):
        return  # withdrawn meanwhile
    if request.carried_out_at is None:
        try:
            erasure_log_write(subject=subject, reference=str(request.reference))
        except Exception:
            change(request, BEGUN, begun_at=before)  # nothing was erased
            raise
    refuse(subject=subject, request=request)
    tables = subject_erase(subject=subject, request=request)
    note(request, tables=tables)
    clock = _clock() if request.carried_out_at is None or _of_the_past(tables) else {}
    if not change(request, (Status.OPEN, Status.FAILED), status=Status.MODELS, error="", **clock):
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
    note(request, models=told)
    if not settled or writers_active(channel=request.channel, since=request.carried_out_at, without=JOB):
        return request
    subject = named(request)
    # A request of the shop that was under way while the rows went may have written one more.
    swept = subject_erase(subject=subject, request=request)
    note(request, tables=swept)
    if _of_the_past(swept):  # what was trained since may know it
        change(request, (Status.MODELS,), **_clock())
        return request
    left = subject_scan(subject=subject, deep=False, without=request, staff=as_employee(request))
    note(request, scan={"at": timezone.now().isoformat(), "left": [one.as_dict() for one in left]})
    if any(one.certain for one in left):
        error = _("Still there after the erasure: %(places)s") % {"places": "; ".join(leftovers_told(left))}
        change(request, (Status.MODELS,), status=Status.FAILED, error=error)
        logger.error("erasure %s left something behind: %s", request.reference, error)
        return request
    change(request, (Status.MODELS,), **finished(Status.DONE))
    return request


def requests_carry_out(*, requests: Iterable[SubjectRequest] | None = None) -> dict[str, int]:
    """Carry out what is open and follow up what waits for models; one that fails stops no other."""
    counts = {"done": 0, "waiting": 0, "failed": 0}
    unfinished = SubjectRequest.objects.filter(status__in=BEGUN).exclude(kind=Kind.EXPORT)
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
