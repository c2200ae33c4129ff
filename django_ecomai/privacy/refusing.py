"""Who has refused what: keyed hashes in a table, asked by everything that stores or uses data of persons."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded
from django_ecomai.core.persons import EVERYTHING, UNKNOWN, Subject
from django_ecomai.core.registry import Refusals

from .digests import digest_of, digests_of
from .erasure_log import LIFT, REFUSE, log_note
from .models import Refusal, SubjectRequest

_BATCH = 1000
#: More persons than this are not kept in memory; each page then asks the database.
MOST_IN_MEMORY = 50_000


def exact(channel: str, persons: Iterable[tuple[str, str]], purpose: str) -> set[tuple[str, str]]:
    """Which of the persons are refused for ``purpose``; entries made under an older key are renewed on the way."""
    whose: dict[tuple[str, str], tuple[str, str]] = {}
    renewed: dict[tuple[str, str], str] = {}
    for kind, ident in persons:
        current, *older = digests_of(channel, kind, ident)
        whose[kind, current] = (kind, ident)
        for digest in older:
            whose[kind, digest] = (kind, ident)
            renewed[kind, digest] = current
    found: set[tuple[str, str]] = set()
    digests = sorted({digest for _kind, digest in whose})
    for start in range(0, len(digests), _BATCH):
        rows = Refusal.objects.filter(
            channel=channel,
            digest__in=digests[start : start + _BATCH],
            purpose__in={EVERYTHING, purpose},
            lifted_at=None,
        )
        for pk, kind, digest in rows.values_list("pk", "kind", "digest"):
            if (kind, digest) in whose:
                found.add(whose[kind, digest])
                if (kind, digest) in renewed:
                    _renew(pk, renewed[kind, digest])
    return found


def _renew(pk: int, digest: str) -> None:
    """Under the key in use, so that the older key can be given up one day. An entry that is there twice may stay."""
    with shielded("renew an entry of the refusals"), transaction.atomic():
        row = Refusal.objects.get(pk=pk)
        same = Refusal.objects.filter(channel=row.channel, kind=row.kind, digest=digest, purpose=row.purpose)
        if not same.exists():
            Refusal.objects.filter(pk=pk).update(digest=digest, changed_at=timezone.now())


@dataclass
class _Known:
    """What a process remembers of a channel; ``purposes`` is ``None`` when there are too many to remember."""

    stamp: dict[str, Any] = field(default_factory=dict)
    next_look: float = 0.0
    purposes: dict[tuple[str, str], frozenset[str]] | None = field(default_factory=dict)


_known: dict[str, _Known] = {}


def quick(channel: str, persons: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The purposes that a person has refused, up to ``LIVE_CHECK_SECONDS`` old; ``UNKNOWN`` when it cannot be told."""
    known = _remembered(channel)
    if known is None:
        return frozenset({UNKNOWN})
    if known.purposes == {}:
        return frozenset()
    wanted = {(kind, digest) for kind, ident in persons for digest in digests_of(channel, kind, ident)}
    if known.purposes is not None:
        return frozenset().union(*(known.purposes.get(one, frozenset()) for one in wanted))
    rows = Refusal.objects.filter(channel=channel, digest__in=[digest for _kind, digest in wanted], lifted_at=None)
    with shielded("look up what a visitor has refused", reads=True):
        found = rows.values_list("kind", "digest", "purpose")
        return frozenset(purpose for kind, digest, purpose in found if (kind, digest) in wanted)
    return frozenset({UNKNOWN})


def _remembered(channel: str) -> _Known | None:
    """What is known of a channel, however old when it cannot be read now; ``None`` when it never could."""
    known = _known.get(channel)
    now = time.monotonic()
    if known is not None and now < known.next_look:
        return known
    soon = now + float(ecomai.LIVE_CHECK_SECONDS)
    if known is not None:
        known.next_look = soon  # other threads need not look too
    with shielded("read the refusals", reads=True):
        known = _read(channel, known or _Known())
        known.next_look = soon
        _known[channel] = known
    return known


def _read(channel: str, known: _Known) -> _Known:
    # The number, too: a slow transaction may commit an entry that is older than the newest one seen.
    stamp = Refusal.objects.filter(channel=channel).aggregate(newest=Max("changed_at"), number=Count("pk"))
    if known.stamp == stamp:
        return known
    if not stamp["number"]:
        return _Known(stamp)
    rows = Refusal.objects.filter(channel=channel, lifted_at=None)
    found: dict[tuple[str, str], set[str]] = {}
    listed = rows.values_list("kind", "digest", "purpose")[: MOST_IN_MEMORY + 1]
    for count, (kind, digest, purpose) in enumerate(listed):
        if count >= MOST_IN_MEMORY:
            return _Known(stamp, purposes=None)
        found.setdefault((kind, digest), set()).add(purpose)
    return _Known(stamp, purposes={person: frozenset(purposes) for person, purposes in found.items()})


