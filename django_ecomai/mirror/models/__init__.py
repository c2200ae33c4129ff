from .catalogue import Category, PricePoint, Product, Promotion, Review, StockPoint
from .people import Customer
from .sales import Order, OrderLine, ReturnLine
from .sync import SyncIssue, SyncReport

__all__ = [
    "Category",
    "Customer",
    "Order",
    "OrderLine",
    "PricePoint",
    "Product",
    "Promotion",
    "ReturnLine",
    "Review",
    "StockPoint",
    "SyncIssue",
    "SyncReport",
]
