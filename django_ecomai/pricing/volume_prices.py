"""Approved volume prices for the storefront: what to show, what holds in a cart, and what a cart costs with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from django.db.models import Q

from django_ecomai.conf import ecomai
from django_ecomai.core.currencies import smallest_amount
from django_ecomai.core.db import shielded
from django_ecomai.mirror.columns import KEYS_CHUNK
from django_ecomai.mirror.models import Product

from .hold import signed, unsigned
from .models import VolumeOffer
from .offer_words import break_text, bundle_text
from .tax import tax_of

#: Marks tokens of this kind, as the one of a plain price begins with a channel.
_MARK = "volume"


@dataclass(frozen=True, slots=True)
class VolumePrice:
    """From ``quantity`` pieces on each costs ``price``; of a bundle one of ``product_id`` and one of ``other_id`` cost
    ``price`` together. Ids are the shop's own; titles and addresses are those of the copy, empty in a held one."""

    product_id: str
    other_id: str
    quantity: Decimal
    price: Decimal
    currency: str
    channel: str = ""
    title: str = ""
    other_title: str = ""
    url: str = ""
    other_url: str = ""

    @property
    def kind(self) -> str:
        """``break`` or ``bundle``, as ``VolumeOffer.Kind``."""
        return "bundle" if self.other_id else "break"

    @property
    def token(self) -> str:
        """Signed, for a form: holds these terms for a cart; see ``volume_hold_verify``."""
        if not ecomai.PRICE_HOLD_MINUTES:
            return ""
        terms = [_MARK, self.channel, self.product_id, self.other_id]
        return signed([*terms, f"{self.quantity.normalize():f}", f"{self.price.normalize():f}", self.currency])

    @property
    def terms(self) -> tuple[Any, ...]:
        """What two offers that are the same have in common, whichever product of a bundle is named first."""
        pair = tuple(sorted((self.product_id, self.other_id)))
        return self.channel, pair, self.quantity, self.price, self.currency

    def facing(self, product_id: str) -> VolumePrice:
        """The same with this product named first."""
        if product_id != self.other_id or not self.other_id:
            return self
        return replace(
            self, product_id=self.other_id, other_id=self.product_id, title=self.other_title, other_title=self.title,
            url=self.other_url, other_url=self.url,
        )  # fmt: skip

    def __str__(self) -> str:
        """``10 or more: 8.00 EUR each``, in the language of who reads it."""
        return bundle_text(self) if self.other_id else break_text(self)


@dataclass(frozen=True, slots=True)
class CartItem:
    """A line of a cart: the price of a piece without any volume price."""

    product_id: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Portion:
    """Pieces of a line that cost the same: ``offer`` says why, None: the line's own price."""

    product_id: str
    quantity: Decimal
    price: Decimal
    offer: VolumePrice | None = None


