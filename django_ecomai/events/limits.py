"""How much one visitor may send. Counted in the cache; without a cache there is no limit, and nothing breaks."""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections import Counter
from collections.abc import Iterable

from django.core.cache import InvalidCacheBackendError, caches
from django.http import HttpRequest

from django_ecomai.conf import ecomai
from django_ecomai.core.hashing import keyed_hash

from .visitors import VisitorContext

logger = logging.getLogger("django_ecomai.events")

# Who comes without a cookie shares the limit of his address: throwing the cookie away is no way round.
_NEWCOMERS = 10
# All of a network together, so that a sender who collects cookies first gains little; whole offices share an address.
_NETWORK = 100
# Products that a person may look at within a minute by opening them in tabs; who opens more is a program.
_VIEWS = 60
_RATE = re.compile(r"([1-9][0-9]*)/([smhd])[a-z]*\Z")
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def client_address(request: HttpRequest) -> str:
    """The address of who asks, as our own proxies vouch for it: they wrote the last ``TRUSTED_PROXIES`` entries."""
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    proxies = min(int(ecomai.TRUSTED_PROXIES), len(hops))
    return (hops[-proxies].strip() if proxies > 0 else "") or request.META.get("REMOTE_ADDR", "")


def client_network(request: HttpRequest) -> str:
    """The address, of IPv6 the first 64 bits: the rest of it a sender may choose anew for every request."""
    address = client_address(request)
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


def is_over_limit(request: HttpRequest, context: VisitorContext, amount: int) -> bool:
    """Count ``amount`` events; whether this visitor sent more than ``CAPTURE_RATE`` within the running minute, or his
    network a hundred times as many.
    """
    rate = ecomai.CAPTURE_RATE
    if not rate:
        return False
    # Nothing that a sender may vary at will belongs in here, such as the browser's name.
    network = keyed_hash(client_network(request), purpose="capture-limit")
    if context.new:
        return _counted("capture", network, 60, amount) > rate * _NEWCOMERS
    if _counted("capture", context.visitor_id, 60, amount) > rate:
        return True
    return _counted("capture-network", network, 60, amount) > rate * _NETWORK


def is_inhuman(*, visitor_id: str, viewed: Iterable[float]) -> bool:
    """Count views by the moments (epoch seconds) at which they happened, however late they arrive; whether there were
    more within a minute than a person can open.
    """
    if not visitor_id:
        return False
    minutes = Counter(int(moment // 60) for moment in viewed)
    found = [_counted("views", visitor_id, 60, count, at=60 * minute) for minute, count in minutes.items()]
    return max(found, default=0) > _VIEWS


def seconds_to_wait(request: HttpRequest, *, scope: str) -> int:
    """Count one request of a view against ``ECOMAI["API_THROTTLE"]`` per user or address, as the REST endpoints count
    theirs; 0, or after how many seconds to ask again.
    """
    most, span = rate_read(ecomai.API_THROTTLE)
    if not most:
        return 0
    user = getattr(request, "user", None)
    known = user is not None and user.is_authenticated
    who = f"user {user.pk}" if known else client_address(request)  # type: ignore[union-attr]
    if _counted(scope, keyed_hash(who, purpose="request-limit"), span, 1) <= most:
        return 0
    return max(int(span - time.time() % span), 1)


def rate_read(rate: object) -> tuple[int, int]:
    """Django REST framework's notation, without it: "240/min" -> (240, 60); (0, 60) for what is no rate: no limit."""
    found = _RATE.match(rate) if isinstance(rate, str) else None
    return (int(found[1]), _SPANS[found[2]]) if found else (0, 60)


def _counted(scope: str, who: str, span: int, amount: int, *, at: float | None = None) -> int:
    """How much came within the ``span`` of seconds of ``at`` (now), ``amount`` included; 0 where no cache counts."""
    key = f"ecomai:{scope}:{who}:{int((time.time() if at is None else at) // span)}"
    try:
        cache = caches[ecomai.RECENT_CACHE]
        # add + incr, not get + set: two requests at once are both counted.
        cache.add(key, 0, 2 * span)
        return int(cache.incr(key, amount))
    except InvalidCacheBackendError:
        return 0
    except Exception:  # cache backends raise their client library's own exceptions; a dummy cache has no incr
        logger.debug("The cache %r does not count; nobody is limited.", ecomai.RECENT_CACHE)
        return 0
