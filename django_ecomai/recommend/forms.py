"""Forms of the admin: carousels with readable strategies, rules that do not contradict each other, the preview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.mirror.models import Category, Customer, Order, Product

from .models import MerchantRule, Placement, ShopRule, Slot, SlotRule
from .selectors import SLIDERS, SliderCost
from .strategies import strategy_choices
from .widgets import SliderInput, capfirst_lazy, lazy_number

# Two rules of these kinds about one target at one time contradict each other.
_CONTRARY = ({"pin", "hide"}, {"boost", "hide"}, {"boost", "bury"}, {"pin", "bury"})


_WITH_DEFAULT = (*SLIDERS, "explore", "frequency_days")


class SlotForm(forms.ModelForm):
    """A carousel; the strategy is chosen by what it does, not by its name."""

    strategy = forms.ChoiceField(label=gettext_lazy("What to show"), choices=list)
    # Set by the admin on the class that it makes for a request: one query, however many carousels there are.
    slider_costs: ClassVar[Sequence[SliderCost]] = ()

    class Meta:
        model = Slot
        fields = (
            "title", "strategy", "size", "order", "is_active", "only_in_stock", "exclude_bought", "category_cap",
            "diversity", "novelty", "taste", "explore", "frequency_cap", "frequency_days", "fill_filtered",
        )  # fmt: skip
        widgets: ClassVar[dict[str, Any]] = dict.fromkeys(SLIDERS, SliderInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = strategy_choices()
        current = self.instance.strategy if self.instance else ""
        if current and current not in dict(choices):
            choices.append((current, _("%(name)s (not installed)") % {"name": current}))
        self.fields["strategy"].choices = choices  # type: ignore[attr-defined]
        for name in _WITH_DEFAULT:
            if name in self.fields:
                self.fields[name].required = False
        for cost in self.slider_costs:
            if cost.slider in self.fields:
                self.fields[cost.slider].widget.cost = cost

    def clean(self) -> Any:
        """An emptied field has its default again."""
        cleaned = super().clean()
        for name in _WITH_DEFAULT:
            emptied = self.add_prefix(name) in self.data and self.cleaned_data.get(name) is None
            if name in self.fields and emptied and name not in self.errors:
                self.cleaned_data[name] = getattr(Slot(), name)
        return cleaned


class RuleFormSet(BaseInlineFormSet):
    """The rules of a carousel."""

    def clean(self) -> None:
        """No two rules may say the opposite, or the same twice, about one target at one time."""
        super().clean()
        seen: list[SlotRule] = []
        for form in self.forms:
            if not form.is_valid() or not form.cleaned_data or form.cleaned_data.get("DELETE"):
                continue
            rule: SlotRule = form.instance
            for other in seen:
                contradiction(rule, other)
            seen.append(rule)


class ShopRuleForm(forms.ModelForm):
    """A rule for all carousels; no two may say the opposite, or the same twice, about one target at one time."""

    class Meta:
        model = ShopRule
        fields = ("channel", "action", "factor", "product", "category", "starts_at", "ends_at")

    def clean(self) -> Any:
        """Compared with the other rules of the shop about the same target."""
        cleaned = super().clean()
        given = self.cleaned_data
        product, category = given.get("product"), given.get("category")
        if self.errors or (product is None) == (category is None):
            return cleaned
        channel = given.get("channel", self.instance.channel)
        rule = ShopRule(
            channel=channel, action=given["action"], product=product, category=category,
            starts_at=given.get("starts_at"), ends_at=given.get("ends_at"),
        )  # fmt: skip
        others = ShopRule.objects.filter(channel=channel, product=product, category=category)
        for other in others.exclude(pk=self.instance.pk):
            contradiction(rule, other)
        return cleaned


def contradiction(rule: MerchantRule, other: MerchantRule) -> None:
    """Raises ValidationError when two rules about one target cannot hold together."""
    if not rule.overlaps(other):
        return
    names = {
        "target": rule.product or rule.category,
        "one": other.get_action_display(),
        "two": rule.get_action_display(),
    }
    if rule.action == other.action:
        raise ValidationError(_("“%(target)s” has two rules “%(one)s” at the same time: delete one.") % names)
    if {rule.action, other.action} in _CONTRARY:
        text = _("“%(target)s” cannot be “%(one)s” and “%(two)s” at the same time: delete one rule.")
        raise ValidationError(text % names)


class KnownSelect(AutocompleteSelect):
    """Django's own looks its values up to draw them, and fails on one that cannot be an id (a mistyped address)."""

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> Any:
        """Only values that the field itself would take are looked up."""
        return super().optgroups(name, [one for one in value if self._is_id(one)], attrs)

    def _is_id(self, value: str) -> bool:
        try:
            key = self.choices.queryset.model._meta.pk
            key.run_validators(key.to_python(value))  # a number of the database's range
        except (ValidationError, ValueError, TypeError, OverflowError):
            return False
        return "\x00" not in str(value)