def volume_prices(*, product_ids: Collection[str], channel: str = "") -> dict[str, list[VolumePrice]]:
    """Approved volume prices of products by the shop's id, quantity breaks first; a bundle stands under both of its
    products. One query for up to 450 ids.

    Left out is what is held back, is not on sale, costs a piece no less than today's price, or lies below today's cost:
    the other limits are looked at every hour.
    """
    found: dict[str, list[VolumePrice]] = {}
    wanted = sorted({str(one) for one in product_ids})
    for start in range(0, len(wanted), KEYS_CHUNK // 2):
        part = wanted[start : start + KEYS_CHUNK // 2]
        named = Q(product__external_id__in=part) | Q(other__external_id__in=part)
        rows = VolumeOffer.objects.filter(named, channel=channel, approved_at__isnull=False, held_reason="")
        rows = rows.select_related("product", "other").defer("product__description", "other__description")
        for row in rows.order_by("kind", "-gain", "pk"):
            if not _is_served(row):
                continue
            offer = _volume_price(row)
            for one in {offer.product_id, offer.other_id} & set(part):
                if offer not in found.setdefault(one, []):
                    found[one].append(offer)
    return found


def volume_hold_verify(*, token: str, channel: str = "") -> VolumePrice | None:
    """The terms that a token holds; ``None`` when it is forged, too old, of another channel, or void for one of its
    products (``price_hold_void``). Reads the cache once or twice."""

    def products(content: Any) -> list[tuple[str, str]]:
        return [(content[1], one) for one in content[2:4] if one]

    content = unsigned(token, products=products, length=7)
    if content is None or content[0] != _MARK or content[1] != channel:
        return None
    try:
        quantity, price = Decimal(content[4]), Decimal(content[5])
    except (InvalidOperation, TypeError, ValueError):
        return None
    return VolumePrice(content[2], content[3], quantity, price, content[6], channel)


def cart_portions(
    items: Sequence[CartItem], offers: Iterable[VolumePrice], *, cent: Decimal | None = None
) -> list[list[Portion]]:
    """What each line of a cart costs, cut into portions of one price each: pieces add up to the line's.

    A piece has one offer at most, so that the limits of both never add up. Quantity breaks first, or bundles first:
    whichever costs the shopper less. An offer never makes a piece dearer. Prices of the two products of a bundle are
    rounded to ``cent`` (None: the smallest amount of its currency) so that they add up to its price. ``offers`` may
    hold several for a product, such as one that is held and one of today; all are in the currency of the cart.
    """
    known = list({offer.terms: offer for offer in offers}.values())
    breaks = [one for one in known if not one.other_id]
    bundles = [one for one in known if one.other_id]
    ways = [_cut(items, breaks, bundles, cent, breaks_first=first) for first in ((True, False) if bundles else (True,))]
    return min(ways, key=lambda way: sum(one.quantity * one.price for line in way for one in line))


def cart_prices(
    items: Sequence[CartItem], *, tokens: Collection[str] = (), channel: str = "", cent: Decimal | None = None
) -> list[list[Portion]]:
    """``cart_portions`` with what is approved now and what ``tokens`` still hold: all that a shop's cart has to call.

    What is held in another currency than a product has now does not count. Never raises for a database that is away:
    then only what is held counts. One query, with something held two, and the cache for each token.
    """
    offers = [held for token in tokens if (held := volume_hold_verify(token=token, channel=channel)) is not None]
    with shielded("read volume prices", reads=True):
        if offers:
            currencies = _currencies({one for held in offers for one in (held.product_id, held.other_id)}, channel)
            offers = [held for held in offers if _is_in(held, currencies)]
        found = volume_prices(product_ids=[item.product_id for item in items], channel=channel)
        offers += [offer for each in found.values() for offer in each]
    return cart_portions(items, offers, cent=cent)


def _cut(
    items: Sequence[CartItem],
    breaks: Sequence[VolumePrice],
    bundles: Sequence[VolumePrice],
    cent: Decimal | None,
    *,
    breaks_first: bool,
) -> list[list[Portion]]:
    left = [item.quantity for item in items]
    found: list[list[Portion]] = [[] for _item in items]

    def take_breaks() -> None:
        for at, item in enumerate(items):
            reached = [
                one for one in breaks
                if one.product_id == item.product_id and one.quantity <= left[at] and one.price < item.price
            ]  # fmt: skip
            if reached:
                best = min(reached, key=lambda one: one.price)
                found[at].append(Portion(item.product_id, left[at], best.price, best))
                left[at] = Decimal(0)

    def take_bundles() -> None:
        place = {item.product_id: at for at, item in enumerate(items)}
        fits = [one for one in bundles if one.product_id in place and one.other_id in place]

        def saved(one: VolumePrice) -> Decimal:
            return items[place[one.product_id]].price + items[place[one.other_id]].price - one.price

        for one in sorted(fits, key=lambda one: -saved(one)):
            first, second = place[one.product_id], place[one.other_id]
            sets = Decimal(int(min(left[first], left[second])))
            if sets <= 0 or saved(one) <= 0:
                continue
            whole = items[first].price + items[second].price
            unit = smallest_amount(one.currency) if cent is None else cent
            share = (one.price * items[first].price / whole).quantize(unit, ROUND_HALF_UP)
            for at, price in ((first, share), (second, one.price - share)):
                found[at].append(Portion(items[at].product_id, sets, price, one))
                left[at] -= sets

    steps: list[Callable[[], None]] = [take_breaks, take_bundles]
    for step in steps if breaks_first else reversed(steps):
        step()
    for at, item in enumerate(items):
        if left[at] > 0 or not found[at]:
            found[at].append(Portion(item.product_id, left[at], item.price))
    return found


def _currencies(product_ids: Collection[str], channel: str) -> dict[str, str]:
    """Of today's prices, by the shop's product id."""
    rows = Product.objects.filter(channel=channel, external_id__in=product_ids)
    return {ident: currency or ecomai.CURRENCY for ident, currency in rows.values_list("external_id", "currency")}


def _is_in(offer: VolumePrice, currencies: Mapping[str, str]) -> bool:
    """Whether an offer is in the currency of its products, as far as that is known."""
    return all(currencies.get(one, offer.currency) == offer.currency for one in (offer.product_id, offer.other_id))


def _volume_price(row: VolumeOffer) -> VolumePrice:
    other = row.other
    return VolumePrice(
        row.product.external_id, other.external_id if other else "", row.quantity, row.price, row.currency, row.channel,
        row.product.title, other.title if other else "", row.product.url, other.url if other else "",
    )  # fmt: skip


def _is_served(row: VolumeOffer) -> bool:
    products = [row.product] if row.other is None else [row.product, row.other]
    if any(not _is_on_sale(one) or (one.currency or ecomai.CURRENCY) != row.currency for one in products):
        return False
    today = sum((one.price or Decimal(0) for one in products), Decimal(0))
    costs = [(one.cost or Decimal(0)) * (1 + (tax_of(one.attributes or {}) or Decimal(0))) for one in products]
    return sum(costs, Decimal(0)) <= row.price < today


def _is_on_sale(product: Product) -> bool:
    return bool(product.is_active and product.removed_at is None and not product.is_service and product.price)
