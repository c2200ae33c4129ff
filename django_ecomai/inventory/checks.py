"""System checks of this app's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from django_ecomai.conf import ecomai


@register("ecomai")
def check_inventory(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Addresses of the stock alerts."""
    receivers = ecomai.INVENTORY_ALERTS
    if isinstance(receivers, list | tuple) and all(_is_address(one) for one in receivers):
        return []
    return [
        Error(
            f"ECOMAI['INVENTORY_ALERTS'] is {receivers!r}.",
            hint="Use a list of e-mail addresses, such as ['buyer@example.com'].",
            id="ecomai.E060",
        )
    ]


def _is_address(value: Any) -> bool:
    try:
        validate_email(value)
    except ValidationError:
        return False
    return True
