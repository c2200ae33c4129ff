"""``ecomai/api/inventory/…``: worklist, orders, substitutes, plans and tables as JSON and CSV, for staff."""

from .orders import OrdersView, StageView
from .plans import SuppliersView, WhatIfView
from .substitutions import SubstitutionsView
from .tables import TableView
from .worklist import DecideView, SuggestionsView

__all__ = [
    "DecideView",
    "OrdersView",
    "StageView",
    "SubstitutionsView",
    "SuggestionsView",
    "SuppliersView",
    "TableView",
    "WhatIfView",
]
