"""The forecast list, the page of a forecast, and the sales forecast in money."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import FastModelAdmin, ViewOnlyMixin
from django_ecomai.core.charts import format_value

from .. import presenting
from ..csv_files import csv_stream
from ..exporting import FORECAST_HEADER, forecast_export
from ..forms import OverrideForm
from ..models import Forecast, ForecastOverride
from ..models.results import DemandClass
from ..pictures import forecast_sparkline
from ..selectors import forecast_made_on
from ..services import override_create, override_restore, override_withdraw
from .pages import PageMixin
from .sales import SalesPage

ADD_OVERRIDE = "ecomai_forecast.add_forecastoverride"
CHANGE_OVERRIDE = "ecomai_forecast.change_forecastoverride"
PAST, AHEAD = 26, 13


class ShownFilter(admin.SimpleListFilter):
    """Products, categories, or sales in money; products unless something is chosen or searched for."""

    title = gettext_lazy("show")
    parameter_name = "show"
    CHOICES: dict[str, tuple[Any, dict[str, Any]]] = {
        "products": (gettext_lazy("Products"), {"measure": "pieces", "level": "product"}),
        "categories": (gettext_lazy("Categories"), {"measure": "pieces", "level__in": ["category", "shop"]}),
        "money": (gettext_lazy("Sales in money"), {"measure": "money"}),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _where) in self.CHOICES.items()]

    def choices(self, changelist: Any) -> Any:
        """Without "all": pieces and money in one list mean nothing."""
        chosen = self.value() or "products"
        for name, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: name})
            yield {"selected": name == chosen, "query_string": query, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() if self.value() in self.CHOICES else "products"
        return queryset.filter(**self.CHOICES[str(chosen)][1])


class ClassFilter(admin.SimpleListFilter):
    """Kind of demand."""

    title = gettext_lazy("how it sells")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(DemandClass.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(demand_class=self.value()) if self.value() else queryset


@admin.register(Forecast)
class ForecastAdmin(ViewOnlyMixin, SalesPage, PageMixin, FastModelAdmin):
    """What will be sold: a list with pictures, a page per forecast, and the shop's sales in money.

    The job makes forecasts; people change them by overrides.
    """

    list_display = ("name", "near", "picture", "kind", "error")
    list_display_links = ("name",)
    list_filter = (ShownFilter, ClassFilter)
    search_fields = ("=key", "title")
    search_help_text = gettext_lazy("Id of the product, or words of its title.")
    sortable_by = ()
    ordering = ("-total", "pk")
    actions = ("export",)
    change_list_template = "ecomai/forecast/admin/list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Forecast]:
        """Without the long columns in the list."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and match.url_name and match.url_name.endswith("_changelist"):
            return rows.defer("components", "lo_95", "hi_95")
        return rows

    # -- the list

    @admin.display(description=gettext_lazy("what"))
    def name(self, row: Forecast) -> str:
        return row.title or str(row.get_level_display())

    @admin.display(description=gettext_lazy("past and forecast"))
    def picture(self, row: Forecast) -> SafeString:
        return forecast_sparkline(
            row.history[-PAST:], row.mean[:AHEAD], row.lo_80[:AHEAD], row.hi_80[:AHEAD], title=row.title
        )

    @admin.display(description=gettext_lazy("expected soon"))
    def near(self, row: Forecast) -> SafeString:
        model, before = presenting.near_total(row)
        now = getattr(row, "near_final", model)
        words = presenting.near_words(row.frequency)
        if abs(now - model) > 0.005 * max(model, 1.0):
            words = _("%(span)s, with an override") % {"span": words}
        return format_html(
            '{} <span class="ecomai-change">{}</span><span class="ecomai-under">{}</span>',
            format_value(round(now, 1)),
            presenting.change_words(now, before),
            words,
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The rows of the page know what overrides make of them."""
        changes: Any = super().get_changelist_instance(request)
        presenting.near_finals(list(changes.result_list))
        return changes

    @admin.display(description=gettext_lazy("how it sells"))
    def kind(self, row: Forecast) -> str | SafeString:
        if not row.demand_class:
            return "–"
        words = presenting.class_words(row.demand_class)
        return format_html('{}<span class="ecomai-under">{}</span>', row.get_demand_class_display(), words)

    @admin.display(description=gettext_lazy("missed by"))
    def error(self, row: Forecast) -> str | SafeString:
        ours, naive = row.accuracy.get("wape"), row.accuracy.get("naive_wape")
        if ours is None:
            return "–"
        under = [] if naive is None else [_("simple: %(naive)s %%") % {"naive": format_value(round(100 * naive))}]
        if presenting.range_failed(row):
            held = format_value(round(100 * row.accuracy["coverage_80"]))
            under.append(_("range failed its test: held %(held)s %%") % {"held": held})
        return format_html(
            "{} %{}",
            format_value(round(100 * ours)),
            format_html_join("", '<span class="ecomai-under">{}</span>', ((text,) for text in under)),
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with what to do while there is nothing."""
        channel = request.GET.get("channel", ecomai.CHANNEL)
        whole = Forecast.objects.filter(channel=channel, measure="pieces", level="shop").first()
        made_on = forecast_made_on(channel=channel)
        query = f"?{urlencode({'channel': channel})}" if channel != ecomai.CHANNEL else ""
        context = {
            **self.train_context(request, channel),
            "title": _("What will be sold"),
            "anything": whole is not None,
            "made_on": presenting.day_words(made_on - timedelta(days=1)) if made_on else "",
            "season_note": presenting.season_note(whole) if whole else "",
            "value_added": presenting.value_added_shop(channel=channel) if whole else "",
            "sales_url": self.url("forecast_sales") + query,
            "export_url": self.url("forecast_export") + query,
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    @admin.action(description=gettext_lazy("Download the selected forecasts as CSV"), permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Forecast]) -> StreamingHttpResponse:
        """Long rows, one per period."""
        return _download(forecast_export(queryset), "forecasts.csv")

    # -- addresses

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("sales/", view(self.sales_view), name="ecomai_forecast_forecast_sales"),
            path("export/", view(self.export_view), name="ecomai_forecast_forecast_export"),
            path(
                "<int:pk>/override/", view(require_POST(self.override_view)), name="ecomai_forecast_forecast_override"
            ),
            path(
                "<int:pk>/override/<int:override>/<str:what>/",
                view(require_POST(self.toggle_view)),
                name="ecomai_forecast_forecast_toggle",
            ),
            *super().get_urls(),
        ]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """All forecasts of a shop's products as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        channel = request.GET.get("channel", ecomai.CHANNEL)
        rows = self.get_queryset(request).filter(channel=channel, measure="pieces", level="product")
        return _download(forecast_export(rows.order_by("pk")), "forecasts.csv")

    # -- the page of a forecast

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Chart, drivers, overrides, accuracy."""
        return self._forecast_page(request, self._get(request, object_id))

    def _get(self, request: HttpRequest, object_id: Any) -> Forecast:
        known = str(object_id).isascii() and str(object_id).isdigit() and len(str(object_id)) < 19
        rows = self.get_queryset(request).select_related("product", "run")
        found = rows.filter(pk=object_id).first() if known else None
        if found is None:
            raise Http404(_("There is no such forecast. A newer one may have taken its place: look in the list."))
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return found

    def _forecast_page(self, request: HttpRequest, row: Forecast, form: OverrideForm | None = None) -> HttpResponse:
        user: Any = request.user
        effects = presenting.effects_of(row)
        overridable = row.measure == "pieces" and row.level in ("product", "category", "shop")
        overrides = [
            {
                "override": one,
                "what": presenting.override_words(one),
                "state": presenting.override_state(one, row.made_on),
                "withdraw_url": self.url("forecast_toggle", row.pk, one.pk, "withdraw") if not one.withdrawn_at else "",
                "restore_url": self.url("forecast_toggle", row.pk, one.pk, "restore") if one.withdrawn_at else "",
            }
            for one in (presenting.overrides_of(row)[:50] if overridable else [])
        ]
        total = presenting.near_total(row, presenting.final_mean(row, effects))
        context = {
            "title": row.title or str(row.get_level_display()),
            "original": row,
            "row": row,
            "chart": presenting.forecast_chart(row, effects),
            "drivers": presenting.drivers_chart(row),
            "driver_sentences": presenting.driver_sentences(row),
            "near": format_value(round(total[0], 1)),
            "near_words": presenting.near_words(row.frequency),
            "change": presenting.change_words(*total),
            "unit": ecomai.CURRENCY if row.measure == "money" else _("pieces"),
            "made_on": presenting.day_words(presenting.last_day(row)),
            "class_words": presenting.class_words(row.demand_class),
            "before_words": presenting.before_words(row.frequency),
            "period_heading": presenting.period_heading(row.frequency),
            "accuracy": presenting.accuracy_facts(row),
            "model": presenting.model_words(row),
            "verdict": presenting.accuracy_verdict(row),
            "season_note": presenting.season_note(row),
            "range_words": presenting.range_words(row),
            "range_note": presenting.range_note(row, effects),
            "past": presenting.past_table(row),
            "overridable": overridable,
            "overrides": overrides,
            "form": (form or OverrideForm(forecast=row)) if overridable and user.has_perm(ADD_OVERRIDE) else None,
            "form_url": self.url("forecast_override", row.pk),
            "may_toggle": user.has_perm(CHANGE_OVERRIDE),
            "list_url": self.url("forecast_changelist"),
            **self.train_context(request, row.channel),
        }
        return self.page(request, "ecomai/forecast/admin/forecast.html", **context)

    def override_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Makes an override for what the page shows."""
        row = self._get(request, pk)
        if not request.user.has_perm(ADD_OVERRIDE):
            raise PermissionDenied
        form = OverrideForm(request.POST, forecast=row)
        if not form.is_valid():
            return self._forecast_page(request, row, form)
        made = form.instance
        try:
            override_create(
                channel=row.channel, kind=made.kind, value=made.value, starts_on=made.starts_on, ends_on=made.ends_on,
                reason=made.reason, product=row.product if row.level == "product" else None, category=made.category,
                author=request.user, expires_on=made.expires_on,
            )  # fmt: skip
        except ValidationError as error:
            for text in error.messages:
                messages.error(request, text)
        else:
            messages.success(request, _("The forecast was changed. The override can be withdrawn below."))
        return HttpResponseRedirect(self.url("forecast_change", row.pk))

    def toggle_view(self, request: HttpRequest, pk: int, override: int, what: str) -> HttpResponse:
        """Withdraws an override or puts it back."""
        row = self._get(request, pk)
        if not request.user.has_perm(CHANGE_OVERRIDE):
            raise PermissionDenied
        found = ForecastOverride.objects.filter(pk=override, channel=row.channel).first()
        if found is None or what not in ("withdraw", "restore"):
            raise Http404(_("There is no such override."))
        if what == "withdraw" and override_withdraw(override=found, user=request.user):
            messages.success(request, _("The override was withdrawn. “Put back” undoes that."))
        elif what == "restore" and override_restore(override=found, user=request.user):
            messages.success(request, _("The override holds again."))
        return HttpResponseRedirect(self.url("forecast_change", row.pk))


def _download(rows: Any, name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        csv_stream(FORECAST_HEADER, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )
