"""What every page of the storefront shows: navigation, cart, consent banner, demo switcher."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from example_project.shop.cart import cart_count
from example_project.shop.consent import consent_decided, consent_problem
from example_project.shop.selectors import departments, personas


def shop(request: HttpRequest) -> dict[str, Any]:
    """Context processor; the admin's pages get nothing, so that they cost nothing."""
    if request.path.startswith("/admin/"):
        return {}
    demo: bool = getattr(settings, "DEMO", False)
    return {
        "shop_name": "Thistle & Twine",
        "departments": departments(),
        "cart_count": cart_count(request),
        "consent_missing": not consent_decided(request),
        "may_personalize": not consent_problem(request),
        "demo": demo,
        "personas": personas() if demo else [],
        "shopping_as": getattr(request.user, "username", "").removeprefix("customer-") if demo else "",
    }
