"""Money of one currency: sums of pounds and euros mean nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from django.db.models import Count

from django_ecomai.mirror.models import Order

from .ledger import Ledger


def ledger_of_one_currency(ledger: Ledger, *, channel: str) -> tuple[Ledger, str, int]:
    """The ledger with the money of other currencies set to nothing (pieces stay), the currency that most orders are in
    ("" when none names one), and how many lines lost their money."""
    orders = Order.objects.filter(channel=channel, removed_at=None).exclude(currency="")
    counts = dict(orders.order_by().values_list("currency").annotate(number=Count("pk")))
    if not counts:
        return ledger, "", 0
    main = max(sorted(counts), key=lambda one: counts[one])
    if len(counts) == 1:
        return ledger, main, 0
    others = orders.exclude(currency=main).order_by("pk").values_list("pk", flat=True)
    foreign = np.isin(ledger.order, np.fromiter(others.iterator(chunk_size=10_000), dtype=np.int64))
    return replace(ledger, value=np.where(foreign, 0.0, ledger.value)), main, int(foreign.sum())
