"""Writes: proposals, decisions, prices in the shop."""

from .apply import Applied, adapter_applies, change_undo, changes_apply
from .decide import PricingError, proposals_approve, proposals_reject
from .propose import proposals_make, proposals_preview

__all__ = [
    "Applied",
    "PricingError",
    "adapter_applies",
    "change_undo",
    "changes_apply",
    "proposals_approve",
    "proposals_make",
    "proposals_preview",
    "proposals_reject",
]
