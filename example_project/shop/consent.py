"""The cookie banner: without a yes nothing personal is stored, and the shop works the same."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from django_ecomai.events.consent import opted_out

COOKIE = "ecomai_consent"  # the package's ready-made consent reads this one
ALL = "analytics.personalization"
NECESSARY = "necessary"
AGE = 180 * 24 * 3600


def consent_decided(request: HttpRequest) -> bool:
    """Whether this browser answered the banner."""
    return bool(request.COOKIES.get(COOKIE))


def consent_problem(request: HttpRequest) -> str:
    """Why nothing personal is shown to this browser, in words for the visitor; empty when it agreed."""
    if opted_out(request):
        return "Your browser asks shops not to follow you, so nothing is chosen for this customer."
    if "personalization" not in request.COOKIES.get(COOKIE, "").split("."):
        return "Accept the cookies below to see what is chosen for this customer."
    return ""


def consent_forget(response: HttpResponse) -> None:
    """Forget the answer: the banner asks again."""
    response.delete_cookie(COOKIE, samesite="Lax")


def consent_set(response: HttpResponse, *, everything: bool, secure: bool) -> None:
    """Remember the answer for half a year."""
    response.set_cookie(COOKIE, ALL if everything else NECESSARY, max_age=AGE, samesite="Lax", secure=secure)
