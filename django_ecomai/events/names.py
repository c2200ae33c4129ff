"""Names of events: GA4's, and what Segment, Recombee and everyday speech call the same things."""

from __future__ import annotations

import re

from .models import EventName

# What a browser may never claim: money and orders come from the shop's own server.
SERVER_ONLY = frozenset({EventName.PURCHASE, EventName.REFUND})
# What the recommender reacts to at once; a removal tells that a product is in the cart no more.
RECENT_NAMES = (
    EventName.VIEW_ITEM,
    EventName.ADD_TO_WISHLIST,
    EventName.ADD_TO_CART,
    EventName.REMOVE_FROM_CART,
    EventName.REVIEW,
)
# A product is waved away while the last of these is a dismissal.
DISMISS_NAMES = (EventName.DISMISS, EventName.UNDISMISS)
# What a visitor was shown and what he took of it: lets a product that he passes over rest.
IMPRESSION_NAMES = (EventName.VIEW_ITEM_LIST, EventName.SELECT_ITEM)
# These say nothing without a product.
NEEDS_PRODUCT = frozenset(
    {
        EventName.SELECT_ITEM,
        EventName.VIEW_ITEM,
        EventName.ADD_TO_WISHLIST,
        EventName.ADD_TO_CART,
        EventName.REMOVE_FROM_CART,
        EventName.REVIEW,
        EventName.DISMISS,
        EventName.UNDISMISS,
        EventName.USER_ENGAGEMENT,
    }
)

# Other vocabularies -> ours. Looked up without case, spaces and punctuation: "Product Viewed" == "product_viewed".
ALIASES: dict[str, str] = {
    # Segment's ecommerce specification
    "Product List Viewed": "view_item_list",
    "Product Clicked": "select_item",
    "Product Viewed": "view_item",
    "Products Searched": "search",
    "Product Added to Wishlist": "add_to_wishlist",
    "Product Added": "add_to_cart",
    "Product Removed": "remove_from_cart",
    "Cart Viewed": "view_cart",
    "Checkout Started": "begin_checkout",
    "Order Completed": "purchase",
    "Order Refunded": "refund",
    "Product Reviewed": "review",
    # Recombee's interactions
    "detailview": "view_item",
    "AddDetailView": "view_item",
    "ViewPortion": "view_item",
    "SetViewPortion": "view_item",
    "cartaddition": "add_to_cart",
    "AddCartAddition": "add_to_cart",
    "bookmark": "add_to_wishlist",
    "AddBookmark": "add_to_wishlist",
    "AddPurchase": "purchase",
    "rating": "review",
    "AddRating": "review",
    # everyday words
    "impression": "view_item_list",
    "click": "select_item",
    "view": "view_item",
    "wishlist": "add_to_wishlist",
    "cart": "add_to_cart",
    "checkout": "begin_checkout",
    "not_interested": "dismiss",
    "dwell": "user_engagement",
    "engagement": "user_engagement",
}


def _squash(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


_LOOKUP = {_squash(alias): name for alias, name in ALIASES.items()} | {_squash(name): name for name in EventName.values}


def event_name(name: object) -> str | None:
    """Our name for ``name`` in any known vocabulary, or ``None`` when it is unknown."""
    return _LOOKUP.get(_squash(name)) if isinstance(name, str) and len(name) <= 64 else None
