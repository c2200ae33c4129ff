"""Writing the mirror. Everything that others may call is named here."""

from .batches import Outcome, batch_apply
from .live import category_upsert, change_apply, customer_upsert, order_upsert, product_upsert, row_remove
from .sync import SyncError, shop_reconcile, shop_sync

__all__ = [
    "Outcome",
    "SyncError",
    "batch_apply",
    "category_upsert",
    "change_apply",
    "customer_upsert",
    "order_upsert",
    "product_upsert",
    "row_remove",
    "shop_reconcile",
    "shop_sync",
]
