"""The rule builder: groups that follow a merchant's questions, and a preview on his own catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.mirror.admin.base import amount_format
from django_ecomai.mirror.models import Category, Product
from django_ecomai.pricing import words
from django_ecomai.pricing.asked import channel_asked, key_asked, of_channel
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.models import PricingRule
from django_ecomai.pricing.percent import percent_fields, typed
from django_ecomai.pricing.rule_notes import next_order, no_effect, over_words, rivals, without_effect
from django_ecomai.pricing.rule_preview import Preview, rule_preview
from django_ecomai.pricing.rule_words import for_whom, limits_told, what_it_does
from django_ecomai.pricing.rulebook import MERGED
from django_ecomai.pricing.shop_limits import OF_PRICES, shop_limits
from django_ecomai.pricing.worklist import costs_simulated

from .base import STYLES, PricingAdmin

#: Kept as shares, typed as per cent.
PERCENTS = (
    "margin_from", "margin_to", "sell_share", "left_worth", "markup", "offset", "min_margin", "corridor_low",
    "corridor_high", "max_change_day", "max_change_week",
)  # fmt: skip
HELP = {
    "margin_from": gettext_lazy("In per cent of the price without tax."),
    "margin_to": gettext_lazy("In per cent of the price without tax."),
    "sell_share": gettext_lazy("In per cent of the pieces in stock."),
    "left_worth": gettext_lazy("In per cent of its cost, what a piece is worth at the end: 0 for what spoils."),
    "markup": gettext_lazy("In per cent of the cost: 50 means cost and half of it; tax comes on top."),
    "offset": gettext_lazy("In per cent of the offer, or of the price that is followed: −2 means 2 % below."),
    "min_margin": gettext_lazy("In per cent of the price without tax."),
    "corridor_low": gettext_lazy("In per cent of the list price."),
    "corridor_high": gettext_lazy("In per cent of the list price."),
    "max_change_day": gettext_lazy("In per cent of the price before."),
    "max_change_week": gettext_lazy("In per cent of the price before."),
}


class RuleForm(forms.ModelForm):
    """Shares as per cent."""

    class Meta:
        model = PricingRule
        fields = ("name",)  # the admin asks for those of its groups
        field_classes = percent_fields(PricingRule, PERCENTS)
        help_texts = HELP

    def __init__(self, *args: Any, **values: Any) -> None:
        """Beside each limit that of the shop, and that it makes the rule's own useless, also while that is typed."""
        super().__init__(*args, **values)
        shop = shop_limits(channel=self.instance.channel if self.instance.pk else ecomai.CHANNEL)
        useless = without_effect(self.instance, shop)
        for name in OF_PRICES:
            if (held := shop[name]) is None or name not in self.fields:
                continue
            field = self.fields[name]
            stricter = "higher" if MERGED[name] is max else "lower"
            field.widget.attrs |= {"data-ecomai-shop-limit": f"{100 * held:g}", "data-ecomai-stricter": stricter}
            field.help_text = format_html(
                '{} {} <strong id="id_{}_no_effect" role="status"{}>{}</strong>',
                HELP[name],
                _("The shop’s: %(share)s %%.") % {"share": typed(held)},
                name,
                "" if name in useless else mark_safe(" hidden"),
                no_effect(held),
            )


