"""What a carousel is worth: counted by a job into a small table, so that a page can put the best one on top."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.events.models import EventName

from . import config
from .models import SlotStat
from .selectors import attributed_lines, people_events

if TYPE_CHECKING:
    from django_ecomai.runs.services import RunContext

# So many days count: enough for rates, few enough to follow the season.
COUNT_DAYS = 30
# Before anything is known: one click in a hundred impressions, one purchase in fifty clicks.
_CLICKS, _IMPRESSIONS = 1.0, 100.0
_PURCHASES, _CLICKED = 1.0, 50.0
# A carousel's own rates weigh as much as the shop's after so many impressions and clicks.
PRIOR_IMPRESSIONS = 200.0
PRIOR_CLICKS = 20.0

Counts = dict[tuple[str, str], tuple[int, int, int]]


def values_count(context: RunContext) -> None:
    """The job ``recommend.value``: count impressions, clicks and purchases per carousel, and replace the table."""
    now = timezone.now()
    context.progress(0.1, _("counting what was shown and clicked"))
    counts = slot_counts(channel=context.channel, since=now - timedelta(days=COUNT_DAYS), until=now)
    rows = slot_stats_write(channel=context.channel, counts=counts, at=now)
    context.metrics(carousels=len(rows), impressions=sum(found[0] for found in counts.values()))
    context.progress(1.0, _("%(number)d carousels were counted.") % {"number": len(counts)})


def slot_counts(*, channel: str, since: datetime, until: datetime) -> Counts:
    """(placement, carousel) -> (impressions, clicks, purchases) in ``[since, until)``.

    A purchase is an order line that follows a click, as in ``selectors.attribution_rule``.
    """
    events = people_events(channel, since, until).filter(name__in=[EventName.VIEW_ITEM_LIST, EventName.SELECT_ITEM])
    grouped = events.exclude(placement="").order_by().values_list("placement", "properties__slot", "name")
    shown: Counter[tuple[str, str]] = Counter()
    clicked: Counter[tuple[str, str]] = Counter()
    for placement, slot, name, number in grouped.annotate(n=Count("pk")):
        (clicked if name == EventName.SELECT_ITEM else shown)[placement, _slot(slot)] += number
    bought = Counter((line.placement, _slot(line.slot)) for line in attributed_lines(channel, since, until))
    return {key: (shown[key], clicked[key], bought[key]) for key in sorted({*shown, *clicked, *bought})}


def _slot(value: Any) -> str:
    return "" if value is None else str(value)[:32]


def slot_values(counts: Counts) -> dict[tuple[str, str], float]:
    """(placement, carousel) -> expected purchases per impression, with the shop's own under ``("", "")``.

    Both rates are shrunk towards the shop's (empirical Bayes with a fixed weight): a carousel that was hardly shown is
    worth what the average one is, and one lucky click does not lift it.
    """
    impressions, clicks, purchases = (sum(found[place] for found in counts.values()) for place in range(3))
    ctr = (min(clicks, impressions) + _CLICKS) / (impressions + _IMPRESSIONS)
    cvr = (min(purchases, clicks) + _PURCHASES) / (clicks + _CLICKED)
    values = {("", ""): ctr * cvr}
    for key, (shown, clicked, bought) in counts.items():
        own_ctr = (min(clicked, shown) + PRIOR_IMPRESSIONS * ctr) / (shown + PRIOR_IMPRESSIONS)
        own_cvr = (min(bought, clicked) + PRIOR_CLICKS * cvr) / (clicked + PRIOR_CLICKS)
        values[key] = own_ctr * own_cvr
    return values


def slot_stats_write(*, channel: str, counts: Counts, at: datetime) -> list[SlotStat]:
    """Replace the results of a shop. Without any impression the table is left empty: there is nothing to order by."""
    values = slot_values(counts) if any(shown for shown, _clicks, _bought in counts.values()) else {}
    total = [sum(found[place] for found in counts.values()) for place in range(3)]
    rows = [
        SlotStat(
            channel=channel, placement=key[0], slot=key[1], value=value, counted_at=at,
            **dict(zip(("impressions", "clicks", "purchases"), counts.get(key, total), strict=True)),
        )
        for key, value in sorted(values.items())
    ]  # fmt: skip
    with transaction.atomic():
        SlotStat.objects.filter(channel=channel).delete()
        SlotStat.objects.bulk_create(rows, batch_size=1000)
    config.forget()
    return rows
