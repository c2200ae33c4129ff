"""Writes: decisions, purchase orders, receipts, substitutes."""

from .decisions import DecisionError, decision_undo, suggestions_decide
from .orders import OrderError, order_advance, order_cancel, order_line_change, orders_draft
from .receipts import order_receive, receipt_add, receipt_remove
from .substitutions import SubstitutionError, substitution_declare, substitutions_decide, substitutions_find

__all__ = [
    "DecisionError",
    "OrderError",
    "SubstitutionError",
    "decision_undo",
    "order_advance",
    "order_cancel",
    "order_line_change",
    "order_receive",
    "orders_draft",
    "receipt_add",
    "receipt_remove",
    "substitution_declare",
    "substitutions_decide",
    "substitutions_find",
    "suggestions_decide",
]
