"""Where recommendations appear, what fills them, and what the merchant decided about it."""

from .bundles import Bundle, BundleItem
from .placements import Placement, Slot
from .preferences import CustomerPreference
from .records import Revision, SlotStat
from .rules import MerchantRule, ShopRule, SlotRule

__all__ = [
    "Bundle", "BundleItem", "CustomerPreference", "MerchantRule", "Placement", "Revision", "ShopRule",
    "Slot", "SlotRule", "SlotStat",
]  # fmt: skip
