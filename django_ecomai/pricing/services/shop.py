"""What the services of prices ask of the shop's adapter: its prices of now, a price written, the copy brought along."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import NotSupported, ShopAdapter, get_adapter
from django_ecomai.adapters.rows import ProductRow
from django_ecomai.mirror.models import Product
from django_ecomai.mirror.selectors import product_rows
from django_ecomai.mirror.services.batches import batch_apply

logger = logging.getLogger("django_ecomai")


@dataclass(frozen=True)
class Said:
    """What the shop says of a product now; ``problem``: why it says nothing."""

    price: Decimal | None = None
    currency: str = ""
    problem: str = ""


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
        return {one.external_id: Said(one.price, one.currency) for one in products}
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
                found[ident] = Said(problem=_told(error))
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
            found[ident] = Said(problem=_("The shop could not tell its price of now."))
        else:
            found[ident] = Said(Decimal(str(row.price)), row.currency or "")
    return found


def write_price(adapter: ShopAdapter, product: Product, price: Any) -> str:
    """Write a price; returns what went wrong, "" when nothing did."""
    try:
        with transaction.atomic():
            adapter.apply_price(product.external_id, price)
    except NotSupported as error:
        return str(error)[:500]
    except Exception as error:  # whatever a shop raises: the others must go on
        logger.exception("EcomAI: the price of product %s could not be written.", product.external_id)
        return _told(error)
    return ""


def prices_restore(adapter: ShopAdapter, back: Sequence[tuple[Product, Any]]) -> str:
    """Write prices back after something went wrong; returns which ones the shop did not take, "" when it took all."""
    told = []
    for product, price in back:
        if problem := write_price(adapter, product, price):
            named = {"product": product, "price": plain(price), "problem": problem}
            told.append(_("“%(product)s” could not be set back to %(price)s: %(problem)s.") % named)
    return " ".join(told)


def mirror_follow(adapter: ShopAdapter, *, channel: str, prices: dict[str, Any], now: datetime) -> None:
    """The copy, with its price history, has the new prices at once, whether the shop's signals tell it or not."""
    if not prices:
        return
    known = product_rows(channel=channel, external_ids=prices)
    rows = [replace(row, price=prices[ident], updated_at=now) for ident, row in sorted(known.items())]
    batch_apply(table="product", rows=rows, channel=channel, adapter=adapter)


def plain(value: Any) -> str:
    """An amount without trailing zeros."""
    return "–" if value is None else f"{value.normalize():f}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
