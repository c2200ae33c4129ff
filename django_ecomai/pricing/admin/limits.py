"""The page "Price limits": what the merchant allows prices to do, what that would change, and what it was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.charts import format_value
from django_ecomai.core.paging import channels_of
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.asked import channel_asked, key_asked, of_channel
from django_ecomai.pricing.limits_preview import LimitsPreview, limits_preview
from django_ecomai.pricing.models import PriceLimits
from django_ecomai.pricing.percent import percent_fields, typed
from django_ecomai.pricing.shop_limits import (
    DEFAULT_LIMITS,
    in_force,
    limits_locked,
    limits_row,
    limits_set,
)

from .base import START, PricingAdmin

CHANGE = "ecomai_pricing.change_pricelimits"
SHARES = tuple(name for name in DEFAULT_LIMITS if name != "min_gain")
SHOWN = 20  # changes that the page lists
HELP = {
    "max_change_day": gettext_lazy("Per cent of today’s price, up and down. Prices that should move further do so in "
                                   "steps, one a day."),
    "max_change_week": gettext_lazy("Per cent of the price of a week ago."),
    "corridor_low": gettext_lazy(
        "Per cent of the list price, or where there is none of the price a year ago. 50: never below half of it."
    ),
    "corridor_high": gettext_lazy("Per cent of the same. 100: never above it."),
    "min_margin": gettext_lazy("Per cent of the price without tax that must be left over the cost. Whatever stands "
                               "here, no price is ever proposed below cost."),
    "min_gain": gettext_lazy("A price that is expected to earn less than so much more until its horizon ends is not "
                             "proposed. What a limit or a rule demands is proposed all the same."),
    "min_gain_share": gettext_lazy("Per cent of what the product earns at today’s price. Where both are given, a "
                                   "proposal must gain both."),
}  # fmt: skip


class LimitsForm(forms.ModelForm):
    """Shares as per cent; what a developer has locked is shown, and stays as it is."""

    # which row the page showed, so that nobody writes over what he has not seen
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = PriceLimits
        fields = tuple(DEFAULT_LIMITS)
        field_classes = percent_fields(PriceLimits, SHARES)
        help_texts = HELP

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.newest, usual, locked = limits_row(channel=self.instance.channel), limits_set(), limits_locked()
        self.fields["seen"].initial = self.newest.pk or 0
        days = {"days": ecomai.PRICING_HORIZON_DAYS}
        self.fields["min_gain"].label = capfirst(_("least gain in %(days)s days") % days)
        for name in DEFAULT_LIMITS:
            field = self.fields[name]
            field.widget.attrs["step"] = "any"
            field.widget.attrs["placeholder"] = told(name, usual[name], unit=False)
            field.locked = name in locked  # type: ignore[attr-defined]
            field.disabled = name in locked
            field.usual = told(name, usual[name])  # type: ignore[attr-defined]
            field.unit = "" if name == "min_gain" else "%"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("seen") != (self.newest.pk or 0):
            raise forms.ValidationError(
                _("Somebody else has changed the limits since this page was opened: look at them again.")
            )
        return found


@dataclass(frozen=True)
class Change:
    """A row of the history: its lines are old → new; ``before`` is the key whose values undoing puts back."""

    row: PriceLimits
    lines: list[str]
    before: int


@admin.register(PriceLimits)
class PriceLimitsAdmin(PricingAdmin):
    """One page in place of a list: rows are added by it, and never changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """A link of Django's own log leads to the page of that shop."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = PriceLimits.objects.filter(pk=key_asked(object_id)).first()
        return HttpResponseRedirect(self._here(row.channel if row is not None else ecomai.CHANNEL))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """GET: the limits, with ``?from=`` those of an older row (0: none). POST: what they would change, or save."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        channel, may_change = channel_asked(request), self.has_change_permission(request)
        newest = limits_row(channel=channel)
        preview: LimitsPreview | None = None
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            form = LimitsForm(request.POST, instance=PriceLimits(channel=channel, **_values(newest)))
            if form.is_valid():
                if "_save" in request.POST:
                    return self._saved(request, newest, form.instance)
                preview = limits_preview(channel=channel, before=in_force(newest), after=in_force(form.instance))
        else:
            form = LimitsForm(instance=PriceLimits(channel=channel, **_values(self._older(request, newest))))
        history = changes(channel=channel)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Price limits"),
            "opts": self.opts,
            "form": form,
            "fields": [form[name] for name in DEFAULT_LIMITS],
            "in_force": [(form[name].label, told(name, value)) for name, value in in_force(newest).items()],
            "preview": preview_lines(preview) if preview is not None else [],
            "is_older": request.method == "GET" and "from" in request.GET,
            "may_change": may_change,
            "history": history,
            "here": self._here(channel),
            "join": "&" if "?" in self._here(channel) else "?",
            "shops": self._shops(channel),
            "price_links": self.price_links(request),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/limits.html", context)

    def _saved(self, request: HttpRequest, newest: PriceLimits, row: PriceLimits) -> HttpResponse:
        back = HttpResponseRedirect(self._here(row.channel))
        lines = differences(newest, row)
        if not lines:
            messages.info(request, _("Nothing was changed: these limits hold already."))
            return back
        row.user = request.user  # type: ignore[assignment]
        row.save(force_insert=True)
        change_log(objects=[row], user=request.user, lines=["; ".join(lines)])
        text = _("The limits are saved. Prices that go into the shop are held against them from now on.")
        if request.user.has_perm(START):
            text += " " + _("The open proposals follow with the next run: work it out again in the list of prices.")
        messages.success(request, text)
        return back

    def _older(self, request: HttpRequest, newest: PriceLimits) -> PriceLimits:
        if "from" not in request.GET:
            return newest
        key = key_asked(request.GET["from"])
        return PriceLimits.objects.filter(channel=newest.channel, pk=key).first() or PriceLimits(channel=newest.channel)

    def _here(self, channel: str) -> str:
        return of_channel(self.link("ecomai_pricing_pricelimits_changelist"), channel)

    def _shops(self, channel: str) -> list[tuple[str, str, bool]]:
        """Address, name and whether it is shown, where there are several."""
        known = sorted({channel, ecomai.CHANNEL, *channels_of(Product)})
        return [(self._here(one), one or _("main shop"), one == channel) for one in known] if len(known) > 1 else []


