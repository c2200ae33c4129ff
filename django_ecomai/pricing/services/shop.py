"""What the services of prices ask of the shop's adapter: its prices of now, one written or put back, the copy brought
along."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from django_ecomai.adapters.base import NotSupported, ShopAdapter, get_adapter
from django_ecomai.adapters.rows import ProductRow
from django_ecomai.mirror.models import Product
from django_ecomai.mirror.selectors import product_rows
from django_ecomai.mirror.services.batches import batch_apply
from django_ecomai.pricing.held import NONE, Why, said, why

logger = logging.getLogger("django_ecomai")


@dataclass(frozen=True)
class Said:
    """What the shop says of a product now; ``problem``: why it says no price, ``unread``: it has not answered at all,
    or left the product out, and may tell it again."""

    price: Decimal | None = None
    currency: str = ""
    problem: Why = NONE
    list_price: Decimal | None = None
    unread: bool = False


class Former(NamedTuple):
    """A price as it was; ``list_price`` is put back with it where ``knows_list``."""

    price: Decimal
    list_price: Decimal | None = None
    knows_list: bool = False


def adapter_applies(channel: str = "") -> bool:
    """Whether the shop's adapter can write prices."""
    return type(get_adapter(channel)).apply_price is not ShopAdapter.apply_price


def reads_rows(adapter: ShopAdapter) -> bool:
    """Whether the adapter can read single rows, so that the shop itself can be asked."""
    return getattr(adapter, "rows_of", None) is not None


def shop_prices(adapter: ShopAdapter, *, products: Sequence[Product]) -> dict[str, Said]:
    """What the shop itself says of each product now, by its id: bulk edits send no signal. The copy counts only where
    the adapter cannot read single rows; a product that could not be read has a ``problem``."""
    if not reads_rows(adapter):
        return {one.external_id: Said(one.price, one.currency, list_price=one.list_price) for one in products}
    wanted = sorted({one.external_id for one in products})
    try:
        return _read(adapter, wanted)
    except Exception:  # one that cannot be read must not keep the others back
        found: dict[str, Said] = {}
        for ident in wanted:
            try:
                found |= _read(adapter, [ident])
            except Exception as error:
                logger.exception("EcomAI: the price of product %s could not be read.", ident)
                found[ident] = Said(problem=said(_told(error)), unread=True)
        return found


def _read(adapter: ShopAdapter, wanted: Sequence[str]) -> dict[str, Said]:
    rows_of: Any = getattr(adapter, "rows_of", None)
    # An article number is no primary key; an adapter that was written by hand may know only its ids.
    keys_of: Any = getattr(adapter, "product_keys", None)
    with transaction.atomic():
        keys = wanted if keys_of is None else keys_of(wanted)
        rows = {str(row.id): row for row in rows_of("product", pks=keys) if isinstance(row, ProductRow)}
    found: dict[str, Said] = {}
    for ident in wanted:
        row = rows.get(ident)
        if row is None or row.price is None:
            found[ident] = Said(problem=why("shop_silent"), unread=row is None)
        else:
            listed = None if row.list_price is None else Decimal(str(row.list_price))
            found[ident] = Said(Decimal(str(row.price)), row.currency or "", list_price=listed)
    return found


def write_price(adapter: ShopAdapter, product: Product, price: Any, *, former: Former | None = None) -> Why:
    """Write a price, or put the ``former`` one back; returns what went wrong, in the shop's words."""
    try:
        with transaction.atomic():
            if former is not None and former.knows_list:
                adapter.restore_price(product.external_id, former.price, former.list_price)
            else:
                adapter.apply_price(product.external_id, price)
    except NotSupported as error:
        return said(str(error))
    except Exception as error:  # whatever a shop raises: the others must go on
        logger.exception("EcomAI: the price of product %s could not be written.", product.external_id)
        return said(_told(error))
    return NONE


def prices_restore(adapter: ShopAdapter, back: Sequence[tuple[Product, Former]]) -> list[tuple[str, str, str]]:
    """Put prices back after something went wrong; returns which ones the shop did not take: product, price, what it
    said."""
    told = []
    for product, former in back:
        if problem := write_price(adapter, product, former.price, former=former):
            told.append((str(product), plain(former.price), str(problem)))
    return told


def not_set_back(told: Sequence[tuple[str, str, str]], because: Why) -> Why:
    """A reason, with the prices that could not be put back."""
    return why("not_set_back", back=told, because=because) if told else because


def mirror_follow(adapter: ShopAdapter, *, channel: str, prices: Mapping[str, Any], now: datetime) -> None:
    """The copy, with its price history, has the new prices at once, whether the shop's signals tell it or not.

    ``prices``: by the shop's id a price, or a ``Former`` with its list price. Call it within a transaction.
    """
    if not prices:
        return
    known = product_rows(channel=channel, external_ids=prices, lock=True)
    rows = []
    for ident, row in sorted(known.items()):
        new = prices[ident] if isinstance(prices[ident], Former) else Former(prices[ident])
        listed = new.list_price if new.knows_list else row.list_price
        rows.append(replace(row, price=new.price, list_price=listed, updated_at=now))
    batch_apply(table="product", rows=rows, channel=channel, adapter=adapter)


def plain(value: Any) -> str:
    """An amount without trailing zeros."""
    return "–" if value is None else f"{value.normalize():f}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
