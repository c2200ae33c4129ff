"""What comes in by an address or a form, made usable: keys of rows and words to look for."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from django_ecomai.conf import ecomai
from django_ecomai.mirror.services.cleaning import CONTROL

#: Digits of the largest key that every database takes.
MOST_DIGITS = 18


def key_asked(text: Any) -> int:
    """The key of a row; 0, which no row has, for whatever is none. ``"²"`` is a digit to Python and no number."""
    told = str(text or "")
    return int(told) if told.isascii() and told.isdigit() and len(told) <= MOST_DIGITS else 0


def text_asked(text: Any) -> str:
    """A word without spaces around it and without control characters: PostgreSQL refuses a NUL."""
    return CONTROL.sub("", str(text or "")).strip()


def channel_asked(request: HttpRequest) -> str:
    """The shop that the address names, else that of the installation."""
    return text_asked(request.GET.get("channel", ecomai.CHANNEL))


def of_channel(url: str, channel: str, **values: str) -> str:
    """An address without a query that names the shop, where it is not that of the installation; "" stays ""."""
    named = values if channel == ecomai.CHANNEL else {"channel": channel, **values}
    return f"{url}?{urlencode(named)}" if url and named else url
