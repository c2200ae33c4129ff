"""Writes: proposals, decisions, prices in the shop."""

from .adopt import Adopted, prices_adopt
from .apply import Applied, changes_apply, prices_resume, proposals_named
from .decide import PricingError, proposals_approve, proposals_reject
from .own_price import OwnPrice, own_price_preview, own_price_set, price_asked
from .price_test_groups import price_test_group_approve, price_test_group_start, price_test_group_stop
from .price_test_keep import price_tests_keep
from .price_test_starting import price_test_approve, price_test_start
from .price_tests import price_test_stop
from .propose import proposals_make, proposals_preview
from .reschedule import proposals_reopen, proposals_reschedule
from .selections import (
    approval_select,
    selection_applies,
    selection_came,
    selection_confirm,
    selection_execute,
    selection_skipped,
    undo_select,
)
from .shop import adapter_applies
from .undo import AgainstLimits, SecondNeeded, change_undo, undo_forbidden
from .volume_offers import offers_make
from .volume_offers_decide import offers_approve, offers_check, offers_dismiss, offers_restore, offers_withdraw
from .watch import prices_watch

__all__ = [
    "Adopted",
    "AgainstLimits",
    "Applied",
    "OwnPrice",
    "PricingError",
    "SecondNeeded",
    "adapter_applies",
    "approval_select",
    "change_undo",
    "changes_apply",
    "offers_approve",
    "offers_check",
    "offers_dismiss",
    "offers_make",
    "offers_restore",
    "offers_withdraw",
    "own_price_preview",
    "own_price_set",
    "price_asked",
    "price_test_approve",
    "price_test_group_approve",
    "price_test_group_start",
    "price_test_group_stop",
    "price_test_start",
    "price_test_stop",
    "price_tests_keep",
    "prices_adopt",
    "prices_resume",
    "prices_watch",
    "proposals_approve",
    "proposals_make",
    "proposals_named",
    "proposals_preview",
    "proposals_reject",
    "proposals_reopen",
    "proposals_reschedule",
    "selection_applies",
    "selection_came",
    "selection_confirm",
    "selection_execute",
    "selection_skipped",
    "undo_forbidden",
    "undo_select",
]
