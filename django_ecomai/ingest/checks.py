"""System checks of what shops elsewhere need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.core.checks import CheckMessage, Error, register

from .saleor.config import BadConfig, shops


@register("ecomai")
def check_saleor(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """``ECOMAI["SALEOR"]`` can be used."""
    try:
        found = shops()
    except BadConfig as error:
        return [
            Error(
                f"ECOMAI['SALEOR'] cannot be used: {error}",
                hint="Write {'': {'domain': 'shop.saleor.cloud', 'secret': '…'}}: a dict from channel to shop.",
                id="ecomai.E080",
            )
        ]
    if any(not shop.secret for shop in found) and not (find_spec("jwt") and find_spec("cryptography")):
        return [
            Error(
                "ECOMAI['SALEOR'] names a shop without secret: its signatures need PyJWT and cryptography.",
                hint="Type: pip install 'django-ecomai[saleor]'",
                id="ecomai.E081",
            )
        ]
    return []
