"""What overrides do to every level: shares of the products' sums, in pieces and in money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from django_ecomai.mirror.models import Product

from .days import period_days, period_of
from .models import Forecast
from .selectors import adjusted_days

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Effects:
    """Sums of periods, float64 [n, periods], as the model made them and with overrides, and who the products are."""

    base: NDArray[np.float64]
    final: NDArray[np.float64]
    keys: list[str]
    categories: list[str]
    prices: NDArray[np.float64]
    _rows: dict[str, int] = field(default_factory=dict)

    def factors(self, *, level: str, key: str, measure: str) -> NDArray[np.float64]:
        """By what a forecast is multiplied per period, float64 [periods]; 1 where nothing is known of the products."""
        if level == "product":
            mask = np.zeros(len(self.keys), dtype=bool)
            if key in self._rows:
                mask[self._rows[key]] = True
        elif level == "category":
            mask = np.array([one == key for one in self.categories], dtype=bool)
        else:
            mask = np.ones(len(self.keys), dtype=bool)
        weight = np.where(mask, self.prices if measure == "money" else 1.0, 0.0)[:, None]
        before, after = (self.base * weight).sum(axis=0), (self.final * weight).sum(axis=0)
        return np.where(before > 0, after / np.where(before > 0, before, 1.0), 1.0)

    def added(self, *, key: str) -> NDArray[np.float64]:
        """What overrides add to a product per period, float64 [periods]: also where the model expects nothing."""
        row = self._rows.get(key)
        return np.zeros(self.base.shape[1]) if row is None else self.final[row] - self.base[row]


def override_effects(*, channel: str, starts_on: date, frequency: str, periods: int) -> Effects | None:
    """Effects on ``periods`` from the one that begins on ``starts_on``; None where no override holds."""
    number = period_of(starts_on, frequency)
    bounds = period_days(np.arange(number, number + periods + 1), frequency)
    found = adjusted_days(channel=channel, start=starts_on, days=int(bounds[-1] - bounds[0]))
    if found is None or not len(found.products):
        return None
    splits = bounds[:-1] - bounds[0]
    columns = ("pk", "external_id", "category_external_ids", "price")
    facts = {row[0]: row[1:] for row in Product.objects.filter(channel=channel).values_list(*columns).iterator()}
    about = [facts.get(pk, ("", [], None)) for pk in found.products.tolist()]
    keys = [one[0] for one in about]
    return Effects(
        base=np.add.reduceat(found.base.astype(np.float64), splits, axis=1),
        final=np.add.reduceat(found.final.astype(np.float64), splits, axis=1),
        keys=keys,
        categories=[str(one[1][0]) if one[1] else "–" for one in about],
        prices=np.array([float(one[2] or 0) for one in about]),
        _rows={key: row for row, key in enumerate(keys)},
    )


def period_factors(rows: Sequence[Forecast], *, periods: int) -> dict[tuple[str, str], dict[int, float]]:
    """Factors of the first ``periods`` per level and key of stored rows, only those that are not 1."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    if not rows:
        return found
    effects = override_effects(
        channel=rows[0].channel, starts_on=rows[0].starts_on, frequency=rows[0].frequency, periods=periods
    )
    if effects is None:
        return found
    for row in rows:
        factors = effects.factors(level=row.level, key=row.key, measure=row.measure)
        changed = {place: float(one) for place, one in enumerate(factors.tolist()) if abs(one - 1) > 1e-9}
        if changed:
            found[(row.level, row.key)] = changed
    return found
