"""``Idempotency-Key``: a delivery that is sent again gets the answer of the first time, and is not worked on twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError, InterfaceError, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.hashing import keyed_hash
from django_ecomai.ingest.models import ApiKey, DeliveryAnswer

# A worker that died leaves its delivery open; so long after it last said that it is at work, whoever sends it again
# takes it over. Should it live after all it writes nothing more: what the sender has sent since may be newer.
_GIVEN_UP = timedelta(seconds=30)
_SECONDS = int(_GIVEN_UP.total_seconds())
_RENEWED = timedelta(seconds=5)
T = TypeVar("T")


class AnswerConflict(Exception):
    """The delivery cannot be taken now: ``code`` is ``other_body`` or ``in_progress``.

    ``seconds``: when a delivery in progress is given up at the latest, should its worker have died.
    """

    def __init__(self, code: str, seconds: int = 1) -> None:
        super().__init__(code)
        self.code = code
        self.seconds = seconds


def answer_begin(*, key: ApiKey, header: str, address: str, body_digest: str) -> DeliveryAnswer:
    """Begin a delivery, or find its answer (``status`` is set then).

    Raises ``AnswerConflict`` when the header was used for another body, or the same delivery is being worked on.
    Commits at once: of two that come at the same moment one begins.
    """
    now = timezone.now()
    digest = keyed_hash(f"{address}\x00{header}", purpose="ingest:idempotency")
    try:
        with transaction.atomic():
            return DeliveryAnswer.objects.create(key=key, digest=digest, body_digest=body_digest, started_at=now)
    except IntegrityError:
        found = DeliveryAnswer.objects.filter(key=key, digest=digest).first()
    if found is None:  # pruned or released between the two statements
        raise AnswerConflict("in_progress")
    if found.started_at < now - _age():
        return _taken_over(found, body_digest)
    if found.body_digest != body_digest:
        raise AnswerConflict("other_body")
    if found.status is None:
        left = found.started_at + _GIVEN_UP - now
        if left > timedelta(0):
            raise AnswerConflict("in_progress", min(math.ceil(left.total_seconds()), _SECONDS))
        return _taken_over(found, body_digest)
    return found


def _taken_over(found: DeliveryAnswer, body_digest: str) -> DeliveryAnswer:
    """Begin anew what is too old or was given up; only one of several succeeds."""
    now = timezone.now()
    mine = DeliveryAnswer.objects.filter(pk=found.pk, started_at=found.started_at)
    if not mine.update(started_at=now, body_digest=body_digest, status=None, answer=None):
        raise AnswerConflict("in_progress", _SECONDS)
    found.started_at, found.body_digest, found.status, found.answer = now, body_digest, None, None
    return found


def answer_kept(lines: Iterable[T], *, answer: DeliveryAnswer) -> Iterator[T]:
    """The rows of a delivery; while they are asked for, it says every few seconds that it is being worked on.

    Raises ``AnswerConflict`` when somebody else has taken the delivery over meanwhile.
    """
    for line in lines:
        now = timezone.now()
        if not timedelta(0) <= now - answer.started_at < _RENEWED:
            if not _mine(answer).update(started_at=now):
                raise AnswerConflict("in_progress", _SECONDS)
            answer.started_at = now
        yield line


def answer_hold(*, answer: DeliveryAnswer) -> None:
    """Call it last in a transaction that writes rows of the delivery: nobody takes it over before the commit.

    Raises ``AnswerConflict`` when somebody has, while the transaction waited: then it must not be committed.
    """
    if not _mine(answer).select_for_update().exists():
        raise AnswerConflict("in_progress", _SECONDS)


def answer_finish(*, answer: DeliveryAnswer, status: int, body: dict[str, Any]) -> None:
    """Keep the answer. Nothing happens when somebody else has taken the delivery over meanwhile."""
    DeliveryAnswer.objects.filter(pk=answer.pk, started_at=answer.started_at).update(status=status, answer=body)


def answer_release(*, answer: DeliveryAnswer) -> None:
    """Forget a delivery that could not be worked on, so that it can be sent again under the same header.

    When that was for the database, which has ended the connection, it may be back already.
    """
    mine = _mine(answer)
    connection = connections[mine.db]
    try:
        mine.delete()
    except (DatabaseError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        mine.delete()


def _mine(answer: DeliveryAnswer) -> QuerySet[DeliveryAnswer]:
    """Its row, empty when somebody else has taken it over."""
    return DeliveryAnswer.objects.filter(pk=answer.pk, started_at=answer.started_at, status=None)


def _age() -> timedelta:
    return timedelta(hours=float(ecomai.INGEST_ANSWER_HOURS))


def answers_prune() -> int:
    """Delete answers older than ``INGEST_ANSWER_HOURS``."""
    return DeliveryAnswer.objects.filter(started_at__lt=timezone.now() - _age()).delete()[0]
