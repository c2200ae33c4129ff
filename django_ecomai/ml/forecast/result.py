"""What a forecast run returns, as long frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

SERIES_COLUMNS: Final = ("level", "unique_id", "demand_class", "adi", "cv2", "model")
COMPONENT_COLUMNS: Final = (
    "level", "unique_id", "ds", "trend", "season", "holiday", "price", "promotion", "rest",
)  # fmt: skip
KEY_COLUMNS: Final = ("level", "unique_id", "ds")
BACKTEST_COLUMNS: Final = ("level", "unique_id", "cutoff", "ds", "y", "mean")


@dataclass(frozen=True, eq=False)
class ForecastResult:
    """Frames (pandas) of one run.

    ``forecasts``: level ("product", the names of the groups, "shop"), unique_id, ds, mean, lo-80, hi-80, ... per level.
    ``series``: level, unique_id, demand_class, adi, cv2, model (the blend as text). ``metrics``: rows of the backtest,
    ours beside the zero row, the baseline and every model. ``backtest``: level, unique_id, cutoff (last known period),
    ds, y, mean and the interval of the lowest level. ``components``: level, unique_id, ds, trend, season, holiday,
    price, promotion, rest, of the levels above the products; they add up to y in the past and to the forecast ahead.
    ``coefficients`` of the same series: level, unique_id, trend, price_elasticity, promotion, holiday.
    ``beats_baseline``: whether the products' blend has a lower RMSSE than the baseline.
    """

    forecasts: Any
    series: Any
    metrics: list[dict[str, Any]]
    backtest: Any
    components: Any
    beats_baseline: bool
    coefficients: Any = None


def interval_columns(levels: tuple[int, ...]) -> list[tuple[str, float]]:
    """``(column, probability)`` of the interval ends, widest last, as in the frames."""
    columns = []
    for level in sorted(levels):
        columns += [(f"lo-{level}", round(0.5 - level / 200, 6)), (f"hi-{level}", round(0.5 + level / 200, 6))]
    return columns
