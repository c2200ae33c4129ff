"""Writes: proposals, decisions, prices in the shop."""

from .apply import Applied, changes_apply, prices_resume
from .decide import PricingError, proposals_approve, proposals_reject
from .price_test_groups import price_test_group_approve, price_test_group_start, price_test_group_stop
from .price_test_keep import price_tests_keep
from .price_tests import price_test_approve, price_test_start, price_test_stop
from .propose import proposals_make, proposals_preview
from .shop import adapter_applies
from .undo import AgainstLimits, change_undo
from .volume_offers import offers_dismiss, offers_make, offers_restore
from .watch import prices_watch

__all__ = [
    "AgainstLimits",
    "Applied",
    "PricingError",
    "adapter_applies",
    "change_undo",
    "changes_apply",
    "offers_dismiss",
    "offers_make",
    "offers_restore",
    "price_test_approve",
    "price_test_group_approve",
    "price_test_group_start",
    "price_test_group_stop",
    "price_test_start",
    "price_test_stop",
    "price_tests_keep",
    "prices_resume",
    "prices_watch",
    "proposals_approve",
    "proposals_make",
    "proposals_preview",
    "proposals_reject",
]
