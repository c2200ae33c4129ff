"""What the preview page shows: the carousels as a visitor would get them, and what was left out for which reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from django_ecomai.core.registry import strategies
from django_ecomai.mirror.models import Category, Customer, Product
from django_ecomai.mirror.selectors import product_get_many

from .models import Placement
from .results import Carousel
from .rules import DROPPED
from .serving import carousels, recommendations

MOST_DROPPED = 30
# Built-in strategies that are about products beside those that say ``about_product``, and the one about a category.
_ABOUT_PRODUCT = frozenset({"cross_sell", "bundle", "checkout_last_minute"})
_ABOUT_CATEGORY = "trending_in_category"


@dataclass(frozen=True)
class PreviewCarousel:
    """A carousel with readable names; ``dropped`` holds pairs of a product's title and the reason, ``more`` counts
    the rest. ``new`` are the products that only the sliders tried out here bring; ``empty`` says why there are none.
    """

    carousel: Carousel
    strategy: Any
    help: Any
    dropped: list[tuple[str, Any]]
    more: int
    new: frozenset[str] = frozenset()
    empty: str = ""


def preview_example(*, placement: Placement) -> dict[str, Product | Category]:
    """What a page of this kind is about, where the merchant has chosen nothing yet: a product that sells well, or its
    category. Empty for pages about nothing, and in an empty shop.
    """
    names = set(placement.slots.filter(is_active=True).values_list("strategy", flat=True))
    product_wanted = any(_needs_product(name) for name in names)
    if not product_wanted and _ABOUT_CATEGORY not in names:
        return {}
    best = recommendations(strategy="bestsellers", channel=placement.channel, limit=1)
    found = Product.objects.filter(channel=placement.channel, external_id=best[0].product_id).first() if best else None
    if found is None:
        return {}
    if product_wanted:
        return {"product": found}
    shelf = found.categories.order_by("pk").first()
    return {"category": shelf} if shelf is not None else {}


def _needs_product(name: str) -> bool:
    return name in _ABOUT_PRODUCT or (name in strategies and strategies.get(name).about_product)


def preview_carousels(
    *,
    placement: Placement,
    customer: Customer | None = None,
    product: Product | None = None,
    category: Category | None = None,
    words: str = "",
    tune: Mapping[str, float] | None = None,
) -> list[PreviewCarousel]:
    """Every carousel of the placement that is shown, empty ones too. Writes nothing and counts no impression.

    With ``tune`` (sliders, see ``serving.carousels``) beside what is saved.
    """
    ask = partial(
        carousels,
        placement.key,
        channel=placement.channel,
        customer_id=customer.external_id if customer else None,
        product=product.external_id if product else None,
        category=category.external_id if category else None,
        words=words,
        explain=True,
    )
    found = ask(tune=tune)
    saved = {one.slot.id: {item.product_id for item in one.items} for one in ask()} if tune else {}
    wanted = {one for carousel in found for one in list(carousel.dropped)[:MOST_DROPPED]}
    titles = product_get_many(channel=placement.channel, external_ids=sorted(wanted)) if wanted else {}
    shown = []
    for carousel in found:
        strategy = strategies.get(carousel.strategy) if carousel.strategy in strategies else None
        left_out = list(carousel.dropped.items())
        shown.append(
            PreviewCarousel(
                carousel=carousel,
                strategy=strategy.label if strategy else carousel.strategy,
                help=strategy.help if strategy else "",
                dropped=[
                    (titles[one].title if one in titles else one, DROPPED.get(why, why))
                    for one, why in left_out[:MOST_DROPPED]
                ],
                more=max(len(left_out) - MOST_DROPPED, 0),
                new=frozenset(
                    item.product_id
                    for item in carousel.items
                    if item.product_id not in saved.get(carousel.slot.id, (item.product_id,))
                ),
                empty="" if carousel.items else _why_empty(carousel.strategy, customer=customer, product=product),
            )
        )
    return shown


def _why_empty(strategy: str, *, customer: Customer | None, product: Product | None) -> str:
    if customer is None and strategy in strategies and strategies.get(strategy).personal:
        return _("Empty for somebody unknown. Choose a customer to see what his past brings.")
    if product is None and _needs_product(strategy):
        return _("Choose the product on the page: this carousel is about it.")
    return _("Empty: shoppers do not see this carousel.")
