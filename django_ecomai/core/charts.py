"""Charts: small ones drawn on the server as SVG, large ones by the vendored Chart.js over a table that is always there.

Everything is escaped, nothing needs inline script or style, and each chart can be read without seeing it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string
from django.utils.formats import get_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

KINDS = ("line", "bar")


def _number(value: Any) -> float | None:
    """A finite float, or ``None`` for what is missing."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


class NumberWriter:
    """Writes numbers as Django's ``number_format`` does in the language that is active when it is made; asking for the
    language, and for how it writes numbers, takes longer than to write one."""

    def __init__(self) -> None:
        self.language = get_language()
        self._point, self._group, size = (
            get_format(name, self.language) for name in ("DECIMAL_SEPARATOR", "THOUSAND_SEPARATOR", "NUMBER_GROUPING")
        )
        self._by_thousands = size == 3

    def value(self, value: float | int | None) -> str:
        """As ``format_value``."""
        if value is None:
            return "–"
        places = 0 if abs(value) >= 100 or float(value).is_integer() else 2
        shown = round(value, places)
        # Decimals, huge numbers and what is none are Django's. Who has places has no groups: he is below 1000.
        if not (self._by_thousands and isinstance(shown, int | float) and abs(shown) < 1e15):
            return str(number_format(shown, decimal_pos=places, use_l10n=True, force_grouping=True))
        return f"{shown:.2f}".replace(".", self._point) if places else f"{shown:,.0f}".replace(",", self._group)

    def places(self, value: float, places: int) -> str:
        """With so many decimals, to which it is rounded already, and without groups unless the settings ask for
        them."""
        if not abs(value) < 1000:
            return str(number_format(value, decimal_pos=places))
        return f"{value:.{places}f}".replace(".", self._point)


def format_value(value: float | int | None) -> str:
    """A number as people write it: no decimals from 100 on or when whole, at most two below, in the active language."""
    return NumberWriter().value(value)


def _describe(numbers: Sequence[float | None]) -> str:
    known = [number for number in numbers if number is not None]
    if not known:
        return _("No data yet.")
    return _("From %(first)s to %(last)s; lowest %(low)s, highest %(high)s.") % {
        "first": format_value(known[0]),
        "last": format_value(known[-1]),
        "low": format_value(min(known)),
        "high": format_value(max(known)),
    }


