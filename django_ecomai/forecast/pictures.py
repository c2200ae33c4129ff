"""A sparkline of the past and the forecast, drawn on the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value

Points = list[tuple[float, float]]


def forecast_sparkline(
    history: Sequence[Any],
    mean: Sequence[Any],
    low: Sequence[Any],
    high: Sequence[Any],
    *,
    title: Any,
    width: int = 150,
    height: int = 32,
) -> SafeString:
    """The past as a line, the forecast dashed inside the shade of its interval; ``None`` is a gap.

    Screen readers hear ``title`` with the last value and the next ones.
    """
    past, ahead = _numbers(history), _numbers(mean)
    lows, highs = _numbers(low), _numbers(high)
    count = max(len(past) + len(ahead), 2)
    known = [one for one in (*past, *ahead, *highs) if one is not None]
    top = max([*known, 0.0]) or 1.0
    pad = 3.0
    step = (width - 2 * pad) / (count - 1)

    def point(place: int, value: float) -> tuple[float, float]:
        return pad + place * step, height - pad - min(value / top, 1.0) * (height - 2 * pad)

    begin = len(past)
    band = [point(begin + at, one) for at, one in enumerate(highs) if one is not None]
    band += [point(begin + at, one) for at, one in reversed(list(enumerate(lows))) if one is not None]
    lines = _runs(past, 0, point)
    # The forecast begins where the past ends.
    joined = [past[-1], *ahead] if past and past[-1] is not None else ahead
    coming = _runs(joined, begin - (len(joined) - len(ahead)), point)
    last = next((one for one in reversed(past) if one is not None), None)
    summary = _("last %(last)s, expected next %(next)s") % {
        "last": format_value(last),
        "next": format_value(ahead[0] if ahead else None),
    }
    return format_html(
        '<svg class="ecomai-sparkline" role="img" aria-label="{}: {}" width="{}" height="{}" viewBox="0 0 {} {}"'
        ' focusable="false"><title>{}</title>{}{}{}</svg>',
        title, summary, width, height, width, height, f"{title}: {summary}",
        format_html('<polygon points="{}" fill="currentColor" fill-opacity=".16"/>', _text(band)) if band else "",
        format_html_join("", '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/>',
                         [(_text(run),) for run in lines]),
        format_html_join("", '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"'
                         ' stroke-dasharray="3 2"/>', [(_text(run),) for run in coming]),
    )  # fmt: skip


def _numbers(values: Sequence[Any]) -> list[float | None]:
    return [None if one is None else max(float(one), 0.0) for one in values]


def _runs(values: Sequence[float | None], first: int, point: Any) -> list[Points]:
    runs: list[Points] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(point(first + place, value))
    return [run if len(run) > 1 else [run[0], run[0]] for run in runs if run]


def _text(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
