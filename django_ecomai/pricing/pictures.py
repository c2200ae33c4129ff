"""Curves and the market as pictures (SVG from the server), each with its numbers in words beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value
from django_ecomai.core.currencies import currency_digits

from .held import exact_amount

WIDTH, HEIGHT = 420, 220
LEFT, RIGHT, TOP, FOOT = 46, 10, 34, 34
NEAR = 80  # pixels: about half of two labels
Mark = tuple[Any, float, str]  # what it is, its price, and a class of the style sheet


#: Beyond it no amount of money is meant, and differences lose their digits.
LARGEST = 1e12


def _finite(values: Sequence[Any]) -> list[float]:
    return [float(value) for value in values if value is not None and abs(float(value)) <= LARGEST]


class _Scale:
    """From values to pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self.low, self.high = min(values), max(values)
        reach = self.high - self.low
        if reach < 1e-9:
            reach = max(abs(self.high), 1.0)
            self.low, self.high = self.low - reach / 2, self.high + reach / 2
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def curve_picture(
    *,
    prices: Sequence[float],
    values: Sequence[float],
    title: Any,
    marks: Sequence[Mark],
    currency: str,
    band: tuple[Sequence[float], Sequence[float]] | None = None,
    from_zero: bool = False,
) -> SafeString:
    """What every price brings: ``values`` over ``prices``, with a shaded band and vertical marks at some prices.

    Empty without two points. ``from_zero``: the scale begins at 0.
    """
    points = [(float(x), float(y)) for x, y in zip(prices, values, strict=False) if len(_finite([x, y])) == 2]
    if len(points) < 2:
        return SafeString("")
    shown = [mark for mark in marks if _finite([mark[1]])]
    heights = [y for _x, y in points]
    edges: list[tuple[float, float, float]] = []
    if band is not None:
        edges = [
            (float(x), float(low), float(high))
            for x, low, high in zip(prices, *band, strict=False)
            if len(_finite([x, low, high])) == 3
        ]
        heights += [value for _x, low, high in edges for value in (low, high)]
    across = _Scale([x for x, _y in points] + [mark[1] for mark in shown], LEFT, WIDTH - RIGHT)
    up = _Scale([*heights, 0.0] if from_zero else heights, HEIGHT - FOOT, TOP)
    area = [f"{across(x):.1f},{up(high):.1f}" for x, _low, high in edges]
    area += [f"{across(x):.1f},{up(low):.1f}" for x, low, _high in reversed(edges)]
    line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
    told = _told(points, shown, currency)
    return format_html(
        '<svg class="ecomai-curve" role="img" aria-label="{}: {}" viewBox="0 0 {} {}" focusable="false">'
        "<title>{}</title>{}{}"
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round"/>{}</svg>',
        title, told, WIDTH, HEIGHT, title,
        _axes(across, up, currency),
        format_html('<polygon class="ecomai-band" points="{}"/>', " ".join(area)) if area else "",
        line,
        _marks(shown, across, points, up, currency),
    )  # fmt: skip


def _axes(across: _Scale, up: _Scale, currency: str) -> SafeString:
    ticks = [up.low + (up.high - up.low) * part / 2 for part in range(3)]
    rows = format_html_join(
        "",
        '<line class="ecomai-grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (LEFT, WIDTH - RIGHT, f"{up(one):.1f}", f"{up(one):.1f}", LEFT - 6, f"{up(one) + 4:.1f}", _short(one))
            for one in ticks
        ),
    )
    ends = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{} {}</text>',
        (
            (LEFT, HEIGHT - FOOT + 18, "start", _about(across.low, currency), currency),
            (WIDTH - RIGHT, HEIGHT - FOOT + 18, "end", _about(across.high, currency), currency),
        ),
    )
    return rows + ends


