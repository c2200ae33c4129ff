"""How a file writes its numbers and days: decided from a whole column, where a single cell could mean two things."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from django.utils.translation import gettext as _

#: What a cell proves about its column: nothing, as it can be read in one way only; nothing, as it can be read in two.
CLEAR, OPEN = "", "?"
_GROUP = r"[\s'’]"
_AMOUNT = re.compile(
    r"(?P<before>[^\W\d]{1,3}|[^\w\s.,+\-'’()]?)\s*(?P<digits>[+\-]?[\d.,][\d.,\s'’]*?)\s*"
    r"(?P<after>[^\W\d]{1,3}|[^\w\s.,+\-'’()]?)"
)
_WHOLE = re.compile(rf"[+\-]?(?:\d+|\d{{1,3}}(?:{_GROUP}\d{{3}})+)")
_SPACED = re.compile(rf"[+\-]?\d{{1,3}}(?:{_GROUP}\d{{3}})+([.,])\d*")
_BOTH = re.compile(r"[+\-]?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*(?!\1)([.,])\d*")
_SEVERAL = re.compile(r"[+\-]?\d{1,3}([.,])\d{3}(?:\1\d{3})+")
_ONE = re.compile(r"[+\-]?(\d*)([.,])(\d*)")
_DAY = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:,?[ T]+(\d.*))?", re.ASCII)


class Unclear(Exception):
    """A cell that can be read in two ways, in a column that does not say in which."""


def sign_shown(told: str) -> str:
    """The decimal sign (``.`` or ``,``) that a cell proves; ``CLEAR`` or ``OPEN`` where it proves none."""
    found = _AMOUNT.fullmatch(told)
    digits = found["digits"] if found else ""
    if match := _SPACED.fullmatch(digits):
        return match[1]
    if match := _BOTH.fullmatch(digits):
        return match[2]
    if match := _SEVERAL.fullmatch(digits):
        return "," if match[1] == "." else "."
    match = _ONE.fullmatch(digits)
    if match is None or not match[1] + match[3]:
        return CLEAR
    return OPEN if len(match[3]) == 3 and 1 <= len(match[1]) <= 3 and match[1][0] != "0" else match[2]


def number_plain(told: str, column: Iterable[str] = ()) -> str:
    """A number with a point before its decimals and nothing between its thousands; a currency beside it stays. What is
    no number stays as it is.

    ``column`` holds what the cells of the column prove (``sign_shown``). Raises ``Unclear``.
    """
    found = _AMOUNT.fullmatch(told)
    if found is None or not _known(found["digits"]):
        return told
    digits, sign = found["digits"], sign_shown(told)
    if sign == OPEN:
        proved = set(column) - {CLEAR, OPEN}
        if len(proved) != 1:
            named = {"large": re.sub("[.,]", "", digits), "small": digits.replace(",", ".")}
            raise Unclear(
                _("It may mean %(large)s or %(small)s, and no other row tells. Write %(large)s or %(small)s0.") % named
            )
        (sign,) = proved
    digits = re.sub(_GROUP, "", digits)
    if sign:
        digits = digits.replace("," if sign == "." else ".", "").replace(sign, ".")
    return " ".join(filter(None, (found["before"], digits, found["after"])))


def amount_split(told: str) -> tuple[str, str]:
    """What stands beside a number ("€", "GBP", both joined), and the number."""
    found = _AMOUNT.fullmatch(told)
    return (f"{found['before']}{found['after']}", found["digits"]) if found else ("", told)


def _known(digits: str) -> bool:
    return any(one.fullmatch(digits) for one in (_WHOLE, _SPACED, _BOTH, _SEVERAL)) or (
        _ONE.fullmatch(digits) is not None and any(one.isdigit() for one in digits)
    )


def order_shown(told: str) -> str:
    """Which part of a day comes first (``day`` or ``month``), as far as a cell proves it: with points always the day,
    which says nothing about days with strokes."""
    match = _DAY.fullmatch(told)
    if match is None or match[2] == "." or match[1] == match[3]:
        return CLEAR
    first, second = int(match[1]), int(match[3])
    if first == second or max(first, second) > 31 or min(first, second) > 12:
        return CLEAR
    return "day" if first > 12 else "month" if second > 12 else OPEN


def day_plain(told: str, column: Iterable[str] = ()) -> str:
    """A day such as ``26.11.2026`` or ``26/11/2026``, with or without a time, as ``2026-11-26``; anything else stays.

    ``column`` holds what the cells of the column prove (``order_shown``). Raises ``Unclear``.
    """
    match = _DAY.fullmatch(told)
    if match is None:
        return told
    order = order_shown(told)
    if order == OPEN:
        proved = set(column) - {CLEAR, OPEN}
        if len(proved) != 1:
            one, other = _iso(match, "day"), _iso(match, "month")
            raise Unclear(
                _("It may mean %(one)s or %(other)s, and no other row tells. Write one of these.")
                % {"one": one, "other": other}
            )
        (order,) = proved
    day = _iso(match, order or "day")
    return f"{day} {match[5]}" if match[5] and day else day or told


def _iso(match: re.Match[str], order: str) -> str:
    day, month = (match[1], match[3]) if order == "day" else (match[3], match[1])
    try:
        return date(int(match[4]), int(month), int(day)).isoformat()
    except ValueError:
        return ""
