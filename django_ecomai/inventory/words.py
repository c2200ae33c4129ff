"""Quantities, and the letters of the ABC and XYZ classes, in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.mirror.admin.base import amount_format

#: By turnover of a year, and by how evenly weekly sales come.
CLASS_WORDS: dict[str, Any] = {
    "A": _("sells for most"),
    "B": _("sells for a middling sum"),
    "C": _("sells for least"),
    "X": _("steadily"),
    "Y": _("with ups and downs"),
    "Z": _("erratically"),
}


def class_words(abc: str, xyz: str) -> str:
    """``AZ: sells for most, erratically``; empty without a class."""
    words = [str(CLASS_WORDS[letter]) for letter in (abc, xyz) if letter in CLASS_WORDS]
    return f"{abc}{xyz}: {', '.join(words)}" if words else ""


def pieces(value: Any) -> str:
    """``1 piece``, ``10,284 pieces``."""
    number = float(value or 0)
    return ngettext("%(n)s piece", "%(n)s pieces", 1 if number == 1 else 2) % {"n": format_value(number)}


def money_format(amount: Any, currency: str) -> str:
    """``1,715 GBP``: without pence where there are more than ten pounds, for columns to skim."""
    if amount is None or amount < 10:
        return amount_format(amount, currency)
    return f"{format_value(round(float(amount)))} {currency}".strip()


def days_left(row: Any) -> int | None:
    """Days that the stock of a suggestion lasts, the one it runs out on included: to the day that is as likely too
    early as too late where the demand paths reach one, else at the mean demand; ``None`` without demand.

    One figure beside the date: a mean and a median of skewed demand may be weeks apart.
    """
    if row.stock_out_on is not None:
        return max(int((row.stock_out_on - row.as_of).days) + 1, 1)
    return None if row.cover_days is None else round(row.cover_days)
