"""What prices of high risk come to, in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import ngettext

from django_ecomai.core.charts import format_value

from . import words
from .worklist import Together


def high_risk_words(sums: Together) -> str:
    """How many are of high risk, and what these are expected to gain together; "" where none is."""
    number = sums.high_risk
    if not number:
        return ""
    named: dict[str, Any] = {
        "n": format_value(number),
        "gain": ", ".join(words.signed_money(gain, currency) for currency, gain in sorted(sums.high_gains.items())),
    }
    if not sums.high_gains:
        text = ngettext(
            "%(n)s price is of high risk: nothing is known of what it earns.",
            "%(n)s prices are of high risk: nothing is known of what they earn.",
            number,
        )
    else:
        text = ngettext(
            "%(n)s price is of high risk: expected gain %(gain)s.",
            "%(n)s prices are of high risk: expected gain of these together %(gain)s.",
            number,
        )
    return text % named
