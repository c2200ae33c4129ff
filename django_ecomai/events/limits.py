"""How much one visitor may send. Counted in the cache; without a cache there is no limit, and nothing breaks."""

from __future__ import annotations

import logging
import time

from django.core.cache import InvalidCacheBackendError, caches
from django.http import HttpRequest

from django_ecomai.conf import ecomai
from django_ecomai.core.hashing import keyed_hash

from .visitors import VisitorContext

logger = logging.getLogger("django_ecomai.events")

# Who comes without a cookie shares the limit of his address: throwing the cookie away is no way round.
_NEWCOMERS = 10


def client_address(request: HttpRequest) -> str:
    """The address of who asks, as our own proxies vouch for it: they wrote the last ``TRUSTED_PROXIES`` entries."""
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    proxies = min(int(ecomai.TRUSTED_PROXIES), len(hops))
    return (hops[-proxies].strip() if proxies > 0 else "") or request.META.get("REMOTE_ADDR", "")


def is_over_limit(request: HttpRequest, context: VisitorContext, amount: int) -> bool:
    """Count ``amount`` events; whether this visitor sent more than ``CAPTURE_RATE`` within the running minute."""
    rate = ecomai.CAPTURE_RATE
    if not rate:
        return False
    if context.new:
        # Nothing that a sender may vary at will belongs in here, such as the browser's name.
        who, rate = keyed_hash(client_address(request), purpose="capture-limit"), rate * _NEWCOMERS
    else:
        who = context.visitor_id
    key = f"ecomai:capture:{who}:{int(time.time() // 60)}"
    try:
        cache = caches[ecomai.RECENT_CACHE]
        # add + incr, not get + set: two requests at once are both counted.
        cache.add(key, 0, 120)
        return cache.incr(key, amount) > rate
    except InvalidCacheBackendError:
        return False
    except Exception:  # cache backends raise their client library's own exceptions; a dummy cache has no incr
        logger.debug("The cache %r does not count; nobody is limited.", ecomai.RECENT_CACHE)
        return False
