"""What a page asks for on top of a carousel: filters and boosts by category, brand, price, stock and attributes.

Read the same way from a template tag, from Python and from the REST endpoint; judged by what the mirror knows now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q

from django_ecomai.conf import ecomai

from .catalogue import Card

# A boost of a page may not outweigh everything else.
LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0
MOST_VALUES = 20
_LONGEST = 255
FILTERS = ("in_category", "brand", "min_price", "max_price", "in_stock", "attributes")
BOOSTS = ("category", "brand", "attributes", "margin")


@dataclass(frozen=True)
class Narrow:
    """Filters (all must hold; of several values of one kind any) and boosts (factors, multiplied).

    ``boosts`` holds ``(kind, name, value, factor)``; ``margin`` is the factor of a product that is all margin.
    """

    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()  # casefolded
    brands_typed: frozenset[str] = field(default=frozenset(), compare=False)
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool = False
    attributes: tuple[tuple[str, frozenset[str]], ...] = ()
    boosts: tuple[tuple[str, str, str, float], ...] = ()
    margin: float = 1.0
    where: Q | None = field(default=None, compare=False)

    @property
    def filters(self) -> bool:
        """Whether anything is left out."""
        priced = self.min_price is not None or self.max_price is not None
        return bool(self.categories or self.brands or priced or self.in_stock or self.attributes)

    @property
    def reads_attributes(self) -> bool:
        """Whether the products' attributes have to be fetched."""
        return bool(self.attributes) or any(kind == "attributes" for kind, *_rest in self.boosts)

    def passes(self, card: Card) -> bool:
        """Whether every filter holds. A product without a (sensible) price passes no filter by price."""
        if self.categories and not self.categories & card.lineage:
            return False
        if self.brands and card.brand.casefold() not in self.brands:
            return False
        if self.in_stock and not card.in_stock:
            return False
        if self.min_price is not None or self.max_price is not None:
            price = card.price
            if price is None or price < 0:
                return False
            if self.min_price is not None and price < self.min_price:
                return False
            if self.max_price is not None and price > self.max_price:
                return False
        return all(_has(card, name, wanted) for name, wanted in self.attributes)

    def factor(self, card: Card, margin: float | None = None) -> float:
        """By how much the product's weight is multiplied; ``margin`` is its share of the price, 0..1."""
        factor = 1.0
        for kind, name, value, strength in self.boosts:
            if (
                (kind == "category" and value in card.lineage)
                or (kind == "brand" and value == card.brand.casefold())
                or (kind == "attributes" and _has(card, name, frozenset({value})))
            ):
                factor *= strength
        factor = min(max(factor, LEAST_FACTOR), MOST_FACTOR)  # many small boosts are no large one
        if margin is not None:
            factor *= 1.0 + (self.margin - 1.0) * min(max(margin, 0.0), 1.0)
        return factor

    def condition(self) -> Q:
        """The part of the filters that the database can check by itself; ``passes`` decides."""
        condition = Q()
        if self.min_price is not None:
            condition &= Q(price__gte=self.min_price)
        if self.max_price is not None:
            condition &= Q(price__lte=self.max_price, price__gte=0)
        if self.in_stock:
            condition &= Q(stock=None) | Q(stock__gt=0)
        if self.brands:
            brands = Q()
            # SQLite folds ASCII only and nothing unfolds a sharp s, so the brand as it was typed is looked for too.
            for brand in sorted({*self.brands, *self.brands_typed}):
                brands |= Q(brand__iexact=brand)
            condition &= brands
        return condition


NOTHING = Narrow()


def narrow_read(
    filters: Mapping[str, Any] | None = None,
    boost: Mapping[str, Any] | None = None,
    *,
    where: Q | None = None,
    errors: dict[str, str] | None = None,
) -> Narrow:
    """The filters and boosts that make sense; what does not is left out and told in ``errors`` (key -> sentence).

    ``filters`` has the keys of ``FILTERS``; a value is one or many, ``attributes`` a mapping or ``"name:value"``.
    ``boost`` maps ``category``, ``brand`` and ``attributes`` to ``{value: factor}``, and ``margin`` to a factor.
    """
    told: dict[str, str] = {} if errors is None else errors
    given = dict(filters or {})
    for unknown in sorted(set(given) - set(FILTERS)):
        told[unknown] = f"There is no such filter. Use one of: {', '.join(FILTERS)}."
    low, high = (_price(name, given.get(name), told) for name in ("min_price", "max_price"))
    if low is not None and high is not None and low > high:
        told["min_price"] = "Send a min_price that is not above max_price."
        low = high = None
    boosts, margin = _boosts(boost or {}, told)
    brands = _texts("brand", given.get("brand"), told)
    return Narrow(
        categories=frozenset(_texts("in_category", given.get("in_category"), told)),
        brands=frozenset(one.casefold() for one in brands),
        brands_typed=frozenset(brands),
        min_price=low,
        max_price=high,
        in_stock=_flag("in_stock", given.get("in_stock"), told),
        attributes=_attributes(given.get("attributes"), told),
        boosts=boosts,
        margin=margin,
        where=where,
    )


