"""Where the shop stands: counted and stored by the nightly job, counted anew by its page while the offers are few."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from django_ecomai.runs.models import Run

from .market import CategoryPosition, category_positions, positions_counted, positions_now, trusted_matches
from .market_alerts import MARKET_ALERTS, MarketAlert, market_alerts
from .market_rows import MATCH

KIND = MATCH
#: Alerts of a kind that are told one by one; categories that are, those with most products first.
MOST_ALERTS, MOST_CATEGORIES = 20, 500
#: Up to so many trusted offers the page counts at each view.
FEW = 20_000


@dataclass(frozen=True)
class MarketNumbers:
    """``positions`` and ``alerts`` as counts by kind; ``first`` of each kind of alert the gravest; ``categories`` with
    their positions, largest first; ``at``: when that was counted."""

    at: datetime | None
    positions: dict[str, int]
    alerts: dict[str, int]
    first: dict[str, list[MarketAlert]]
    categories: list[CategoryPosition]

    def as_dict(self) -> dict[str, Any]:
        """For the metrics of a run; when it was, the run itself says."""
        return {
            "positions": self.positions,
            "alerts": self.alerts,
            "first": {
                kind: [{**asdict(one), "price": str(one.price), "own": str(one.own)} for one in rows]
                for kind, rows in self.first.items()
            },
            "categories": [[row.name, dict(row.counts), row.gap] for row in self.categories],
        }


def market_numbers(*, channel: str) -> MarketNumbers:
    """Counted now; whole tables are read."""
    found, alerts = positions_now(channel=channel), market_alerts(channel=channel)
    return MarketNumbers(
        at=timezone.now(),
        positions=dict(positions_counted(found)),
        alerts={kind: len(rows) for kind, rows in alerts.items() if rows},
        first={kind: rows[:MOST_ALERTS] for kind, rows in alerts.items() if rows},
        categories=category_positions(found)[:MOST_CATEGORIES],
    )


def market_numbers_latest(*, channel: str) -> MarketNumbers | None:
    """What the last run counted; None before the first. One query."""
    runs = Run.objects.filter(kind=KIND, channel=channel, state=Run.State.DONE, metrics__has_key="market")
    run = runs.order_by("-pk").first()
    if run is None:
        return None
    told = run.metrics["market"]
    return MarketNumbers(
        at=run.finished_at,
        positions=told["positions"],
        alerts={kind: number for kind, number in told["alerts"].items() if kind in MARKET_ALERTS},
        first={
            kind: [MarketAlert(**{**one, "price": Decimal(one["price"]), "own": Decimal(one["own"])}) for one in rows]
            for kind, rows in told.get("first", {}).items()
        },
        categories=[CategoryPosition(name, Counter(counts), gap) for name, counts, gap in told.get("categories", [])],
    )


def market_numbers_shown(*, channel: str) -> MarketNumbers | None:
    """Counted now where that is quick, else as stored; None where neither is there."""
    return (
        market_numbers(channel=channel) if market_is_small(channel=channel) else market_numbers_latest(channel=channel)
    )


def market_is_small(*, channel: str) -> bool:
    """Whether the trusted offers are so few that a page may count them. One query."""
    return trusted_matches(channel=channel).order_by().values("pk")[: FEW + 1].count() <= FEW
