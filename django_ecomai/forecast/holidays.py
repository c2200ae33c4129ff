"""Public holidays of the shop's countries, from the optional package ``holidays``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from django_ecomai.conf import ecomai
from django_ecomai.core.extras import require

from .days import day_date, day_number

if TYPE_CHECKING:
    from numpy.typing import NDArray


class BadCountry(ValueError):
    """A country of ``FORECAST_HOLIDAYS`` is not known; the message says what to write."""


def holiday_countries() -> tuple[str, ...]:
    """Countries of ``FORECAST_HOLIDAYS``, e.g. ``("GB",)`` or ``("DE-BY", "AT")``. Raises ``BadCountry``."""
    named: Any = ecomai.FORECAST_HOLIDAYS
    found = (named,) if isinstance(named, str) else tuple(named or ())
    if not all(isinstance(one, str) and one for one in found):
        raise BadCountry(f"FORECAST_HOLIDAYS is {named!r}; give codes such as ['GB'] or ['DE-BY', 'AT'].")
    return found


def holiday_mask(days: NDArray[np.int64], countries: Sequence[str]) -> NDArray[np.float64]:
    """Share of the countries in which a day is a public holiday, float64 [n], of day numbers [n].

    Raises ``MissingExtra`` when the package ``holidays`` is not installed, and ``BadCountry``.
    """
    if not countries or not len(days):
        return np.zeros(len(days))
    years = range(day_date(int(days.min())).year, day_date(int(days.max())).year + 1)
    found = np.zeros(len(days))
    for country in countries:
        dates = _dates(country, years.start, years.stop)
        found += np.isin(days, np.fromiter(dates, dtype=np.int64, count=len(dates)))
    return np.asarray(found / len(countries))


@lru_cache(maxsize=64)
def _dates(country: str, first: int, stop: int) -> frozenset[int]:
    library = require("holidays", extra="forecast")
    code, _, part = country.partition("-")
    try:
        days = library.country_holidays(code.upper(), subdiv=part.upper() or None, years=range(first, stop))
    except (NotImplementedError, KeyError) as error:
        raise BadCountry(
            f"FORECAST_HOLIDAYS names {country!r}, which the package holidays does not know. Give two letters "
            "(ISO 3166), with the part of the country after a dash, such as 'DE-BY'."
        ) from error
    return frozenset(day_number(day) for day in days)
