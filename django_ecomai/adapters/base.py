"""The one object that knows the shop's tables: ``ShopAdapter``.

Subclass it (or ``ModelAdapter``) and name it in ``ECOMAI["ADAPTER"]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from django.db.models import Q
from django.utils.module_loading import import_string

from django_ecomai.conf import ecomai

from .rows import (
    ROW_TYPES,
    TABLES,
    BadRow,
    Behaviour,
    CategoryRow,
    Change,
    CompetitorOfferRow,
    CustomerRow,
    OrderLineRow,
    OrderRow,
    PriceRow,
    ProductRow,
    PromotionRow,
    ReturnRow,
    ReviewRow,
    StockRow,
)

__all__ = [
    "ROW_TYPES",
    "TABLES",
    "AdapterError",
    "BadRow",
    "Behaviour",
    "CategoryRow",
    "Change",
    "CompetitorOfferRow",
    "CustomerRow",
    "NotSupported",
    "NullAdapter",
    "OrderLineRow",
    "OrderRow",
    "PriceRow",
    "ProductRow",
    "PromotionRow",
    "ReturnRow",
    "ReviewRow",
    "ShopAdapter",
    "StockRow",
    "get_adapter",
]

# Codes that shops put on invoices for things that are no goods; compared in upper case with the id and the SKU.
SERVICE_CODES = frozenset(
    [
        "POST",
        "POSTAGE",
        "DOT",
        "DCGS",
        "M",
        "MANUAL",
        "D",
        "DISCOUNT",
        "S",
        "SAMPLES",
        "B",
        "C2",
        "CARRIAGE",
        "PADS",
        "CRUK",
        "AMAZONFEE",
        "BANKCHARGES",
        "SHIPPING",
        "FREIGHT",
        "FEE",
        "ADJUST",
        "ADJUSTMENT",
        "VOUCHER",
        "GIFTCARD",
    ]
)

# Table -> the adapter's method that gives it.
METHODS = {
    "category": "categories",
    "product": "products",
    "price": "prices",
    "stock": "stock",
    "customer": "customers",
    "order": "orders",
    "review": "reviews",
    "promotion": "promotions",
}


class AdapterError(ValueError):
    """The shop's data cannot be read at all; the message says what to do."""


class NotSupported(NotImplementedError):
    """The adapter does not offer this (for instance writing prices back)."""


T = TypeVar("T")


