"""What stands above the list of proposed prices, and what several of them come to together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Count, Max, Q, Sum

from .models import PriceProposal

State = PriceProposal.State


@dataclass
class Summary:
    """Proposals per state, what the open ones would earn, and when they were worked out."""

    states: list[tuple[str, Any, int]] = field(default_factory=list)
    open: int = 0
    gains: list[tuple[float, str]] = field(default_factory=list)
    horizon_days: int | None = None
    made_at: datetime | None = None
    simulated: bool = False
    overdue: int = 0
    take_back: int = 0
    following: int = 0
    untold: int = 0
    released: int = 0
    unread: int = 0

    @property
    def total(self) -> int:
        """All proposals."""
        return sum(number for _state, _label, number in self.states)


def worklist_summary(*, channel: str = "") -> Summary:
    """Four queries whatever the number of proposals. ``simulated``: the costs are, as the suppliers are. One more while
    prices are being written: ``unread`` are those of which the shop has long not said whether it has them.

    Four more where the adapter cannot write: ``overdue`` are approved prices that should long be in the shop,
    ``take_back`` those there that earned too little, ``following`` those that wait for how others do,
    ``untold`` those of them that wait for a person, since nothing can be told of the others, ``released``
    those that came into the CSV file by that.
    """
    from .services.adopt import prices_following, prices_overdue, prices_to_take_back
    from .services.foreseeing import UNTOLD
    from .services.unread import prices_unread

    rows = PriceProposal.objects.filter(channel=channel)
    counted = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    undecided = rows.filter(state=State.OPEN).order_by()
    money = undecided.exclude(goal="sell_through").values_list("currency")
    sums = list(money.annotate(gain=Sum("gain"), days=Max("horizon_days")))
    following, released = prices_following(channel=channel)
    waiting = following.aggregate(all=Count("pk"), untold=Count("pk", filter=Q(held_code=UNTOLD)))
    return Summary(
        states=[(state.value, state.label, counted.get(state.value, 0)) for state in State],
        open=counted.get(State.OPEN.value, 0),
        gains=sorted(((gain, currency) for currency, gain, _days in sums if gain), reverse=True),
        horizon_days=max((days for _currency, _gain, days in sums), default=None),
        made_at=rows.aggregate(at=Max("made_at"))["at"],
        simulated=costs_simulated(channel=channel),
        overdue=prices_overdue(channel=channel).count(),
        take_back=prices_to_take_back(channel=channel).count(),
        following=waiting["all"] - waiting["untold"],
        untold=waiting["untold"],
        released=released.count(),
        unread=prices_unread(channel=channel).count() if counted.get(State.WRITING.value) else 0,
    )


def costs_simulated(*, channel: str) -> bool:
    """Whether the shop's suppliers, and with them its costs, are simulated."""
    if not apps.is_installed("django_ecomai.inventory"):
        return False
    from django_ecomai.inventory.models import Supplier

    return bool(Supplier.objects.filter(channel=channel, is_simulated=True).exists())


@dataclass
class Together:
    """Several proposals as one decision."""

    number: int = 0
    up: int = 0
    down: int = 0
    gains: dict[str, list[float]] = field(default_factory=dict)
    risks: dict[str, int] = field(default_factory=dict)
    horizon_days: int = 0
    largest: float = 0.0
    high_gains: dict[str, float] = field(default_factory=dict)  # of those of high risk, per currency
    market_simulated: int = 0  # beside simulated offers of competitors

    @property
    def high_risk(self) -> int:
        """How many are of high risk."""
        return self.risks.get(PriceProposal.Risk.HIGH.value, 0)


def together(rows: Iterable[PriceProposal]) -> Together:
    """Number, ups and downs, expected gain per currency with its lower and upper end, risks.

    The ends are those of all products added up, as if all elasticities were wrong to the same side: many are learned
    from one category, so their errors are shared.
    """
    found = Together()
    for row in rows:
        change = row.change or 0.0
        found.number += 1
        found.up += change > 0
        found.down += change < 0
        found.market_simulated += bool(row.market_simulated)
        found.largest = max(found.largest, abs(change))
        found.horizon_days = max(found.horizon_days, row.horizon_days)
        found.risks[row.risk] = found.risks.get(row.risk, 0) + 1
        if row.gain is not None and row.goal != "sell_through":
            sums = found.gains.setdefault(row.currency, [0.0, 0.0, 0.0])
            if row.risk == PriceProposal.Risk.HIGH:
                found.high_gains[row.currency] = found.high_gains.get(row.currency, 0.0) + row.gain
            ends = (row.gain, row.gain_low, row.gain_high)
            found.gains[row.currency] = [
                total + (row.gain if end is None else end) for total, end in zip(sums, ends, strict=True)
            ]
    return found
