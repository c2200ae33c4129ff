"""Parameters of the forecast job, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from typing import Any, Final

from django_ecomai.conf import ecomai

from .days import FREQUENCIES

HORIZONS = {"D": 91, "W": 53, "M": 12}
#: Periods that are forecast at most: a forecast of everything for ten years is no forecast.
MOST_HORIZON = 400
#: Models of statsforecast that may stand beside ours, as the engine calls them.
EXTRA: Final = ("statsforecast_ets", "statsforecast_theta", "statsforecast_ces", "statsforecast_arima")
#: What of the options is the recipe: how it is forecast, not what or when. Not ``windows``: two recipes are compared
#: before the same cuts, which are those of the run.
RECIPE: Final = ("learned", "extra", "seed")


class BadParameter(ValueError):
    """A parameter or setting cannot be used; the message says what to give."""


@dataclass(frozen=True)
class TrainOptions:
    """Parameters of the job: ``frequency`` ("D", "W", "M"), ``horizon`` periods ahead, ``history_days`` to learn from,
    ``windows`` rolling origins of the test, ``learned`` (whether the gradient-boosted model is tried), ``extra``
    (models of statsforecast to try, see ``EXTRA``), ``full`` (anew, whatever has changed), ``dry_run`` (nothing is
    stored), ``seed``.
    """

    frequency: str = "W"
    horizon: int = 53
    history_days: int = 1096
    windows: int = 3
    learned: bool = True
    extra: tuple[str, ...] = ()
    full: bool = False
    dry_run: bool = False
    seed: int = 0


def options_read(parameters: Mapping[str, Any]) -> TrainOptions:
    """Check the parameters of a run, over ``ECOMAI["FORECAST_TRAINING"]`` and the other settings. Raises
    ``BadParameter``."""
    given = {**_usual(), **parameters}
    frequency = given.get("frequency", ecomai.FORECAST_FREQUENCY)
    if frequency not in FREQUENCIES:
        raise BadParameter(f"frequency is {frequency!r}; give D (days), W (weeks) or M (months).")
    horizon = given.get("horizon", ecomai.FORECAST_HORIZON)
    return TrainOptions(
        frequency=str(frequency),
        horizon=HORIZONS[frequency] if horizon is None else _whole("horizon", horizon, 1, MOST_HORIZON),
        history_days=_whole("history_days", given.get("history_days", ecomai.FORECAST_HISTORY_DAYS), 28, 20_000),
        windows=_whole("windows", given.get("windows", 3), 1, 20),
        learned=_flag("learned", given.get("learned", True)),
        extra=_models(given.get("extra", ())),
        full=_flag("full", given.get("full", False)),
        dry_run=_flag("dry_run", given.get("dry_run", False)),
        seed=_whole("seed", given.get("seed", 0), 0, 2**31),
    )


def recipe_of(options: TrainOptions) -> dict[str, Any]:
    """The recipe as it is kept on a run."""
    return {name: list(value) if isinstance(value := getattr(options, name), tuple) else value for name in RECIPE}


def with_recipe(options: TrainOptions, recipe: Mapping[str, Any] | None) -> TrainOptions:
    """``options`` with another run's recipe; what is missing in it, or cannot be used here any more, is ours."""
    if not recipe:
        return options
    try:
        read = options_read({name: recipe[name] for name in RECIPE if name in recipe})
    except BadParameter:
        return options
    return replace(options, **{name: getattr(read, name) for name in RECIPE if name in recipe})


def _usual() -> Mapping[str, Any]:
    usual: Any = ecomai.FORECAST_TRAINING or {}
    if not isinstance(usual, Mapping):
        raise BadParameter(f"FORECAST_TRAINING is {usual!r}; give a dict such as {{'windows': 4}}.")
    strange = [name for name in usual if name not in {one.name for one in fields(TrainOptions)}]
    if strange:
        raise BadParameter(f"FORECAST_TRAINING knows no {strange[0]!r}.")
    return usual


def _whole(name: str, value: Any, least: int, most: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = least - 1
    if isinstance(value, bool) or not least <= number <= most:
        raise BadParameter(f"{name} is {value!r}; give a whole number from {least} to {most}.")
    return number


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadParameter(f"{name} is {value!r}; give true or false.")
    return value


def _models(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(name in EXTRA for name in value):
        raise BadParameter(f"extra is {value!r}; give a list of some of {', '.join(EXTRA)}.")
    if value and find_spec("statsforecast") is None:
        raise BadParameter(
            "extra names models of statsforecast, which is not installed; type "
            "pip install 'django-ecomai[statsforecast]', or leave extra out."
        )
    return tuple(dict.fromkeys(value))