def _segments(
    numbers: Sequence[float | None], width: float, height: float, pad: float
) -> list[list[tuple[float, float]]]:
    """Runs of known points in pixels; a gap in the data is a gap in the line. The scale always includes zero."""
    known = [number for number in numbers if number is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    # Divided first: values near the largest float would overflow in high - low.
    scale = max(abs(low), abs(high)) or 1.0
    reach = (high / scale - low / scale) or 1.0
    step = (width - 2 * pad) / max(len(numbers) - 1, 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for index, number in enumerate(numbers):
        if number is None:
            runs.append([])
            continue
        up = (number / scale - low / scale) / reach
        runs[-1].append((pad + index * step, height - pad - up * (height - 2 * pad)))
    return [run for run in runs if run]


def _polylines(runs: Iterable[Sequence[tuple[float, float]]]) -> SafeString:
    return format_html_join(
        "",
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"'
        ' stroke-linecap="round" stroke-linejoin="round"/>',
        # A single point is drawn as a dot: a line of no length with round ends.
        ((" ".join(f"{x:.1f},{y:.1f}" for x, y in (run if len(run) > 1 else [run[0], run[0]])),) for run in runs),
    )


def sparkline(values: Sequence[Any], *, title: Any, width: int = 120, height: int = 28) -> SafeString:
    """A line without axes for a table cell. ``values``: numbers in order of time, ``None`` or NaN for a gap.

    Screen readers hear ``title`` with first, last, lowest and highest value.
    """
    numbers = [_number(value) for value in values]
    summary = _describe(numbers)
    return format_html(
        '<svg class="ecomai-sparkline" role="img" aria-label="{}: {}" width="{}" height="{}" viewBox="0 0 {} {}"'
        ' focusable="false"><title>{}</title><desc>{}</desc>{}</svg>',
        title, summary, width, height, width, height, title, summary,
        _polylines(_segments(numbers, width, height, 3)),
    )  # fmt: skip


def line_chart(points: Sequence[tuple[Any, Any]], *, title: Any, width: int = 640, height: int = 180) -> SafeString:
    """A line with its first and last label and its highest value. ``points``: ``(label, number or None)`` in order."""
    numbers = [_number(value) for _label, value in points]
    summary = _describe(numbers)
    known = [number for number in numbers if number is not None]
    foot, left = 18, 4
    labels = [str(points[0][0]), str(points[-1][0])] if points else ["", ""]
    return format_html(
        '<svg class="ecomai-line" role="img" aria-label="{}: {}" viewBox="0 0 {} {}" focusable="false">'
        "<title>{}</title><desc>{}</desc>"
        '<line x1="0" y1="{}" x2="{}" y2="{}" stroke="currentColor" stroke-opacity=".25"/>{}'
        '<text x="{}" y="{}" font-size="11" fill="currentColor">{}</text>'
        '<text x="{}" y="{}" font-size="11" fill="currentColor" text-anchor="end">{}</text>'
        '<text x="{}" y="12" font-size="11" fill="currentColor">{}</text></svg>',
        title, summary, width, height, title, summary,
        height - foot, width, height - foot,
        _polylines(_segments(numbers, width, height - foot, 4)),
        left, height - 4, labels[0],
        width - left, height - 4, labels[1],
        left, format_value(max(known)) if known else "",
    )  # fmt: skip


def bar_chart(
    rows: Sequence[tuple[Any, Any]],
    *,
    title: Any,
    width: int = 360,
    limit: int = 24,
    label_width: int = 130,
    unit: str = "",
) -> SafeString:
    """Horizontal bars, one per ``(label, number)``, each with label and number as text; none is drawn below zero.

    ``label_width``: pixels for the labels; longer ones are cut. ``unit``: stands behind each number.
    """
    shown = [(str(label), _number(value)) for label, value in rows][:limit]
    top = max([value for _label, value in shown if value is not None] + [0.0]) or 1.0
    row_height, text_width = 22, label_width
    letters = 20 if label_width == 130 else label_width // 8  # capitals are about 8 pixels wide
    space = width - text_width - 60 - 8 * len(unit)
    summary = "; ".join(f"{label} {format_value(value)} {unit}".strip() for label, value in shown) or _("No data yet.")
    bars = format_html_join(
        "",
        '<text x="0" y="{}" font-size="12" fill="currentColor">{}</text>'
        '<rect x="{}" y="{}" width="{}" height="12" rx="2" fill="currentColor" fill-opacity=".55"/>'
        '<text x="{}" y="{}" font-size="12" fill="currentColor">{}</text>',
        (
            (
                index * row_height + 15,
                label if len(label) <= letters else label[: letters - 1] + "…",
                text_width,
                index * row_height + 5,
                f"{(length := max(value or 0.0, 0.0) / top * space):.1f}",
                f"{text_width + length + 6:.1f}",
                index * row_height + 15,
                f"{format_value(value)} {unit}".strip(),
            )
            for index, (label, value) in enumerate(shown)
        ),
    )
    height = max(len(shown), 1) * row_height
    return format_html(
        '<svg class="ecomai-bars" role="img" aria-label="{}: {}" width="{}" height="{}" viewBox="0 0 {} {}"'
        ' focusable="false"><title>{}</title><desc>{}</desc>{}</svg>',
        title, summary, width, height, width, height, title, summary, bars,
    )  # fmt: skip


def canvas_chart(
    *,
    kind: str,
    labels: Sequence[Any],
    series: Sequence[tuple[Any, Sequence[Any]]],
    title: Any,
    label_heading: Any = "",
    band: tuple[Any, Sequence[Any], Any, Sequence[Any]] | None = None,
    stepped: bool = False,
) -> SafeString:
    """A chart that Chart.js draws over a table with the same numbers; without JavaScript the table stays.

    ``series``: ``(name, numbers)``, each as long as ``labels``. ``band``: name and numbers of a lower and of an upper
    bound, shaded between. ``stepped``: a value holds until the next one.
    Raises ``ValueError`` for another kind or length.
    The page must load ``ecomai/vendor/chart.umd.min.js`` and ``ecomai/charts.js`` (see ``CHART_SCRIPTS``).
    """
    if kind not in KINDS:
        raise ValueError(f"canvas_chart(): {kind!r} is none of {', '.join(KINDS)}.")
    columns = [(str(name), [_number(value) for value in values]) for name, values in series]
    lines = len(columns)
    if band is not None:
        for name, bound in ((band[0], band[1]), (band[2], band[3])):
            columns.append((str(name), [_number(value) for value in bound]))
    for name, values in columns:
        if len(values) != len(labels):
            raise ValueError(f"canvas_chart(): {name!r} has {len(values)} values for {len(labels)} labels.")
    texts = [str(label) for label in labels]
    shown = [{"label": name, "data": values} for name, values in columns]
    config: dict[str, Any] = {
        "type": kind,
        "labels": texts,
        "series": shown[:lines],
        **({"band": shown[lines:]} if band else {}),
    }
    if stepped:
        config["stepped"] = True
    rows = [(text, [format_value(values[index]) for _name, values in columns]) for index, text in enumerate(texts)]
    context = {
        "title": title,
        "config": json.dumps(config, cls=DjangoJSONEncoder),
        "summary": "; ".join(f"{name}: {_describe(values)}" for name, values in columns) or _("No data yet."),
        "heading": label_heading,
        "names": [name for name, _values in columns],
        "rows": rows,
    }
    return SafeString(render_to_string("ecomai/chart.html", context))


CHART_SCRIPTS = ("ecomai/vendor/chart.umd.min.js", "ecomai/charts.js")
