"""What a page knows of products, and what it asks the one query for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from django_ecomai.core.template_access import TemplateAccess


@dataclass(slots=True)  # not frozen: a page makes hundreds, and each would take three times as long
class Card(TemplateAccess):
    """What a shopper may see of a product, from the mirror: enough for a card without the shop's own object.

    ``price`` and ``list_price`` are in ``currency``; ``categories`` are pairs of external id and name. Never holds
    cost or margin.
    """

    product_id: str
    title: str = ""
    url: str = ""
    image_url: str = ""
    price: Decimal | None = None
    list_price: Decimal | None = None
    currency: str = ""
    brand: str = ""
    categories: tuple[tuple[str, str], ...] = ()
    in_stock: bool = True
    # For ranking, not for showing.
    available: bool = field(default=True, repr=False)
    lineage: frozenset[str] = field(default=frozenset(), repr=False)
    created_at: datetime | None = field(default=None, repr=False)
    pk: int = field(default=0, repr=False)
    parent_id: str = field(default="", repr=False)
    # Only where a page filters or boosts by them.
    attributes: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def is_reduced(self) -> bool:
        """True when there is a list price above the price."""
        return self.price is not None and self.list_price is not None and self.list_price > self.price

    @property
    def percent_off(self) -> int:
        """Whole percent below the list price; 0 when it is not reduced."""
        if self.price is None or self.list_price is None or not self.is_reduced or self.price < 0:
            return 0
        return int(100 * (self.list_price - self.price) / self.list_price)

    @property
    def main_category(self) -> str:
        """External id of the category that counts for "most products of one category"; empty when it has none."""
        return self.categories[0][0] if self.categories else ""


@dataclass(frozen=True)
class Page:
    """The products that came back; ``newest`` and ``popular`` are lists of ids, best first; ``parents`` maps variants
    to the products they belong to.
    """

    cards: dict[str, Card] = field(default_factory=dict)
    newest: tuple[str, ...] = ()
    popular: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    parents: dict[str, str] = field(default_factory=dict)
    reduced: tuple[str, ...] = ()
    worded: tuple[str, ...] = ()
    matching: tuple[str, ...] = ()
    # Share of the price that stays with the shop, where a boost asks for it; never shown.
    margins: dict[str, float] = field(default_factory=dict)
    # The database did not answer.
    failed: bool = False


@dataclass(frozen=True)
class Wanted:
    """What the query shall bring beside products by their ids: how many, best first (0: none).

    ``newest``, ``popular`` and ``reduced`` lie within ``category`` when given. ``beside`` are products whose
    shelves the newest ``beside_n`` come from. ``words_n`` products have a title near ``words``. ``matching`` fulfil
    ``condition`` and lie in one of ``in_categories`` (when given).
    """

    newest: int = 0
    popular: int = 0
    reduced: int = 0
    category: str = ""
    beside: Collection[str] = ()
    beside_n: int = 0
    perhaps_variants: Collection[str] = ()
    words: str = ""
    words_n: int = 0
    matching: int = 0
    condition: Q = field(default_factory=Q)
    in_categories: Collection[str] = ()
    attributes: bool = False
    margins: bool = False

    def anything(self) -> bool:
        """Whether there is something to bring without ids."""
        return bool(
            self.newest or self.popular or self.reduced or self.perhaps_variants or self.words_n or self.matching
        )


NOTHING = Wanted()
