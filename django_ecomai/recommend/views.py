"""The carousels of a placement as a piece of HTML, for pages that are cached whole."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from django_ecomai.events.limits import seconds_to_wait

from .narrow import NOTHING
from .parameters import read_parameters
from .rendering import carousels_html


@require_safe
@cache_control(private=True, no_store=True)
def fragment(request: HttpRequest, placement: str) -> HttpResponse:
    """``GET ecomai/fragment/<placement>/?product=…``: HTML of the carousels for this visitor; empty when there are
    none. What cannot be understood of the parameters is left out. With ``words``, filters or boosts, which anybody can
    make up and none of which is kept, ``ECOMAI["API_THROTTLE"]`` holds: 429 with ``Retry-After``.
    """
    asked = read_parameters(request.GET)
    if asked.words or asked.narrow != NOTHING:
        wait = seconds_to_wait(request, scope="fragment")
        if wait:
            return HttpResponse(status=429, headers={"Retry-After": str(wait)})
    return HttpResponse(
        carousels_html(
            placement,
            request=request,
            products=asked.products,
            category=asked.category,
            strategy=asked.strategy,
            exclude=asked.exclude,
            limit=asked.limit,
            narrow=asked.narrow,
            words=asked.words,
        )
    )
