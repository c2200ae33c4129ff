"""What the log holds about a person: exported and erased on request by the privacy capability."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import Subject
from django_ecomai.core.uuid7 import uuid7_time

from .log_store import log_forget
from .models import Event, VisitorIdentity
from .partitions import events_connection
from .queues.upkeep import waiting_forget
from .recent import recent_forget, subject_key

_BATCH = 5000
_COLUMNS = (
    "id", "name", "visitor_id", "session_id", "customer_id", "product_id", "order_id", "placement", "position",
    "quantity", "value", "currency", "query", "dwell_seconds", "client_at", "received_at", "properties",
)  # fmt: skip


# Columns that say whose a row is; a session tells nothing without its visitor.
COLUMNS = {
    "ecomai_events.Event": {"customer_id": "customer", "visitor_id": "visitor", "session_id": ""},
    "ecomai_events.VisitorIdentity": {"customer_id": "customer", "visitor_id": "visitor"},
}


def kept() -> str:
    """How long the log is kept, in words."""
    return gettext("%(days)d days") % {"days": ecomai.EVENT_RETENTION_DAYS}


def visitors_of(subject: Subject) -> set[str]:
    """The subject's visitors: those named, and those that a log-in linked to him and to nobody else."""
    linked = VisitorIdentity.objects.filter(channel=subject.channel)
    mine = set(linked.filter(customer_id__in=subject.customer_ids).values_list("visitor_id", flat=True))
    others = linked.filter(visitor_id__in=mine).exclude(customer_id__in=subject.customer_ids)
    return set(subject.visitor_ids) | (mine - set(others.values_list("visitor_id", flat=True)))


def _events(subject: Subject) -> QuerySet[Event]:
    customers = subject.ids("customer")
    # Somebody else may have been logged in on the same device: what names him is his.
    mine = Q(customer_id__in=customers) | Q(
        visitor_id__in=visitors_of(subject) - {""}, customer_id__in={"", *customers}
    )
    return Event.objects.filter(mine, channel=subject.channel)


def export(subject: Subject) -> Iterator[dict[str, Any]]:
    """Every event and link of the subject, oldest first, as JSON-ready dicts."""
    for row in _events(subject).order_by("id").values(*_COLUMNS).iterator(chunk_size=2000):
        yield {
            "kind": "event",
            "at": uuid7_time(row["id"]).isoformat(),
            **{
                key: value if value is None or isinstance(value, str | int | float | dict) else str(value)
                for key, value in row.items()
                if value not in ("", None, {})
            },
        }
    links = VisitorIdentity.objects.filter(channel=subject.channel, customer_id__in=subject.customer_ids)
    for visitor_id, customer_id, linked_at in links.values_list("visitor_id", "customer_id", "linked_at"):
        yield {
            "kind": "known_visitor",
            "visitor_id": visitor_id,
            "customer_id": customer_id,
            "at": linked_at.isoformat(),
        }


def erase(subject: Subject) -> int:
    """Delete the subject's events and links; return how many rows.

    Kept is only, without a name, that somebody used a device which others used as well.
    """
    visitors = visitors_of(subject)
    erased = 0
    while ids := list(_events(subject).values_list("id", flat=True)[:_BATCH]):
        erased += Event.objects.filter(pk__in=ids).delete()[0]
    erased += waiting_forget(channel=subject.channel, visitors=visitors, customers=subject.ids("customer"))
    links = VisitorIdentity.objects.filter(channel=subject.channel)
    erased += links.filter(visitor_id__in=visitors).delete()[0]
    erased += _unname(links.filter(customer_id__in=subject.ids("customer")))
    recent_forget(
        *(subject_key(channel=subject.channel, visitor_id=visitor, customer_id="") for visitor in visitors),
        *(subject_key(channel=subject.channel, visitor_id="", customer_id=who) for who in subject.customer_ids),
        *(subject_key(channel=subject.channel, visitor_id="", customer_id="", user_id=who) for who in subject.user_ids),
    )
    connection = events_connection()
    if connection.in_atomic_block:  # until it is committed a training still reads the rows, and may keep them
        transaction.on_commit(partial(log_forget, channel=subject.channel), using=connection.alias)
    log_forget(channel=subject.channel)
    return erased


def _unname(links: QuerySet[VisitorIdentity]) -> int:
    """Links to visitors that others were seen as, too: that somebody else was there stays, else his past became theirs.

    Returns how many rows.
    """
    changed = 0
    for link in links:
        if VisitorIdentity.objects.filter(channel=link.channel, visitor_id=link.visitor_id, customer_id="").exists():
            link.delete()
        else:
            link.customer_id = ""
            link.save(update_fields=["customer_id"])
        changed += 1
    return changed
