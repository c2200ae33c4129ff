"""What the page of one proposal shows: curves, the market, how the price came about, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.core.charts import canvas_chart, format_value
from django_ecomai.mirror.admin.base import amount_format

from . import words
from .cross_words import cross_figure, cross_lines
from .held import exact_amount
from .journal import log_text
from .market import position_of, trusted_matches, usable
from .models import PriceChange, PriceProposal, PriceReduction
from .models.rules import POSITION_WORDS
from .pictures import Mark, curve_picture, market_strip
from .row_numbers import curve_of
from .worklist import costs_simulated

if TYPE_CHECKING:
    from django.contrib.admin.models import LogEntry

POINTS = 60  # of the price history


def proposal_page(*, row: PriceProposal, sees_offers: bool = False) -> dict[str, Any]:
    """Context of the page, in a fixed number of queries; ``sees_offers``: with links to the offers of competitors."""
    marks = _marks(row)
    curve = curve_of(row)
    prices = curve.get("prices") or []
    reductions = list(PriceReduction.objects.filter(product=row.product_id).order_by("-began_at")[:10])
    return {
        "simulated": costs_simulated(channel=row.channel),
        "figures": _figures(row),
        "effect": words.effect_words(row),
        "strength": words.STRENGTHS.get(row.strength, ""),
        "steps": words.trail_sentences(row),
        "demand_picture": curve_picture(
            prices=prices, values=curve.get("units") or [], marks=marks, currency=row.currency, from_zero=True,
            title=_("Pieces sold at each price, in %(days)s days") % {"days": row.horizon_days},
        ),
        "profit_picture": curve_picture(
            prices=prices, values=curve.get("profit") or [], marks=marks, currency=row.currency,
            band=(curve.get("profit_low") or [], curve.get("profit_high") or []),
            title=_("Profit at each price, in %(days)s days, with its likely range") % {"days": row.horizon_days},
        ),
        "curve_rows": _curve_rows(row, curve),
        "market_picture": _market(row),
        "market": words.market_words(row),
        "market_after": market_after(row),
        "offers": _offers(row, sees_offers),
        "market_simulated": row.market_simulated,
        "tried": words.tried_words(row),
        "cross_lines": cross_lines(row),
        "history_charts": _history(row),
        "price_points": _price_points(row),
        "reductions": [_reduction(one) for one in reductions],
    }  # fmt: skip


def _price_words(row: PriceProposal) -> tuple[str, str, str, str]:
    """The old and the new price as figures and as marks: what is in the shop is not proposed any more."""
    if row.state == PriceProposal.State.APPLIED:
        return _("Price before"), _("In the shop"), _("before"), _("in the shop")
    if row.state in (PriceProposal.State.OPEN, PriceProposal.State.HELD, *PriceProposal.WAITING):
        return _("Price today"), _("Proposed price"), _("today"), _("proposed")
    return _("Price of then"), _("Proposed price"), _("then"), _("proposed")


def _marks(row: PriceProposal) -> list[Mark]:
    _old, _new, before, after = _price_words(row)
    found: list[Mark] = []
    if row.old_price is not None:
        found.append((before, float(row.old_price), "today"))
    if row.new_price is not None and row.new_price != row.old_price:
        found.append((after, float(row.new_price), "proposed"))
    return found


def _figures(row: PriceProposal) -> list[tuple[Any, str, str]]:
    """Label, value and what stands small beside it."""
    days = _("in %(days)s days") % {"days": row.horizon_days}
    before, after, *_marked = _price_words(row)
    found: list[tuple[Any, str, str]] = [
        (before, exact_amount(row.old_price, row.currency), ""),
        (after, exact_amount(row.new_price, row.currency), words.signed_percent(row.change)),
    ]
    if row.gain is not None:
        gain, between = words.gain_words(row)
        found.append((_("Expected gain"), gain, f"{between}, {days}"))
        found.append((_("Chance of a gain"), words.gain_chance(row), ""))
    expected = row.expected
    if row.units_old is not None and row.units_new is not None:
        pair = f"{format_value(round(row.units_old, 1))} → {format_value(round(row.units_new, 1))}"
        found.append((_("Pieces"), pair, _within(expected["units"], days)))
    if row.revenue_old is not None and row.revenue_new is not None:
        pair = f"{words.money(row.revenue_old, '')} → {words.money(row.revenue_new, row.currency)}"
        found.append((_("Revenue"), pair, _within(expected["revenue"], days)))
    if row.profit_old is not None and row.profit_new is not None:
        pair = f"{words.money(row.profit_old, '')} → {words.money(row.profit_new, row.currency)}"
        found.append((_("Profit"), pair, _within(expected["profit"], days)))
    if (cross := cross_figure(row)) is not None:
        found.append(cross)
    if row.cost is not None:
        beside = _("without tax; %(tax)s tax in the prices") % {"tax": words.percent(row.tax)} if row.tax else ""
        found.append((_("Cost"), exact_amount(row.cost, row.currency), beside))
    if row.list_price is not None:
        found.append((_("List price"), exact_amount(row.list_price, row.currency), ""))
    return found


def market_after(row: PriceProposal) -> str:
    """Where the proposed price would stand among the offers; empty without them or without another price."""
    market = row.market or {}
    if row.new_price is None or row.new_price == row.old_price or not {"lowest", "median"} <= market.keys():
        return ""
    lowest, middle = (Decimal(str(market[name])) for name in ("lowest", "median"))
    position = position_of(row.new_price, lowest, middle)
    return _("At the proposed price: %(position)s.") % {"position": POSITION_WORDS.get(position, position)}


def _within(ends: list[float] | None, days: str) -> str:
    """``36.2 to 39.1, in 28 days``."""
    return ", ".join(filter(None, (words.range_words(ends), days)))


def _offers(row: PriceProposal, linked: bool) -> list[dict[str, Any]]:
    """Who asks what by now, the lowest first: the offers that count."""
    matches = trusted_matches(channel=row.channel, product_ids=[row.product_id]).exclude(offer__available=False)
    own, currency = row.product.price, row.product.currency
    return [
        {
            "name": str(one.offer.competitor),
            "title": one.offer.title,
            "price": exact_amount(one.offer.price, one.offer.currency),
            "seen": one.offer.observed_at,
            "url": reverse("admin:ecomai_pricing_competitoroffer_change", args=[one.offer_id]) if linked else "",
        }
        for one in matches.select_related("offer__competitor").order_by("offer__price", "pk")
        if one.offer.price is not None and usable(one.offer.price, one.offer.currency, own, currency)
    ]


def _curve_rows(row: PriceProposal, curve: dict[str, list[float]]) -> list[tuple[str, ...]]:
    """The numbers of both curves: price, pieces, profit and its ends."""
    columns = [curve.get(name) or [] for name in ("prices", "units", "profit", "profit_low", "profit_high")]
    return [
        (
            amount_format(price, row.currency),
            format_value(round(units, 1)),
            words.money(profit, row.currency),
            f"{words.money(low, '')} – {words.money(high, row.currency)}",
        )
        for price, units, profit, low, high in zip(*columns, strict=False)
    ]


def _market(row: PriceProposal) -> SafeString:
    market = row.market or {}
    if not market:
        return SafeString("")
    marks = _marks(row)
    for name, label in (("lowest", _("lowest")), ("median", _("median"))):
        if market.get(name) is not None:
            marks.append((label, float(market[name]), "market"))
    return market_strip(marks=marks, title=_("Own price among the offers of competitors"), currency=row.currency)


def _history(row: PriceProposal) -> list[SafeString]:
    """Pieces and mean price per week: two pictures, as their scales have nothing in common."""
    history = row.history or {}
    found = []
    for name, label, title in (
        ("units", _("pieces sold"), _("Pieces sold per week")),
        ("prices", _("mean price"), _("Mean price per week (%(currency)s)") % {"currency": row.currency}),
    ):
        values = list(history.get(name) or [])
        if any(value is not None for value in values):
            labels = [_("%(n)s weeks ago") % {"n": len(values) - place} for place in range(len(values))]
            found.append(
                canvas_chart(kind="line", labels=labels, series=[(label, values)], title=title, label_heading=_("Week"))
            )
    return found


def _price_points(row: PriceProposal) -> list[tuple[str, str, str]]:
    """The last prices of the history, newest first."""
    points = row.product.price_points.order_by("-valid_from", "-pk")[:POINTS]
    return [
        (
            date_format(timezone.localtime(point.valid_from), "SHORT_DATETIME_FORMAT"),
            exact_amount(point.price, point.currency),
            exact_amount(point.list_price, point.currency),
        )
        for point in points
    ]


def decisions(log: Sequence[LogEntry], changes: Sequence[PriceChange]) -> list[tuple[datetime, Any, str]]:
    """When, who and what, newest first. The log's line of a price that was put into the shop is left out: the change
    itself tells it, with what became of it."""
    applied = [one for one in changes if one.kind == PriceChange.Kind.APPLY]
    found: list[tuple[datetime, Any, str]] = [(one.at, one.user, _changed(one)) for one in changes]
    for entry in log:
        text = log_text(str(entry.change_message))
        told = any(
            one.at <= entry.action_time
            and str(one.proposal_id) == entry.object_id
            and text.endswith(f"{one.old_price.normalize():f} → {one.new_price.normalize():f}")
            for one in applied
        )
        if not told:
            found.append((entry.action_time, entry.user, text))
    return sorted(found, key=lambda one: one[0], reverse=True)


def _changed(one: PriceChange) -> str:
    old = exact_amount(one.old_price, one.currency, named=False)
    parts = [
        f"{one.get_kind_display()}: {old} → {exact_amount(one.new_price, one.currency)}",
        _("undone") if one.undone_at else str(one.get_verdict_display()) if one.verdict else "",
    ]
    return " – ".join(filter(None, parts))


def _reduction(one: PriceReduction) -> dict[str, Any]:
    return {
        "began": one.began_at,
        "ended": one.ended_at,
        "price": exact_amount(one.price, one.currency),
        "list_price": exact_amount(one.list_price, one.currency),
        "lowest": exact_amount(one.lowest_before, one.currency),
        "runs": one.runs_at(timezone.now()),
    }
