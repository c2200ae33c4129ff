"""What the title of an offer says: words, codes of makers, numbers, and quantities with their unit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_WORD = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+\d+(?!\w)|[^\W_]+")
_CODE = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
#: Unit -> its kind and how many of the kind's base one is.
UNITS: dict[str, tuple[str, float]] = {
    "ml": ("volume", 1.0), "cl": ("volume", 10.0), "l": ("volume", 1000.0), "ltr": ("volume", 1000.0),
    "liter": ("volume", 1000.0), "litre": ("volume", 1000.0), "oz": ("ounces", 1.0),
    "mg": ("mass", 0.001), "g": ("mass", 1.0), "gr": ("mass", 1.0), "kg": ("mass", 1000.0), "lb": ("pounds", 1.0),
    "mm": ("length", 1.0), "cm": ("length", 10.0), "m": ("length", 1000.0), "inch": ("inches", 1.0),
    "zoll": ("inches", 1.0),
    "mb": ("memory", 1.0), "gb": ("memory", 1024.0), "tb": ("memory", 1048576.0),
    "w": ("power", 1.0), "kw": ("power", 1000.0), "v": ("voltage", 1.0), "mah": ("charge", 1.0),
    "pack": ("pieces", 1.0), "pk": ("pieces", 1.0), "pcs": ("pieces", 1.0), "pc": ("pieces", 1.0),
    "piece": ("pieces", 1.0), "pieces": ("pieces", 1.0), "stk": ("pieces", 1.0), "stuck": ("pieces", 1.0),
    "user": ("users", 1.0), "users": ("users", 1.0),
}  # fmt: skip
_QUANTITY = re.compile(
    r"(?<![\w.,])(\d+(?:[.,]\d+)?)[ -]?(" + "|".join(sorted(UNITS, key=len, reverse=True)) + r")(?!\w)"
)
#: A code has letters and at least two digits; a number alone needs so many.
CODE_LENGTH, LONG_NUMBER = 4, 5


@dataclass(frozen=True)
class Reading:
    """``words`` in order; ``codes`` without their hyphens; ``numbers`` as written without idle zeros; ``quantities``
    as pairs of kind and amount in the kind's base unit."""

    words: tuple[str, ...]
    codes: frozenset[str]
    numbers: frozenset[str]
    quantities: frozenset[tuple[str, float]]


def plain(text: str) -> str:
    """Lower case without accents."""
    text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in text if not unicodedata.combining(letter))


def number_plain(text: str) -> str:
    """``2.0`` and ``2,00`` are ``2``."""
    text = text.replace(",", ".")
    whole, _point, part = text.partition(".")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    return f"{whole}.{part}" if part else whole


def is_code(text: str) -> bool:
    """Whether letters and digits look like a maker's number."""
    digits = sum(letter.isdigit() for letter in text)
    return len(text) >= CODE_LENGTH and 2 <= digits < len(text)


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """Read a title; empty text says nothing."""
    text = plain(text)
    words = [number_plain(word) if _NUMBER.fullmatch(word) else word for word in _WORD.findall(text)]
    codes, numbers = set(), set()
    for run in _CODE.findall(text):
        joined = re.sub(r"[-/.]", "", run)
        if is_code(joined) or (joined.isdigit() and len(joined) >= LONG_NUMBER):
            codes.add(joined)
        for part in re.split(r"[-/]", run):
            if len(part) < 7 and (digits := _NUMBER.findall(part)) and len(digits) == 1 and len(digits[0]) <= 5:
                numbers.add(number_plain(digits[0]))
    quantities = {
        (UNITS[unit][0], round(float(amount.replace(",", ".")) * UNITS[unit][1], 6))
        for amount, unit in _QUANTITY.findall(text)
    }
    return Reading(tuple(words), frozenset(codes), frozenset(numbers), frozenset(quantities))
