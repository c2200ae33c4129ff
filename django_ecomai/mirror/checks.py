"""System checks of the mirror: the adapter that feeds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, register

from django_ecomai.adapters.checks import adapter_check


@register("ecomai")
def check_adapter(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """See ``adapters.checks.adapter_check``."""
    return adapter_check()
