"""The strategies that a carousel can use. Register more with ``core.registry.strategies.register(name,
Strategy(...))``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from django_ecomai.core.registry import Strategy, strategies

from . import builtin, intents

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
        help=_("What other orders hold beside this product or cart, as far as it fits the visitor."),
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
    "continue_shopping": Strategy(
        label=_("Continue shopping"),
        help=_("What the visitor left in the cart or looked at on the last visits and has not bought."),
        candidates=intents.continue_shopping,
        fill=False,
        personal=True,
        shows_cart=True,
    ),
    "because_you_viewed": Strategy(
        label=_("Because you viewed a product"),
        help=_("A carousel around the one product looked at last; write {product} where its name belongs."),
        candidates=intents.because_you_viewed,
        fill=False,
        personal=True,
        names_product=True,
        title=_("Because you viewed {product}"),
    ),
    "because_you_bought": Strategy(
        label=_("Because you bought a product"),
        help=_("A carousel around the one product bought last; write {product} where its name belongs."),
        candidates=intents.because_you_bought,
        fill=False,
        personal=True,
        names_product=True,
        title=_("Because you bought {product}"),
    ),
    "cross_sell": Strategy(
        label=_("Goes with it"),
        help=_("Complements: bought with the product or cart on the page, rarely instead of it."),
        candidates=intents.cross_sell,
        fill=False,
    ),
    "upsell": Strategy(
        label=_("A step up"),
        help=_("Like the product on the page, better or dearer: from its price up to 1.6 times as much."),
        candidates=intents.upsell,
        fill=False,
        about_product=True,
        accept=intents.is_step_up,
    ),
    "bundle": Strategy(
        label=_("Sets"),
        help=_("The other products of your sets with the product on the page, then of what is bought as a set."),
        candidates=intents.bundle,
        fill=False,
    ),
    "checkout_last_minute": Strategy(
        label=_("A last small extra"),
        help=_("Goes with the cart, in stock, and costs at most half of the cart's median price."),
        candidates=intents.last_minute,
        fill=False,
        accept=intents.is_small_extra,
    ),
    "trending": Strategy(
        label=_("Popular right now"),
        help=_("What sells and is looked at most, recent days first; on a category page within the category."),
        candidates=builtin.trending,
    ),
    "trending_in_category": Strategy(
        label=_("Popular in the category"),
        help=_("Popular now in the category of the page, of its product, or of what the visitor looked at last."),
        candidates=intents.trending_in_category,
    ),
    "bestsellers": Strategy(
        label=_("Bestsellers"),
        help=_("What most customers ever bought; on a category page within the category."),
        candidates=intents.bestsellers,
        source="popular",
    ),
    "new_arrivals": Strategy(
        label=_("New arrivals"),
        help=_("The products added to the shop last."),
        candidates=builtin.nothing,
        source="newest",
        fill=False,
    ),
    "on_sale": Strategy(
        label=_("Reduced"),
        help=_("Products below their list price, the deepest reduction first."),
        candidates=builtin.nothing,
        source="reduced",
        fill=False,
    ),
    "empty_search": Strategy(
        label=_("When a search finds nothing"),
        help=_("Titles near the words that were searched for, then what is popular."),
        candidates=builtin.nothing,
        source="words",
    ),
    "email": Strategy(
        label=_("For an e-mail"),
        help=_("For a customer who is not on the page: the whole past counts alike, what was just bought stays out."),
        candidates=intents.email,
        personal=True,
    ),
}


def register_builtin() -> None:
    """Fill the registry; called once from ``ready()``."""
    for name, strategy in BUILTIN.items():
        strategies.register(name, strategy)


def strategy_choices() -> list[tuple[str, str]]:
    """``(name, label)`` of every registered strategy, for forms."""
    return [(name, str(strategy.label)) for name, strategy in strategies.items()]
