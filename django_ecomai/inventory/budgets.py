"""The best set of orders for a given sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from .models import Suggestion


def budget_choose(*, rows: Iterable[Suggestion], budget: float) -> set[int]:
    """Products (primary keys) whose orders fit into ``budget`` and save most margin from being lost.

    Sums of different currencies cannot be added: only the currency that most rows have takes part.
    """
    from django_ecomai.ml.inventory.budget import best_orders

    wanted = [row for row in rows if row.to_order > 0 and row.unit_cost is not None]
    if not wanted:
        return set()
    currency = Counter(row.currency for row in wanted).most_common(1)[0][0]
    wanted = [row for row in wanted if row.currency == currency]
    value = [float(row.to_order * (row.unit_cost or 0)) for row in wanted]
    gain = [max(float(row.lost_margin or 0), 0.0) for row in wanted]
    chosen = best_orders(value, gain, budget)
    return {wanted[at].product_id for at in np.flatnonzero(chosen)}
