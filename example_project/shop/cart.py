"""The cart: product keys, quantities and prices that were shown, in the visitor's session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.http import HttpRequest

from django_ecomai.conf import ecomai
from django_ecomai.pricing.hold import price_hold_cheaper, price_hold_verify
from django_ecomai.pricing.volume_prices import CartItem, Portion, cart_prices, volume_hold_verify
from example_project.shop.models import Product

SESSION_KEY = "cart"
HELD_KEY = "cart_prices"  # tokens of the prices that were shown, by product key
VOLUME_KEY = "cart_volume_prices"  # tokens of the prices for more pieces that were shown
MOST_TOKENS = 50
MOST_PER_LINE = 5_000
MOST_LINES = 200


class CartError(ValueError):
    """Why something cannot go into the cart, in words for the visitor."""


@dataclass(frozen=True)
class CartLine:
    """One product in the cart. `portions`: its pieces by what they cost; empty where no price for more pieces was
    looked for."""

    product: Product
    quantity: int
    held: Decimal | None = None
    portions: tuple[Portion, ...] = ()

    @property
    def price(self) -> Decimal:
        """What one piece alone costs: the price that was shown as long as it is held, unless it is cheaper now."""
        return min(self.product.price, self.held) if self.held is not None else self.product.price

    @property
    def parts(self) -> tuple[Portion, ...]:
        """What is paid for its pieces; quantities add up to the line's."""
        return self.portions or (Portion(self.product.sku, Decimal(self.quantity), self.price),)

    @property
    def total(self) -> Decimal:
        return sum((part.quantity * part.price for part in self.parts), Decimal("0.00")).quantize(Decimal("0.01"))

    @property
    def problem(self) -> str:
        """Why this line cannot be ordered; empty when it can."""
        return stock_problem(self.product, self.quantity)


