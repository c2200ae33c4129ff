"""What is asked once more before prices of high risk are approved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.pricing import words
from django_ecomai.pricing.models import PriceProposal


class HighRiskForm(forms.Form):
    """A second tick, asked for where any of the prices is of high risk."""

    high_risk_seen = forms.BooleanField(
        required=False, label=gettext_lazy("Yes, those of high risk too: I have looked at them.")
    )

    def asks_for_high_risk(self, rows: Iterable[PriceProposal]) -> bool:
        """Whether the tick is missing, which then stands beside it as an error. For a form that is valid."""
        if self.cleaned_data.get("high_risk_seen") or not any(row.risk == PriceProposal.Risk.HIGH for row in rows):
            return False
        self.add_error("high_risk_seen", _("Some of these prices are of high risk: tick that you want them too."))
        return True


def high_risk_words(rows: Iterable[PriceProposal]) -> str:
    """How many are of high risk, and what these are expected to gain together; "" where none is."""
    risky = [row for row in rows if row.risk == PriceProposal.Risk.HIGH]
    if not risky:
        return ""
    sums: dict[str, float] = {}
    for row in risky:
        if row.gain is not None and row.goal != "sell_through":
            sums[row.currency] = sums.get(row.currency, 0.0) + row.gain
    named: dict[str, Any] = {
        "n": format_value(len(risky)),
        "gain": ", ".join(words.signed_money(gain, currency) for currency, gain in sorted(sums.items())),
    }
    if not sums:
        text = ngettext(
            "%(n)s price is of high risk: nothing is known of what it earns.",
            "%(n)s prices are of high risk: nothing is known of what they earn.",
            len(risky),
        )
    else:
        text = ngettext(
            "%(n)s price is of high risk: expected gain %(gain)s.",
            "%(n)s prices are of high risk: expected gain of these together %(gain)s.",
            len(risky),
        )
    return text % named
