"""A visitor's last items in the cache, so that the next page reacts without a query. The database is the truth."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache

from django_ecomai.conf import ecomai

from .models import EventName
from .names import DISMISS_NAMES, IMPRESSION_NAMES, RECENT_NAMES

logger = logging.getLogger("django_ecomai.events")

# Longer than a look around, short enough that anything missed (a lost race, an import) heals soon.
LIFETIME = 60 * 30
# Room for a regular customer's purchases beside his last steps.
MOST_ITEMS = 300
# Impressions and clicks that are kept of one person, where a carousel lets products rest.
MOST_SHOWN = 400
# A history that was read while an event was being written is not worth keeping.
_WRITING = 3  # seconds; longer than any transaction of ours

# (product_id, name, epoch seconds)
Item = tuple[str, str, float]


def shared_cache() -> BaseCache | None:
    """The cache of recent items when every process sees the same one; a cache per process would show old news."""
    try:
        cache = caches[ecomai.RECENT_CACHE]
    except InvalidCacheBackendError:
        return None
    return None if isinstance(cache, LocMemCache | DummyCache) else cache


def subject_key(*, channel: str, visitor_id: str, customer_id: str, user_id: object = None) -> str:
    """Cache key of a person: the customer when he is known, else the visitor, else the user. Empty for nobody."""
    who = f"c:{customer_id}" if customer_id else f"v:{visitor_id}" if visitor_id else f"u:{user_id}" if user_id else ""
    if not who:
        return ""
    return "ecomai:recent:" + hashlib.blake2s(f"{channel}\x00{who}".encode(), digest_size=16).hexdigest()


def recent_get(key: str) -> dict[str, Any] | None:
    """The stored history, or ``None`` when there is none or the cache is gone (logged)."""
    cache = shared_cache()
    if cache is None or not key:
        return None
    try:
        return cache.get(key)
    except Exception:  # cache backends raise their client library's own exceptions
        logger.warning("The cache %r does not answer; recent items come from the database.", ecomai.RECENT_CACHE)
        return None


def recent_set(
    key: str,
    items: Sequence[Item],
    bought: Iterable[str],
    dismissed: Iterable[str],
    shown: Sequence[Item] | None = None,
) -> None:
    """Keep a history read from the database, unless an event is being written just now.

    ``shown`` None: impressions were not read, and whoever needs them has to ask the database.
    """
    cache = shared_cache()
    if cache is None or not key:
        return
    try:
        if cache.get(key + ":w") is None:
            value = {
                "items": list(items),
                "bought": list(bought),
                "dismissed": list(dismissed),
                "shown": None if shown is None else list(shown),
            }
            cache.set(key, value, LIFETIME)
    except Exception:  # see recent_get
        logger.warning("The cache %r does not answer; recent items are not kept.", ecomai.RECENT_CACHE)


def recent_forget(*keys: str) -> None:
    """Drop histories: after a login links two of them, or an erasure."""
    cache = shared_cache()
    wanted = [key for key in keys if key]
    if cache is None or not wanted:
        return
    try:
        cache.delete_many(wanted)
        cache.set_many({key + ":w": 1 for key in wanted}, _WRITING)
    except Exception:  # see recent_get
        logger.warning("The cache %r does not answer; recent items were not dropped.", ecomai.RECENT_CACHE)


def recent_push(
    *, channel: str, visitor_id: str = "", customer_id: str = "", user_id: object = None, items: Sequence[Item]
) -> None:
    """Add what was just accepted (oldest first) to the histories in the cache; told twice, it stands there once.

    Never raises.
    """
    relevant = [item for item in items if item[0] and item[1] in (*RECENT_NAMES, *DISMISS_NAMES)]
    seen = [item for item in items if item[0] and item[1] in IMPRESSION_NAMES]
    key = subject_key(channel=channel, visitor_id=visitor_id, customer_id=customer_id, user_id=user_id)
    cache = shared_cache()
    if cache is None or not key or not (relevant or seen):
        return
    try:
        if relevant:
            cache.set(key + ":w", 1, _WRITING)
        value = cache.get(key)
        if value is None:
            return  # the next page reads it from the database, whole
        if value.get("shown") is not None:
            there = set(map(tuple, value["shown"]))
            value["shown"] = [*(item for item in reversed(seen) if item not in there), *value["shown"]][:MOST_SHOWN]
        elif not relevant:
            return  # nobody counts impressions
        for item in relevant:
            if item[1] in DISMISS_NAMES:
                value["dismissed"] = [one for one in value["dismissed"] if one != item[0]]
                value["dismissed"] += [item[0]] if item[1] == EventName.DISMISS else []
            elif item not in value["items"]:
                value["items"].insert(0, item)
        value["items"] = value["items"][:MOST_ITEMS]
        cache.set(key, value, LIFETIME)
    except Exception:  # see recent_get
        logger.warning("The cache %r does not answer; recent items come from the database.", ecomai.RECENT_CACHE)


def history_depth(limit: int | None = None) -> int:
    """How many events are read for ``limit`` items: the same product is often viewed more than once."""
    return max((limit or ecomai.RECENT_ITEMS) * 3, 60)
