"""REST framework: who sends, by his API key; what it opens; how often."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded, without_transaction
from django_ecomai.events.throttling import ApiThrottle

from .models import ApiKey
from .services.keys import key_find, key_used

logger = logging.getLogger("django_ecomai.ingest")

RETRY_AFTER = 5  # seconds; a database that is started again takes about as long
# What may be over when the request comes again: a connection, a lock, a row that two deliveries made at once. Any other
# error of the database would be the same for ever.
_PASSING = (OperationalError, InterfaceError, IntegrityError)


@dataclass(frozen=True)
class Sender:
    """``request.user`` of a key: a program, with no rights of a person."""

    pk: str
    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """None: a key opens its scopes and nothing else."""
        return False


class KeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer ecomai_…``; ``request.auth`` is the ``ApiKey``."""

    def authenticate(self, request: Request) -> tuple[Sender, ApiKey] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        key = key_find(words[1].decode("latin-1")) if len(words) == 2 else None
        if key is None:
            raise AuthenticationFailed(_("This API key is not known."))
        if not key.is_valid:
            raise AuthenticationFailed(_("This API key has been revoked or has expired."))
        with shielded("note that an API key is used"):
            key_used(key=key)
        return Sender(f"key-{key.prefix}"), key

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer without a key a 401."""
        return "Bearer"


class ScopePermission(BasePermission):
    """The key opens ``view.scope``."""

    message = _("This API key does not open this address.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, ApiKey) and request.auth.may(getattr(view, "scope", ""))


class IngestThrottle(ApiThrottle):
    """``ECOMAI["INGEST_THROTTLE"]`` per key; a cache that is gone limits nobody."""

    scope = "ecomai_ingest"

    def get_rate(self) -> str | None:
        return ecomai.INGEST_THROTTLE or None


class IngestReadThrottle(ApiThrottle):
    """``ECOMAI["INGEST_READ_THROTTLE"]`` per key: a nightly delivery takes nothing from the pages of the shop."""

    scope = "ecomai_ingest_read"

    def get_rate(self) -> str | None:
        return ecomai.INGEST_READ_THROTTLE or None


@method_decorator(without_transaction, name="dispatch")
class KeyView(APIView):
    """Base of the addresses that a key opens: a subclass names its ``scope``.

    While the database does not answer, be it for the key itself, the sender is asked to come back.
    """

    authentication_classes = (KeyAuthentication,)
    permission_classes = (ScopePermission,)
    throttle_classes: Sequence[type[ApiThrottle]] = ()
    schema = AutoSchema()  # whatever the project's default is
    scope: str = ""
    unavailable = ("not_now", "The database does not answer. Ask again in a moment.")

    def handle_exception(self, exc: Exception) -> Response:
        """A failure of the database is no failure of the sender's."""
        if not isinstance(exc, _PASSING):
            return super().handle_exception(exc)
        logger.error("A request with an API key could not be answered.", exc_info=exc)
        error, detail = self.unavailable
        response = Response({"error": error, "detail": detail}, status=503)
        response["Retry-After"] = str(RETRY_AFTER)
        return response


class KeyScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI schema names it."""

    target_class = "django_ecomai.ingest.authentication.KeyAuthentication"
    name = "EcomAI API key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer", "description": "A key made in the admin under “API keys”."}
