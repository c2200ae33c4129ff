"""Why a product is shown, in words that a shopper reads."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

VIEWED = "viewed"
BOUGHT = "bought"
SIMILAR = "similar"
TOGETHER = "together"
POPULAR = "popular"
POPULAR_IN = "popular_in"
AGAIN = "again"
SEEN = "seen"
NEW = "new"
PICKED = "picked"
BESIDE = "beside"
# Reasons that name a category; the others name a product.
ABOUT_CATEGORY = frozenset({POPULAR_IN, BESIDE})


_NAMED = {
    VIEWED: gettext_noop("Because you viewed %(name)s"),
    BOUGHT: gettext_noop("Because you bought %(name)s"),
    SIMILAR: gettext_noop("Similar to %(name)s"),
    TOGETHER: gettext_noop("Often bought with %(name)s"),
    POPULAR_IN: gettext_noop("Popular in %(name)s"),
    BESIDE: gettext_noop("Also in %(name)s"),
}
_PLAIN = {
    VIEWED: gettext_noop("Chosen for you"),
    BOUGHT: gettext_noop("Chosen for you"),
    SIMILAR: gettext_noop("Similar"),
    TOGETHER: gettext_noop("Often bought together"),
    POPULAR: gettext_noop("Popular right now"),
    POPULAR_IN: gettext_noop("Popular right now"),
    AGAIN: gettext_noop("You bought this before"),
    SEEN: gettext_noop("You looked at this"),
    NEW: gettext_noop("New"),
    PICKED: gettext_noop("Our recommendation"),
    BESIDE: gettext_noop("From the same department"),
}


def reason_text(reason: str, *, because: str = "") -> str:
    """The sentence for a reason code; ``because`` is a product's title or a category's name.

    A reason that needs a name and has none falls back to a sentence without one; an unknown code gives an empty string.
    """
    if because and reason in _NAMED:
        return gettext(_NAMED[reason]) % {"name": because}
    return gettext(_PLAIN[reason]) if reason in _PLAIN else ""
