"""System checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Warning, register

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import personal_data


@register("ecomai")
def check_privacy(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What would make erasures weaker than they look."""
    messages: list[CheckMessage] = []
    undeclared = [name for name, declared in personal_data.items() if not declared.columns and declared.search is None]
    if undeclared:
        messages.append(
            Warning(
                f"Personal data without columns cannot be searched: {', '.join(undeclared)}.",
                hint="Give PersonalData(columns={'app.Model': {'customer_id': 'customer'}}) or a search function.",
                id="ecomai.W070",
            )
        )
    return messages


@register("ecomai", deploy=True)
def check_hash_key(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Who was erased must be recognised after ``SECRET_KEY`` has changed."""
    if ecomai.HASH_KEY:
        return []
    return [
        Warning(
            "ECOMAI['HASH_KEY'] is not set: who was erased is recognised by hashes that depend on SECRET_KEY.",
            hint="Set ECOMAI['HASH_KEY'] to a secret of its own, or keep old keys in SECRET_KEY_FALLBACKS.",
            id="ecomai.W071",
        )
    ]
