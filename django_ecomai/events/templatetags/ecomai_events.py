"""``{% load ecomai_events %}``: the beacon."""

from __future__ import annotations

import logging
import time
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join

from django_ecomai.conf import ecomai
from django_ecomai.events.tokens import page_token

logger = logging.getLogger("django_ecomai.events")
register = template.Library()


@register.simple_tag(takes_context=True)
def ecomai_beacon(context: dict[str, Any]) -> str:
    """The script that reports views, time on page, clicks and impressions, and fills lazy fragments.

    Put it once per page, best before ``</body>``. It renders the same for everybody: the page may be cached whole.
    Renders nothing (and logs) when EcomAI's urls or the static file are missing.
    """
    try:
        data = {
            "src": static("ecomai/beacon.js"),
            "data-url": reverse("ecomai_events:capture"),
            "data-renew": reverse("ecomai_events:token"),
            "data-token": page_token(),
            "data-expires": str(int(time.time()) + int(ecomai.CAPTURE_TOKEN_AGE)),
            "data-consent": _consent_mode(),
            "data-max": str(ecomai.CAPTURE_MAX_EVENTS),
        }
    except (NoReverseMatch, ValueError) as error:
        logger.error("{%% ecomai_beacon %%} renders nothing: %s", error)
        return ""
    # Django 6 gives templates a nonce when the shop's content security policy uses them.
    nonce = context.get("csp_nonce")
    if nonce is not None:  # a lazy nonce is false until it is used
        data["nonce"] = str(nonce)
    return format_html("<script defer data-ecomai-beacon {}></script>", format_html_join(" ", '{}="{}"', data.items()))


def _consent_mode() -> str:
    """How the script finds out whether it may report: from a cookie, always, or by asking the server."""
    source = ecomai.CONSENT
    name = source if isinstance(source, str) else f"{source.__module__}.{source.__qualname__}"
    if name == "django_ecomai.events.consent.cookie":
        return f"cookie:{ecomai.CONSENT_COOKIE}"
    return "always" if name == "django_ecomai.events.consent.always" else "ask"
