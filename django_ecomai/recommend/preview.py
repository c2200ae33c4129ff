"""What the preview page shows: the carousels as a visitor would get them, and what was left out for which reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django_ecomai.core.registry import strategies
from django_ecomai.mirror.models import Category, Customer, Product
from django_ecomai.mirror.selectors import product_get_many

from .models import Placement
from .results import Carousel
from .rules import DROPPED
from .serving import carousels

MOST_DROPPED = 30


@dataclass(frozen=True)
class PreviewCarousel:
    """A carousel with readable names; ``dropped`` holds pairs of a product's title and the reason, ``more`` counts
    the rest. ``new`` are the products that only the sliders tried out here bring.
    """

    carousel: Carousel
    strategy: Any
    help: Any
    dropped: list[tuple[str, Any]]
    more: int
    new: frozenset[str] = frozenset()


def preview_carousels(
    *,
    placement: Placement,
    customer: Customer | None = None,
    product: Product | None = None,
    category: Category | None = None,
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
            )
        )
    return shown
