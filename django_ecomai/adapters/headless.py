"""``HeadlessAdapter``: the shop is elsewhere and delivers its data (``django_ecomai.ingest``). Nothing is read here."""

from __future__ import annotations

from .base import ShopAdapter

__all__ = ["HeadlessAdapter"]


class HeadlessAdapter(ShopAdapter):
    """A shop without tables of this project: the mirror holds what the shop sends by REST or webhook.

    ``ECOMAI = {"ADAPTER": "django_ecomai.adapters.headless.HeadlessAdapter"}``. Subclass it for another currency or
    other codes of things that are no goods.
    """

    fed = True
