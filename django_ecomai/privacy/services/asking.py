"""Requests of persons are made, confirmed and withdrawn."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.persons import Subject
from django_ecomai.runs.services import run_start

from ..ledger import consent_record
from ..models import SubjectRequest
from ..refusing import erasure_under_way, forget, refusal_lift, refuse
from ..subjects import persons_json, request_digests, subject_complete, subject_of_request
from .carrying_out import request_carry_out
from .state import JOB, NOT_CARRIED_OUT, OBJECTED, Kind, Origin, RequestError, Status, change, finished, handled, named

logger = logging.getLogger("django_ecomai.privacy")
UNFINISHED = (Status.UNCONFIRMED, Status.OPEN, Status.MODELS, Status.FAILED)


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
        if kind == Kind.ERASE and confirmed and waiting.status in NOT_CARRIED_OUT:
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


def _object_now(request: SubjectRequest) -> None:
    """Delete what was derived; when another app fails at that the objection holds, and the job tries again."""
    try:
        request_carry_out(request=request)
    except Exception as error:
        logger.error("objection %s: what was derived is still there: %s", request.reference, type(error).__name__)


def request_confirm(
    *, request: SubjectRequest, user: Any = None, origin: str | None = None, start: bool = True
) -> SubjectRequest:
    """Let an erasure begin (or begin again after a failure) with the next run, which is started.

    ``origin`` says who confirms when it is not whoever made it. Raises ``RequestError`` when there is nothing to begin.
    """
    values = {"status": Status.OPEN, "origin": origin or request.origin, **handled(user)}
    with transaction.atomic():
        if request.kind != Kind.ERASE or not change(request, NOT_CARRIED_OUT, **values):
            raise RequestError(_("This request has been carried out or withdrawn."))
        refuse(subject=named(request), request=request)
    if start:
        run_start(kind=JOB, user=user)
    return request


def request_cancel(*, request: SubjectRequest, user: Any = None) -> None:
    """Withdraw a request that has not been carried out. Raises ``RequestError`` when it is too late."""
    now = timezone.now()
    with transaction.atomic():
        untouched = Q(begun_at=None, carried_out_at=None)
        if not change(request, NOT_CARRIED_OUT, untouched, **finished(Status.CANCELLED), **handled(user)):
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
