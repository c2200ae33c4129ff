"""Whether a request was sent by a page of this very site.

The capture endpoint is exempt from Django's CSRF check, for two reasons: ``navigator.sendBeacon`` can send no header,
and a page that is cached whole can hold no visitor's CSRF secret. What a forged request could do is small (add views to
the history of whoever was lured), and these stand in its way together:

- ``Sec-Fetch-Site`` must be ``same-origin``; browsers set it themselves and no script can change it;
- browsers that do not send it must send an ``Origin`` of this host (every browser sends one with a POST);
- a request with neither is refused, so leaving the headers away helps nobody;
- the body must hold a signed page token younger than ``CAPTURE_TOKEN_AGE``, which another site cannot read from here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest


def is_same_origin(request: HttpRequest) -> bool:
    """By ``Sec-Fetch-Site``, else by ``Origin`` against the host and ``CSRF_TRUSTED_ORIGINS``."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        # The scheme is not compared: behind a proxy that ends TLS, Django may not know it.
        sender, host = urlsplit(origin), urlsplit(f"//{request.get_host()}")
        return bool(sender.hostname) and (sender.hostname, sender.port) == (host.hostname, host.port)
    except (DisallowedHost, ValueError):
        return False
