"""What a visitor has agreed to. A consent callable takes the request and returns a set of purposes.

Purposes: ``analytics`` (behaviour may be recorded), ``personalization`` (and used for this visitor's suggestions),
``marketing`` (and for e-mail), ``security`` (hashes of address and device may be kept to recognise fraud). Point
``ECOMAI["CONSENT"]`` at one of these functions or at one of the shop's own.
"""

from __future__ import annotations

import logging

from django.http import HttpRequest
from django.utils.module_loading import import_string

from django_ecomai.conf import ecomai

logger = logging.getLogger("django_ecomai.events")

PURPOSES = frozenset({"analytics", "personalization", "marketing", "security"})
# Either of these allows a visitor cookie and events.
RECORDING = frozenset({"analytics", "personalization"})


def cookie(request: HttpRequest) -> set[str]:
    """Purposes written into the cookie ``ECOMAI["CONSENT_COOKIE"]``, joined by ``.`` — the shop's banner sets it."""
    return set(request.COOKIES.get(ecomai.CONSENT_COOKIE, "").split(".")) & PURPOSES


def cookie_consent(request: HttpRequest) -> set[str]:
    """Purposes from django-cookie-consent: its cookie groups are named (``varname``) like the purposes."""
    from django_ecomai.core.extras import require

    util = require("cookie_consent.util", extra="consent")
    return {purpose for purpose in PURPOSES if util.get_cookie_value_from_request(request, purpose)}


def always(request: HttpRequest) -> set[str]:
    """Every purpose: for shops that need no consent, or ask for it elsewhere."""
    return set(PURPOSES)


def opted_out(request: HttpRequest) -> bool:
    """Whether the browser itself says no (Global Privacy Control or Do Not Track); this outweighs any banner."""
    return bool(browser_refusal(request))


def browser_refusal(request: HttpRequest) -> str:
    """How the browser says no: ``gpc``, ``dnt``, or empty when it does not."""
    return "gpc" if request.headers.get("Sec-GPC") == "1" else "dnt" if request.headers.get("DNT") == "1" else ""


def purposes_of(request: HttpRequest) -> frozenset[str]:
    """The purposes that hold for this request; a broken consent callable counts as "no" and is logged."""
    if opted_out(request):
        return frozenset()
    try:
        source = ecomai.CONSENT
        given = (import_string(source) if isinstance(source, str) else source)(request)
        return PURPOSES & frozenset(given or ())  # others are the shop's own affair and not remembered
    except Exception:  # the callable is the shop's own code: whatever it raises, its page must go on
        logger.exception("The consent callable %r failed; nothing is recorded for this request.", ecomai.CONSENT)
        return frozenset()
