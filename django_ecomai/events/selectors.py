"""Reads of the behaviour log."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import router
from django.db.models import CharField, DateTimeField, F, Q, QuerySet, UUIDField, Value
from django.db.models.functions import Cast

from django_ecomai.core.compiled import compiled_rows
from django_ecomai.core.db import shielded
from django_ecomai.core.mysql import Limited
from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time
from django_ecomai.mirror.models import Customer, OrderLine

from .circumstances import KEY, stored
from .cleaning import DWELL_MAX
from .models import Event, EventName, VisitorIdentity
from .names import DISMISS_NAMES, IMPRESSION_NAMES, RECENT_NAMES
from .partitions import events_connection
from .recent import MOST_SHOWN, Item, history_depth, recent_get, recent_set, subject_key

# How far back a visitor's own behaviour counts when a page is served.
HISTORY_DAYS = 180
_BOUGHT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One thing somebody did with a product; ``at`` in seconds since 1970."""

    product_id: str
    name: str
    at: float


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one person: ``items`` newest first (a product once per kind), bought, waved away, and the
    impressions and clicks (``shown``, newest first) where these were asked for.
    """

    items: list[HistoryItem] = field(default_factory=list)
    bought: set[str] = field(default_factory=set)
    dismissed: set[str] = field(default_factory=set)
    shown: list[HistoryItem] = field(default_factory=list)


def visitor_history(
    *,
    channel: str,
    visitor_id: str = "",
    customer_id: str = "",
    user_id: Any = None,
    limit: int | None = None,
    distinct: bool = True,
    impressions: bool = False,
) -> History:
    """The history of a visitor, a customer or a user: from the cache, else by one query. Never raises.

    Purchases come from the mirrored order lines, behaviour from the log: of the visitor, of the customer, and of all
    visitors that were linked to him. Whether it may be used (consent ``personalization``) is the caller's question.
    With ``distinct`` false a product stays as often as something was done with it. ``impressions`` brings what he was
    shown too.
    """
    if not (visitor_id or customer_id or user_id):
        return History()
    from django_ecomai.conf import ecomai

    limit = limit or ecomai.RECENT_ITEMS
    key = subject_key(channel=channel, visitor_id=visitor_id, customer_id=customer_id, user_id=user_id)
    cached = recent_get(key)
    if cached is not None and _enough(cached, impressions):
        return _history(_Found.cached(cached), limit, distinct)
    with shielded("read a visitor's history", reads=True):
        found = _read(channel, visitor_id, customer_id, user_id, history_depth(limit), impressions)
        recent_set(key, found.items, found.bought, found.dismissed, found.shown if impressions else None)
        return _history(found, limit, distinct)
    return History()


def visitor_history_cached(
    *,
    channel: str,
    visitor_id: str = "",
    customer_id: str = "",
    limit: int,
    distinct: bool = True,
    impressions: bool = False,
) -> History | None:
    """What ``visitor_history`` would answer without a query; ``None`` when only the database knows."""
    if not (visitor_id or customer_id):
        return History()
    cached = recent_get(subject_key(channel=channel, visitor_id=visitor_id, customer_id=customer_id))
    if cached is None or not _enough(cached, impressions):
        return None
    return _history(_Found.cached(cached), limit, distinct)


def visitor_history_keep(
    rows: Iterable[tuple[Any, str, str, Any]],
    *,
    channel: str,
    visitor_id: str = "",
    customer_id: str = "",
    limit: int,
    distinct: bool = True,
    impressions: bool = False,
) -> History:
    """The history out of rows of ``visitor_history_parts`` that came with another query; it is cached as usual.

    A row is ``(event id or None, name, product id, placed_at or None)``.
    """
    found = _sorted_out(rows, history_depth(limit))
    key = subject_key(channel=channel, visitor_id=visitor_id, customer_id=customer_id)
    recent_set(key, found.items, found.bought, found.dismissed, found.shown if impressions else None)
    return _history(found, limit, distinct)


class _Found(NamedTuple):
    """A history as it is read and cached: items newest first."""

    items: Sequence[Item]
    bought: Iterable[str]
    dismissed: Iterable[str]
    shown: Sequence[Item] = ()

    @classmethod
    def cached(cls, value: dict[str, Any]) -> _Found:
        return cls(value["items"], value["bought"], value["dismissed"], value.get("shown") or ())


def _enough(cached: dict[str, Any], impressions: bool) -> bool:
    """Whether the cache holds what is asked for: a version before this one, or another process, kept no impressions."""
    return not impressions or cached.get("shown") is not None


def _history(found: _Found, limit: int, distinct: bool) -> History:
    seen: set[tuple[str, str]] = set()
    kept: list[HistoryItem] = []
    for product_id, name, at in found.items:
        if not (distinct and (product_id, name) in seen) and len(kept) < limit:
            seen.add((product_id, name))
            kept.append(HistoryItem(product_id, name, at))
    shown = [HistoryItem(*item) for item in found.shown]
    return History(kept, set(found.bought), set(found.dismissed), shown)


def _read(channel: str, visitor_id: str, customer_id: str, user_id: Any, depth: int, impressions: bool) -> _Found:
    """One UNION: each part can walk its own index, which an OR could not. Its SQL is compiled once."""
    since, until = history_span()
    values: dict[str, Any] = {"since": since, "until": until}
    values |= {name: one for name, one in (("visitor_id", visitor_id), ("customer_id", customer_id)) if one}

    def make(given: Mapping[str, Any]) -> QuerySet[Any, Any]:
        return _history_rows(
            channel, given.get("visitor_id", ""), given.get("customer_id", ""), user_id, depth, impressions,
            (given["since"], given["until"]),
        )  # fmt: skip

    if user_id is not None:  # of whatever type the shop's users have
        return _sorted_out(make(values), depth)
    key = ("history", channel, depth, impressions)
    return _sorted_out(compiled_rows(key, make, values, using=router.db_for_read(Event)), depth)


def _history_rows(
    channel: str, visitor_id: str, customer_id: str, user_id: Any, depth: int, impressions: bool,
    span: tuple[uuid.UUID, uuid.UUID],
) -> QuerySet[Any, Any]:  # fmt: skip
    parts, lines = visitor_history_parts(
        channel=channel, visitor_id=visitor_id, customer_id=customer_id, user_id=user_id, depth=depth,
        impressions=impressions, span=span,
    )  # fmt: skip
    nothing = Cast(Value(None), DateTimeField())
    queries: list[QuerySet[Any, Any]] = [part.values_list("id", "name", "product_id", nothing) for part in parts]
    if lines is not None:
        queries.append(
            lines.values_list(
                Cast(Value(None), UUIDField()),
                Cast(Value(EventName.PURCHASE.value), CharField(max_length=24)),
                F("product_external_id"),
                F("placed_at"),
            )
        )
    return queries[0].union(*queries[1:], all=True) if len(queries) > 1 else queries[0]


def history_span() -> tuple[uuid.UUID, uuid.UUID]:
    """First id and first one too late of what counts. Constants, so that PostgreSQL opens only the months between."""
    now = datetime.now(UTC)
    return uuid7_floor(now - timedelta(days=HISTORY_DAYS)), uuid7_floor(now + timedelta(minutes=6))


def visitor_history_parts(
    *,
    channel: str,
    visitor_id: str = "",
    customer_id: str = "",
    user_id: Any = None,
    depth: int,
    impressions: bool = False,
    span: tuple[uuid.UUID, uuid.UUID] | None = None,
) -> tuple[list[QuerySet[Event, Any]], QuerySet[OrderLine, Any] | None]:
    """The parts of a person's history as querysets of ``Event``, and his order lines: each may stand in a UNION.

    For a caller that fetches them together with something else; see ``visitor_history_keep``.
    """
    since, until = span or history_span()
    log = Event.objects.filter(
        id__gte=since,
        id__lt=until,
        channel=channel,
        is_bot=False,
    ).exclude(product_id="")
    parts: list[QuerySet[Any, Any]] = []
    for who, bounded in _subjects(channel, visitor_id, customer_id, user_id):
        mine = log.filter(who)
        if bounded:
            parts.append(_newest(mine.filter(name__in=RECENT_NAMES), "-id", depth))
            parts.append(_newest(mine.filter(name__in=DISMISS_NAMES), "-id", depth))
        else:
            parts.append(mine.filter(name__in=[*RECENT_NAMES, *DISMISS_NAMES]))
        if impressions:
            parts.append(_newest(mine.filter(name__in=IMPRESSION_NAMES), "-id", MOST_SHOWN))
    parts = [part if part.query.is_sliced else part.order_by() for part in parts]
    buyer = _buyer(channel, customer_id, user_id)
    if buyer is None:
        return parts, None
    lines = OrderLine.objects.filter(buyer, removed_at=None, quantity__gt=0)
    return parts, _newest(lines.exclude(product_external_id=""), "-placed_at", _BOUGHT_LIMIT)


def _subjects(channel: str, visitor_id: str, customer_id: str, user_id: Any) -> Iterator[tuple[Q, bool]]:
    """Conditions on the log, and whether an index gives the newest rows of each without sorting all."""
    if visitor_id:
        yield Q(visitor_id=visitor_id), True
    if customer_id:
        yield Q(customer_id=customer_id), True
        linked = VisitorIdentity.objects.filter(channel=channel, customer_id=customer_id)
    elif user_id:
        mine = Customer.objects.filter(channel=channel, user_id=user_id).values("external_id")
        yield Q(customer_id__in=mine), False
        linked = VisitorIdentity.objects.filter(channel=channel, customer_id__in=mine)
    else:
        return
    yield Q(visitor_id__in=linked.exclude(visitor_id=visitor_id).values("visitor_id")), False


def _buyer(channel: str, customer_id: str, user_id: Any) -> Q | None:
    if customer_id:
        return Q(order__customer__channel=channel, order__customer__external_id=customer_id)
    if user_id:
        return Q(order__customer__channel=channel, order__customer__user_id=user_id)
    return None


def _newest(rows: QuerySet[Any, Any], order: str, limit: int) -> QuerySet[Any, Any]:
    """The newest rows as a part of a UNION; SQLite allows no LIMIT there, so it gets it one level deeper."""
    if events_connection().features.supports_slicing_ordering_in_compound:
        return rows.order_by(order)[:limit]
    return rows.model._default_manager.filter(pk__in=Limited(rows.order_by(order)[:limit].values("pk")))


def _sorted_out(rows: Iterable[tuple[Any, str, str, Any]], depth: int) -> _Found:
    items: dict[object, Item] = {}
    shown: dict[object, Item] = {}
    bought: set[str] = set()
    waved: dict[str, tuple[Any, str]] = {}
    for event_id, name, product_id, placed_at in rows:
        if name in DISMISS_NAMES:  # the last word counts
            waved[product_id] = max(waved.get(product_id, (event_id, name)), (event_id, name))
            continue
        if name == EventName.PURCHASE:
            bought.add(product_id)
        at = uuid7_time(event_id).timestamp() if event_id is not None else placed_at.timestamp()
        # An event may be found by its visitor and by its customer.
        (shown if name in IMPRESSION_NAMES else items)[event_id or (product_id, at)] = (product_id, str(name), at)
    dismissed = {product_id for product_id, (_id, name) in waved.items() if name == EventName.DISMISS}
    return _Found(_latest(items.values())[:depth], bought, dismissed, _latest(shown.values())[:MOST_SHOWN])


def _latest(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: -item[2])


def circumstance_rows(
    *, channel: str, until: datetime | None = None, newest: int | None = None, chunk_size: int = 10_000
) -> Iterator[tuple[str, str, dict[str, str], float]]:
    """Views under known circumstances, oldest first: ``(visit, product id, circumstances, epoch seconds)``.

    Circumstances are those of ``events.circumstances``; robots are left out. Nothing says who it was. ``newest``: only
    so many of the latest.
    """
    rows = Event.objects.filter(channel=channel, is_bot=False, name=EventName.VIEW_ITEM, properties__has_key=KEY)
    rows = rows.exclude(product_id="")
    if until is not None:
        rows = rows.filter(id__lt=uuid7_floor(until))
    if newest is not None:
        first = rows.order_by("-id").values_list("id", flat=True)[newest - 1 : newest]
        for key in first:
            rows = rows.filter(id__gte=key)
    columns = ("id", "session_id", "product_id", "properties")
    for key, visit, product, properties in rows.order_by("id").values_list(*columns).iterator(chunk_size=chunk_size):
        yield visit, product, stored(properties), (key.int >> 80) / 1000


def behaviour_rows(
    *,
    channel: str,
    since: datetime | None = None,
    until: datetime | None = None,
    names: Iterable[str] | None = None,
    chunk_size: int = 10_000,
) -> Iterator[tuple[str, str, str, float, float | None]]:
    """Stream the log for training, oldest first: ``(who, product_id, name, epoch seconds, dwell seconds or None)``.

    ``who`` is the customer's id where he is known (then or by a later login), else ``"visitor:" + id``. Robots, events
    without a person or a product, and impressions (unless ``names`` asks for them) are left out. Time on the page
    (``user_engagement``) is added to the view that it belongs to instead of being a row of its own.
    """
    customers = dict(
        VisitorIdentity.objects.filter(channel=channel)
        .order_by("-linked_at", "-id")
        .values_list("visitor_id", "customer_id")
    )  # the first link of a visitor wins: his anonymous past belongs to whoever logged in first
    rows = Event.objects.filter(channel=channel, is_bot=False).exclude(product_id="")
    if since is not None:
        rows = rows.filter(id__gte=uuid7_floor(since))
    if until is not None:
        rows = rows.filter(id__lt=uuid7_floor(until))
    if names is not None:
        rows = rows.filter(name__in=[*names, EventName.USER_ENGAGEMENT])
    else:
        rows = rows.exclude(name=EventName.VIEW_ITEM_LIST)
    columns = ("id", "visitor_id", "customer_id", "product_id", "name", "dwell_seconds")
    stream = rows.order_by("id").values_list(*columns).iterator(chunk_size=chunk_size)
    waiting: deque[list[Any]] = deque()
    views: dict[tuple[str, str], list[Any]] = {}
    for key, visitor, customer, product, name, dwell in stream:
        who = customer or customers.get(visitor) or (f"visitor:{visitor}" if visitor else "")
        if not who:
            continue
        at = (key.int >> 80) / 1000
        # Rows wait for the longest time on a page that is believed; memory holds an hour of the log at most.
        while waiting and waiting[0][3] < at - DWELL_MAX:
            done = waiting.popleft()
            if views.get((done[0], done[1])) is done:
                del views[done[0], done[1]]
            yield tuple(done)
        if name == EventName.USER_ENGAGEMENT:
            seen = views.get((who, product))
            if seen is not None and dwell:
                seen[4] = min((seen[4] or 0.0) + dwell, DWELL_MAX)
            continue
        row = [who, product, name, at, dwell]
        waiting.append(row)
        if name == EventName.VIEW_ITEM:
            views[who, product] = row
    for row in waiting:
        yield tuple(row)
