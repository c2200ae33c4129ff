"""The placements that every shop starts with."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from .config import PlacementConfig, SlotConfig

# key -> (name, carousels); texts are translated when the rows are made, and belong to the merchant from then on.
_DEFAULTS = {
    "home": (
        _("Home page"),
        (
            # What a customer buys again stands in his account; here he shall find something new.
            SlotConfig("for_you", _("For you"), exclude_bought=True),
            SlotConfig("continue_shopping", _("Continue shopping")),
            SlotConfig("because_you_viewed", _("Because you viewed {product}"), exclude_bought=True),
            SlotConfig("trending", _("Popular right now")),
            SlotConfig("on_sale", _("Reduced"), category_cap=2),
            SlotConfig("new_arrivals", _("New arrivals")),
            SlotConfig("recently_viewed", _("Recently viewed")),
        ),
    ),
    "product": (
        _("Product page"),
        (
            SlotConfig("bundle", _("Better as a set"), size=3),
            SlotConfig("bought_together", _("Often bought together"), size=4),
            SlotConfig("similar", _("Similar products")),
            SlotConfig("upsell", _("A step up"), size=4),
        ),
    ),
    "cart": (
        _("Cart"),
        (
            SlotConfig("cross_sell", _("Goes well with your cart"), size=4),
            SlotConfig("bought_together", _("Often bought together"), size=4),
        ),
    ),
    "checkout": (_("Checkout"), (SlotConfig("checkout_last_minute", _("A little extra?"), size=4),)),
    "order": (_("After an order"), (SlotConfig("cross_sell", _("Goes well with what you ordered")),)),
    "category": (
        _("Category page"),
        (
            SlotConfig("trending_in_category", _("Popular in this category")),
            SlotConfig("bestsellers", _("Bestsellers")),
        ),
    ),
    "search": (
        _("Search"),
        (SlotConfig("for_you", _("You may also like")), SlotConfig("recently_viewed", _("Recently viewed"))),
    ),
    "empty_search": (
        _("Search without a result"),
        (SlotConfig("empty_search", _("You might like these instead")), SlotConfig("for_you", _("For you"))),
    ),
    "account": (
        _("Customer account"),
        (
            SlotConfig("buy_again", _("Buy again")),
            SlotConfig("because_you_bought", _("Because you bought {product}"), exclude_bought=True),
            SlotConfig("for_you", _("For you"), exclude_bought=True),
        ),
    ),
    "email": (_("E-mail"), (SlotConfig("email", _("Chosen for you"), size=4, exclude_bought=True),)),
    "not_found": (
        _("Page not found"),
        (SlotConfig("trending", _("Popular right now")), SlotConfig("recently_viewed", _("Recently viewed"))),
    ),
}


def default_placement(key: str) -> PlacementConfig | None:
    """The built-in set-up of a placement, used while a channel has no placements at all."""
    if key not in _DEFAULTS:
        return None
    label, slots = _DEFAULTS[key]
    return PlacementConfig(key, str(label), True, tuple(slots))


def default_keys() -> list[str]:
    """Keys of the placements that every shop starts with."""
    return list(_DEFAULTS)
