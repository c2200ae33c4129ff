"""``{% load ecomai_recommend %}``: recommendations in the shop's templates. The tags never raise."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest

from django_ecomai.recommend import rendering
from django_ecomai.recommend.narrow import FILTERS
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
    in_category: Any = None,
    brand: Any = None,
    min_price: Any = None,
    max_price: Any = None,
    in_stock: Any = None,
    attributes: Any = None,
    boost: Any = None,
    words: str = "",
) -> list[Recommendation]:
    """``{% recommend "similar" product=product limit=8 as items %}``: a list of ``Recommendation``.

    The first argument is the key of a placement (``"home"``: its first carousel that holds something) or the name of a
    strategy (``"similar"``); a placement of that key wins. With ``strategy=`` too, the placement's carousel of that
    strategy gives size and rules. ``in_category``, ``brand``, ``min_price``, ``max_price``, ``in_stock`` and
    ``attributes`` (``"color:red"`` or a dict; names as in ``ECOMAI["FILTER_ATTRIBUTES"]``) leave out what does not fit,
    ``boost`` is a dict such as ``{"brand": {"Acme": 2}}``, ``words`` what a search did not find.
    """
    return recommendations(
        placement, strategy=strategy, request=_request(context), product=product, products=products, category=category,
        exclude=exclude, limit=_number(limit),
        filters=_filters(in_category, brand, min_price, max_price, in_stock, attributes), boost=boost or None,
        words=words,
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
    in_category: Any = None,
    brand: Any = None,
    min_price: Any = None,
    max_price: Any = None,
    in_stock: Any = None,
    attributes: Any = None,
    boost: Any = None,
    words: str = "",
    lazy: bool = False,
) -> str:
    """``{% recommend_carousel "product" product=product %}``: every carousel of the placement, as HTML.

    ``lazy=True`` renders an empty element that the beacon script fills: for pages that are cached whole. The other
    arguments are those of ``recommend``.
    """
    return rendering.carousels_html(
        placement, context=context, request=_request(context), product=product, products=products, category=category,
        strategy=strategy, exclude=exclude, limit=_number(limit), lazy=bool(lazy),
        filters=_filters(in_category, brand, min_price, max_price, in_stock, attributes), boost=boost or None,
        words=words,
    )  # fmt: skip


@register.inclusion_tag("ecomai/recommend/assets.html")
def recommend_assets() -> dict[str, Any]:
    """``{% recommend_assets %}`` in the page's head: the style sheet and the small script of the carousels."""
    return {}


def _request(context: template.Context) -> HttpRequest | None:
    found = context.get("request")
    return found if isinstance(found, HttpRequest) else getattr(context, "request", None)


def _filters(*values: Any) -> dict[str, Any]:
    """Those that the page gives, by their names."""
    return {name: value for name, value in zip(FILTERS, values, strict=True) if value not in (None, "")}


def _number(value: Any) -> int | None:
    """A limit from a template: numbers and digits count, anything else means "as the merchant set it"."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
