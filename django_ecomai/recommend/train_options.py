"""Parameters of the training job, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime

DEFAULT_BUDGET = 60
RANKER = ("auto", "on", "off")


class BadParameter(ValueError):
    """A parameter of the job cannot be used; the message says what to give."""


@dataclass(frozen=True)
class TrainOptions:
    """Parameters of the job: ``evaluate_from`` (first day or moment of the test), ``budget`` (recipes tried),
    ``ranker`` (whether an order of the candidates is learned: "auto", "on" or "off"), ``seed``.
    """

    evaluate_from: datetime | None = None
    budget: int = DEFAULT_BUDGET
    ranker: str = "auto"
    seed: int = 0


def options_read(parameters: Mapping[str, Any]) -> TrainOptions:
    """Check the parameters of a run. Raises ``BadParameter``."""
    return TrainOptions(
        evaluate_from=_moment(parameters.get("evaluate_from")),
        budget=_whole(parameters, "budget", DEFAULT_BUDGET, least=1),
        ranker=_one_of(parameters, "ranker", RANKER),
        seed=_whole(parameters, "seed", 0, least=0),
    )


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
