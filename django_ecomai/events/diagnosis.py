"""Counters that let the doctor say why there are no events. Kept in the cache by day; losing them harms nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from django.core.cache import InvalidCacheBackendError, caches

from django_ecomai.conf import ecomai
from django_ecomai.core import metrics

logger = logging.getLogger("django_ecomai.events")

REASONS = (
    "stored",
    "no_consent",
    "opted_out",
    "robot",
    "bad_token",
    "foreign_origin",
    "malformed",
    "limited",
    "beacon",
    "queued",
    "spilled",
    "dead",
    "lost",
    "refused",
)
_KEPT = 60 * 60 * 24 * 8


def _key(reason: str, day: datetime) -> str:
    return f"ecomai:events:{reason}:{day:%Y%m%d}"


def count(reason: str, amount: int = 1) -> None:
    """Count that something happened today. Never raises."""
    if amount <= 0:
        return
    metrics.count(metrics.CAPTURE, reason, amount)
    try:
        cache = caches[ecomai.RECENT_CACHE]
        key = _key(reason, datetime.now(UTC))
        try:
            cache.incr(key, amount)
        except ValueError:  # the first of the day
            cache.add(key, amount, _KEPT)
    except InvalidCacheBackendError:
        return
    except Exception:  # cache backends raise their client library's own exceptions
        logger.debug("The cache %r does not count.", ecomai.RECENT_CACHE)


def counts(days: int = 7) -> dict[str, int]:
    """Sums over the last ``days``; empty when the cache is gone."""
    today = datetime.now(UTC)
    keys = {_key(reason, today - timedelta(days=back)): reason for reason in REASONS for back in range(days)}
    try:
        found = caches[ecomai.RECENT_CACHE].get_many(list(keys))
    except Exception:  # see count
        return {}
    sums = dict.fromkeys(REASONS, 0)
    for key, value in found.items():
        if key in keys and isinstance(value, int):
            sums[keys[key]] += value
    return sums
