"""What other limits would do to the open proposals: counted on the stored rows, nothing is worked out anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, F, FloatField, Q, Sum
from django.db.models.functions import Cast

from .models import PriceProposal, PricingRule
from .rulebook import MERGED
from .shop_limits import OF_PRICES

Values = Mapping[str, float | None]
SEEKING = (PricingRule.Action.PROFIT, PricingRule.Action.REVENUE)
#: By which names a proposal says that it stands at a limit.
BINDING = {
    "max_change_day": ("max_fall_day", "max_rise_day"),
    "max_change_week": ("max_fall_week", "max_rise_week"),
    "corridor_low": ("corridor_low",),
    "corridor_high": ("corridor_high",),
    "min_margin": ("min_margin",),
}
_SLACK = 1e-6
_NONE = Q(pk__in=[])


@dataclass(frozen=True)
class LimitsPreview:
    """Of ``open`` proposals ``changed`` would not stay as they are: ``outside`` have a price that the new limits do not
    allow, ``small`` gain too little, ``further`` stand at a limit that becomes wider. ``waiting``: approved prices, not
    yet in the shop, that would be refused. ``more``: the least gain falls, so that a run may propose more."""

    open: int = 0
    changed: int = 0
    outside: int = 0
    small: int = 0
    further: int = 0
    waiting: int = 0
    more: bool = False


def limits_preview(*, channel: str, before: Values, after: Values) -> LimitsPreview:
    """Three queries. A change per week is measured from today's price, as rows do not hold that of a week ago, so it
    counts too few where a price has just moved. Limits of rules that are stricter are not known here."""
    rows = PriceProposal.objects.filter(channel=channel).order_by().annotate(
        new=Cast("new_price", FloatField()), old=Cast("old_price", FloatField()),
        listed=Cast("list_price", FloatField()), paid=Cast("cost", FloatField()) * (1.0 + F("tax")),
    )  # fmt: skip
    outside = further = _NONE
    for name in OF_PRICES:
        was, now = before[name], after[name]
        if was == now:
            continue
        if now is not None and (was is None or MERGED[name](was, now) == now):
            outside |= _beyond(name, now)
        else:
            further |= Q(binding__in=BINDING[name])
    seeking = Q(goal__in=SEEKING, propensity=None)
    least, share = after["min_gain"] or 0.0, after["min_gain_share"] or 0.0
    rises = least > (before["min_gain"] or 0.0) or share > (before["min_gain_share"] or 0.0)
    small = seeking & _less(least, share, "gain", "profit_old", "revenue_old") & Q(family="") if rises else _NONE
    undecided = rows.filter(state=PriceProposal.State.OPEN)
    found = undecided.aggregate(
        open=Count("pk"), outside=Count("pk", filter=outside), small=Count("pk", filter=small),
        further=Count("pk", filter=further), changed=Count("pk", filter=outside | small | further),
    )  # fmt: skip
    if rises:  # a family is proposed as a whole, by what it gains together
        members = PriceProposal.objects.filter(seeking, channel=channel, state=PriceProposal.State.OPEN)
        members = members.exclude(family="")
        sums = members.order_by().values("family").annotate(
            together=Sum("gain"), profit=Sum("profit_old"), revenue=Sum("revenue_old")
        )  # fmt: skip
        low = sums.filter(_less(least, share, "together", "profit", "revenue", goal=False)).values("family")
        number = members.filter(family__in=low).count()
        found["small"] += number
        found["changed"] = min(found["changed"] + number, found["open"])
    waiting = rows.filter(outside, state__in=PriceProposal.WAITING).count() if outside is not _NONE else 0
    more = least < (before["min_gain"] or 0.0) or share < (before["min_gain_share"] or 0.0)
    return LimitsPreview(waiting=waiting, more=more, **found)


def _beyond(name: str, limit: float) -> Q:
    """Rows whose proposed price the limit does not allow."""
    if name == "corridor_low":
        return Q(new__lt=F("listed") * limit - _SLACK)
    if name == "corridor_high":
        return Q(new__gt=F("listed") * limit + _SLACK)
    if name == "min_margin":
        return Q(paid__gt=F("new") * (1 - limit) + _SLACK)
    return Q(new__gt=F("old") * (1 + limit) + _SLACK) | Q(new__lt=F("old") * (1 - limit) - _SLACK)


def _less(least: float, share: float, gain: str, profit: str, revenue: str, *, goal: bool = True) -> Q:
    """Rows that gain less than the amount or the share of what is earned at today's price."""
    if not goal:
        return Q(**{f"{gain}__lt": least}) | Q(**{f"{gain}__lt": F(profit) * share})
    ofs = Q(goal="profit", **{f"{gain}__lt": F(profit) * share}) | Q(
        goal="revenue", **{f"{gain}__lt": F(revenue) * share}
    )
    return Q(**{f"{gain}__lt": least}) | ofs
