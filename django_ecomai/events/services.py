"""Writes of the behaviour log: what a shop calls, and what the capture endpoint and the receivers call."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, router, transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded
from django_ecomai.core.persons import refused
from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time

from . import diagnosis
from .circumstances import KEY as CIRCUMSTANCES
from .circumstances import referrer_class
from .cleaning import Verdict
from .limits import is_inhuman
from .log_store import log_trim
from .models import Event, EventName, VisitorIdentity
from .names import event_name
from .partitions import events_connection, partitions_drop
from .purchases import Prepared, purchase_told
from .queues import events_accept
from .recent import recent_forget, subject_key
from .visitors import VisitorContext, visitor_of
from .writing import events_insert, events_prepare

__all__ = [
    "event_track",
    "events_capture",
    "events_insert",
    "events_prune",
    "events_receive",
    "purchase_record",
    "track",
    "visitor_link",
]

logger = logging.getLogger("django_ecomai.events")

_DELETE_BATCH = 5000


def after_commit(what: str, write: Callable[[], object]) -> None:
    """Run ``write`` once the shop's transaction has committed, in a savepoint; a failure is logged, never raised."""

    def run() -> None:
        with shielded(what, using=router.db_for_write(VisitorIdentity)):
            write()

    _committed(what, run)


def _committed(what: str, run: Callable[[], object]) -> None:
    """It waits for the default database, which is the shop's, wherever the log itself is kept."""
    try:
        transaction.on_commit(run, robust=True)
    except transaction.TransactionManagementError:
        run()  # the shop commits by hand and cannot tell us when
    except (DatabaseError, InterfaceError):
        # No transaction can be under way on a database that does not answer.
        logger.exception("EcomAI does not wait with its attempt to %s: the database does not answer.", what)
        run()


def event_track(
    *,
    name: str,
    request: HttpRequest | None = None,
    visitor_id: str = "",
    customer_id: str = "",
    product: object = None,
    quantity: object = None,
    value: object = None,
    currency: str = "",
    order_id: str = "",
    query: str = "",
    token: str = "",
    placement: str = "",
    position: int | None = None,
    recommendation_id: str = "",
    dwell_seconds: float | None = None,
    properties: Mapping[str, Any] | None = None,
    at: datetime | None = None,
    id: uuid.UUID | str | None = None,
    channel: str | None = None,
) -> uuid.UUID | None:
    """Record one event after the current transaction commits; return its id, or ``None`` when it is not recorded.

    With ``request`` the visitor, visit and customer come from it, and nothing is recorded without consent or when the
    browser opted out. Without ``request`` the caller vouches for consent. ``product`` is the shop's object or its id;
    ``name`` is of any known vocabulary; a naive ``at`` is in the project's time zone. Never raises: errors are logged.
    """
    row: dict[str, Any] = {
        "name": name, "visitor_id": visitor_id, "customer_id": customer_id, "quantity": quantity, "value": value,
        "currency": currency, "order_id": order_id, "query": query, "token": token, "placement": placement,
        "position": position, "recommendation_id": recommendation_id, "dwell_seconds": dwell_seconds,
        "properties": properties, "at": at, "id": id, "channel": ecomai.CHANNEL if channel is None else channel,
    }  # fmt: skip
    personal, user_id = True, None
    if request is not None:
        context = visitor_of(request)
        if request.headers.get("Sec-Purpose", "").startswith("prefetch"):
            return None  # the browser only makes ready for a click that may never come
        if not context.may_record:
            diagnosis.count("no_consent")
            return None
        row["visitor_id"] = visitor_id or context.visitor_id
        row["session_id"] = context.session_id
        row["customer_id"] = customer_id or context.customer_id
        row["is_bot"] = context.is_bot
        personal, user_id = context.may("personalization"), context.user_id
    row["product_id"] = _product_id(product, row["channel"])
    if event_name(name) == EventName.PURCHASE:
        return purchase_record(
            order_id=order_id, channel=row["channel"], placed_at=at, customer_id=row["customer_id"],
            visitor_id=row["visitor_id"], session_id=row.get("session_id", ""), value=value, currency=currency,
        )  # fmt: skip
    [(event, verdict)] = events_prepare(rows=[row], source="server")
    if event is None:
        logger.warning("track(name=%r) was not recorded: %s.", name, verdict.reason)
        return None
    what = "store an event"
    _committed(what, lambda: events_accept(
        pairs=[(event, verdict)], what=what, personal=personal, user_id=user_id, comes_again=False
    ))  # fmt: skip
    return event.id


track = event_track


def _product_id(product: object, channel: str) -> str:
    if product is None or isinstance(product, str | int):
        return "" if product is None else str(product)
    from django_ecomai.adapters.base import get_adapter

    try:
        return str(get_adapter(channel).product_id(product) or "")
    except Exception:  # the adapter is the shop's own code: whatever it raises, its page must go on
        logger.exception("The adapter's product_id() failed for %r; the event is not recorded.", type(product))
        return ""


