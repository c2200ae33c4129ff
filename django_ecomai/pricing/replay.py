"""What the prices that would have been proposed some weeks ago would have earned since: an estimate.

Elasticities are those of the sales before, prices as they were; costs, list prices, tax, attributes and rules are of
today, and of stock and competitors nothing is known. What was then sold at the actual price is moved by the elasticity
to the price that would have been proposed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from django_ecomai.forecast.days import midnight

from .learning import catalogue_read, learn
from .models import PriceProposal
from .proposing import Setting, proposals_of
from .reading import Reader, Weeks

PART, MOST_ROWS = 2_000, 50
Z95 = 1.96


@dataclass
class Money:
    """Sums in one currency. ``gain_low`` and ``gain_high``: the 95 % interval if all elasticities were wrong to the
    same side, the widest that there is; ``rows``: the largest gains as [shop's id, title, old, new, gain]."""

    products: int = 0
    revenue: float = 0.0
    profit: float = 0.0
    revenue_gain: float = 0.0
    gain: float = 0.0
    gain_sd: float = 0.0
    rows: list[list[Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "products": self.products,
            "revenue": round(self.revenue, 2),
            "profit": round(self.profit, 2),
            "revenue_gain": round(self.revenue_gain, 2),
            "gain": round(self.gain, 2),
            "gain_low": round(self.gain - Z95 * self.gain_sd, 2),
            "gain_high": round(self.gain + Z95 * self.gain_sd, 2),
            "rows": sorted(self.rows, key=lambda row: -abs(row[-1]))[:MOST_ROWS],
        }


@dataclass
class Replay:
    """From ``since`` to before ``until``, per currency; ``is_estimate`` is always true and says so to whoever reads the
    JSON. ``products`` that were on sale, of which ``changed`` would have had another price."""

    since: date
    until: date
    products: int = 0
    changed: int = 0
    money: dict[str, Money] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "is_estimate": True,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "products": self.products,
            "changed": self.changed,
            "money": {currency: one.as_dict() for currency, one in sorted(self.money.items())},
        }


def replay(*, channel: str = "", weeks: int = 4, progress: Callable[[float], None] | None = None) -> Replay:
    """Play the last ``weeks`` weeks again with the prices that would have been proposed at their beginning, and kept.

    Stock is taken as it was needed, competitors are left out (their offers of then are not looked at), and products
    whose elasticity or cost is not known keep their price. Raises ``ValueError`` for fewer than one week.
    """
    if weeks < 1:
        raise ValueError("replay(): weeks must be at least 1.")
    now = Reader(channel=channel)
    begin = now.until - timedelta(days=7 * weeks)
    then = Reader(channel=channel, until=begin)
    found = Replay(since=begin, until=now.until)
    catalogue = catalogue_read(channel=channel)
    learned = learn(
        channel=channel, reader=then, catalogue=catalogue, tests=False,
        progress=None if progress is None else lambda part: progress(0.6 * part),
    )  # fmt: skip
    setting = Setting.build(channel=channel, at=midnight(begin), reader=then, learned=learned)
    setting.past, setting.horizon = True, 7 * weeks
    from .rulebook import rules_in_use
    from .services.propose import family_parts

    everything = catalogue.products.tolist()
    parts = family_parts(channel=channel, product_ids=everything, rules=rules_in_use(channel=channel), size=PART)
    done = 0
    for part in parts:
        rows = [row for row in proposals_of(setting, part) if row.held_code in ("", "no_elasticity")]
        found.products += len(rows)
        moved = [row for row in rows if not row.held_code and row.new_price != row.old_price]
        moved = [row for row in moved if row.elasticity is not None and row.cost is not None]
        if moved:
            after = now.weeks(
                product_ids=sorted(row.product_id for row in moved),
                currencies=[row.currency for row in sorted(moved, key=lambda row: row.product_id)],
                weeks=weeks,
            )
            _add(found, sorted(moved, key=lambda row: row.product_id), after)
        done += len(part)
        if progress is not None:
            progress(0.6 + 0.4 * done / max(len(everything), 1))
    return found


def _add(found: Replay, rows: list[PriceProposal], weeks: Weeks) -> None:
    from django_ecomai.mirror.models import Product

    titles = {
        pk: (ident, title)
        for pk, ident, title in Product.objects.filter(pk__in=[row.product_id for row in rows][:PART]).values_list(
            "pk", "external_id", "title"
        )
    }
    for at, row in enumerate(rows):
        result = played(row, weeks.units[at], weeks.price[at])
        if result is None:
            continue
        revenue, profit, revenue_gain, gain, sd = result
        sums = found.money.setdefault(row.currency, Money())
        found.changed += 1
        sums.products += 1
        sums.revenue += revenue
        sums.profit += profit
        sums.revenue_gain += revenue_gain
        sums.gain += gain
        sums.gain_sd += sd
        ident, title = titles.get(row.product_id, ("", ""))
        sums.rows.append([ident, title, float(row.old_price or 0), float(row.new_price or 0), round(gain, 2)])
        if len(sums.rows) > 10 * MOST_ROWS:
            sums.rows = sorted(sums.rows, key=lambda one: -abs(one[-1]))[:MOST_ROWS]


def played(row: PriceProposal, units: Any, price: Any) -> tuple[float, float, float, float, float] | None:
    """Revenue (with tax) and profit (without) as they were, gains of both at the proposed price, and the deviation of
    the latter over the posterior of the elasticity. ``units`` and ``price`` [weeks]; None where nothing was sold."""
    from django_ecomai.ml.pricing.optimise import posterior_nodes

    sold = np.isfinite(price) & (units > 0)
    if not sold.any() or row.elasticity is None or row.cost is None or row.new_price is None:
        return None
    if row.elasticity_low is None or row.elasticity_high is None:
        return None
    pieces, paid, new, cost = units[sold], price[sold], float(row.new_price), float(row.cost)
    net = 1 / (1 + row.tax)
    nodes, weights = posterior_nodes()
    slope = np.minimum(row.elasticity + (row.elasticity_high - row.elasticity_low) / (2 * Z95) * nodes, 0.0)
    moved = pieces[:, None] * (new / paid)[:, None] ** slope[None, :]
    before = float((paid * pieces).sum())
    profit = float(((paid * net - cost) * pieces).sum())
    gains = (new * net - cost) * moved.sum(axis=0) - profit
    gain = float(gains @ weights)
    sd = float(np.sqrt(((gains - gain) ** 2 @ weights).clip(min=0.0)))
    return before, profit, float(new * moved.sum(axis=0) @ weights) - before, gain, sd
