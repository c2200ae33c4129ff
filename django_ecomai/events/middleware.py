"""Puts ``request.ecomai`` on every request and keeps the visitor cookie."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.deprecation import MiddlewareMixin

from .visitors import VisitorContext, current


class VisitorMiddleware(MiddlewareMixin):
    """Put it after Django's ``AuthenticationMiddleware``. It makes no query and sets a cookie only after consent.

    ``request.ecomai`` (a ``VisitorContext``) is lazy: a page that never uses it is not marked as varying by cookie and
    may be cached whole; the beacon's own request then brings the cookie.
    """

    def process_request(self, request: HttpRequest) -> None:
        context = VisitorContext(request)
        request.ecomai = context  # type: ignore[attr-defined]
        current.set(context)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        context = getattr(request, "ecomai", None)
        current.set(None)
        if getattr(request, "ecomai_personal", False):
            # Something on this page was chosen for this visitor: no shared cache may keep it.
            patch_cache_control(response, private=True)
        if isinstance(context, VisitorContext):
            context.write_cookie(response)
        return response