@admin.register(PricingRule)
class PricingRuleAdmin(PricingAdmin):
    """Ordered rules; the most specific one counts, the limits of all that fit hold."""

    form = RuleForm
    list_display = ("name", "who", "does", "limits", "order", "is_active")
    list_select_related = ("product", "category", "follows")
    list_filter = ("is_active", "action")
    search_fields = ("name", "brand")
    sortable_by = ()
    ordering = ("order", "pk")
    raw_id_fields = ("product", "category", "follows")
    change_list_template = "ecomai/pricing/admin/rule_list.html"
    change_form_template = "ecomai/pricing/admin/rule.html"
    fieldsets = (
        (None, {"fields": ("channel", "name", ("is_active", "order"))}),
        (
            gettext_lazy("For which products"),
            {
                "fields": ("category", "brand", ("attribute", "attribute_value"), "product"),
                "description": gettext_lazy("Everything that you fill in must hold. Nothing filled in: all products."),
            },
        ),
        (
            gettext_lazy("Only while …"),
            {
                "fields": (
                    ("starts_on", "ends_on"),
                    "weekdays",
                    ("stock_days_min", "stock_days_max"),
                    ("margin_from", "margin_to"),
                    "position",
                ),
                "classes": ("collapse",),
                "description": gettext_lazy(
                    "Dates, age of the stock, margin and place in the market; all may be empty."
                ),
            },
        ),
        (
            gettext_lazy("What it does with their prices"),
            {
                "fields": (
                    "action",
                    "markup",
                    ("reference",),
                    "follows",
                    "offset",
                    ("sell_until", "sell_until_attribute"),
                    "sell_share",
                    "left_worth",
                ),
            },
        ),
        (
            gettext_lazy("Learn by trying"),
            {
                "fields": ("explore",),
                "description": gettext_lazy(
                    "Instead of the price that looks best today, one is drawn within the limits: a price is drawn as "
                    "often as it is likely to be the best. Where demand is known well that is nearly always the same "
                    "one; where little is known, others are tried and the next runs learn from them. Each draw is kept "
                    "with its probability, and you decide about it as about any other proposal. Everybody sees the "
                    "same price. Only with “the most profit” or “the most revenue”."
                ),
            },
        ),
        (
            gettext_lazy("Limits that always win"),
            {
                "fields": (
                    "min_margin",
                    ("max_change_day", "max_change_week"),
                    ("corridor_low", "corridor_high"),
                    "map_attribute",
                ),
                "description": gettext_lazy(
                    "Of all rules that fit a product the strictest limit of each kind holds. No price is ever proposed "
                    "below cost."
                ),
            },
        ),
        (
            gettext_lazy("How prices look"),
            {"fields": ("endings", "step", "family_attribute"), "classes": ("collapse",)},
        ),
    )

    class Media:
        css = {"all": STYLES}
        js = ("ecomai/pricing/rule.js", "ecomai/pricing/limits.js")

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search as one types, where the site has the catalogue."""
        names = {"product": Product, "category": Category, "follows": Product}
        return tuple(name for name, model in names.items() if self.admin_site.is_registered(model))

    def get_urls(self) -> list[URLPattern]:
        """With the address that the preview asks."""
        view = self.admin_site.admin_view(require_POST(self.preview_view))
        return [path("preview/", view, name="ecomai_pricing_pricingrule_preview"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With the limits that hold without any rule."""
        channel = channel_asked(request)
        limits = shop_limits(channel=channel)
        held = PricingRule(**{name: limits[name] for name in OF_PRICES})
        context = {
            "limits_url": of_channel(self.link("ecomai_pricing_pricelimits_changelist"), channel)
            if request.user.has_perm("ecomai_pricing.view_pricelimits")
            else "",
            "defaults": limits_told(held),
            "simulated": costs_simulated(channel=channel),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the preview beside the form."""
        context = {
            "preview_url": self.link("ecomai_pricing_pricingrule_preview"),
            "is_nav_sidebar_enabled": False,  # the preview needs the room
            **(extra_context or {}),
        }
        return super().changeform_view(request, object_id, form_url, context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Behind the others, so that two rules for the same products do not hold each other's prices."""
        order = next_order(channel=channel_asked(request))
        return {"order": order, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: PricingRule, form: Any, change: bool) -> None:
        """Says what of it has no effect, and which other rule wants something else for the same products."""
        super().save_model(request, obj, form, change)
        for line in self.notes(obj, form.fields):
            messages.warning(request, line)

    def notes(self, rule: PricingRule, fields: Mapping[str, Any]) -> list[str]:
        """What a rule says in vain, and its rivals with a link."""
        found = []
        for name, text in without_effect(rule, shop_limits(channel=rule.channel)).items():
            found.append(f"{capfirst(fields[name].label) if name in fields else name}: {text}")
        if over := over_words(rule):
            found.append(_("The rule does nothing: it is %(over)s.") % {"over": over})
        for other in rivals(rule):
            text = _(
                "This rule and {rule} are equally specific, have the same order and want different things: the prices "
                "of the products that both fit are held back. Give one of them another order, {order} is free."
            )
            link = format_html(
                '<a href="{}">{}</a>', self.link("ecomai_pricing_pricingrule_change", other.pk), other.name
            )
            found.append(format_html(text, rule=link, order=next_order(channel=rule.channel)))
        return found

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """POST the form: a fragment for the script, a page of its own without it."""
        if not self.has_change_permission(request) and not self.has_add_permission(request):
            raise PermissionDenied
        instance = PricingRule.objects.filter(pk=key_asked(request.POST.get("_rule"))).first()
        form = self.get_form(request, instance, change=instance is not None)(request.POST, instance=instance)
        # A name is no matter of the preview: whoever has not typed one yet sees what the rule would do.
        form.fields["name"].required = False
        context: dict[str, Any] = {"problems": [], "lines": []}
        if form.is_valid():
            rule = form.save(commit=False)
            context |= preview_context(rule_preview(rule=rule)) | {"simulated": costs_simulated(channel=rule.channel)}
            context["notes"] = self.notes(rule, form.fields)
        else:
            context["problems"] = [
                f"{form.fields[name].label}: {' '.join(map(str, errors))}"
                if name in form.fields
                else " ".join(map(str, errors))
                for name, errors in form.errors.items()
            ]
        if request.headers.get("X-Requested-With") == "fetch":
            return HttpResponse(render_to_string("ecomai/pricing/admin/_rule_preview.html", context))
        page = {
            **self.admin_site.each_context(request),
            "title": _("Preview of the rule"),
            "opts": self.opts,
            **context,
        }
        return TemplateResponse(request, "ecomai/pricing/admin/rule_preview.html", page)

    # -- columns
    @admin.display(description=gettext_lazy("for which products"))
    def who(self, row: PricingRule) -> str:
        return str(capfirst(for_whom(row)))

    @admin.display(description=gettext_lazy("what it does"))
    def does(self, row: PricingRule) -> str:
        told = str(capfirst(what_it_does(row)))
        over = over_words(row)
        return f"{told} ({over})" if over else told

    @admin.display(description=gettext_lazy("limits"))
    def limits(self, row: PricingRule) -> str:
        return str(capfirst(limits_told(row))) or "–"


def preview_context(found: Preview) -> dict[str, Any]:
    """The preview in words."""
    named = {"number": format_value(found.matches), "all": format_value(found.total)}
    if found.exact:
        told = _("It is for %(number)s of %(all)s products on sale.") % named
    else:
        named |= {"looked": format_value(found.looked_at), "may": format_value(found.may_fit)}
        told = _(
            "It is for %(number)s of the first %(looked)s products that were looked at; %(may)s of %(all)s may fit."
        )
        told = told % named
    undated = ngettext(
        "%(n)s product has no known date: it is not counted. Map `created_at` in your adapter.",
        "%(n)s products have no known date: they are not counted. Map `created_at` in your adapter.",
        found.undated,
    )
    rows = [
        {
            "product": row.product,
            "before": exact_amount(row.old_price, row.currency),
            "after": "" if row.new_price is None else exact_amount(row.new_price, row.currency),
            "change": "" if row.new_price in (None, row.old_price) else words.signed_percent(row.change),
            "asked": _asked(row),
            "limit": words.small_words(row) or words.limit_words(row),
            "held": row.held_words,
        }
        for row in found.rows
    ]
    return {
        "told": told,
        "examples": rows,
        "matches": found.matches,
        "undated": undated % {"n": format_value(found.undated)} if found.undated else "",
    }


def _asked(row: Any) -> str:
    """The price that the rule asked for before its limits, where they moved it."""
    if not row.trail or len(row.trail[0]) < 3 or row.new_price is None:
        return ""
    return str(amount_format(row.trail[0][1], row.currency))
