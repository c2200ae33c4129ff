"""Who is looking: a pseudonymous visitor, his visit, and the customer he is known to be."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers

from django_ecomai.conf import ecomai
from django_ecomai.core.db import is_in_transaction, shielded
from django_ecomai.core.hashing import keyed_hash, keyed_hashes
from django_ecomai.core.persons import EVERYTHING, UNKNOWN, refused_purposes

from .bots import is_bot
from .circumstances import known_of
from .consent import PURPOSES, RECORDING, browser_refusal, purposes_of
from .signals import consent_changed

logger = logging.getLogger("django_ecomai.events")

_SALT = "django_ecomai.visitor"
# The visitor of the request that this thread or task is serving; lets an order that is mirrored find its visitor.
current: ContextVar[VisitorContext | None] = ContextVar("ecomai_visitor", default=None)


@dataclass(frozen=True, slots=True)
class _Cookie:
    """Content of the visitor cookie. The secret is random; only its keyed hash is ever stored."""

    secret: str
    session_start: int
    last_seen: int
    agreed: frozenset[str] | None = None  # when it was written; None: by a version that did not write it

    def dumps(self) -> str:
        letters = "".join(sorted(purpose[0] for purpose in self.agreed or ()))
        return signing.Signer(salt=_SALT).sign(f"{self.secret}.{self.session_start}.{self.last_seen}.{letters}")

    @classmethod
    def loads(cls, value: str) -> _Cookie | None:
        try:
            secret, start, seen, *rest = signing.Signer(salt=_SALT).unsign(value).split(".")
            agreed = frozenset(purpose for purpose in PURPOSES if purpose[0] in rest[0]) if rest else None
            return cls(secret, int(start), int(seen), agreed)
        except (signing.BadSignature, ValueError):
            return None


class _UnknownPerson(Exception):
    """Somebody is logged in, but who cannot be read."""


class VisitorContext:
    """``request.ecomai``: everything is found out on first use, so a page that asks nothing pays nothing.

    Without consent ``visitor_id`` and ``session_id`` are empty and no cookie is set.
    """

    def __init__(self, request: HttpRequest, *, writable: bool = True) -> None:
        self._request = request
        # Without the middleware no cookie can be set: a fresh id would never be seen again.
        self._writable = writable
        self._renewed = False
        self._wanted = False
        self._is_user_unknown = False
        self.used = False

    def _personal(self) -> None:
        """What is rendered from here on depends on the visitor: no cache may keep it for others.

        A ``Vary`` header alone would come too late for ``cache_page``, which stores before any middleware sees the
        response; this flag of Django's own cache middleware works for both.
        """
        self.used = True
        self._request._cache_update_cache = False  # type: ignore[attr-defined]

    @property
    def request(self) -> HttpRequest:
        """The request that it belongs to."""
        return self._request

    @property
    def channel(self) -> str:
        """Which shop this process serves."""
        return ecomai.CHANNEL

    @cached_property
    def _purposes(self) -> frozenset[str]:
        given = purposes_of(self._request)
        if not given:
            return given
        objected = self._objected
        return frozenset() if objected & {EVERYTHING, UNKNOWN} else given - objected

    @cached_property
    def _objected(self) -> frozenset[str]:
        user = self._user
        known = [("visitor", ident) for ident in self.known_ids]
        if user is None and not self._is_user_unknown:
            return refused_purposes(channel=self.channel, persons=known)

        def persons() -> Iterator[tuple[str, str]]:
            yield from known
            if self._is_user_unknown:
                raise _UnknownPerson
            yield "user", str(user.pk)
            yield "customer", self._customer  # asks the shop

        try:
            return refused_purposes(channel=self.channel, persons=persons())
        except _UnknownPerson:
            return frozenset({UNKNOWN})

    @cached_property
    def _user(self) -> Any:
        """Who is logged in, or ``None``. A session that cannot be read now is nobody's, unless that spoils the shop's
        transaction: then the shop must hear of it.
        """
        self._is_user_unknown = False
        user = getattr(self._request, "user", None)
        try:
            return user if user is not None and user.is_authenticated else None
        except Exception:  # session backends raise their client library's own exceptions
            if is_in_transaction():
                raise
            logger.warning("The session cannot be read now; the visitor counts as anonymous.")
            self._is_user_unknown = True
            return None

    @property
    def is_unsure(self) -> bool:
        """Whether he agreed by his browser, but it cannot be told now if he has refused as a person."""
        return bool(purposes_of(self._request) & RECORDING) and UNKNOWN in self._objected

    @property
    def objected(self) -> frozenset[str]:
        """Purposes that this person has refused whatever the banner says; ``""`` stands for all of them."""
        self._personal()
        return self._objected

    @property
    def known_ids(self) -> list[str]:
        """The ids under which the browser's cookie may have been recorded, the one in use first; none without it."""
        received = self._received
        return keyed_hashes(received.secret, purpose="visitor") if received else []

    @property
    def purposes(self) -> frozenset[str]:
        """What the visitor agreed to; empty when the browser sends Global Privacy Control or Do Not Track."""
        self._personal()
        return self._purposes

    def may(self, purpose: str) -> bool:
        """Whether the visitor agreed to ``purpose``."""
        return purpose in self.purposes

    @property
    def may_record(self) -> bool:
        """Whether events of this visitor may be stored."""
        return bool(self._purposes & RECORDING)

    @cached_property
    def is_bot(self) -> bool:
        """Whether the user agent is a known robot's, or the browser's own hints say that it has no window."""
        headers = self._request.headers
        return is_bot(headers.get("User-Agent", "")) or "headless" in headers.get("Sec-CH-UA", "").lower()

    @cached_property
    def _received(self) -> _Cookie | None:
        value = self._request.COOKIES.get(ecomai.VISITOR_COOKIE)
        return _Cookie.loads(value) if value else None

    @property
    def _cookie(self) -> _Cookie | None:
        # At every use, not only the first: a middleware may have looked before the cache's own flag was reset.
        self._personal()
        return self._made

    @cached_property
    def _made(self) -> _Cookie | None:
        self._wanted = True
        if self.is_bot or not self.may_record:
            return None
        now = int(time.time())
        received = None if self._renewed else self._received
        if received is None:
            return _Cookie(secrets.token_urlsafe(16), now, now, self._purposes) if self._writable else None
        if not 0 <= now - received.last_seen <= ecomai.SESSION_IDLE_SECONDS:
            return _Cookie(received.secret, now, now, self._purposes)
        # Written back at most once a minute: most responses carry no Set-Cookie.
        stale = now - received.last_seen >= min(60, ecomai.SESSION_IDLE_SECONDS / 10)
        if stale or received.agreed != self._purposes:
            return _Cookie(received.secret, received.session_start, now, self._purposes)
        return received

    @property
    def new(self) -> bool:
        """Whether the visitor arrived without a valid cookie."""
        return self._renewed or self._received is None

    @property
    def visitor_id(self) -> str:
        """Keyed hash of the cookie's secret, 32 hex digits; empty without consent and for robots."""
        cookie = self._cookie
        return keyed_hash(cookie.secret, purpose="visitor") if cookie else ""

    @property
    def session_id(self) -> str:
        """Id of this visit; a new one begins after ``SESSION_IDLE_SECONDS`` without a request."""
        cookie = self._cookie
        return keyed_hash(f"{cookie.secret}.{cookie.session_start}", purpose="session") if cookie else ""

    @cached_property
    def circumstances(self) -> dict[str, str]:
        """Country and class of device of this request, where known; nothing that tells one visitor from another."""
        return known_of(self._request)

    @property
    def host(self) -> str:
        """The shop's own host, as the browser names it."""
        return str(self._request.META.get("HTTP_HOST", ""))

    @property
    def user_id(self) -> Any:
        """Primary key of the user who is logged in, or ``None``."""
        self._personal()
        return self._user.pk if self._user is not None else None

    @property
    def customer_id(self) -> str:
        """The shop's customer id of the user who is logged in, from the adapter; empty when there is none."""
        self._personal()
        return self._customer

    @cached_property
    def _customer(self) -> str:
        return customer_of(self._user, channel=self.channel) if self._user is not None else ""

    def forget_customer(self) -> None:
        """Look the customer up again: ``request.user`` has changed."""
        for name in ("_user", "_customer", "_objected", "_purposes"):
            self.__dict__.pop(name, None)

    def consent_look_again(self) -> None:
        """What the visitor agrees to has just changed in this very request."""
        for name in ("_purposes", "_objected", "_made"):
            self.__dict__.pop(name, None)

    def renew(self) -> None:
        """Begin a new visitor: after a log-out the next person at this device is somebody else."""
        self._renewed = True
        self.__dict__.pop("_made", None)
        self.forget_customer()

    def write_cookie(self, response: HttpResponseBase) -> None:
        """Set, refresh or (consent withdrawn) delete the cookie. A response for public caches is left alone.

        A page that shows something personal (``request.ecomai_personal``) is marked private, whatever the view said.
        """
        if getattr(self._request, "ecomai_personal", False):
            patch_cache_control(response, private=True)
        if "public" in response.headers.get("Cache-Control", ""):
            return
        present = ecomai.VISITOR_COOKIE in self._request.COOKIES
        wanted = self._wanted or self._renewed
        if self.used or wanted:
            patch_vary_headers(response, ("Cookie",))
        if not present and not wanted:
            return
        options: dict[str, Any] = {"path": "/", "domain": settings.SESSION_COOKIE_DOMAIN, "samesite": "Lax"}
        if not self.may_record:
            if present and not self.is_unsure:
                self._forget_or_mark(response, options)
            return
        if wanted and self._cookie and self._cookie != self._received:
            self._tell_consent(self._cookie, self._purposes)
            self._set(response, self._cookie, options)

    def _forget_or_mark(self, response: HttpResponseBase, options: dict[str, Any]) -> None:
        """Delete the cookie, unless this very visitor has refused something: only by it is that known again.

        Then it stays as a marker, which says nothing but no, is never an id, and is not prolonged.
        """
        refused = refused_purposes(channel=self.channel, persons=[("visitor", ident) for ident in self.known_ids])
        if UNKNOWN in refused:
            return  # what cannot be read now is no reason to forget the visitor
        received = self._received
        marker = replace(received, agreed=frozenset()) if refused and received else None
        if marker is not None and marker == received:
            return
        self._personal()
        patch_vary_headers(response, ("Cookie",))
        self._tell_consent(received, frozenset())
        if marker is None:
            response.delete_cookie(ecomai.VISITOR_COOKIE, **options)
        else:
            self._set(response, marker, options)

    def _set(self, response: HttpResponseBase, cookie: _Cookie, options: dict[str, Any]) -> None:
        response.set_cookie(
            ecomai.VISITOR_COOKIE,
            cookie.dumps(),
            max_age=ecomai.VISITOR_COOKIE_AGE,
            httponly=True,
            secure=self._request.is_secure(),
            **options,
        )

    def _tell_consent(self, cookie: _Cookie | None, purposes: frozenset[str]) -> None:
        """Send ``consent_changed`` when the visitor agrees to something else than when his cookie was written."""
        received = self._received
        same = received is not None and cookie is not None and received.secret == cookie.secret
        before = (received.agreed if received and same else None) or frozenset()
        if cookie is None or self.is_bot or purposes == before:
            return
        banner = ecomai.CONSENT if isinstance(ecomai.CONSENT, str) else "function"
        origin = browser_refusal(self._request) or ("objection" if self._objected else banner)
        for _receiver, error in consent_changed.send_robust(
            sender=type(self), channel=self.channel, visitor_id=keyed_hash(cookie.secret, purpose="visitor"),
            customer_id=self._customer, given=purposes - before, withdrawn=before - purposes, origin=origin,
        ):  # fmt: skip
            if error is not None:
                logger.error("A receiver of consent_changed failed.", exc_info=error)


def customer_of(user: Any, *, channel: str) -> str:
    """The shop's customer id of a user, by the adapter; empty when it knows none or fails (logged)."""
    from django_ecomai.adapters.base import get_adapter

    try:
        with shielded("look up the customer of a user"):
            return str(get_adapter(channel).customer_id(user) or "")[:64]
    except Exception:  # the adapter is the shop's own code: whatever it raises, its page must go on
        logger.exception("The adapter's customer_id() failed; the visitor counts as anonymous.")
    return ""


def visitor_of(request: HttpRequest) -> VisitorContext:
    """``request.ecomai``, also where the middleware is missing (then no new visitor can be remembered)."""
    context = getattr(request, "ecomai", None)
    if not isinstance(context, VisitorContext):
        context = VisitorContext(request, writable=False)
        request.ecomai = context  # type: ignore[attr-defined]
    return context
