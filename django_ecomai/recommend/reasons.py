"""Why a product is shown, in words that a shopper reads."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

VIEWED = "viewed"
BOUGHT = "bought"
SIMILAR = "similar"
TOGETHER = "together"
FITS = "fits"
POPULAR = "popular"
POPULAR_IN = "popular_in"
AGAIN = "again"
SEEN = "seen"
NEW = "new"
PICKED = "picked"
BESIDE = "beside"
BESTSELLER = "bestseller"
BESTSELLER_IN = "bestseller_in"
REDUCED = "reduced"
COMPLEMENT = "complement"
UPGRADE = "upgrade"
BUNDLE = "bundle"
CONTINUE_CART = "continue_cart"
CONTINUE = "continue"
LAST_MINUTE = "last_minute"
WORDS = "words"
CONTEXT = "context"
SELECTED = "selected"
# Reasons that name a category; the others name a product.
ABOUT_CATEGORY = frozenset({POPULAR_IN, BESTSELLER_IN, BESIDE})


_NAMED = {
    VIEWED: gettext_noop("Because you viewed %(name)s"),
    BOUGHT: gettext_noop("Because you bought %(name)s"),
    SIMILAR: gettext_noop("Similar to %(name)s"),
    TOGETHER: gettext_noop("Often bought with %(name)s"),
    FITS: gettext_noop("Suits %(name)s"),
    POPULAR_IN: gettext_noop("Popular in %(name)s"),
    BESIDE: gettext_noop("Also in %(name)s"),
    BESTSELLER_IN: gettext_noop("Bestseller in %(name)s"),
    COMPLEMENT: gettext_noop("Goes with %(name)s"),
    UPGRADE: gettext_noop("A step up from %(name)s"),
    BUNDLE: gettext_noop("In one set with %(name)s"),
    LAST_MINUTE: gettext_noop("A little extra for %(name)s"),
}
_PLAIN = {
    VIEWED: gettext_noop("Chosen for you"),
    BOUGHT: gettext_noop("Chosen for you"),
    SIMILAR: gettext_noop("Similar"),
    TOGETHER: gettext_noop("Often bought together"),
    FITS: gettext_noop("Suits your choice"),
    POPULAR: gettext_noop("Popular right now"),
    POPULAR_IN: gettext_noop("Popular right now"),
    AGAIN: gettext_noop("You bought this before"),
    SEEN: gettext_noop("You looked at this"),
    NEW: gettext_noop("New"),
    PICKED: gettext_noop("Our recommendation"),
    BESIDE: gettext_noop("From the same department"),
    BESTSELLER: gettext_noop("Bestseller"),
    BESTSELLER_IN: gettext_noop("Bestseller"),
    REDUCED: gettext_noop("Reduced"),
    COMPLEMENT: gettext_noop("Goes with your choice"),
    UPGRADE: gettext_noop("A step up"),
    BUNDLE: gettext_noop("In one set"),
    CONTINUE_CART: gettext_noop("You had put this into your cart"),
    CONTINUE: gettext_noop("You were looking at this"),
    LAST_MINUTE: gettext_noop("A little extra for your order"),
    WORDS: gettext_noop("Close to what you searched for"),
    CONTEXT: gettext_noop("Popular with visitors like you"),
    SELECTED: gettext_noop("From your selection"),
}


def reason_text(reason: str, *, because: str = "", percent: int = 0) -> str:
    """The sentence for a reason code; ``because`` is a product's title or a category's name, ``percent`` a reduction.

    A reason that needs a name and has none falls back to a sentence without one; an unknown code gives an empty string.
    """
    if reason == REDUCED and percent > 0:
        return gettext("Reduced by %(percent)d %%") % {"percent": percent}
    if because and reason in _NAMED:
        return gettext(_NAMED[reason]) % {"name": because}
    return gettext(_PLAIN[reason]) if reason in _PLAIN else ""
