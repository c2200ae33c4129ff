"""Form widgets of the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.formats import number_format
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .selectors import SliderCost

# By slider: what moving it does, against the slider at 0.
_EFFECTS: dict[str, Any] = {
    "diversity": gettext_lazy("At %(value)s: hits %(hits)s, variety %(gain)s"),
    "novelty": gettext_lazy("At %(value)s: hits %(hits)s, rarity %(gain)s"),
    "taste": gettext_lazy("At %(value)s: hits %(hits)s, distance from the customer’s mix %(gain)s"),
}


class SliderInput(forms.NumberInput):
    """A slider from 0 to 1 with its value, and with what each strength cost at the last training (``cost``).

    Without JavaScript every cost is listed; with it only the one nearest to where the slider stands.
    """

    input_type = "range"
    cost: SliderCost | None = None

    class Media:
        js = ("ecomai/recommend/slider.js",)

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"min": "0", "max": "1", "step": "0.05", "class": "ecomai-slider", **(attrs or {})})

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """The input, its value, and the costs as what describes it."""
        attrs = dict(attrs or {})
        key = str(attrs.get("id", f"id_{name}"))
        described = [attrs.get("aria-describedby", ""), f"{key}_cost"]
        attrs["aria-describedby"] = " ".join(one for one in described if one)
        return format_html(
            '<div class="ecomai-slide"><span class="ecomai-range">{} '
            '<output class="ecomai-range__value" for="{}" hidden></output></span>{}</div>',
            super().render(name, value, attrs, renderer),
            key,
            self._costs(f"{key}_cost"),
        )

    def _costs(self, key: str) -> SafeString:
        if self.cost is None:
            text = _("What this costs is not known yet: a training with enough orders measures it.")
            return format_html('<span class="ecomai-costs help" id="{}">{}</span>', key, text)
        said = _EFFECTS[self.cost.slider]
        rows = [
            (value, said % {"value": plain_number(value), "hits": percent(hits), "gain": percent(gain)})
            for value, hits, gain in self.cost.effects
            if value
        ]
        items = format_html_join("", '<li data-value="{}">{}</li>', [(str(value), text) for value, text in rows])
        return format_html('<ul class="ecomai-costs help" id="{}">{}</ul>', key, items)


def percent(change: float) -> str:
    """``+12 %``, ``−3 %`` or ``±0 %``."""
    whole = round(change)
    sign = "+" if whole > 0 else "−" if whole < 0 else "±"
    return f"{sign}{number_format(abs(whole))} %"


def plain_number(value: float) -> str:
    """``0.5``, ``1``, in the reader's language."""
    return number_format(f"{value:g}")


lazy_number = lazy(plain_number, str)
capfirst_lazy = lazy(capfirst, str)
