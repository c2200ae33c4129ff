"""``{% load ecomai_privacy %}``: the shopper's privacy on the shop's own account page."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest

from django_ecomai.core.db import shielded
from django_ecomai.privacy.selectors import requests_of
from django_ecomai.privacy.subjects import subject_complete, subject_of_browser

register = template.Library()


@register.inclusion_tag("ecomai/privacy/panel.html", takes_context=True)
def privacy_panel(context: template.Context) -> dict[str, Any]:
    """``{% privacy_panel %}``: links to what is known about the person, to a copy and to the erasure of his data, and
    his last requests.
    """
    request = context.get("request")
    requests: list[Any] = []
    if isinstance(request, HttpRequest):
        request.ecomai_personal = True  # type: ignore[attr-defined]
        with shielded("list a person's requests", reads=True):
            requests = list(requests_of(subject_complete(subject_of_browser(request)))[:5])
    return {"requests": requests, "csrf_token": context.get("csrf_token")}
