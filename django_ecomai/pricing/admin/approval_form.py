"""What is asked before prices are approved, and when they are to go into the shop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.pricing.asked import key_asked
from django_ecomai.pricing.services import PricingError
from django_ecomai.pricing.services.decide import check_moment

from .high_risk import HighRiskForm

DAY: dict[str, Any] = {"type": "date", "aria-label": gettext_lazy("Day")}
TIME: dict[str, Any] = {"type": "time", "aria-label": gettext_lazy("Time of day")}


def moment_field(*, required: bool = False) -> forms.SplitDateTimeField:
    """A day and a time of day, in the time zone of the page."""
    return forms.SplitDateTimeField(
        label=gettext_lazy("Time"),
        required=required,
        widget=forms.SplitDateTimeWidget(date_attrs=DAY, time_attrs=TIME, time_format="%H:%M", date_format="%Y-%m-%d"),
    )


class DecisionForm(ActionForm):
    """What rejecting needs besides the ticks; read by the action, which says what is wrong."""

    reason = forms.CharField(required=False, max_length=255)


class ApprovalForm(HighRiskForm):
    """When the prices go into the shop, and whether a part of them goes first."""

    ids = forms.CharField(widget=forms.HiddenInput, required=False)
    selection = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=2**63 - 1)
    # The query of the list's address, which is where one comes back to.
    back = forms.CharField(widget=forms.HiddenInput, required=False, max_length=4000)
    when = forms.ChoiceField(
        label=gettext_lazy("Into the shop"),
        choices=[("now", gettext_lazy("now")), ("later", gettext_lazy("at this time:"))],
        initial="now",
    )
    apply_at = moment_field()
    canary = forms.ChoiceField(
        label=gettext_lazy("A part goes first"),
        required=False,
        choices=[
            ("", gettext_lazy("no, all at once")),
            ("0.1", gettext_lazy("a tenth of the products")),
            ("0.25", gettext_lazy("a quarter")),
            ("0.5", gettext_lazy("half")),
        ],
    )

    def clean(self) -> dict[str, Any]:
        """A time is needed where one is asked for; keys are numbers."""
        found = super().clean() or self.cleaned_data
        moment = found.get("apply_at")
        if found.get("when") == "later" and not moment and "apply_at" not in self.errors:
            self.add_error("apply_at", _("Say when the prices are to change."))
        elif found.get("when") == "now" and moment:
            # Who typed a time does not want the prices changed at once; without the script the choice stays at "now".
            self.add_error("apply_at", _("You gave a time, but “now” is chosen: choose “at this time”, or clear it."))
        elif moment:
            try:
                check_moment(moment, now=timezone.now())
            except PricingError as error:
                self.add_error("apply_at", str(error))
        each = [one.partition(":") for one in found.get("ids", "").split(",") if one]
        found["pks"] = [key_asked(key) for key, _colon, _price in each]
        try:
            found["seen"] = {key_asked(key): Decimal(price) for key, _colon, price in each if price}
        except ArithmeticError:
            found["pks"] = [0]
        if 0 in found["pks"]:
            self.add_error("ids", _("Go back to the list and choose again."))
        return found
