"""``{% load ecomai_recommend %}``: recommendations in the shop's templates. The tags never raise."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest

from django_ecomai.recommend import rendering
from django_ecomai.recommend.serving import Recommendation, recommendations

register = template.Library()


@register.simple_tag(takes_context=True)
def recommend(
    context: template.Context,
    placement: str,
    *,
    product: Any = None,
    products: Any = (),
    category: Any = None,
    strategy: str | None = None,
    exclude: Any = (),
    limit: int | None = None,
) -> list[Recommendation]:
    """``{% recommend "similar" product=product limit=8 as items %}``: a list of ``Recommendation``.

    The first argument is the key of a placement (``"home"``: its first carousel that holds something) or the name of a
    strategy (``"similar"``); a placement of that key wins. With ``strategy=`` too, the placement's carousel of that
    strategy gives size and rules.
    """
    return recommendations(
        placement, strategy=strategy, request=_request(context), product=product, products=products, category=category,
        exclude=exclude, limit=_number(limit),
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def recommend_carousel(
    context: template.Context,
    placement: str,
    *,
    product: Any = None,
    products: Any = (),
    category: Any = None,
    strategy: str | None = None,
    exclude: Any = (),
    limit: int | None = None,
    lazy: bool = False,
) -> str:
    """``{% recommend_carousel "product" product=product %}``: every carousel of the placement, as HTML.

    ``lazy=True`` renders an empty element that the beacon script fills: for pages that are cached whole.
    """
    return rendering.carousels_html(
        placement, context=context, request=_request(context), product=product, products=products, category=category,
        strategy=strategy, exclude=exclude, limit=_number(limit), lazy=bool(lazy),
    )  # fmt: skip


@register.inclusion_tag("ecomai/recommend/assets.html")
def recommend_assets() -> dict[str, Any]:
    """``{% recommend_assets %}`` in the page's head: the style sheet and the small script of the carousels."""
    return {}


def _request(context: template.Context) -> HttpRequest | None:
    found = context.get("request")
    return found if isinstance(found, HttpRequest) else getattr(context, "request", None)


def _number(value: Any) -> int | None:
    """A limit from a template: numbers and digits count, anything else means "as the merchant set it"."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