def _strength(name: str) -> forms.ChoiceField:
    steps = [(str(value), lazy_number(value)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return forms.ChoiceField(
        choices=[("", gettext_lazy("as saved")), *steps], required=False,
        label=capfirst_lazy(Slot._meta.get_field(name).verbose_name),  # type: ignore[union-attr]
    )  # fmt: skip


class PreviewForm(forms.Form):
    """Whose page, and which product, cart or category it is about."""

    customer = forms.ModelChoiceField(
        Customer.objects.none(), required=False, label=gettext_lazy("Customer"),
        help_text=gettext_lazy("Leave empty to see what an unknown visitor gets."),
    )  # fmt: skip
    product = forms.ModelChoiceField(
        Product.objects.none(), required=False, label=gettext_lazy("Product on the page"),
        help_text=gettext_lazy("For product pages and carts."),
    )  # fmt: skip
    category = forms.ModelChoiceField(
        Category.objects.none(), required=False, label=gettext_lazy("Category on the page")
    )
    words = forms.CharField(
        required=False, max_length=255, label=gettext_lazy("Words of the search"),
        help_text=gettext_lazy("What somebody searched for, without a result."),
    )  # fmt: skip
    diversity = _strength("diversity")
    novelty = _strength("novelty")
    taste = _strength("taste")

    @property
    def about(self) -> list[forms.BoundField]:
        """Whose page, and what it is about."""
        return [field for field in self if field.name not in SLIDERS]

    @property
    def sliders(self) -> list[forms.BoundField]:
        """What may be tried out."""
        return [self[name] for name in SLIDERS]

    @property
    def tune(self) -> dict[str, float]:
        """The sliders that are tried out here; the others stand as they are saved."""
        return {name: float(self.cleaned_data[name]) for name in SLIDERS if self.cleaned_data.get(name)}

    def __init__(self, data: Any, *, placement: Placement, admin_site: Any) -> None:
        super().__init__(data)
        if not placement.slots.filter(strategy="empty_search").exists():
            del self.fields["words"]
        # Only people and products of the placement's own shop.
        sources = {
            "customer": (Customer, Order._meta.get_field("customer")),
            "product": (Product, SlotRule._meta.get_field("product")),
            "category": (Category, SlotRule._meta.get_field("category")),
        }
        for name, (model, source) in sources.items():
            field: Any = self.fields[name]
            field.queryset = model._default_manager.filter(channel=placement.channel)
            if admin_site.is_registered(model):
                widget = KnownSelect(source, admin_site, attrs={"data-width": "22rem"})
                widget.choices = field.choices
                field.widget = widget
            else:  # a site of the shop's own without the copies: the shop's id is typed
                field.to_field_name = "external_id"
                field.widget = forms.TextInput()
            field.error_messages["invalid_choice"] = _("This is not known in the placement's shop: choose another.")
