"""Carousels as HTML: the template chain, and the placeholder that the beacon fills on pages that are cached whole."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.db import connection, transaction
from django.http import HttpRequest
from django.template import Context
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .results import Recommendation
from .serving import Carousel, carousels
from .viewer import as_list, category_external_id, external_ids

logger = logging.getLogger("django_ecomai.recommend")


def carousel_templates(placement: str, strategy: str) -> list[str]:
    """Templates of a carousel, the most specific first; a shop overrides any of them."""
    return [
        f"ecomai/recommend/{placement}/{strategy}/carousel.html",
        f"ecomai/recommend/{placement}/carousel.html",
        "ecomai/recommend/carousel.html",
    ]


def card_templates(placement: str, strategy: str) -> list[str]:
    """Templates of one card, the most specific first."""
    return [
        f"ecomai/recommend/{placement}/{strategy}/card.html",
        f"ecomai/recommend/{placement}/card.html",
        "ecomai/recommend/card.html",
    ]


def carousels_html(
    placement: str,
    *,
    context: Context | None = None,
    request: HttpRequest | None = None,
    lazy: bool = False,
    **asked: Any,
) -> SafeString:
    """All carousels of a placement that hold something, one after another; an empty string when none does. Never
    raises.

    ``asked`` are the keyword arguments of ``serving.carousels``. The surrounding template context is visible inside
    the cards. ``lazy`` leaves a placeholder, unless something is asked for that no browser may ask.
    """
    try:
        if lazy and not _for_python_only(asked):
            return _placeholder(placement, **asked)
        found = carousels(placement, request=request, **asked)
        outer = context.flatten() if context is not None else {}
        # A card of the shop may query; its error must not poison the transaction of the shop's own request.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            return format_html_join("\n", "{}", [(_carousel_html(one, outer),) for one in found])
    except Exception:  # a broken template of a card must not take the page down with it
        logger.exception("EcomAI could not draw the carousels of %r; the page goes on without them.", placement)
        return SafeString("")


def _carousel_html(carousel: Carousel, outer: dict[Any, Any]) -> str:
    inner = {
        **outer,
        "carousel": carousel,
        "items": [_without_echo(item, carousel.title) for item in carousel.items],
        "card_templates": card_templates(carousel.placement, carousel.strategy),
        "heading_id": f"ecomai-{carousel.recommendation_id[-12:]}",
    }
    # The request is in the outer context when its processor is installed; passing it would run every processor again.
    return render_to_string(carousel_templates(carousel.placement, carousel.strategy), inner)


def _without_echo(item: Recommendation, title: Any) -> Recommendation:
    """A reason that says the same as the heading is not said again on every card."""
    return replace(item, reason="") if item.reason.casefold() == str(title).casefold() else item


def _for_python_only(asked: dict[str, Any]) -> bool:
    """Whether the page asks for what a fragment's address cannot carry: then it is drawn at once, as the log says."""
    names = [name for name in ("where", "narrow", "customer_id", "visitor_id") if asked.get(name)]
    if (asked.get("boost") or {}).get("margin"):
        names.append("boost by margin")
    if names:
        logger.warning("A lazy carousel cannot carry %s to the browser; it is drawn with the page.", ", ".join(names))
    return bool(names)


def _placeholder(placement: str, **asked: Any) -> SafeString:
    """An element that holds nothing personal: the same for every visitor."""
    from django_ecomai.conf import ecomai

    channel = ecomai.CHANNEL
    parameters: list[tuple[str, Any]] = [
        ("product", one)
        for one in external_ids([asked.get("product"), *as_list(asked.get("products"))], channel=channel)
    ]
    parameters += [("exclude", one) for one in external_ids(as_list(asked.get("exclude")), channel=channel)]
    for name, value in (
        ("category", category_external_id(asked.get("category"), channel=channel)),
        ("strategy", asked.get("strategy") or ""),
        ("limit", asked.get("limit") or ""),
        ("words", asked.get("words") or ""),
    ):
        if value:
            parameters.append((name, value))
    parameters += _narrowing(asked)
    try:
        address = reverse("ecomai_recommend:fragment", args=[placement])
    except NoReverseMatch:
        logger.warning("Lazy carousels need path('ecomai/', include('django_ecomai.urls')) in the shop's urls.")
        return SafeString("")
    if parameters:
        address = f"{address}?{urlencode(parameters)}"
    return format_html('<div class="ecomai-fragment" data-ecomai-fragment="{}"></div>', address)


def _narrowing(asked: dict[str, Any]) -> list[tuple[str, Any]]:
    """Filters and boosts as the fragment's parameters; margin is nothing that a browser may ask for."""
    found: list[tuple[str, Any]] = []
    for name, value in (asked.get("filters") or {}).items():
        if name == "attributes":
            pairs = value.items() if isinstance(value, dict) else [one.partition(":")[::2] for one in _texts(value)]
            found += [("attribute", f"{key}:{one}") for key, many in pairs for one in as_list(many)]
        else:
            found += [(name, one) for one in as_list(value)]
    for kind, name in (("category", "boost_category"), ("brand", "boost_brand"), ("attributes", "boost_attribute")):
        factors = (asked.get("boost") or {}).get(kind) or {}
        found += [(name, f"{value}:{factor}") for value, factor in factors.items()]
    return found


def _texts(value: Any) -> list[str]:
    return [part for one in as_list(value) for part in str(one).split(",")]
