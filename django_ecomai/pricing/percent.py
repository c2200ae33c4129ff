"""The field of a form for shares that are typed as per cent, and told as such where they are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Model
from django.utils.formats import number_format
from django.utils.translation import gettext as _


class PercentField(forms.FloatField):
    """A share, typed and shown as per cent. ``least`` and ``most`` are shares, their messages speak per cent."""

    def __init__(self, *, least: float | None = None, most: float | None = None, **values: Any) -> None:
        super().__init__(**values)
        self.least, self.most = least, most

    def prepare_value(self, value: Any) -> Any:
        """0.3 is shown as 30; what was typed stays as it was typed."""
        return f"{round(100 * value, 6):g}" if isinstance(value, float) else value

    def to_python(self, value: Any) -> Any:
        """30 becomes 0.3."""
        found = super().to_python(value)
        return None if found is None else round(found / 100, 8)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is None:
            return
        if self.least is not None and value < self.least:
            raise ValidationError(_("At least %(number)s per cent.") % {"number": typed(self.least)}, code="min_value")
        if self.most is not None and value > self.most:
            raise ValidationError(_("At most %(number)s per cent.") % {"number": typed(self.most)}, code="max_value")


def typed(share: float) -> str:
    """0.995 as ``99.5``: how it is typed."""
    return number_format(f"{round(100 * share, 4):f}".rstrip("0").rstrip("."))


def percent_fields(model: type[Model], names: Iterable[str]) -> dict[str, Callable[..., PercentField]]:
    """For ``Meta.field_classes``: with the bounds that the model's own validators have, so that theirs, which would
    speak of shares, never come to word."""
    found: dict[str, Callable[..., PercentField]] = {}
    for name in names:
        bounds: dict[str, float] = {}
        for one in model._meta.get_field(name).validators:  # type: ignore[union-attr]
            if isinstance(one, MinValueValidator):
                bounds["least"] = float(one.limit_value)
            elif isinstance(one, MaxValueValidator):
                bounds["most"] = float(one.limit_value)
        found[name] = partial(PercentField, **bounds)
    return found
