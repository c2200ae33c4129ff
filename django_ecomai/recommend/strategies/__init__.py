"""The strategies that a carousel can use. Register more with ``core.registry.strategies.register(name,
Strategy(...))``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from django_ecomai.core.registry import Strategy, strategies

from . import builtin

BUILTIN: dict[str, Strategy] = {
    "for_you": Strategy(
        label=_("For you"),
        help=_("What fits what the visitor looked at and bought last."),
        candidates=builtin.for_you,
        personal=True,
    ),
    "similar": Strategy(
        label=_("Similar products"),
        help=_("What is like the product on the page."),
        candidates=builtin.similar,
        about_product=True,
    ),
    "bought_together": Strategy(
        label=_("Often bought together"),
        help=_("What other orders hold beside this product or cart."),
        candidates=builtin.bought_together,
        about_product=True,
    ),
    "recently_viewed": Strategy(
        label=_("Recently viewed"),
        help=_("The last products this visitor looked at."),
        candidates=builtin.recently_viewed,
        fill=False,
        personal=True,
    ),
    "buy_again": Strategy(
        label=_("Buy again"),
        help=_("What this customer bought before and is likely to need again."),
        candidates=builtin.buy_again,
        fill=False,
        personal=True,
    ),
    "trending": Strategy(
        label=_("Popular right now"),
        help=_("What sells and is looked at most, recent days first; on a category page within the category."),
        candidates=builtin.trending,
    ),
    "new_arrivals": Strategy(
        label=_("New arrivals"),
        help=_("The products added to the shop last."),
        candidates=builtin.nothing,
        source="newest",
        fill=False,
    ),
}


def register_builtin() -> None:
    """Fill the registry; called once from ``ready()``."""
    for name, strategy in BUILTIN.items():
        strategies.register(name, strategy)


def strategy_choices() -> list[tuple[str, str]]:
    """``(name, label)`` of every registered strategy, for forms."""
    return [(name, str(strategy.label)) for name, strategy in strategies.items()]
