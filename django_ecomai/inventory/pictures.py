"""The supply chain as a picture (SVG from the server) and as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from django_ecomai.core.charts import format_value
from django_ecomai.mirror.admin.base import amount_format

from .scorecards import Scorecard, Stage
from .words import money_format

BOX, GAP, HEIGHT = 104, 74, 112


def _name(moment: str) -> str:
    return {
        "ordered": pgettext("supply chain", "Ordered"),
        "confirmed": pgettext("supply chain", "Confirmed"),
        "shipped": pgettext("supply chain", "Shipped"),
        "received": pgettext("supply chain", "In stock"),
        "placed": pgettext("supply chain", "Sold"),
        "delivered": pgettext("supply chain", "Delivered"),
    }[moment]


def _days(value: float | None) -> str:
    return "–" if value is None else _("%(n)s days") % {"n": number_format(value, decimal_pos=1)}


def chain_picture(card: Scorecard, customer: Sequence[Stage]) -> SafeString:
    """Boxes are moments, arrows the days between them; the stage that constrains is marked by colour and a word."""
    stages = [*card.stages, *[stage for stage in customer if stage.number]]
    constraint = card.constraint
    moments = [card.stages[0].start, *[stage.end for stage in card.stages]] if card.stages else []
    arrows: list[tuple[Stage | None, bool]] = [(stage, stage is constraint) for stage in card.stages]
    shown_customer = [stage for stage in customer if stage.number]
    if shown_customer:
        moments += ["placed", *[stage.end for stage in shown_customer]]
        arrows += [(None, False), *[(stage, False) for stage in shown_customer]]
    width = len(moments) * BOX + (len(moments) - 1) * GAP + 2
    boxes = format_html_join(
        "",
        '<rect x="{}" y="36" width="{}" height="40" rx="6" fill="none" stroke="currentColor"/>'
        '<text x="{}" y="61" font-size="13" text-anchor="middle" fill="currentColor">{}</text>',
        (
            (at * (BOX + GAP) + 1, BOX, at * (BOX + GAP) + 1 + BOX / 2, _name(moment))
            for at, moment in enumerate(moments)
        ),
    )
    lines = format_html_join(
        "",
        '<g class="{}"><path d="M{} 56 h{} m-7 -5 l7 5 l-7 5" fill="none" stroke="currentColor" stroke-width="{}"/>'
        '<text x="{}" y="28" font-size="12" text-anchor="middle" fill="currentColor">{}</text>'
        '<text x="{}" y="98" font-size="11" text-anchor="middle" fill="currentColor">{}</text></g>',
        (
            (
                "ecomai-constraint" if marked else "",
                at * (BOX + GAP) + BOX + 4,
                GAP - 6,
                3 if marked else 1.5,
                at * (BOX + GAP) + BOX + GAP / 2,
                _days(stage.mean) if stage is not None and stage.number else "",
                at * (BOX + GAP) + BOX + GAP / 2,
                _("bottleneck") if marked else "",
            )
            for at, (stage, marked) in enumerate(arrows)
        ),
    )
    told = "; ".join(
        _("%(start)s to %(end)s: %(days)s")
        % {"start": _name(one.start), "end": _name(one.end), "days": _days(one.mean)}
        for one in stages
        if one.number
    )
    title = _("The way of goods, with the days between its stages")
    return format_html(
        '<svg class="ecomai-chain" role="img" aria-label="{}: {}" viewBox="0 0 {} {}" focusable="false">'
        '<title>{}</title><desc>{}</desc>{}{}</svg><p class="ecomai-phone" aria-hidden="true">{}</p>',
        title, told or _("No data yet."), width, HEIGHT, title, told, boxes, lines, told,
    )  # fmt: skip


def constraint_words(card: Scorecard) -> str:
    """Which stage is the bottleneck, how long it takes, what its lateness cost, and what to ask for."""
    stage = card.constraint
    if stage is None:
        return ""
    named = {
        "start": _name(stage.start),
        "end": _name(stage.end),
        "mean": _days(stage.mean),
        "p90": _days(stage.p90),
        "cost": money_format(stage.cost, card.currency),
    }
    if stage.cost > 0:
        text = _(
            "Bottleneck: from “%(start)s” to “%(end)s” it takes %(mean)s on average, the slowest tenth more than "
            "%(p90)s. Demand worth %(cost)s of margin waited for what took longer than usual."
        )
    else:
        text = _("Bottleneck: “%(start)s” to “%(end)s” takes longest, %(mean)s on average.")
    return f"{text % named} {_ask(stage)}".strip()


def _ask(stage: Stage) -> str:
    """What shortens a stage."""
    return {
        "confirmed": _("Ask for a quicker confirmation, or send orders as files."),
        "shipped": _("Ask when goods are sent, or order earlier what they make to order."),
        "received": _("Ask for a faster carrier, or for more frequent deliveries."),
    }.get(stage.end, "")


def score_lines(card: Scorecard) -> list[tuple[Any, Any]]:
    """The scorecard as pairs of label and value."""
    share = "–" if card.on_time_in_full is None else f"{format_value(round(100 * card.on_time_in_full))} %"
    trend = "–"
    if card.trend is not None:
        sign = "+" if card.trend > 0 else "−" if card.trend < 0 else ""
        trend = _("%(n)s days in 90 days") % {"n": sign + number_format(abs(card.trend), decimal_pos=1)}
    late = ", ".join(_("%(n)d: %(age)s days late") % {"n": number, "age": age} for age, number in card.late if number)
    constraint = card.constraint
    lines: list[tuple[Any, Any]] = [
        (_("On time in full"), _("%(share)s of %(n)s lines") % {"share": share, "n": format_value(card.lines)}),
        (_("Agreed lead time"), _days(float(card.supplier.lead_time_days))),
        (_("Real lead time, mean"), _days(card.lead_mean)),
        (_("Spread (standard deviation)"), _days(card.lead_spread)),
        (_("Nine of ten arrive within"), _days(card.lead_p90)),
        (_("Trend"), trend),
        (_("Late orders"), late or _("none")),
        (_("Constraining stage"), f"{_name(constraint.start)} → {_name(constraint.end)}" if constraint else "–"),
        (_("Margin that waited for it"), amount_format(constraint.cost, card.currency) if constraint else "–"),
        (_("Products"), format_value(card.products)),
        (_("Without another supplier"), format_value(card.single_source)),
        (_("Margin of a week"), amount_format(card.margin_per_week, card.currency)),
        (_("of it without another supplier"), amount_format(card.margin_single, card.currency)),
        (_("Margin lost until it delivers: today's plan"), amount_format(card.margin_planned_loss, card.currency)),
        (_("if it is as slow as its slowest tenth"), amount_format(card.margin_slipped_loss, card.currency)),
        (_("Margin at risk from such a slip"), amount_format(card.margin_at_risk, card.currency)),
    ]  # fmt: skip
    if card.products_without_margin:
        lines.append((_("Left out of the money: another currency"), format_value(card.products_without_margin)))
    return lines
