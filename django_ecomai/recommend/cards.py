"""The panel on the merchant's start page."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest

from django_ecomai.conf import ecomai

from .selectors import PlacementRow, attribution_rule, placement_performance

logger = logging.getLogger("django_ecomai.recommend")

# Counting a month of impressions reads every one of them: asked at most this often.
CACHE_SECONDS = 300


def performance_context(request: HttpRequest) -> dict[str, Any]:
    """Rows per placement of the period and shop that the page looks at (at most five minutes old), and their rule."""
    period = request.ecomai_period  # type: ignore[attr-defined]
    rows = _cached_rows(period)
    return {
        "rows": rows,
        "anything": any(row.impressions or row.clicks or row.orders for row in rows),
        "rule": attribution_rule(),
    }


def _cached_rows(period: Any) -> list[PlacementRow]:
    """From the cache when it has them; a cache that is gone costs time, never the page."""
    # Hashed: memcached takes neither spaces nor long keys, and channels may hold either.
    facts = f"{period.channel}\x00{period.since}\x00{period.until}\x00{ecomai.ATTRIBUTION_DAYS}"
    key = "ecomai:placements:" + hashlib.blake2s(facts.encode(), digest_size=16).hexdigest()
    try:
        found: list[PlacementRow] | None = cache.get(key)
    except Exception:  # cache backends raise their client library's own exceptions
        logger.warning("The cache does not answer; the numbers of the placements are counted anew.")
        found = None
    if found is not None:
        return found
    rows = placement_performance(channel=period.channel, since=period.since, until=period.until)
    try:
        cache.set(key, rows, CACHE_SECONDS)
    except Exception:  # see above
        logger.warning("The cache does not answer; the numbers of the placements are not kept.")
    return rows
