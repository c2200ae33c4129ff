from .decisions import Decision
from .orders import PurchaseOrder, PurchaseOrderLine, Receipt
from .policies import StockPolicy
from .substitutions import Substitution
from .suggestions import Suggestion
from .suppliers import Supplier, SupplierProduct

__all__ = [
    "Decision",
    "PurchaseOrder",
    "PurchaseOrderLine",
    "Receipt",
    "StockPolicy",
    "Substitution",
    "Suggestion",
    "Supplier",
    "SupplierProduct",
]