def _marks(
    marks: Sequence[Mark], across: _Scale, points: Sequence[tuple[float, float]], up: _Scale, currency: str
) -> SafeString:
    """Vertical lines with a dot on the curve; the labels of neighbours stand left and right of each other."""
    ordered = sorted(marks, key=lambda mark: mark[1])
    drawn = []
    for place, (label, price, kind) in enumerate(ordered):
        x = across(price)
        anchor = "end" if place == 0 and len(ordered) > 1 else "start"
        if x < LEFT + 90:
            anchor = "start"
        elif x > WIDTH - RIGHT - 90:
            anchor = "end"
        text = f"{label} {exact_amount(price, currency, named=False)}"
        drawn.append(
            (kind, f"{x:.1f}", f"{x:.1f}", TOP - 4, HEIGHT - FOOT, f"{x:.1f}", f"{up(_at(points, price)):.1f}",
             f"{x:.1f}", 12 if place % 2 == 0 else 26, anchor, text)
        )  # fmt: skip
    return format_html_join(
        "",
        '<g class="ecomai-mark ecomai-mark-{}"><line x1="{}" x2="{}" y1="{}" y2="{}"/><circle cx="{}" cy="{}" r="4"/>'
        '<text x="{}" y="{}" text-anchor="{}">{}</text></g>',
        drawn,
    )


def _at(points: Sequence[tuple[float, float]], price: float) -> float:
    """The curve's height at a price, between its points."""
    for (left, low), (right, high) in pairwise(points):
        if left <= price <= right:
            return low if right == left else low + (high - low) * (price - left) / (right - left)
    return points[0][1] if price < points[0][0] else points[-1][1]


def _told(points: Sequence[tuple[float, float]], marks: Sequence[Mark], currency: str) -> str:
    parts = [
        _("%(label)s %(price)s: %(value)s")
        % {
            "label": label,
            "price": exact_amount(price, currency, named=False),
            "value": _number(round(_at(points, price), 1)),
        }
        for label, price, _kind in marks
    ]
    best = max(points, key=lambda point: point[1])
    parts.append(_("highest %(value)s at %(price)s") % {"value": _number(best[1]), "price": _about(best[0], currency)})
    return "; ".join(parts)


def _number(value: float) -> str:
    """With a minus sign, not a hyphen."""
    return f"{'−' if value < 0 else ''}{format_value(abs(value))}"


def _about(price: float, currency: str) -> str:
    """A price of the scale: nobody asks for it."""
    if price >= 100:
        return format_value(round(price))
    return str(number_format(price, decimal_pos=currency_digits(currency)))


def _short(value: float) -> str:
    """``1.2k``: the label of an axis has little room."""
    if abs(value) >= 10_000:
        return f"{_number(round(value / 1000))}k"
    return _number(round(value, 0 if abs(value) >= 10 else 1))


def _anchor(at: Sequence[float], place: int) -> str:
    """Labels stand above and below in turn. Where the next one on the same side is near, the two are written away from
    each other: the line of one would run through the other."""
    if place + 2 < len(at) and at[place + 2] - at[place] < NEAR:
        return "end"
    return "start" if place >= 2 and at[place] - at[place - 2] < NEAR else "middle"


def market_strip(*, marks: Sequence[Mark], title: Any, currency: str) -> SafeString:
    """Own and competitors' prices on one line, low to high. Empty without two of them."""
    shown = sorted((mark for mark in marks if _finite([mark[1]])), key=lambda mark: mark[1])
    if len(shown) < 2:
        return SafeString("")
    across = _Scale([mark[1] for mark in shown], 100, WIDTH - 100)
    told = "; ".join(f"{label} {exact_amount(price, currency)}" for label, price, _kind in shown)
    at = [across(price) for _label, price, _kind in shown]
    dots = format_html_join(
        "",
        '<g class="ecomai-mark ecomai-mark-{}"><circle cx="{}" cy="52" r="6"/><line x1="{}" x2="{}" y1="52" y2="{}"/>'
        '<text x="{}" y="{}" text-anchor="{}">{} {}</text></g>',
        (
            (kind, f"{at[place]:.1f}", f"{at[place]:.1f}", f"{at[place]:.1f}", (36, 68, 22, 82)[place % 4],
             f"{at[place]:.1f}", (30, 80, 16, 94)[place % 4], _anchor(at, place), label,
             exact_amount(price, currency, named=False))
            for place, (label, price, kind) in enumerate(shown)
        ),
    )  # fmt: skip
    return format_html(
        '<svg class="ecomai-curve ecomai-strip" role="img" aria-label="{}: {}" viewBox="0 0 {} 104" focusable="false">'
        '<title>{}</title><line class="ecomai-grid" x1="20" x2="{}" y1="52" y2="52"/>{}</svg>',
        title, told, WIDTH, title, WIDTH - 20, dots,
    )  # fmt: skip
