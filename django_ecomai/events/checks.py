"""System checks of capture, consent and caches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from django_ecomai.conf import Defaults, ecomai

# The beacon gets a new token half a minute before its own ends.
TOKEN_AGE_LEAST = 60
MIDDLEWARE = "django_ecomai.events.middleware.VisitorMiddleware"


@register("ecomai")
def check_middleware(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The visitor middleware is there."""
    if MIDDLEWARE in settings.MIDDLEWARE:
        return []
    return [
        Warning(
            "The visitor middleware is not installed: visitors cannot be recognised.",
            hint=f"Add {MIDDLEWARE!r} to MIDDLEWARE, below the authentication middleware.",
            id="ecomai.W020",
        )
    ]


@register("ecomai", Tags.caches)
def check_recent_cache(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Recent items are kept in a cache that all processes share."""
    alias = ecomai.RECENT_CACHE
    try:
        cache = caches[alias]
    except InvalidCacheBackendError:
        return [
            Error(
                f"ECOMAI['RECENT_CACHE'] names the cache {alias!r}, which is not in CACHES.",
                hint=f"Use one of: {', '.join(map(repr, settings.CACHES))}.",
                id="ecomai.E022",
            )
        ]
    if isinstance(cache, LocMemCache | DummyCache):
        return [
            Warning(
                f"The cache {alias!r} ({type(cache).__name__}) is not shared between processes: recent items are read "
                "from the database on every page that recommends, and each process limits and counts for itself.",
                hint="Set CACHES to Redis, Memcached, the database or a folder: "
                '"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:6379/1".',
                id="ecomai.W023",
            )
        ]
    return []


@register("ecomai")
def check_consent(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The consent callable can be imported and called."""
    try:
        source = ecomai.load("CONSENT")
    except (ImportError, AttributeError, ValueError) as error:
        source, why = None, str(error)
    else:
        why = "it is not callable"
    if callable(source):
        return []
    return [
        Error(
            f"ECOMAI['CONSENT'] is {ecomai.CONSENT!r}: {why}.",
            hint="Name a function that takes the request and returns a set of purposes, e.g. "
            "'django_ecomai.events.consent.cookie'.",
            id="ecomai.E024",
        )
    ]


@register("ecomai")
def check_cookie_consent(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A banner that is installed is asked."""
    if not apps.is_installed("cookie_consent") or ecomai.CONSENT != Defaults.CONSENT:
        return []
    return [
        Warning(
            "django-cookie-consent is installed, but nobody asks it: whoever agrees there counts as a no here.",
            hint="Set ECOMAI['CONSENT'] = 'django_ecomai.events.consent.cookie_consent' and name its cookie groups "
            "'analytics', 'personalization' and 'marketing'.",
            id="ecomai.W027",
        )
    ]


@register("ecomai")
def check_token_age(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A page token lives long enough to be used."""
    age = ecomai.CAPTURE_TOKEN_AGE
    if isinstance(age, int | float) and age >= TOKEN_AGE_LEAST:
        return []
    return [
        Error(
            f"ECOMAI['CAPTURE_TOKEN_AGE'] is {age!r}: pages would ask for a new token all the time.",
            hint=f"Use at least {TOKEN_AGE_LEAST} seconds; six hours are usual.",
            id="ecomai.E026",
        )
    ]


@register("ecomai", Tags.urls)
def check_urls(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The capture endpoint can be reached."""
    try:
        reverse("ecomai_events:capture")
    except NoReverseMatch:
        return [
            Warning(
                "EcomAI's urls are not included: browsers have nowhere to report to.",
                hint="Add to your urls.py: path('ecomai/', include('django_ecomai.urls')).",
                id="ecomai.W025",
            )
        ]
    except (ImproperlyConfigured, ImportError):
        return []  # no usable urls at all: Django's own checks say it better
    return []
