"""Signals from outside: their values as a chart, and by CSV."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Min, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.charts import line_chart
from django_ecomai.core.undo import Row
from django_ecomai.mirror.admin.shop import ShopFieldMixin

from ..csv_files import signal_import
from ..forms import SignalForm, UploadForm
from ..models import ForecastChange, Signal
from ..services import signal_changed, signal_delete
from .pages import PageMixin, RecordedMixin, upload_read

CHANGE = "ecomai_forecast.change_signal"
POINTS = 400


@admin.register(Signal)
class SignalAdmin(ShopFieldMixin, RecordedMixin, PageMixin, FastModelAdmin):
    """Numbers per day that may explain sales: searches, weather, media budgets, planned as well as known ones."""

    form = SignalForm
    list_display = ("name", "key", "is_active", "number", "span")
    list_filter = ("is_active",)
    search_fields = ("name", "key")
    sortable_by = ()
    ordering = ("name", "pk")
    prepopulated_fields = {"key": ("name",)}
    change_form_template = "ecomai/forecast/admin/signal.html"
    change_list_template = "ecomai/forecast/admin/signals.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Signal]:
        """With how many values and from when to when."""
        rows = super().get_queryset(request)
        return rows.annotate(value_count=Count("values"), first=Min("values__day"), last=Max("values__day"))

    def get_fields(self, request: HttpRequest, obj: Signal | None = None) -> list[Any]:
        fields: list[Any] = ["name", "key", "description", "is_active"]
        if obj is not None:
            return [*fields, "chart"]
        return [*fields, "channel"]

    def get_readonly_fields(self, request: HttpRequest, obj: Signal | None = None) -> list[str]:
        return ["chart"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Signal | None = None) -> Any:
        return {} if obj else self.prepopulated_fields

    def keep_changed(self, obj: Signal, *, before: list[Row], user: Any) -> ForecastChange | None:
        return signal_changed(signal=obj, before=before, user=user)

    def keep_deleted(self, obj: Signal, *, user: Any) -> ForecastChange | None:
        return signal_delete(signal=obj, user=user)

    @admin.display(description=gettext_lazy("values"))
    def number(self, obj: Signal) -> int:
        return int(getattr(obj, "value_count", 0))

    @admin.display(description=gettext_lazy("days"))
    def span(self, obj: Signal) -> str:
        first, last = getattr(obj, "first", None), getattr(obj, "last", None)
        if first is None or last is None:
            return "–"
        return f"{formats.date_format(first, 'SHORT_DATE_FORMAT')} – {formats.date_format(last, 'SHORT_DATE_FORMAT')}"

    @admin.display(description=gettext_lazy("values"))
    def chart(self, obj: Signal) -> str | SafeString:
        rows = list(obj.values.order_by("-day").values_list("day", "value")[:POINTS])[::-1]
        if not rows:
            return _("No values yet: upload a CSV file with the columns day and value.")
        points = [(formats.date_format(day, "SHORT_DATE_FORMAT"), value) for day, value in rows]
        return format_html("{}", line_chart(points, title=obj.name))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.upload_view)
        return [path("<int:pk>/upload/", view, name="ecomai_forecast_signal_upload"), *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the way to the upload."""
        may = object_id and request.user.has_perm(CHANGE)
        context = {"upload_url": self.url("signal_upload", object_id) if may else "", **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def upload_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET explains the file, POST reads it."""
        signal = Signal.objects.filter(pk=pk).first()
        if signal is None:
            raise Http404(_("There is no such signal."))
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        back = self.url("signal_change", signal.pk)
        if request.method == "POST" and form.is_valid():
            done = upload_read(
                request, self.admin_site, form.cleaned_data["file"],
                lambda lines: signal_import(signal=signal, lines=lines, user=request.user),
            )  # fmt: skip
            if done:
                self.log_change(request, signal, _("Values uploaded."))
            return HttpResponseRedirect(back if done else self.url("signal_upload", signal.pk))
        note = _(
            "One value per line. A value holds until the next day that has one, so a monthly signal needs one line per "
            "month. Days to come may be planned values. The forecasts take it up at their next run."
        )
        return self.page(
            request,
            "ecomai/forecast/admin/upload.html",
            title=_("Upload values of “%(signal)s”") % {"signal": signal},
            form=form,
            note=note,
            example="day,value\n2026-11-01,61\n2026-12-01,88",
            back_url=back,
        )