class ShopAdapter:
    """Base of every adapter. Override what the shop has; what is not overridden is taken as absent.

    Iterators must stream and may yield ``BadRow`` for a row that could not be read. ``since`` (aware) asks only
    for rows changed
    from that moment on; giving more than asked is harmless, because unchanged rows are recognised.
    """

    service_codes: frozenset[str] = SERVICE_CODES
    # Whether the shop delivers its rows itself: there is nothing to read, so nobody waits for a sync.
    fed: bool = False

    @property
    def currency(self) -> str:
        """ISO 4217 code of rows that name none."""
        return ecomai.CURRENCY

    # -- reading ----------------------------------------------------------------------------------------------------
    def categories(self) -> Iterator[CategoryRow | BadRow]:
        """The category tree, in any order."""
        return iter(())

    def products(self, since: datetime | None = None) -> Iterator[ProductRow | BadRow]:
        """Products and variants, in any order, inactive ones included."""
        return iter(())

    def customers(self, since: datetime | None = None) -> Iterator[CustomerRow | BadRow]:
        """Customers."""
        return iter(())

    def orders(self, since: datetime | None = None) -> Iterator[OrderRow | BadRow]:
        """Orders with all their lines and returns."""
        return iter(())

    def stock(self, since: datetime | None = None) -> Iterator[StockRow | BadRow]:
        """Stock per location; needed only when ``ProductRow.stock`` does not say it all."""
        return iter(())

    def prices(self, since: datetime | None = None) -> Iterator[PriceRow | BadRow]:
        """The shop's own price history, if it keeps one."""
        return iter(())

    def reviews(self, since: datetime | None = None) -> Iterator[ReviewRow | BadRow]:
        """Reviews."""
        return iter(())

    def promotions(self) -> Iterator[PromotionRow | BadRow]:
        """Promotions and campaigns."""
        return iter(())

    def competitor_offers(self) -> Iterator[CompetitorOfferRow | BadRow]:
        """What competitors ask, from a price-watching service for instance; read before offers are matched to products
        (job ``pricing.match``), not by the sync. Offers that are missing keep their last price until it is too old."""
        return iter(())

    def tables(self) -> tuple[str, ...]:
        """Names out of ``TABLES`` that this adapter gives: those whose method is overridden."""
        return tuple(t for t in TABLES if getattr(type(self), METHODS[t]) is not getattr(ShopAdapter, METHODS[t]))

    def rows(self, table: str, since: datetime | None = None) -> Iterator[Any]:
        """Rows of a table by its name."""
        method = getattr(self, METHODS[table])
        return iter(method() if table in ("category", "promotion") else method(since=since))

    def count(self, table: str) -> int | None:
        """How many rows of a table there are, for the progress bar; ``None`` when finding out would be slow."""
        return None

    # -- rules ------------------------------------------------------------------------------------------------------
    def is_service(self, row: ProductRow) -> bool:
        """Whether a row of the catalogue is no product (postage, fees, vouchers). Override to fit the shop."""
        if row.is_service:
            return True
        codes = self.service_codes
        return any(code and code.upper().replace(" ", "") in codes for code in (row.id, row.sku))

    # -- the shop's own objects -------------------------------------------------------------------------------------
    def resolve(self, ids: Sequence[str]) -> dict[str, Any]:
        """The shop's own product objects by id, in one query. Missing ids are absent from the answer."""
        return {}

    def resolve_where(self, ids: Sequence[str], where: Q) -> dict[str, Any]:
        """Those of ``resolve(ids)`` for which a condition on the shop's own products holds, in one query.

        ``recommendations(where=Q(...))`` needs it. Raises ``NotImplementedError`` in an adapter that cannot.
        """
        raise NotImplementedError(f"{type(self).__name__} has no resolve_where(): where=Q(...) cannot be answered.")

    def product_id(self, obj: Any) -> str:
        """The id of a product object of the shop; text is taken for an id already."""
        if isinstance(obj, str):
            return obj
        return str(getattr(obj, "pk", obj))

    def category_id(self, obj: Any) -> str:
        """The id of a category object of the shop; text is taken for an id already."""
        if isinstance(obj, str):
            return obj
        return str(getattr(obj, "pk", obj))

    def customer_id(self, user: Any) -> str | None:
        """The customer id of a logged-in user, or ``None``; asks the database only when it must.

        The base knows none: a user's primary key says nothing about the customer numbers of a shop, and whoever has
        the number of somebody else would see that customer's history. Override to say whose it is.
        """
        return None

    # -- live changes -----------------------------------------------------------------------------------------------
    def connect(self, emit: Callable[[Change], None]) -> None:
        """Begin to call ``emit`` after commit whenever the shop saves or deletes a row. The base does nothing."""

    def disconnect(self) -> None:
        """Undo ``connect``."""

    def listen(self, tell: Callable[[Behaviour], None]) -> None:
        """Begin to call ``tell`` when a signal of the shop says what a shopper has done. The base hears nothing."""

    def unlisten(self) -> None:
        """Undo ``listen``."""

    # -- writing back -----------------------------------------------------------------------------------------------
    def apply_price(self, product_id: str, price: Any) -> None:
        """Write a confirmed price into the shop. Raises ``NotSupported`` unless overridden."""
        raise NotSupported(f"{type(self).__name__} cannot write prices: override apply_price(product_id, price).")

    def restore_price(self, product_id: str, price: Any, list_price: Any) -> None:
        """Put a price back that was taken away by ``apply_price``, beside the list price of then (``None``: none).

        The base calls ``apply_price``: override it where that one changes the list price, or the storefront.
        """
        self.apply_price(product_id, price)

    def apply_reorder(self, lines: Sequence[Any]) -> None:
        """Hand a confirmed purchase order to the shop. Raises ``NotSupported`` unless overridden."""
        raise NotSupported(f"{type(self).__name__} cannot place reorders: override apply_reorder(lines).")


class NullAdapter(ShopAdapter):
    """Stands in while ``ECOMAI["ADAPTER"]`` is not set: gives nothing and resolves nothing."""


@lru_cache(maxsize=16)
def _adapter_make(target: Any) -> ShopAdapter:
    factory = import_string(target) if isinstance(target, str) else target
    adapter = factory() if isinstance(factory, type) else factory
    if not isinstance(adapter, ShopAdapter):
        raise AdapterError(f"ECOMAI['ADAPTER'] names {target!r}, which is no ShopAdapter.")
    return adapter


def get_adapter(channel: str = "") -> ShopAdapter:
    """The adapter of a channel, made once per value of the setting.

    ``ECOMAI["ADAPTER"]`` is a dotted path, or a dict from channel to dotted path (the key ``""`` serves the rest).
    Raises ``ImportError`` when the path leads nowhere and ``AdapterError`` when it leads to something else.
    """
    target: Any = ecomai.ADAPTER
    if isinstance(target, dict):
        target = target.get(channel, target.get(""))
    return _adapter_make(target) if target else _adapter_make(NullAdapter)
