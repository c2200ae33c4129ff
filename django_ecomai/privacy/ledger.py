"""The ledger of consents: what was agreed to and withdrawn, when, how, and to which text."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import router
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded
from django_ecomai.core.persons import Subject

from .models import ConsentRecord
from .subjects import consent_digest, consent_digests

logger = logging.getLogger("django_ecomai.privacy")
_BATCH = 1000


def consent_record(
    *,
    channel: str = "",
    visitor_id: str = "",
    customer_id: str = "",
    given: Iterable[str] = (),
    withdrawn: Iterable[str] = (),
    origin: str = "",
    version: str | None = None,
    at: datetime | None = None,
) -> int:
    """Add a line per purpose; returns how many. Raises ``ValueError`` when nobody is named.

    Shops that keep consents elsewhere call it when a customer changes his mind; banners are followed by themselves.
    """
    if not (visitor_id or customer_id):
        raise ValueError("A consent needs a visitor_id or a customer_id.")
    lines = [
        ConsentRecord(
            channel=channel,
            visitor_digest=consent_digest(channel, "visitor", visitor_id),
            customer_digest=consent_digest(channel, "customer", customer_id),
            purpose=purpose[:24],
            given=agreed,
            at=at or timezone.now(),
            origin=origin[:128],
            version=(ecomai.CONSENT_VERSION if version is None else version)[:64],
        )
        for purposes, agreed in ((given, True), (withdrawn, False))
        for purpose in sorted(purposes)
    ]
    ConsentRecord.objects.bulk_create(lines)
    return len(lines)


def on_consent_changed(sender: Any, **change: Any) -> None:
    """Receiver of ``events.signals.consent_changed``: nothing it does may hurt the shop's page."""
    fields = {name: change[name] for name in ("channel", "visitor_id", "customer_id", "given", "withdrawn", "origin")}
    with shielded("note a consent", using=router.db_for_write(ConsentRecord)):
        consent_record(**fields)


def lines_of(subject: Subject) -> QuerySet[ConsentRecord]:
    """All lines of a person, oldest first."""
    mine = Q(visitor_digest__in=consent_digests(subject, "visitor"))
    mine |= Q(customer_digest__in=consent_digests(subject, "customer"))
    return ConsentRecord.objects.filter(mine, channel=subject.channel).order_by("id")


def consents_of(subject: Subject) -> dict[str, bool]:
    """What a person has agreed to last, per purpose that was ever asked."""
    return dict(lines_of(subject).values_list("purpose", "given"))


def consents_export(subject: Subject) -> Iterator[dict[str, Any]]:
    """The lines of a person."""
    for line in lines_of(subject).iterator(chunk_size=500):
        yield {
            "purpose": line.purpose,
            "agreed": line.given,
            "at": line.at.isoformat(),
            "how": line.origin,
            "version": line.version,
        }


def consents_prune() -> int:
    """Delete lines older than ``CONSENT_RETENTION_DAYS``, except the last of a visitor and purpose."""
    before = timezone.now() - timedelta(days=float(ecomai.CONSENT_RETENTION_DAYS))
    newer = ConsentRecord.objects.filter(
        channel=OuterRef("channel"),
        visitor_digest=OuterRef("visitor_digest"),
        customer_digest=OuterRef("customer_digest"),
        purpose=OuterRef("purpose"),
        pk__gt=OuterRef("pk"),
    )
    old = ConsentRecord.objects.filter(Exists(newer), at__lt=before).order_by("pk")
    deleted = 0
    while pks := list(old.values_list("pk", flat=True)[:_BATCH]):
        deleted += ConsentRecord.objects.filter(pk__in=pks).delete()[0]
    return deleted
