"""What the start page tells about competitors: counted by the nightly job, read with one query."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django_ecomai.runs.models import Run

from .market import positions_counted
from .market_alerts import MARKET_ALERTS, MarketAlert, market_alerts

KIND = "pricing.match"
MOST = 5


@dataclass(frozen=True)
class MarketNumbers:
    """``positions`` and ``alerts`` as counts by kind; ``worst``: who undercuts the most; ``at``: when that was."""

    at: datetime | None
    positions: dict[str, int]
    alerts: dict[str, int]
    worst: list[MarketAlert]


def market_numbers(*, channel: str) -> dict[str, Any]:
    """Count, for the metrics of a run; whole tables are read."""
    alerts = market_alerts(channel=channel)
    worst = [{**asdict(one), "price": str(one.price), "own": str(one.own)} for one in alerts["undercut"][:MOST]]
    return {
        "positions": dict(positions_counted(channel=channel)),
        "alerts": {kind: len(rows) for kind, rows in alerts.items() if rows},
        "worst": worst,
    }


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
        worst=[
            MarketAlert(**{**one, "price": Decimal(one["price"]), "own": Decimal(one["own"])}) for one in told["worst"]
        ],
    )
