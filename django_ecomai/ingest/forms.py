"""The form of a new key."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .models import ApiKey, Scope


class KeyForm(forms.ModelForm):
    """Name, shop, what it opens and until when."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Rights"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Only what this program needs: whoever finds the key can do as much."),
    )

    class Meta:
        model = ApiKey
        fields = ("name", "channel", "scopes", "expires_at")
        labels = {"channel": gettext_lazy("Shop")}

    def clean_expires_at(self) -> Any:
        """Not in the past."""
        moment = self.cleaned_data["expires_at"]
        if moment is not None and moment <= timezone.now():
            raise forms.ValidationError(_("The key would have ended already: choose a later date."))
        return moment