def events_capture(
    *, rows: Sequence[Any], context: VisitorContext, channel: str, now: datetime | None = None
) -> list[Verdict] | None:
    """Store what a browser sent, in the name of the visitor that the request's own cookie says he is.

    One verdict per row, or ``None`` when nothing took them (logged).
    """
    defaults = {
        "channel": channel,
        "visitor_id": context.visitor_id,
        "session_id": context.session_id,
        "customer_id": context.customer_id,
        "is_bot": context.is_bot,
    }
    pairs = events_prepare(rows=rows, source="browser", defaults=defaults, now=now)
    _note_circumstances(pairs, rows, context.circumstances, context.host)
    views = [event for event, _ in pairs if event and event.name == EventName.VIEW_ITEM]
    if is_inhuman(visitor_id=context.visitor_id, viewed=[uuid7_time(event.id).timestamp() for event in views]):
        for event, _ in pairs:
            if event is not None:
                event.is_bot = True
    return events_accept(
        pairs=pairs, what="store events from a browser", personal=context.may("personalization"),
        user_id=context.user_id,
    )  # fmt: skip


def _note_circumstances(
    pairs: Sequence[Prepared], rows: Sequence[Any], known: Mapping[str, str], own_host: str
) -> None:
    """Keep country, device and class of referrer with views: the coarse classes of ``circumstances``, nothing else."""
    for (event, _), raw in zip(pairs, rows, strict=True):
        if event is None or event.name != EventName.VIEW_ITEM:
            continue
        referrer = referrer_class(raw["referrer"], own_host=own_host) if "referrer" in raw else ""
        found = {**known, "referrer": referrer} if referrer else dict(known)
        event.properties = {name: value for name, value in event.properties.items() if name != CIRCUMSTANCES}
        if found:
            event.properties[CIRCUMSTANCES] = found


def events_receive(*, rows: Sequence[Any], channel: str, personal: bool = True) -> list[Verdict] | None:
    """Store what a trusted server sent, which vouches for consent; a ``purchase`` gives the one event of its order.

    ``personal``: whether the persons have agreed that their next pages react to it.
    One verdict per row, or ``None`` when nothing took them (logged).
    """
    pairs = events_prepare(rows=rows, source="server", defaults={"channel": channel})
    return events_accept(pairs=pairs, what="store events from a server", personal=personal)


def purchase_record(
    *,
    order_id: str,
    channel: str = "",
    placed_at: datetime | None = None,
    customer_id: str = "",
    visitor_id: str = "",
    session_id: str = "",
    value: object = None,
    currency: str = "",
) -> uuid.UUID | None:
    """Record, after commit, the one ``purchase`` event that ties an order to its visitor (for attribution).

    However often and by whomever an order is reported, it gives one event: the id is derived from the order, its time
    and channel, and an event of the same order within a day counts as the same. The mirror's time of the order is used
    when it is known there. Returns ``None`` and logs when ``order_id`` is empty.
    """
    order_id = str(order_id or "").strip()
    if not order_id:
        logger.warning("A purchase without an order id was not recorded.")
        return None
    event, verdict = purchase_told(
        order_id=order_id, channel=channel, placed_at=placed_at, now=datetime.now(UTC), customer_id=customer_id,
        visitor_id=visitor_id, session_id=session_id, value=value, currency=currency,
    )  # fmt: skip
    if event is None:
        logger.warning("The purchase of order %s was not recorded: %s.", order_id, verdict.reason)
        return None
    what = "record a purchase"
    _committed(what, lambda: events_accept(pairs=[(event, verdict)], what=what, comes_again=False))
    return event.id


def visitor_link(*, visitor_id: str, customer_id: str, channel: str = "", at: datetime | None = None) -> bool:
    """Note that a visitor is this customer, from ``at`` (now) on; return whether that is news.

    The visitor's earlier events become part of the customer's history without being rewritten. Who was erased is not
    linked.
    """
    if not visitor_id or not customer_id:
        return False
    if refused(channel=channel, persons=[("visitor", visitor_id), ("customer", customer_id)]):
        return False
    _, created = VisitorIdentity.objects.get_or_create(
        channel=channel,
        visitor_id=visitor_id,
        customer_id=customer_id,
        defaults={"linked_at": at or datetime.now(UTC)},
    )
    if created:
        recent_forget(
            subject_key(channel=channel, visitor_id="", customer_id=customer_id),
            subject_key(channel=channel, visitor_id=visitor_id, customer_id=""),
        )
    return created


def events_prune(*, before: datetime, channel: str | None = None) -> int:
    """Delete events (and the links of visitors who have none left) older than ``before``; return how many events.

    On PostgreSQL whole months are dropped as partitions first; what is left goes in batches by id. ``channel`` limits
    it to one shop, and then nothing can be dropped whole.
    """
    connection = events_connection()
    deleted = partitions_drop(before=before, using=connection.alias) if channel is None else 0
    rows = Event.objects.using(connection.alias).filter(id__lt=uuid7_floor(before))
    links = VisitorIdentity.objects.filter(linked_at__lt=before)
    if channel is not None:
        rows, links = rows.filter(channel=channel), links.filter(channel=channel)
    while ids := list(rows.order_by("id").values_list("id", flat=True)[:_DELETE_BATCH]):
        deleted += _delete(ids, connection.alias)
    log_trim(before=before, channel=channel)
    links.filter(~Exists(Event.objects.filter(visitor_id=OuterRef("visitor_id")))).delete()
    return deleted


def _delete(ids: Iterable[uuid.UUID], alias: str) -> int:
    # _raw_delete: nothing references an event, so Django need not load the rows to look for references.
    return Event.objects.using(alias).filter(pk__in=list(ids))._raw_delete(alias)
