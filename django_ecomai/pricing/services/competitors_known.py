"""What an exact key says about an offer while its file is read, before anybody has looked for its product."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.models import CompetitorOffer

from .competitors_doubts import is_far
from .competitors_matching import Item, catalogue, sku_plain

#: Of a larger catalogue no file waits; the job looks at all of it.
MOST_PRODUCTS = 100_000


def oddity_teller(channel: str) -> Callable[[CompetitorOffer], str]:
    """A function that says what is odd about the price of an offer whose EAN or SKU is that of one product: "" where
    nothing is. The catalogue is read once, at the first offer."""
    known: list[tuple[dict[int, Item], dict[str, list[int]], dict[str, list[int]]]] = []

    def tell(offer: CompetitorOffer) -> str:
        if not offer.price or not (offer.ean or offer.sku):
            return ""
        if not known:
            small = Product.objects.filter(channel=channel).count() <= MOST_PRODUCTS
            known.append(catalogue(channel) if small else ({}, {}, {}))
        products, by_ean, by_sku = known[0]
        keys = by_ean.get(offer.ean, []) or by_sku.get(sku_plain(offer.sku), [])
        if len(keys) != 1:
            return ""
        product = products[keys[0]]
        named = {"product": product.title, "price": exact_amount(product.price, product.currency)}
        if product.price and product.currency != offer.currency:
            return _("Its EAN or SKU is that of “%(product)s” at %(price)s: another currency is not used.") % named
        if is_far(offer.price, product.price):
            text = _("Its EAN or SKU is that of “%(product)s” at %(price)s: five times as much or a fifth is not used.")
            return text % named
        return ""

    return tell
