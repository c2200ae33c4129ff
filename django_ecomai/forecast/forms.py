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

from .frames import NO_CATEGORY
from .models import Forecast, ForecastOverride, SalesTarget, Signal
from .models.results import Level
from .selectors import forecast_made_on
from .services import override_errors, target_errors

MOST_BYTES = 5 * 1024 * 1024
MOST_CHOICES = 2_000


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
        help_texts = {
            **OverrideForm.Meta.help_texts,
            "category": gettext_lazy("Choose a product or a category; leave both empty for the whole shop."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            first = forecast_made_on(channel=self.instance.channel or ecomai.CHANNEL) or timezone.localdate()
            self.initial.setdefault("starts_on", first)
            self.initial.setdefault("ends_on", first + timedelta(days=13))

    def clean(self) -> Any:
        """Product or category, or neither for the whole shop."""
        data = super().clean()
        product, category = data.get("product"), data.get("category")
        if product and category:
            self.add_error("category", _("Choose a product or a category, not both."))
        self.instance.level = "product" if product else "category" if category else "shop"
        return data


class TargetForm(forms.ModelForm):
    """A sales target. What it is of is chosen by name: the whole shop, or what has a sales forecast."""

    about = forms.ChoiceField(label=gettext_lazy("Of"))

    class Meta:
        model = SalesTarget
        fields = ("starts_on", "ends_on", "amount", "note", "channel")
        widgets = {"starts_on": DayInput, "ends_on": DayInput}
        help_texts = {"note": gettext_lazy("Such as “Christmas”: it stands beside the target.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = (self.instance.level, self.instance.key) if self.instance.pk else None
        if "about" in self.fields:
            channel = self.instance.channel if own else None  # a new one chooses its shop in the same form
            self.fields["about"].choices = _target_choices(own, channel)  # type: ignore[attr-defined]
            self.fields["about"].initial = ":".join(own) if own else "shop:"
        if own is None:
            made_on = forecast_made_on(channel=self.instance.channel or ecomai.CHANNEL) or timezone.localdate()
            first = made_on.replace(day=1)
            self.initial.setdefault("starts_on", first)
            self.initial.setdefault("ends_on", (first + timedelta(days=32)).replace(day=1) - timedelta(days=1))
        if "amount" in self.fields:
            self.fields["amount"].label = _("Amount in %(currency)s") % {"currency": ecomai.CURRENCY}

    def clean(self) -> Any:
        """The rules of the service, by field."""
        data = super().clean() or self.cleaned_data
        for name, value in data.items():
            if name != "about":
                setattr(self.instance, name, value)
        if "about" in data:
            self.instance.level, _colon, self.instance.key = data["about"].partition(":")
        errors = target_errors(self.instance)
        _checked(self, {("about" if name in ("level", "key") else name): text for name, text in errors.items()})
        if not self.errors and _taken(self, "channel", "level", "key", "starts_on", "ends_on"):
            self.add_error(None, _("There is a target of this span already: change that one."))
        return data


def _target_choices(own: tuple[str, str] | None, channel: str | None) -> list[Any]:
    """Grouped by level, largest sales first; the names are those of the sales forecast. ``channel`` None: all shops."""
    groups: dict[str, dict[str, str]] = {"category": {}, "country": {}, "segment": {}}
    shop = {} if channel is None else {"channel": channel}
    rows = Forecast.objects.filter(measure="money", level__in=groups, **shop).order_by("-total", "pk")
    for level, key, title in rows.values_list("level", "key", "title")[:MOST_CHOICES]:
        if key != NO_CATEGORY:
            groups[level].setdefault(f"{level}:{key}", title or key)
    if not groups["category"]:  # no forecast yet
        names = Category.objects.filter(**shop).order_by("name").values_list("external_id", "name")[:MOST_CHOICES]
        groups["category"] = {f"category:{key}": name for key, name in names}
    if own is not None and own[0] in groups:
        groups[own[0]].setdefault(":".join(own), own[1])
    labels = dict(Level.choices)
    found: list[Any] = [("shop:", labels["shop"])]
    return found + [(labels[level], list(names.items())) for level, names in groups.items() if names]


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
