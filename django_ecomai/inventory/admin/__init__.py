from .orders import PurchaseOrderAdmin
from .policies import StockPolicyAdmin
from .receipts import ReceiptAdmin
from .substitutions import SubstitutionAdmin
from .suppliers import SupplierAdmin
from .worklist import SuggestionAdmin

__all__ = [
    "PurchaseOrderAdmin",
    "ReceiptAdmin",
    "StockPolicyAdmin",
    "SubstitutionAdmin",
    "SuggestionAdmin",
    "SupplierAdmin",
]
