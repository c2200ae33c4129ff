"""Forms of the admin pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Category

from .models import Forecast, ForecastOverride, SalesTarget, Signal
from .services import override_errors, target_errors

MOST_BYTES = 5 * 1024 * 1024


class DayInput(forms.DateInput):
    """The browser's own calendar."""

    input_type = "date"

    def __init__(self, attrs: Any = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


def _taken(form: forms.ModelForm, *names: str) -> bool:
    """Whether another row has these values. Django itself looks only where all of them are in the form."""
    same = {name: getattr(form.instance, name) for name in names}
    model: Any = form.instance.__class__
    return bool(model.objects.filter(**same).exclude(pk=form.instance.pk).exists())


def _checked(form: forms.ModelForm, errors: dict[str, str]) -> None:
    for name, text in errors.items():
        if name in form.fields and name in form.errors:
            continue
        form.add_error(name if name in form.fields else None, text)


class OverrideForm(forms.ModelForm):
    """An override on the page of its forecast: the target is the page's."""

    class Meta:
        model = ForecastOverride
        fields = ("kind", "value", "starts_on", "ends_on", "reason", "expires_on")
        widgets = {"starts_on": DayInput, "ends_on": DayInput, "expires_on": DayInput}
        help_texts = {
            "value": gettext_lazy("Such as 20 or -15 for percent; the pieces of the whole span for a value."),
            "reason": gettext_lazy("Such as “in the newspaper on Sunday”."),
        }

    def __init__(self, *args: Any, forecast: Forecast | None = None, **kwargs: Any) -> None:
        if forecast is not None:
            first = forecast.made_on
            kwargs.setdefault("initial", {"starts_on": first, "ends_on": first + timedelta(days=13)})
        super().__init__(*args, **kwargs)
        if forecast is not None:
            self.instance.channel = forecast.channel
            self.instance.level = forecast.level
            self.instance.product_id = forecast.product_id if forecast.level == "product" else None
            if forecast.level == "category":
                self.instance.category = Category.objects.filter(
                    channel=forecast.channel, external_id=forecast.key
                ).first()

    def clean(self) -> Any:
        """The rules of the service, by field."""
        data = super().clean() or self.cleaned_data
        for name in self.Meta.fields:
            if name in data:
                setattr(self.instance, name, data[name])
        if isinstance(data.get("reason"), str):
            self.instance.reason = data["reason"].strip()
        _checked(self, override_errors(self.instance))
        return data


class OverrideAdminForm(OverrideForm):
    """An override on a page of its own: the target is chosen."""

    class Meta(OverrideForm.Meta):
        fields = ("product", "category", *OverrideForm.Meta.fields, "channel")  # type: ignore[assignment]

    def clean(self) -> Any:
        """Product or category, or neither for the whole shop."""
        data = super().clean()
        product, category = data.get("product"), data.get("category")
        if product and category:
            self.add_error("category", _("Choose a product or a category, not both."))
        self.instance.level = "product" if product else "category" if category else "shop"
        return data


class TargetForm(forms.ModelForm):
    """A sales target."""

    class Meta:
        model = SalesTarget
        fields = ("level", "key", "starts_on", "ends_on", "amount", "note", "channel")
        widgets = {"starts_on": DayInput, "ends_on": DayInput}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            first = timezone.localdate().replace(day=1)
            self.initial.setdefault("starts_on", first)
            self.initial.setdefault("ends_on", (first + timedelta(days=32)).replace(day=1) - timedelta(days=1))
        if "amount" in self.fields:
            self.fields["amount"].label = _("Amount in %(currency)s") % {"currency": ecomai.CURRENCY}

    def clean(self) -> Any:
        """The rules of the service, by field."""
        data = super().clean() or self.cleaned_data
        for name, value in data.items():
            setattr(self.instance, name, value)
        _checked(self, target_errors(self.instance))
        if not self.errors and _taken(self, "channel", "level", "key", "starts_on", "ends_on"):
            self.add_error(None, _("There is a target of this span already: change that one."))
        return data


class SignalForm(forms.ModelForm):
    """A signal from outside."""

    class Meta:
        model = Signal
        fields = ("name", "key", "description", "is_active", "channel")

    def clean(self) -> Any:
        """One signal per key and shop."""
        data = super().clean() or self.cleaned_data
        for name, value in data.items():
            setattr(self.instance, name, value)
        if not self.errors and _taken(self, "channel", "key"):
            self.add_error("key", _("There is a signal with this key already."))
        return data


class UploadForm(forms.Form):
    """A CSV file."""

    file = forms.FileField(label=gettext_lazy("CSV file"))

    def clean_file(self) -> Any:
        """Not too large to be read at once."""
        found = self.cleaned_data["file"]
        if found.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 5 MB: split it."))
        return found
