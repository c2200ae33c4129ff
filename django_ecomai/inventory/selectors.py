"""Reading the worklist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast

from .alerts import ALERTS
from .models import Suggestion


@dataclass
class Summary:
    """What stands above the worklist: products per status, and what is still to be decided."""

    statuses: list[tuple[str, Any, int]] = field(default_factory=list)
    to_decide: int = 0
    accepted: int = 0
    values: list[tuple[Decimal, str]] = field(default_factory=list)
    as_of: date | None = None
    made_at: datetime | None = None
    simulated: bool = False

    @property
    def last_day(self) -> date | None:
        """The last day with data; suggestions stand for the day after it."""
        return self.as_of and self.as_of - timedelta(days=1)

    @property
    def total(self) -> int:
        """All products."""
        return sum(number for _status, _label, number in self.statuses)


def worklist_summary(*, channel: str = "") -> Summary:
    """Three queries whatever the number of products."""
    rows = Suggestion.objects.filter(channel=channel)
    counted = dict(rows.order_by().values_list("status").annotate(number=Count("pk")))
    open_ones = rows.filter(state=Suggestion.State.OPEN, quantity__gt=0, order_line=None).order_by()
    sums = list(open_ones.values_list("currency").annotate(money=Sum("value"), number=Count("pk")))
    facts = rows.aggregate(
        as_of=Max("as_of"),
        made_at=Max("made_at"),
        simulated=Count("pk", filter=Q(supplier__is_simulated=True)),
        accepted=Count("pk", filter=Q(state__in=[Suggestion.State.ACCEPTED, Suggestion.State.EDITED], order_line=None)),
    )
    return Summary(
        statuses=[(status.value, status.label, counted.get(status.value, 0)) for status in Suggestion.Status],
        to_decide=sum(number for _currency, _money, number in sums),
        accepted=facts["accepted"],
        values=sorted(((money, currency) for currency, money, _number in sums if money), reverse=True),
        as_of=facts["as_of"],
        made_at=facts["made_at"],
        simulated=bool(facts["simulated"]),
    )


def with_alert(rows: QuerySet[Suggestion], code: str) -> QuerySet[Suggestion]:
    """Those that an alert holds for, found by the database."""
    found: QuerySet[Suggestion] = _alerts_as_text(rows).filter(told__contains=f'"{code}"')
    return found


def alert_counts(*, channel: str = "") -> dict[str, int]:
    """How many products each alert holds for; one query."""
    counts = {code: Count("pk", filter=Q(told__contains=f'"{code}"')) for code in ALERTS}
    rows = _alerts_as_text(Suggestion.objects.filter(channel=channel)).exclude(alerts=[])
    found: dict[str, int] = rows.aggregate(**counts)
    return found


def _alerts_as_text(rows: QuerySet[Suggestion]) -> Any:
    # Not every database looks into a JSON list.
    return rows.annotate(told=Cast("alerts", TextField()))


def suggestion_rows(*, channel: str = "", statuses: Sequence[str] = (), state: str = "") -> Any:
    """Suggestions with product and supplier, most margin at stake first."""
    rows = Suggestion.objects.filter(channel=channel).select_related("product", "supplier", "order_line__order")
    if statuses:
        rows = rows.filter(status__in=statuses)
    if state:
        rows = rows.filter(state=state)
    return rows.order_by("-lost_margin", "pk")
