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
            SlotConfig("trending", _("Popular right now")),
            SlotConfig("new_arrivals", _("New arrivals")),
            SlotConfig("recently_viewed", _("Recently viewed")),
        ),
    ),
    "product": (
        _("Product page"),
        (
            SlotConfig("bought_together", _("Often bought together"), size=4),
            SlotConfig("similar", _("Similar products")),
        ),
    ),
    "cart": (
        _("Cart"),
        (SlotConfig("bought_together", _("Goes well with your cart"), size=4),),
    ),
    "category": (_("Category page"), (SlotConfig("trending", _("Popular in this category")),)),
    "search": (
        _("Search"),
        (SlotConfig("for_you", _("You may also like")), SlotConfig("recently_viewed", _("Recently viewed"))),
    ),
    "empty_search": (
        _("Search without a result"),
        (SlotConfig("empty_search", _("Perhaps you meant these")),),
    ),
    "checkout": (_("Checkout"), (SlotConfig("checkout_last_minute", _("A little extra?"), size=4),)),
    "not_found": (
        _("Page not found"),
        (SlotConfig("trending", _("Popular right now")), SlotConfig("recently_viewed", _("Recently viewed"))),
    ),
    "email": (_("E-mail"), (SlotConfig("email", _("Chosen for you")),)),
    "account": (
        _("Customer account"),
        (SlotConfig("buy_again", _("Buy again")), SlotConfig("for_you", _("For you"), exclude_bought=True)),
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
