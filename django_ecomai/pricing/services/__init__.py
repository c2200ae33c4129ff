"""Writes: proposals, decisions, prices in the shop."""

from .apply import Applied, adapter_applies, change_undo, changes_apply
from .decide import PricingError, proposals_approve, proposals_reject
from .price_tests import price_test_start, price_test_stop
from .propose import proposals_make, proposals_preview
from .watch import prices_watch

__all__ = [
    "Applied",
    "PricingError",
    "adapter_applies",
    "change_undo",
    "changes_apply",
    "price_test_start",
    "price_test_stop",
    "prices_watch",
    "proposals_approve",
    "proposals_make",
    "proposals_preview",
    "proposals_reject",
]
