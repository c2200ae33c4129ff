"""The cookie banner: without a yes nothing personal is stored, and the shop works the same."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

COOKIE = "ecomai_consent"  # the package's ready-made consent reads this one
ALL = "analytics.personalization"
NECESSARY = "necessary"
AGE = 180 * 24 * 3600


def consent_decided(request: HttpRequest) -> bool:
    """Whether this browser answered the banner."""
    return COOKIE in request.COOKIES


def consent_set(response: HttpResponse, *, everything: bool, secure: bool) -> None:
    """Remember the answer for half a year."""
    response.set_cookie(COOKIE, ALL if everything else NECESSARY, max_age=AGE, samesite="Lax", secure=secure)
