"""Prices that follow those that go first, where the adapter cannot write: they come into the CSV file once the first
have proved themselves in the shop, as they would go into a shop by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.journal import log_line
from django_ecomai.pricing.models import PriceProposal

from .decide import decision_log, locked
from .reschedule import NO_REASON

State = PriceProposal.State
#: Prices that come into the file now, of those that followed others: only these are approved and keep a moment.
RELEASED = Q(state=State.APPROVED, is_canary=False, apply_at__isnull=False)


def follows(channel: str = "") -> Q:
    """Approved prices of which a part goes first, and that nobody has let go yet."""
    rows = PriceProposal.objects.filter(channel=channel)
    # Few batches have anything scheduled: those that go first are looked for among these.
    batches = rows.filter(state=State.SCHEDULED, is_canary=False).exclude(batch="").values("batch")
    first = rows.filter(is_canary=True, batch__in=batches).values("batch")
    return Q(state=State.SCHEDULED, is_canary=False, batch__in=first)


def followers_release(pks: Iterable[int], *, now: datetime) -> int:
    """Let prices into the CSV file, and note since when they stand there; returns how many. What somebody has decided
    otherwise meanwhile stays so."""
    number = 0
    for part in in_parts(pks):
        with transaction.atomic():
            rows = locked(part, state=State.SCHEDULED, is_canary=False)
            keys = [row.pk for row in rows]
            PriceProposal.objects.filter(pk__in=keys).update(state=State.APPROVED, apply_at=now, **NO_REASON)
            decision_log(rows, [log_line("released")] * len(rows))
        number += len(rows)
    return number
