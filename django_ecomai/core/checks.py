"""System checks of the settings dict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from django_ecomai.conf import Defaults, ecomai, unknown_settings

_CHOICES = {"DISPATCH": {"auto", "inline", "process", "celery", "queue"}}
_POSITIVE = (
    "CAPTURE_MAX_EVENTS",
    "CAPTURE_MAX_BYTES",
    "CAPTURE_TOKEN_AGE",
    "VISITOR_COOKIE_AGE",
    "SESSION_IDLE_SECONDS",
    "EVENT_RETENTION_DAYS",
    "RECENT_ITEMS",
    "ARTIFACTS_KEPT",
    "RUN_STALE_MINUTES",
    "RUN_RETENTION_DAYS",
    "LIVE_CHECK_SECONDS",
    "MODEL_STALE_DAYS",
    "ATTRIBUTION_DAYS",
    "CONSENT_RETENTION_DAYS",
    "REQUEST_RETENTION_DAYS",
    "REQUEST_DUE_DAYS",
    "ERASURE_MODEL_HOURS",
    "SECURITY_RETENTION_DAYS",
    "GONE_CUSTOMER_DAYS",
    "RELEASE_EPSILON",
    "PRICING_RETENTION_DAYS",
)


@register("ecomai")
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Unknown keys, wrong types and values out of range in ``ECOMAI``."""
    messages: list[CheckMessage] = []
    for key, nearest in unknown_settings():
        hint = f"Did you mean {nearest!r}?" if nearest else "Remove it; docs/reference/settings lists every setting."
        messages.append(Warning(f"ECOMAI has an unknown key {key!r}.", hint=hint, id="ecomai.W001"))
    for name, choices in _CHOICES.items():
        value = getattr(ecomai, name)
        if value not in choices:
            messages.append(
                Error(
                    f"ECOMAI[{name!r}] is {value!r}.",
                    hint=f"Use one of: {', '.join(sorted(choices))}.",
                    id="ecomai.E002",
                )
            )
    for name in _POSITIVE:
        value = getattr(ecomai, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            default = getattr(Defaults, name)
            messages.append(
                Error(
                    f"ECOMAI[{name!r}] is {value!r}; it must be a number above zero.",
                    hint=f"The default is {default!r}; delete the key to use it.",
                    id="ecomai.E003",
                )
            )
    return messages
