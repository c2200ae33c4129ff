"""Competitors' offers as CSV, in the columns that can be read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django_ecomai.core.tables import csv_stream

from .market_rows import offer_rows
from .services.competitors_reading import FILE


def offers_csv(*, channel: str) -> Iterator[str]:
    """All offers as they are now, in pieces."""
    return csv_stream(FILE, _rows(channel))


def _rows(channel: str) -> Iterator[tuple[Any, ...]]:
    for offer in offer_rows(channel=channel).order_by("competitor__code", "pk").iterator(chunk_size=2000):
        yield (
            offer.competitor.code, offer.external_id, offer.ean, offer.sku, offer.title, offer.brand, offer.url,
            offer.price, offer.currency, {None: "", True: "yes", False: "no"}[offer.available], offer.observed_at,
            "yes" if offer.competitor.is_simulated else "no",
        )  # fmt: skip
