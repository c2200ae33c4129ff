"""Small long frames of demand."""

from __future__ import annotations

import numpy as np
import pandas as pd

MONDAY = "2022-01-03"


def weeks(count: int, start: str = MONDAY) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=count, freq="7D")


def long(series: dict[str, list[float] | np.ndarray], start: str = MONDAY, **columns: object) -> pd.DataFrame:
    """Weekly series that begin together."""
    parts = [
        pd.DataFrame({"unique_id": name, "ds": weeks(len(y), start), "y": np.asarray(y, dtype=float)})
        for name, y in series.items()
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(**columns) if columns else frame


def shop(products: int = 24, length: int = 60, seed: int = 0) -> pd.DataFrame:
    """Poisson demand of steady and of rare products, with prices and promotions that move it."""
    random = np.random.default_rng(seed)
    parts = []
    for number in range(products):
        rate = 12.0 if number % 2 else 0.4
        promotion = random.random(length) < 0.15
        y = random.poisson(rate * np.where(promotion, 2.0, 1.0)).astype(float)
        parts.append(
            pd.DataFrame(
                {
                    "unique_id": f"p{number:02d}",
                    "ds": weeks(length),
                    "y": y,
                    "price": 10.0 + number,
                    "promotion": promotion.astype(float),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def catalogue(products: int = 26) -> pd.DataFrame:
    ids = [f"p{number:02d}" for number in range(products)]
    return pd.DataFrame(
        {
            "unique_id": ids,
            "category": ["mugs" if number % 2 else "lamps" for number in range(products)],
            "title": ["Red mug" if number % 2 else "Night lamp" for number in range(products)],
            "price": 10.0,
        }
    )
