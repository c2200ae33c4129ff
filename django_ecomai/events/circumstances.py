"""Under which circumstances somebody came: coarse classes only. Addresses, user agents and full URLs are never kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from django.http import HttpRequest

from django_ecomai.conf import ecomai

#: Key of ``Event.properties`` under which they stand.
KEY: Final = "context"
REFERRERS: Final = ("search", "social", "email", "campaign", "direct", "other")
DEVICES: Final = ("mobile", "tablet", "desktop")

_SEARCH = re.compile(
    r"(?:^|\.)(?:google|bing|duckduckgo|ecosia|qwant|startpage|yandex|baidu|naver|seznam|brave|yahoo|ask|kagi|perplexity|"
    r"chatgpt)\.[a-z.]{2,6}$"
)
_SOCIAL = re.compile(
    r"(?:^|\.)(?:facebook|instagram|pinterest|tiktok|twitter|x|t|reddit|youtube|linkedin|threads|snapchat|tumblr|vk|"
    r"whatsapp|telegram|bsky|mastodon)\.[a-z.]{2,6}$"
)
_MAIL = re.compile(r"(?:^|\.)(?:mail|webmail|outlook|gmx|proton)\.[a-z.]{2,12}$|(?:^|\.)web\.de$|^mail\.|^outlook\.")
_MOBILE = re.compile(r"mobi|iphone|ipod|windows phone", re.IGNORECASE)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook|android(?!.*mobi)", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Z]{2}")
_MEDIA: Final = {
    "email": "email", "e-mail": "email", "newsletter": "email", "mail": "email", "social": "social", "organic": "search"
}  # fmt: skip


def device_class(user_agent: str) -> str:
    """``mobile``, ``tablet`` or ``desktop``; empty without a user agent."""
    return _device_class(user_agent[:512])  # a header of many kilobytes is not kept


@lru_cache(maxsize=4096)
def _device_class(user_agent: str) -> str:
    if not user_agent:
        return ""
    if _TABLET.search(user_agent):
        return "tablet"
    return "mobile" if _MOBILE.search(user_agent) else "desktop"


def referrer_class(source: object, *, own_host: str = "") -> str:
    """One of ``REFERRERS`` for a referring host or URL, or for a query string with ``utm_`` fields; empty when it is
    the shop itself or not a text.

    ``utm_medium`` decides before ``utm_source``; a campaign of neither mail, search nor social is a ``campaign``.
    """
    if not isinstance(source, str) or len(source) > 2048:
        return ""
    text = source.strip().lower()
    if not text:
        return "direct"
    if "utm_" in text:
        fields = dict(part.split("=", 1) for part in re.split(r"[?&#,]", text) if "=" in part)
        medium, origin = fields.get("utm_medium", ""), fields.get("utm_source", "")
        named = _MEDIA.get(medium) or _MEDIA.get(origin)
        if named or medium or origin:
            return named or "campaign"
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""
    if not host or host == own_host.lower().split(":")[0]:
        return ""
    if _MAIL.search(host):
        return "email"
    if _SEARCH.search(host):
        return "search"
    return "social" if _SOCIAL.search(host) else "other"


def country_code(request: HttpRequest) -> str:
    """Two letters from the header that ``ECOMAI["COUNTRY_HEADER"]`` names (a CDN sets it); empty without one."""
    header = ecomai.COUNTRY_HEADER
    value = request.headers.get(header, "").strip().upper() if header else ""
    return value if _COUNTRY.fullmatch(value) and value not in ("XX", "T1") else ""


def circumstances(request: HttpRequest) -> dict[str, str]:
    """``country``, ``referrer`` and ``device`` of a page request, unknown ones left out: for choosing what to show.

    The referrer is known on the page where somebody lands; further pages of the shop are referred by the shop.
    """
    query = request.META.get("QUERY_STRING", "")
    source = query if "utm_" in query else request.headers.get("Referer", "")
    found = {
        "country": country_code(request),
        "referrer": referrer_class(source, own_host=request.META.get("HTTP_HOST", "")),
        "device": device_class(request.headers.get("User-Agent", "")),
    }
    return {name: value for name, value in found.items() if value}


def known_of(request: HttpRequest) -> dict[str, str]:
    """What the request that delivers events says about all of them: ``country`` and ``device``."""
    found = {"country": country_code(request), "device": device_class(request.headers.get("User-Agent", ""))}
    return {name: value for name, value in found.items() if value}


def stored(properties: Mapping[str, Any]) -> dict[str, str]:
    """The circumstances of a stored event; values that are none of ours are left out."""
    found = properties.get(KEY)
    if not isinstance(found, Mapping):
        return {}
    allowed = {"referrer": REFERRERS, "device": DEVICES}
    result = {name: str(found[name]) for name, values in allowed.items() if found.get(name) in values}
    country = found.get("country")
    if isinstance(country, str) and _COUNTRY.fullmatch(country):
        result["country"] = country
    return result