@dataclass(frozen=True)
class CartContents:
    """The cart with its products, read in one query."""

    lines: list[CartLine]

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal("0.00"))

    @property
    def pieces(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def products(self) -> list[Product]:
        return [line.product for line in self.lines]

    @property
    def problems(self) -> list[str]:
        return [line.problem for line in self.lines if line.problem]


def stock_problem(product: Product, quantity: int) -> str:
    """Why this quantity of a product cannot be sold; empty when it can."""
    if not product.is_active or product.is_service:
        return f"“{product.name}” is no longer sold."
    if product.stock == 0:
        return f"“{product.name}” is sold out."
    if quantity > product.stock:
        return f"Only {product.stock} of “{product.name}” left."
    return ""


def parse_quantity(text: str) -> int:
    """A quantity typed by a visitor. Raises CartError with words for him."""
    try:
        quantity = int(text.strip()[:12])
    except ValueError:
        raise CartError("Please enter the quantity as a whole number.") from None
    if quantity < 1:
        raise CartError("The quantity must be at least 1. Use “Remove” to take something out of the cart.")
    if quantity > MOST_PER_LINE:
        raise CartError(f"We sell at most {MOST_PER_LINE:,} of one article per order. Please write to us for more.")
    return quantity


def quantities(request: HttpRequest) -> dict[str, int]:
    """Quantities by product key as kept in the session; anything malformed in it is dropped."""
    kept = request.session.get(SESSION_KEY)
    if not isinstance(kept, dict):
        return {}
    return {key: value for key, value in kept.items() if key.isdigit() and isinstance(value, int) and value > 0}


def cart_count(request: HttpRequest) -> int:
    """Pieces in the cart, without a query for products."""
    return sum(quantities(request).values())


def cart_read(request: HttpRequest) -> CartContents:
    """The cart; products deleted meanwhile are left out."""
    kept = quantities(request)
    products = Product.objects.in_bulk([int(key) for key in kept]) if kept else {}
    lines = [(products[int(key)], value) for key, value in kept.items() if int(key) in products]
    contents = CartContents(
        lines_priced(
            [CartLine(product, value, held_price(request, product)) for product, value in lines],
            tokens=volume_tokens(request),
        )
    )
    # What this page shows holds as well, however it came to be there.
    shown = [part.offer.token for line in contents.lines for part in line.portions if part.offer is not None]
    volume_keep(request, shown)
    return contents


def lines_priced(lines: Sequence[CartLine], *, tokens: Iterable[str]) -> list[CartLine]:
    """The same lines with approved prices for more pieces and those that `tokens` hold."""
    items = [CartItem(line.product.sku, Decimal(line.quantity), line.price) for line in lines]
    portions = cart_prices(items, tokens=list(tokens)) if items else []
    return [replace(line, portions=tuple(each)) for line, each in zip(lines, portions, strict=True)]


def volume_tokens(request: HttpRequest) -> list[str]:
    """Tokens of the prices for more pieces that were shown to this visitor."""
    kept = request.session.get(VOLUME_KEY)
    return [str(one) for one in kept] if isinstance(kept, list) else []


def volume_keep(request: HttpRequest, shown: Iterable[str]) -> None:
    """Remember what was shown and is not held yet: to be shown again does not make a price hold for longer."""
    kept = volume_tokens(request)
    held = {token: offer for token in kept if (offer := volume_hold_verify(token=token)) is not None}
    terms = {offer.terms for offer in held.values()}
    for token in shown:
        offer = volume_hold_verify(token=token)
        if offer is not None and offer.terms not in terms:
            terms.add(offer.terms)
            held[token] = offer
    if list(held) != kept:
        request.session[VOLUME_KEY] = list(held)[-MOST_TOKENS:]


def held_price(request: HttpRequest, product: Product) -> Decimal | None:
    """The price that was shown when the product was put into the cart, while it holds."""
    tokens = request.session.get(HELD_KEY)
    token = tokens.get(str(product.pk), "") if isinstance(tokens, dict) else ""
    held = price_hold_verify(token=str(token), product_id=product.sku)
    return held.price if held is not None and held.currency == ecomai.CURRENCY else None


def cart_add(
    request: HttpRequest, *, product: Product, quantity: int, hold: str = "", volume: Iterable[str] = ()
) -> int:
    """Put more of a product into the cart; returns its new quantity. `hold`: the token of the price that was shown; of
    two that hold the lower price counts. `volume`: tokens of prices for more pieces that were shown.

    Raises CartError when there is not enough.
    """
    kept = quantities(request)
    if str(product.pk) not in kept and len(kept) >= MOST_LINES:
        raise CartError(f"The cart is full: it holds {MOST_LINES} different articles.")
    total = cart_set(request, product=product, quantity=kept.get(str(product.pk), 0) + quantity)
    tokens = request.session.get(HELD_KEY)
    tokens = tokens if isinstance(tokens, dict) else {}
    kept_token = str(tokens.get(str(product.pk), ""))
    if token := price_hold_cheaper(kept=kept_token, shown=hold, product_id=product.sku):
        request.session[HELD_KEY] = {**tokens, str(product.pk): token}
    volume_keep(request, volume)
    return total


def cart_set(request: HttpRequest, *, product: Product, quantity: int) -> int:
    """Set the quantity of a product. Raises CartError when there is not enough."""
    if problem := stock_problem(product, quantity):
        raise CartError(problem)
    request.session[SESSION_KEY] = {**quantities(request), str(product.pk): quantity}
    return quantity


def cart_remove(request: HttpRequest, *, product_pk: int) -> None:
    """Take a product out of the cart."""
    request.session[SESSION_KEY] = {key: n for key, n in quantities(request).items() if key != str(product_pk)}


def cart_clear(request: HttpRequest) -> None:
    """Empty the cart."""
    request.session.pop(SESSION_KEY, None)
    request.session.pop(HELD_KEY, None)
    request.session.pop(VOLUME_KEY, None)
