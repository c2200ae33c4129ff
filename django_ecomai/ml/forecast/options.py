"""What a forecast run may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Periods of one season per frequency: a week of days, a year of weeks, a year of months.
SEASONS: Final = {"D": 7, "W": 52, "M": 12}


@dataclass(frozen=True)
class ForecastOptions:
    """``frequency`` "D", "W" (weeks start on Monday) or "M"; ``horizon`` periods; ``levels`` of the intervals in
    percent; ``season_length`` periods (None: 7 / 52 / 12); ``windows`` rolling origins of the backtest (at least two
    where there are any: the first only chooses); ``models`` names of `registry.MODELS` (None: those that suit the
    data); ``extra`` names of `registry.EXTRA_MODELS` (statsforecast) that stand beside them for smooth and erratic
    series; ``learned`` adds the global gradient-boosted model.

    Raises ValueError when one of them cannot be.
    """

    frequency: str = "W"
    horizon: int = 13
    levels: tuple[int, ...] = (80, 95)
    season_length: int | None = None
    windows: int = 3
    models: tuple[str, ...] | None = None
    extra: tuple[str, ...] = ()
    learned: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.frequency not in SEASONS:
            raise ValueError(f"frequency is {self.frequency!r}: use one of {', '.join(SEASONS)}")
        if self.horizon < 1:
            raise ValueError(f"horizon is {self.horizon}: forecast at least one period")
        if self.season_length is not None and self.season_length < 1:
            raise ValueError(f"season_length is {self.season_length}: use 1 for no season, or None for the usual one")
        if self.windows < 0:
            raise ValueError(f"windows is {self.windows}: use 0 for no backtest, 3 is usual")
        if not self.levels or not all(0 < level < 100 for level in self.levels):
            raise ValueError(f"levels are {self.levels}: give percentages between 0 and 100, such as 80 and 95")

    @property
    def season(self) -> int:
        """Periods of one season."""
        return self.season_length or SEASONS[self.frequency]
