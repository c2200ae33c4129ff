"""The copy of the shop in the admin: for looking, not for editing."""

from . import catalogue, reports, sales

__all__ = ["catalogue", "reports", "sales"]
