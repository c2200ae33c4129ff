"""System checks of capture, consent and caches."""

from __future__ import annotations

import importlib.util
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
from django_ecomai.runs import broker

from .queues import WAYS, spill

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


@register("ecomai")
def check_capture_queue(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The queue of events is one that exists and has what it needs."""
    way = ecomai.CAPTURE_QUEUE
    if way not in WAYS:
        return [
            Error(
                f"ECOMAI['CAPTURE_QUEUE'] is {way!r}, which is no queue.",
                hint=f"Choose from {', '.join(map(repr, WAYS))}.",
                id="ecomai.E090",
            )
        ]
    if way == "redis" and importlib.util.find_spec("redis") is None:
        return [
            Error(
                "ECOMAI['CAPTURE_QUEUE'] is 'redis', and the Python package redis is not installed.",
                hint="Type: pip install 'django-ecomai[redis]'",
                id="ecomai.E091",
            )
        ]
    if way == "celery" and not broker.is_configured():
        return [
            Error(
                "ECOMAI['CAPTURE_QUEUE'] is 'celery', and the project has no broker.",
                hint="Set CELERY_BROKER_URL, or use 'direct'.",
                id="ecomai.E092",
            )
        ]
    return []


@register("ecomai")
def check_spill(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Events that nothing else takes have a place to wait, and none was lost."""
    if not float(ecomai.CAPTURE_SPILL_MB) > 0:
        return []
    found: list[CheckMessage] = []
    if not spill.is_writable():
        found.append(
            Warning(
                f"The folder for events that must wait cannot be written: {spill.folder()}.",
                hint="Give this user the right to write, or name another folder in ECOMAI['CAPTURE_SPILL_DIR'].",
                id="ecomai.W093",
            )
        )
    if lost := spill.lost_recently():
        found.append(
            Warning(
                f"Within 30 days {lost} events were lost: neither queue nor database nor the local file took them.",
                hint="Look at the disk of this machine, raise ECOMAI['CAPTURE_SPILL_MB'], or empty the file by "
                "python manage.py ecomai_capture.",
                id="ecomai.W094",
            )
        )
    return found
