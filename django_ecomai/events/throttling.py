"""The limit of the REST endpoints, one for every capability that has some."""

from __future__ import annotations

import logging

from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from django_ecomai.conf import ecomai

from .limits import client_address

logger = logging.getLogger("django_ecomai.events")


class ApiThrottle(UserRateThrottle):
    """``ECOMAI["API_THROTTLE"]`` per user or address; a cache that is gone limits nobody.

    Subclasses name a ``scope``.
    """

    def get_rate(self) -> str | None:
        return ecomai.API_THROTTLE or None

    def get_ident(self, request: Request) -> str:
        """The address as ``TRUSTED_PROXIES`` says; DRF's own would take any ``X-Forwarded-For`` for an address."""
        return client_address(request._request)

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except Exception:  # cache backends raise their client library's own exceptions
            logger.warning("The cache does not answer; requests are not limited (%s).", type(self).__name__)
            return True