def _values(row: PriceLimits) -> dict[str, float | None]:
    return {name: getattr(row, name) for name in DEFAULT_LIMITS}


def told(name: str, value: float | None, *, unit: bool = True) -> str:
    """``10 %``; an amount is without a currency, as it counts in that of each product."""
    if value is None:
        return _("no limit")
    if name == "min_gain":
        return format_value(value)
    return f"{typed(value)} %" if unit else typed(value)


def differences(before: PriceLimits, after: PriceLimits) -> list[str]:
    """A line per value that differs, old → new; what is left to the setting is told as that stands now."""
    found, usual = [], limits_set()
    for name in DEFAULT_LIMITS:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            label = PriceLimits._meta.get_field(name).verbose_name  # type: ignore[union-attr]
            preset = f"{told(name, usual[name])} ({_('preset')})"
            old, new = (preset if one is None else told(name, one) for one in (was, now))
            found.append(f"{label}: {old} → {new}")
    return found


def changes(*, channel: str) -> list[Change]:
    """The last changes, the newest first; one query."""
    rows = list(PriceLimits.objects.filter(channel=channel).select_related("user").order_by("-pk")[: SHOWN + 1])
    found = []
    for row, before in zip(rows, [*rows[1:], PriceLimits(channel=channel)], strict=False):  # the first has no before
        found.append(Change(row, differences(before, row), before.pk or 0))
    return found[:SHOWN]


def preview_lines(found: LimitsPreview) -> list[str]:
    """What other limits would do to the open proposals, a sentence each."""
    named = {"changed": format_value(found.changed), "open": format_value(found.open)}
    lines = [
        _("With these limits %(changed)s of today’s %(open)s open proposals would be held back or change.") % named
    ]
    for number, text in (
        (found.outside, ngettext("%(n)s has a price that they do not allow.",
                                 "%(n)s have a price that they do not allow.", found.outside)),
        (found.small, ngettext("%(n)s gains too little and would not be proposed.",
                               "%(n)s gain too little and would not be proposed.", found.small)),
        (found.further, ngettext("%(n)s stands at a limit that becomes wider: the next run may move it further.",
                                 "%(n)s stand at a limit that becomes wider: the next run may move them further.",
                                 found.further)),
        (found.waiting, ngettext("%(n)s approved price that waits would be refused.",
                                 "%(n)s approved prices that wait would be refused.", found.waiting)),
    ):  # fmt: skip
        if number:
            lines.append(text % {"n": format_value(number)})
    if found.more:
        lines.append(_("The next run may propose more prices, as less gain is enough."))
    return lines
