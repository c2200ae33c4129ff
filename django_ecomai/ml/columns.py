"""One vocabulary for every frame and every row that enters or leaves ``ml``."""

from __future__ import annotations

from typing import Final

USER: Final = "user_id"
ITEM: Final = "item_id"
WEIGHT: Final = "weight"
TIME: Final = "ts"
BASKET: Final = "basket_id"
SCORE: Final = "score"
RANK: Final = "rank"
BECAUSE: Final = "because_item_id"

TITLE: Final = "title"
DESCRIPTION: Final = "description"
CATEGORY: Final = "category"
BRAND: Final = "brand"
PRICE: Final = "price"
ACTIVE: Final = "active"
CREATED: Final = "created"

MODEL: Final = "model"
OURS: Final = "ours"
SPLIT: Final = "split"
METRICS: Final = "metrics"

NEW_ITEMS: Final = "new_items"
REPEAT_ITEMS: Final = "repeat_items"
ALL_ITEMS: Final = "all"
SPLITS: Final = (NEW_ITEMS, REPEAT_ITEMS, ALL_ITEMS)
#: Tests of what stands beside the products of a cart, and beside one product.
BASKET_PAGE: Final = "basket"
PRODUCT_PAGE: Final = "product_page"

#: Most bytes that an external id may take in UTF-8 (64 characters of at most four bytes).
ID_BYTES: Final = 256
SECONDS_PER_DAY: Final = 86_400