def forget() -> None:
    """Look again at the next page: this process has changed the list (or a test its database)."""
    _known.clear()


def refuse(*, subject: Subject, purposes: Iterable[str] = (EVERYTHING,), request: SubjectRequest | None = None) -> int:
    """Put a person on the list for ``purposes`` (``""``: all); returns how many entries are new or valid again."""
    purposes, changed = tuple(purposes), 0
    for kind, ident in subject.persons():
        for purpose in purposes:
            row, created = Refusal.objects.get_or_create(
                channel=subject.channel,
                kind=kind,
                digest=digest_of(subject.channel, kind, ident),
                purpose=purpose,
                defaults={"request": request},
            )
            again = row.lifted_at is not None
            if again:
                row.lifted_at, row.request = None, request
                row.save()
            changed += created or again
    if changed and EVERYTHING not in purposes:  # an erasure writes its own entry, before anything else
        digests = [(kind, digest_of(subject.channel, kind, ident)) for kind, ident in subject.persons()]
        note = partial(log_note, action=REFUSE, channel=subject.channel, purposes=purposes, digests=digests)
        transaction.on_commit(note)
    forget()
    return changed


def _rows_of(subject: Subject) -> QuerySet[Refusal]:
    """What a person refuses now."""
    mine = Q(pk=None)
    for kind, ident in subject.persons():
        mine |= Q(kind=kind, digest__in=digests_of(subject.channel, kind, ident))
    return Refusal.objects.filter(mine, channel=subject.channel, lifted_at=None)


#: An erasure that has been asked for and is not through: until then nothing of the person may come in.
UNDER_WAY = Q(
    request__kind=SubjectRequest.Kind.ERASE,
    request__status__in=(SubjectRequest.Status.OPEN, SubjectRequest.Status.MODELS, SubjectRequest.Status.FAILED),
)


def erasure_under_way(subject: Subject) -> bool:
    """Whether an erasure of the person is not finished."""
    return _rows_of(subject).filter(UNDER_WAY).exists()


def refusal_lift(*, subject: Subject, purposes: Iterable[str] | None = None) -> int:
    """Take a person off the list, for all or for some purposes; what was erased does not come back by itself."""
    rows = _rows_of(subject)
    if purposes is not None:
        rows = rows.filter(purpose__in=list(purposes))
    digests = [(kind, one) for kind, ident in subject.persons() for one in digests_of(subject.channel, kind, ident)]
    return refusals_lift(rows=list(rows), persons=digests)


def refusals_lift(*, rows: Iterable[Refusal], persons: Iterable[tuple[str, str]] = ()) -> int:
    """Lift entries and note it in the log of erasures, also for further ``persons`` (kind and digest) that are meant:
    a replay must not erase again who has allowed it since.
    """
    rows, now = list(rows), timezone.now()
    lifted = 0
    for start in range(0, len(rows), _BATCH):
        pks = [row.pk for row in rows[start : start + _BATCH]]
        lifted += Refusal.objects.filter(pk__in=pks, lifted_at=None).update(lifted_at=now, changed_at=now)
    meant: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in rows:
        meant.setdefault((row.channel, row.purpose), {*persons}).add((row.kind, row.digest))
    for (channel, purpose), digests in meant.items():
        note = partial(log_note, action=LIFT, channel=channel, purposes=(purpose,), digests=sorted(digests))
        transaction.on_commit(note)
    forget()
    return lifted


def refusals_prune() -> int:
    """Delete what visitors have refused when no browser can bring their cookie any more.

    It lasts ``VISITOR_COOKIE_AGE`` from when it was written last, so at most twice as long from the refusal. Customers
    and accounts are kept: the shop's own tables may name them at any time. Lifted entries are kept as well, so that a
    replay sees that this database knows of the lift.
    """
    before = timezone.now() - timedelta(seconds=2 * float(ecomai.VISITOR_COOKIE_AGE))
    deleted = (
        Refusal.objects.filter(kind="visitor", lifted_at=None, changed_at__lt=before).exclude(UNDER_WAY).delete()[0]
    )
    forget()
    return deleted


REFUSALS = Refusals(exact, quick)
