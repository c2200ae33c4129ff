"""What a visitor would be shown now, and why: for the page of the privacy capability."""

from __future__ import annotations

from django.http import HttpRequest

from .serving import carousels

_MOST = 12


def suggestion_reasons(request: HttpRequest) -> list[tuple[str, str, str]]:
    """Title, address and reason of up to 12 products that the home page would show this visitor."""
    found: dict[str, tuple[str, str, str]] = {}
    for carousel in carousels("home", request=request):
        for item in carousel.items:
            found.setdefault(item.product_id, (item.card.title, item.card.url, item.reason or str(carousel.title)))
    return list(found.values())[:_MOST]
