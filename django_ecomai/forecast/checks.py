"""System checks of the forecasts' settings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from django_ecomai.conf import ecomai

from .holidays import BadCountry, holiday_countries
from .train_options import BadParameter, options_read


@register("ecomai")
def check_forecast(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Frequency, horizon, parameters of the job, days between full runs, and holidays."""
    messages: list[CheckMessage] = []
    try:
        options_read({})
    except BadParameter as error:
        messages.append(
            Error(
                f"The settings of forecasts cannot be used: {error}",
                hint="See FORECAST_FREQUENCY, FORECAST_HORIZON, FORECAST_HISTORY_DAYS and FORECAST_TRAINING.",
                id="ecomai.E051",
            )
        )
    days = ecomai.FORECAST_FULL_DAYS
    if isinstance(days, bool) or not isinstance(days, int | float) or days < 0:
        messages.append(
            Error(
                f"ECOMAI['FORECAST_FULL_DAYS'] is {days!r}.",
                hint="Use a number of days, such as 7; 0 makes everything anew every night.",
                id="ecomai.E052",
            )
        )
    try:
        countries = holiday_countries()
    except BadCountry as error:
        messages.append(Error(str(error), hint="Use codes such as ['GB'] or ['DE-BY', 'AT'].", id="ecomai.E053"))
        return messages
    if countries and find_spec("holidays") is None:
        messages.append(
            Warning(
                "ECOMAI['FORECAST_HOLIDAYS'] is set, but the package holidays is not installed.",
                hint="Type: pip install 'django-ecomai[forecast]' — or remove the setting.",
                id="ecomai.W054",
            )
        )
    return messages