def allowed_attributes() -> tuple[str, ...]:
    """Names of ``ECOMAI["FILTER_ATTRIBUTES"]``."""
    return tuple(str(name) for name in ecomai.FILTER_ATTRIBUTES)


def _attributes(given: Any, errors: dict[str, str]) -> tuple[tuple[str, frozenset[str]], ...]:
    found: dict[str, set[str]] = {}
    for name, values in _pairs("attributes", given, errors):
        if _is_allowed("attributes", name, errors):
            found.setdefault(name, set()).update(one.casefold() for one in _texts("attributes", values, errors))
    return tuple((name, frozenset(values)) for name, values in sorted(found.items()) if values)


def _is_allowed(key: str, name: str, errors: dict[str, str]) -> bool:
    allowed = allowed_attributes()
    if name in allowed:
        return True
    names = ", ".join(allowed) or "none; set ECOMAI['FILTER_ATTRIBUTES']"
    errors[key] = f"The attribute {name[:40]!r} cannot be asked for. Allowed: {names}."
    return False


def _pairs(key: str, given: Any, errors: dict[str, str]) -> Iterable[tuple[str, Any]]:
    """A mapping, or texts ``"name:value"``: one, several or comma separated."""
    if isinstance(given, Mapping):
        return [(str(name), value) for name, value in given.items()]
    pairs = []
    for text in _texts(key, given.split(",") if isinstance(given, str) else given, errors):
        name, colon, value = text.partition(":")
        if not colon or not name.strip() or not value.strip():
            errors[key] = "Send name:value, such as color:red."
            continue
        pairs.append((name.strip(), value.strip()))
    return pairs


def _boosts(given: Mapping[str, Any], errors: dict[str, str]) -> tuple[tuple[tuple[str, str, str, float], ...], float]:
    found: list[tuple[str, str, str, float]] = []
    margin = 1.0
    for kind, factors in given.items():
        key = f"boost_{kind}"
        if kind == "margin":
            margin = _factor(key, factors, errors) or 1.0
        elif kind not in BOOSTS:
            errors[key] = f"There is no such boost. Use one of: {', '.join(BOOSTS)}."
        elif not isinstance(factors, Mapping):
            errors[key] = "Give a factor for each value, such as {'Acme': 2}."
        else:
            if len(factors) > MOST_VALUES:
                errors[key] = f"Send at most {MOST_VALUES} values."
            for value, factor in list(factors.items())[:MOST_VALUES]:
                name, text = "", str(value).strip()
                if kind == "attributes":
                    name, _colon, text = (part.strip() for part in text.partition(":"))
                    if not _is_allowed(key, name, errors):
                        continue
                if not text:
                    errors[key] = "Give a value to each factor, such as color:red:2."
                    continue
                strength = _factor(key, factor, errors)
                if strength is not None:
                    found.append((kind, name, text if kind == "category" else text.casefold(), strength))
    return tuple(found), margin


def _factor(key: str, value: Any, errors: dict[str, str]) -> float | None:
    number = _number(value)
    if number is None or not LEAST_FACTOR <= number <= MOST_FACTOR:
        errors[key] = f"Send a factor from {LEAST_FACTOR:g} to {MOST_FACTOR:g}, such as 2 (twice the weight)."
        return None
    return float(number)


def _price(key: str, value: Any, errors: dict[str, str]) -> Decimal | None:
    if value is None or value == "":
        return None
    number = _number(value)
    # As many digits as the mirror's prices have: more would overflow the database's column.
    if number is None or not 0 <= number < Decimal(10) ** 10:
        errors[key] = "Send a price of at least 0, such as 19.90."
        return None
    return number


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def _flag(key: str, value: Any, errors: dict[str, str]) -> bool:
    text = str(value).strip().casefold()
    if value is None or text in ("", "0", "0.0", "false", "no"):
        return False
    if text in ("1", "1.0", "true", "yes"):
        return True
    errors[key] = "Send true or false."
    return False


def _texts(key: str, given: Any, errors: dict[str, str]) -> list[str]:
    """One value or several as different texts; objects of the shop are not expected here."""
    if given is None or given == "":
        return []
    many = [given] if isinstance(given, str | int | float | bool) or not isinstance(given, Iterable) else list(given)
    if len(many) > MOST_VALUES:
        errors[key] = f"Send at most {MOST_VALUES} values."
        many = many[:MOST_VALUES]
    found: dict[str, None] = {}
    for one in many:
        text = _text_of(one)
        if len(text) > _LONGEST or "\x00" in text:
            errors[key] = f"Send values of at most {_LONGEST} characters."
        elif text:
            found[text] = None
    return list(found)


def _has(card: Card, name: str, wanted: frozenset[str]) -> bool:
    """Whether an attribute has one of the wanted values; a list has each of its elements."""
    value = card.attributes.get(name) if card.attributes else None
    many = value if isinstance(value, list | tuple | set) else [value]
    return any(_text_of(one).casefold() in wanted for one in many if one is not None and not _is_nan(one))


def _text_of(value: Any) -> str:
    """As a browser would write it: 1.0 and 1 are the same, True is "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
