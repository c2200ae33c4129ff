"""Untidy values into tidy ones; whatever is changed is reported."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from .currencies import CURRENCIES
from .issues import IssueLog

ID_LENGTH = 64
CACHED = 100_000
# No shop sold online before; "1970-01-01" is how an empty date comes out of many systems.
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
# Clocks differ and time zones are mistaken: only what is further ahead is certainly wrong.
FUTURE_TOLERANCE = timedelta(days=1)
# Control characters (PostgreSQL refuses NUL) and halves of characters that no encoding can write.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_QUANTUM = {2: Decimal("0.01"), 3: Decimal("0.001"), 4: Decimal("0.0001")}
_LIMIT = {2: Decimal(10) ** 3, 3: Decimal(10) ** 11, 4: Decimal(10) ** 10}
DEMOGRAPHIC_KEYS = frozenset(
    [
        "age",
        "gender",
        "sex",
        "birthday",
        "birth_date",
        "birthdate",
        "date_of_birth",
        "dob",
        "birth_year",
        "country",
        "region",
        "city",
        "postcode",
        "zip",
        "zip_code",
        "address",
        "location",
    ]
)


class Cleaner:
    """Cleans values of one sync; ``now`` is the sync's moment."""

    def __init__(self, issues: IssueLog, now: datetime, currency: str) -> None:
        self.issues = issues
        self.now = now
        self.currency = currency
        # Values repeat (prices, titles): each distinct one is cleaned once.
        self._numbers: dict[Any, Decimal] = {}
        self._texts: dict[str, str] = {}

    def ident(self, table: str, value: Any, *, column: str = "id") -> str | None:
        """An external id, or ``None`` (reported) when it is missing or longer than 64 characters."""
        text = "" if value is None else CONTROL.sub("", str(value)).strip()
        if not text:
            self.issues.add(table, "id_missing", "skipped", column=column)
            return None
        if len(text) > ID_LENGTH:
            self.issues.add(table, "id_too_long", "skipped", column=column, id=text)
            return None
        return text

    def text(self, table: str, row_id: str, column: str, value: Any, length: int | None = None) -> str:
        """Text without control characters, cut to ``length`` (reported)."""
        if value is None or value == "":
            return ""
        text = self._texts.get(value) if type(value) is str else None
        if text is None:
            text = CONTROL.sub("", str(value)).strip()
            if len(text) < 256:
                if len(self._texts) > CACHED:
                    self._texts.clear()
                self._texts[str(value)] = text
        if length is not None and len(text) > length:
            self.issues.add(table, "text_too_long", "corrected", column=column, id=row_id, value=text)
            return text[: length - 1] + "…"
        return text

    def address(self, table: str, row_id: str, column: str, value: Any, length: int = 500) -> str:
        """A URL; one that is too long is emptied, because a cut one leads nowhere."""
        text = self.text(table, row_id, column, value)
        if len(text) > length:
            self.issues.add(table, "text_too_long", "emptied", column=column, id=row_id, value=text)
            return ""
        return text

    def number(self, table: str, row_id: str, column: str, value: Any, places: int = 4) -> Decimal | None:
        """A finite Decimal with ``places`` decimals; anything else is emptied and reported."""
        if value is None or value == "":
            return None
        try:
            return self._numbers[(places, value)]
        except (KeyError, TypeError, InvalidOperation):  # signalling NaN cannot even be hashed
            pass
        try:
            number = (
                value
                if isinstance(value, Decimal)
                else Decimal(repr(value) if isinstance(value, float) else str(value).strip())
            )
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite():
            self.issues.add(table, "not_a_number", "emptied", column=column, id=row_id, value=value)
            return None
        if abs(number) >= _LIMIT[places]:
            self.issues.add(table, "number_too_large", "emptied", column=column, id=row_id, value=value)
            return None
        number = number.quantize(_QUANTUM[places]) + 0  # + 0 turns -0 into 0
        if len(self._numbers) > CACHED:
            self._numbers.clear()
        self._numbers[(places, value)] = number
        return number

    def price(self, table: str, row_id: str, column: str, value: Any) -> Decimal | None:
        """A price: a negative one is emptied, zero is kept; both are reported."""
        number = self.number(table, row_id, column, value)
        if number is None or number > 0:
            return number
        if number < 0:
            self.issues.add(table, "price_negative", "emptied", column=column, id=row_id, value=value)
            return None
        self.issues.add(table, "price_zero", "kept", column=column, id=row_id, value=value)
        return number

    def moment(
        self, table: str, row_id: str, column: str, value: Any, *, bad: str = "emptied", future: str = "clamped"
    ) -> datetime | None:
        """An aware UTC datetime, or ``None``.

        Naive times are read in the current time zone; times before 1990 give ``None``; times more than a day ahead are
        set to the sync's moment (``future="clamped"``) or kept (``future="allowed"``). All of it is reported.
        """
        if value is None or value == "":
            return None
        moment = _parse(value)
        if moment is None:
            self.issues.add(table, "not_a_time", bad, column=column, id=row_id, value=value)
            return None
        if moment.tzinfo is None:
            if isinstance(value, datetime) or (isinstance(value, str) and len(value) > 10):
                self.issues.add(table, "naive_timestamp", "corrected", column=column, id=row_id, value=value)
            moment = timezone.make_aware(moment)
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:  # year 1 or 9999 beyond the edge of the calendar
            self.issues.add(table, "not_a_time", bad, column=column, id=row_id, value=value)
            return None
        if moment < OLDEST:
            self.issues.add(table, "timestamp_too_old", bad, column=column, id=row_id, value=value)
            return None
        if future == "clamped" and moment > self.now + FUTURE_TOLERANCE:
            self.issues.add(table, "future_timestamp", "clamped", column=column, id=row_id, value=value)
            return self.now
        return moment

    def money_code(self, table: str, row_id: str, value: Any) -> str:
        """An ISO 4217 code: missing means the shop's own currency, an unknown one is emptied and reported."""
        if not value:
            return self.currency
        code = str(value).strip().upper()
        if code in CURRENCIES:
            return code
        self.issues.add(table, "unknown_currency", "emptied", column="currency", id=row_id, value=value)
        return ""


def _parse(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, str):
        try:
            day = parse_date(value.strip())
            return parse_datetime(value.strip()) or (datetime.combine(day, time()) if day else None)
        except ValueError:  # well formed, but no such day
            return None
    return None


def json_safe(value: Any) -> Any:
    """A value as JSON can hold it: mappings and lists stay, NaN becomes null, everything else becomes text."""
    if isinstance(value, str):
        return CONTROL.sub("", value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {CONTROL.sub("", str(k)): json_safe(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_safe(v) for v in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    return CONTROL.sub("", str(value))
