"""A chart of cost against size as SVG, on logarithmic axes. No library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 400, 70, 60, 30, 30
BLUE, GREY, ORANGE = "#2563eb", "#6b7280", "#c2410c"


def cost_chart(rows: Sequence[dict[str, Any]]) -> str:
    """CPU seconds and megabytes of ``rows`` (``events, cpu_s, peak_mb``), and n log n through the first point."""
    events = [float(row["events"]) for row in rows]
    seconds = [float(row["cpu_s"]) for row in rows]
    memory = [float(row["peak_mb"]) for row in rows]
    bound = [seconds[0] * n * math.log(n) / (events[0] * math.log(events[0])) for n in events]
    low, high = min(*seconds, *bound, *memory) / 1.5, max(*seconds, *bound, *memory) * 1.5

    def x(value: float) -> float:
        return LEFT + _share(value, events[0] / 1.2, events[-1] * 1.2) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - _share(value, low, high) * (HEIGHT - BOTTOM - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="13" fill="#6b7280">',
        "<title>Cost of a training against the number of events</title>",
    ]
    for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1):
        at = y(10.0**power)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="{GREY}" stroke-opacity=".3"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    parts += [
        f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{value / 1e6:.3g} M</text>'
        for value in events
    ]
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">events</text>')
    lines = [("n log n", bound, GREY, ' stroke-dasharray="6 4"'), ("CPU seconds", seconds, BLUE, "")]
    lines.append(("MB at the peak", memory, ORANGE, ""))
    for name, values, colour, style in lines:
        path = "L".join(f"{x(n):.1f} {y(value):.1f}" for n, value in zip(events, values, strict=True))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{style}/>')
        if not style:
            parts += [
                f'<circle cx="{x(n):.1f}" cy="{y(value):.1f}" r="4" fill="{colour}"/>'
                f'<text x="{x(n):.1f}" y="{y(value) - 9:.1f}" text-anchor="middle" fill="{colour}">{value:,.0f}</text>'
                for n, value in zip(events, values, strict=True)
            ]
        end = y(values[0]) + (18 if name != "n log n" else 34)
        parts.append(f'<text x="{x(events[0]) + 6:.1f}" y="{end:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _share(value: float, low: float, high: float) -> float:
    return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
