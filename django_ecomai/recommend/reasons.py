"""Why a product is shown, in words that a shopper reads."""

from __future__ import annotations

from django.utils.translation import gettext as _

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


def reason_text(reason: str, *, because: str = "") -> str:
    """The sentence for a reason code; ``because`` is a product's title or a category's name.

    A reason that needs a name and has none falls back to a sentence without one; an unknown code gives an empty string.
    """
    if because:
        named = {
            VIEWED: _("Because you viewed %(name)s"),
            BOUGHT: _("Because you bought %(name)s"),
            SIMILAR: _("Similar to %(name)s"),
            TOGETHER: _("Often bought with %(name)s"),
            POPULAR_IN: _("Popular in %(name)s"),
        }
        if reason in named:
            return named[reason] % {"name": because}
    plain = {
        VIEWED: _("Chosen for you"),
        BOUGHT: _("Chosen for you"),
        SIMILAR: _("Similar"),
        TOGETHER: _("Often bought together"),
        POPULAR: _("Popular right now"),
        POPULAR_IN: _("Popular right now"),
        AGAIN: _("You bought this before"),
        SEEN: _("You looked at this"),
        NEW: _("New"),
        PICKED: _("Our recommendation"),
    }
    return plain.get(reason, "")
