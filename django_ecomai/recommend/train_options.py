"""Parameters of the training job, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime

from django_ecomai.conf import ecomai

DEFAULT_MEMORY_MB = 2048
#: A dense model of a thousand products takes less.
LEAST_MEMORY_MB = 64
RANKER = ("auto", "on", "off")


class BadParameter(ValueError):
    """A parameter of the job cannot be used; the message says what to give."""


@dataclass(frozen=True)
class TrainOptions:
    """Parameters of the job: ``evaluate_from`` (first day or moment of the test), ``budget`` (recipes tried at most;
    None: as many as suit the size), ``memory_mb`` (what the largest model that is tried may take), ``ranker`` (whether
    an order of the candidates is learned: "auto", "on" or "off"), ``seed``.
    """

    evaluate_from: datetime | None = None
    budget: int | None = None
    memory_mb: int = DEFAULT_MEMORY_MB
    ranker: str = "auto"
    seed: int = 0


def options_read(parameters: Mapping[str, Any]) -> TrainOptions:
    """Check the parameters of a run, over those of ``ECOMAI["RECOMMEND_TRAINING"]``. Raises ``BadParameter``."""
    parameters = {**_usual(), **parameters}
    return TrainOptions(
        evaluate_from=_moment(parameters.get("evaluate_from")),
        budget=None if parameters.get("budget") is None else _whole(parameters, "budget", 1, least=1),
        memory_mb=_whole(parameters, "memory_mb", DEFAULT_MEMORY_MB, least=LEAST_MEMORY_MB),
        ranker=_one_of(parameters, "ranker", RANKER),
        seed=_whole(parameters, "seed", 0, least=0),
    )


def _usual() -> Mapping[str, Any]:
    """What the shop's settings say. Raises ``BadParameter``."""
    usual: Any = ecomai.RECOMMEND_TRAINING or {}
    if not isinstance(usual, Mapping):
        raise BadParameter(f"RECOMMEND_TRAINING is {usual!r}; give a dict such as {{'budget': 40}}.")
    strange = [name for name in usual if name not in {one.name for one in fields(TrainOptions)}]
    if strange:
        raise BadParameter(f"RECOMMEND_TRAINING knows no {strange[0]!r}.")
    return usual


def _moment(value: Any) -> datetime | None:
    """A date ("2011-10-01": from midnight UTC), a moment, or nothing."""
    if value in (None, ""):
        return None
    found: datetime | date | None = value if isinstance(value, date) else None
    if isinstance(value, str):
        try:
            found = parse_datetime(value) or parse_date(value)
        except ValueError:
            found = None
    if found is None:
        raise BadParameter(f"evaluate_from is {value!r}; give a date such as 2011-10-01.")
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day, tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _one_of(parameters: Mapping[str, Any], name: str, values: tuple[str, ...]) -> str:
    """A parameter that is one of ``values``, the first of which is the default."""
    value = parameters.get(name, values[0])
    if value not in values:
        raise BadParameter(f"{name} is {value!r}; give one of {', '.join(values)}.")
    return str(value)


def _whole(parameters: Mapping[str, Any], name: str, default: int, *, least: int) -> int:
    value = parameters.get(name, default)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least or isinstance(value, bool):
        raise BadParameter(f"{name} is {value!r}; give a whole number from {least} up.")
    return number
