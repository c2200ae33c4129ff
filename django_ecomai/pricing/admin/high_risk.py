"""What is asked once more before prices of high risk are approved."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.pricing.worklist import Together


class HighRiskForm(forms.Form):
    """A second tick, asked for where any of the prices is of high risk."""

    high_risk_seen = forms.BooleanField(
        required=False, label=gettext_lazy("Yes, those of high risk too: I have looked at them.")
    )

    def asks_for_high_risk(self, sums: Together) -> bool:
        """Whether the tick is missing, which then stands beside it as an error. For a form that is valid."""
        if self.cleaned_data.get("high_risk_seen") or not sums.high_risk:
            return False
        self.add_error("high_risk_seen", _("Some of these prices are of high risk: tick that you want them too."))
        return True
