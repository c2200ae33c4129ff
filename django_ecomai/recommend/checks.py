"""System checks: what would keep recommendations from being seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from django_ecomai.conf import ecomai
from django_ecomai.events.limits import rate_read

from .train_options import BadParameter, options_read


@register("ecomai")
def check_recommend(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Request context processor, throttle rate, the attributes to filter by and the parameters of trainings."""
    messages: list[CheckMessage] = []
    if not _has_request_processor():
        messages.append(
            Warning(
                "The tags of ecomai_recommend cannot see the request: every visitor gets the same suggestions.",
                hint="Add 'django.template.context_processors.request' to the context_processors of TEMPLATES.",
                id="ecomai.W031",
            )
        )
    if not rate_read(ecomai.API_THROTTLE)[0]:
        messages.append(
            Error(
                f"ECOMAI['API_THROTTLE'] is {ecomai.API_THROTTLE!r}.",
                hint="Use Django REST framework's notation, such as '240/min'.",
                id="ecomai.E032",
            )
        )
    names = ecomai.FILTER_ATTRIBUTES
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        messages.append(
            Error(
                f"ECOMAI['FILTER_ATTRIBUTES'] is {names!r}.",
                hint="Use a list of names, such as ['color', 'size'].",
                id="ecomai.E034",
            )
        )
    try:
        options_read({})
    except BadParameter as error:
        messages.append(
            Error(
                f"ECOMAI['RECOMMEND_TRAINING'] cannot be used: {error}",
                hint="Use a dict of parameters of the job, such as {'budget': 40, 'memory_mb': 1024}.",
                id="ecomai.E035",
            )
        )
    return messages


def _has_request_processor() -> bool:
    templates: list[dict[str, Any]] = settings.TEMPLATES
    engines = [engine for engine in templates if engine.get("BACKEND", "").endswith("DjangoTemplates")]
    wanted = "django.template.context_processors.request"
    return not engines or any(wanted in engine.get("OPTIONS", {}).get("context_processors", []) for engine in engines)
