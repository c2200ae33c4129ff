"""Why a price test cannot be, or was stopped: sentences of ``held.REASONS``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

REASONS_OF_TESTS: Mapping[str, Any] = {
    # -- cannot be tested
    "test_limits": gettext_lazy("Its limits do not allow %(amount)s: %(limits)s."),
    "test_no_cost": gettext_lazy("Its cost is not known, so that no lower limit can be kept."),
    "test_already": gettext_lazy("It is in a price test already."),
    "test_price_waits": gettext_lazy("A price is approved already, and waits to be put into the shop."),
    "test_step_small": gettext_lazy("Its price is too small for this step."),
    "test_currency": gettext_lazy("Its price is in another currency than those of the others: profits do not add up."),
    "family_alone": gettext_lazy("Products of a price family cannot be tested alone."),
    "family_prices": gettext_lazy("The prices of its family differ."),
    # -- stopped
    "test_other_price": gettext_lazy("the shop has changed the price to %(price)s, and it stays"),
    "test_one_price": gettext_lazy("The shop makes one price of both: %(price)s."),
    "test_with": gettext_lazy("with “%(product)s”: %(because)s"),
    "test_taken_back": gettext_lazy("the price before it was taken back"),
    # -- in the way of an undo
    "test_first": gettext_lazy("“%(product)s” is in a price test that has begun: stop that first."),
}
