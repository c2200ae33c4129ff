"""Overrides and targets in the admin: lists, forms, CSV."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ChannelFilter, FastModelAdmin
from django_ecomai.core.charts import format_value
from django_ecomai.core.undo import Row
from django_ecomai.mirror.admin.shop import ShopFieldMixin
from django_ecomai.mirror.models import Category, Product

from ..csv_files import Imported, overrides_import, targets_import
from ..forms import OverrideAdminForm, TargetForm, UploadForm
from ..models import ForecastChange, ForecastOverride, SalesTarget
from ..presenting import override_state, override_words
from ..selectors import forecast_made_on
from ..services import override_restore, override_withdraw, target_changed, target_delete
from ..targets import target_states
from .pages import PageMixin, RecordedMixin, upload_read


def _today() -> date:
    """The day from which forecasts begin."""
    return forecast_made_on(channel=ecomai.CHANNEL) or timezone.localdate()


class StateFilter(admin.SimpleListFilter):
    """Whether an override holds."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("holds", _("holds")), ("over", _("over or expired")), ("withdrawn", _("withdrawn"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "withdrawn":
            return queryset.filter(withdrawn_at__isnull=False)
        if self.value() in ("holds", "over"):
            today = _today()
            past = Q(ends_on__lt=today) | Q(expires_on__lte=today)
            here = queryset.filter(withdrawn_at=None)
            return here.filter(past) if self.value() == "over" else here.exclude(past)
        return queryset


class UploadMixin(PageMixin):
    """A page that takes a CSV file."""

    upload_note: Any = ""
    upload_example = ""
    upload_permission = ""
    heading: Any = ""
    intro: Any = ""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.upload_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_upload"
        return [path("upload/", view, name=name), *super().get_urls()]  # type: ignore[misc]

    def upload_url(self, request: HttpRequest) -> str:
        """The way to it, for those who may."""
        may = request.user.has_perm(self.upload_permission)
        return self.url(f"{self.opts.model_name}_upload") if may else ""

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """GET explains the file, POST reads it."""
        if not request.user.has_perm(self.upload_permission):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        back = self.url(f"{self.opts.model_name}_changelist")
        if request.method == "POST" and form.is_valid():
            if upload_read(
                request, self.admin_site, form.cleaned_data["file"], lambda lines: self.upload(request, lines)
            ):
                return HttpResponseRedirect(back)
            return HttpResponseRedirect(self.url(f"{self.opts.model_name}_upload"))
        return self.page(
            request,
            "ecomai/forecast/admin/upload.html",
            title=_("Upload a CSV file"),
            form=form,
            note=self.upload_note,
            example=self.upload_example,
            back_url=back,
        )

    def upload(self, request: HttpRequest, lines: Iterable[str]) -> Imported:
        """Read the lines."""
        raise NotImplementedError

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With what it is for and the way to the upload."""
        about = {"title": self.heading, "intro": self.intro}
        context = {"upload_url": self.upload_url(request), **about, **(extra_context or {})}
        return super().changelist_view(request, context)  # type: ignore[misc]


@admin.register(ForecastOverride)
class ForecastOverrideAdmin(ShopFieldMixin, UploadMixin, FastModelAdmin):
    """What people know better. Overrides are withdrawn, never deleted: who judges them later needs them all."""

    form = OverrideAdminForm
    list_display = ("what", "about", "starts_on", "ends_on", "reason", "author", "state")
    list_display_links = ("what",)
    list_filter = (StateFilter, ChannelFilter)
    list_select_related = ("product", "category", "author")
    search_fields = ("reason",)
    sortable_by = ()
    ordering = ("-pk",)
    actions = ("withdraw", "restore")
    raw_id_fields = ("product", "category")
    change_list_template = "ecomai/forecast/admin/decisions.html"
    change_form_template = "ecomai/admin/change_form.html"
    heading = gettext_lazy("Overrides")
    intro = gettext_lazy(
        "Where you know better than the forecast: a fair, a large customer, a season that it cannot know yet. It is "
        "best made on the page of a forecast, where you see at once what it does; add one here for a category or the "
        "whole shop. It holds at once, also in what is suggested to be ordered. Withdraw it at any time, put it back "
        "as well."
    )
    upload_permission = "ecomai_forecast.add_forecastoverride"
    upload_note = gettext_lazy(
        "One override per line. The level is product, category or shop; the key is the shop's id of the product or "
        "category; the kind is percent or value. Either all lines are taken or none."
    )
    upload_example = (
        "level,key,kind,value,from,to,reason\nproduct,22423,percent,25,2026-12-01,2026-12-24,Christmas fair"
    )

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search as one types, where the site has the catalogue; else ids are typed."""
        found = {"product": Product, "category": Category}
        return tuple(name for name, model in found.items() if self.admin_site.is_registered(model))

    def get_fields(self, request: HttpRequest, obj: ForecastOverride | None = None) -> list[Any]:
        fields: list[Any] = ["product", "category", "kind", "value", ("starts_on", "ends_on"), "reason", "expires_on"]
        if obj is not None:
            return [*fields, "author", "created_at", "withdrawn_at", "withdrawn_by"]
        return [*fields, "channel"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by a form: what was decided stays readable. Withdrawing asks for the permission itself."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        return request.user.has_perm("ecomai_forecast.change_forecastoverride")

    def save_model(self, request: HttpRequest, obj: ForecastOverride, form: Any, change: bool) -> None:
        """With its author."""
        obj.author = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each row knows the day that its state is of."""
        changes: Any = super().get_changelist_instance(request)
        today = _today()
        for override in changes.result_list:
            override.today = today
        return changes

    @admin.display(description=gettext_lazy("override"))
    def what(self, obj: ForecastOverride) -> str:
        return override_words(obj)

    @admin.display(description=gettext_lazy("of"))
    def about(self, obj: ForecastOverride) -> str:
        return obj.target or _("whole shop")

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: ForecastOverride) -> str:
        return override_state(obj, getattr(obj, "today", None) or _today())

    @admin.action(description=gettext_lazy("Withdraw the selected overrides"), permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[ForecastOverride]) -> None:
        """The forecasts are as before."""
        done = sum(override_withdraw(override=one, user=request.user) for one in queryset)
        text = ngettext("%(number)d override was withdrawn.", "%(number)d overrides were withdrawn.", done)
        messages.success(request, text % {"number": done})

    @admin.action(description=gettext_lazy("Put the selected overrides back"), permissions=["withdraw"])
    def restore(self, request: HttpRequest, queryset: QuerySet[ForecastOverride]) -> None:
        """They hold again."""
        done = sum(override_restore(override=one, user=request.user) for one in queryset)
        text = ngettext("%(number)d override holds again.", "%(number)d overrides hold again.", done)
        messages.success(request, text % {"number": done})

    def upload(self, request: HttpRequest, lines: Iterable[str]) -> Imported:
        """All lines or none."""
        return overrides_import(channel=ecomai.CHANNEL, lines=lines, author=request.user)


@admin.register(SalesTarget)
class SalesTargetAdmin(ShopFieldMixin, RecordedMixin, UploadMixin, FastModelAdmin):
    """What is to be sold, beside what will be. Each change is kept and can be undone."""

    form = TargetForm
    list_display = ("about", "starts_on", "ends_on", "wanted", "expected", "note")
    list_display_links = ("about",)
    list_filter = ("level", ChannelFilter)
    sortable_by = ()
    ordering = ("-ends_on", "pk")
    change_list_template = "ecomai/forecast/admin/decisions.html"
    change_form_template = "ecomai/admin/change_form.html"
    heading = gettext_lazy("Sales targets")
    intro = gettext_lazy(
        "What the shop, a category, a country or a customer segment is to sell in a span of days. The list shows how "
        "much of it is sold and expected; the page of the sales forecast also how likely it is to be reached."
    )
    upload_permission = "ecomai_forecast.add_salestarget"
    upload_note = gettext_lazy(
        "One target per line. The level is shop, category, country or segment; the key is the shop's id of it, empty "
        "for the whole shop. Either all lines are taken or none."
    )
    upload_example = (
        "level,key,from,to,amount,note\nshop,,2026-12-01,2026-12-31,250000,Christmas\n"
        "category,12,2026-12-01,2026-12-31,40000,"
    )

    def get_fields(self, request: HttpRequest, obj: SalesTarget | None = None) -> list[Any]:
        fields: list[Any] = ["about", ("starts_on", "ends_on"), "amount", "note"]
        return fields if obj else [*fields, "channel"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each row knows how it stands, in one query."""
        changes: Any = super().get_changelist_instance(request)
        states = target_states(targets=list(changes.result_list))
        for target, state in zip(changes.result_list, states, strict=True):
            target.state = state
        return changes

    def save_model(self, request: HttpRequest, obj: SalesTarget, form: Any, change: bool) -> None:
        """With its author."""
        obj.author = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    def keep_changed(self, obj: SalesTarget, *, before: list[Row], user: Any) -> ForecastChange | None:
        return target_changed(target=obj, before=before, user=user)

    def keep_deleted(self, obj: SalesTarget, *, user: Any) -> ForecastChange | None:
        return target_delete(target=obj, user=user)

    @admin.display(description=gettext_lazy("of"))
    def about(self, obj: SalesTarget) -> str:
        state = getattr(obj, "state", None)
        return (state.title if state else "") or obj.key or str(obj.get_level_display())

    @admin.display(description=gettext_lazy("target"))
    def wanted(self, obj: SalesTarget) -> str:
        return f"{format_value(float(obj.amount))} {ecomai.CURRENCY}"

    @admin.display(description=gettext_lazy("expected"))
    def expected(self, obj: SalesTarget) -> str:
        state = getattr(obj, "state", None)
        if state is None or state.chance is None:
            return _("no forecast")
        return f"{format_value(state.expected)} {ecomai.CURRENCY} ({format_value(round(100 * state.share))} %)"

    def upload(self, request: HttpRequest, lines: Iterable[str]) -> Imported:
        """All lines or none."""
        may = request.user.has_perm("ecomai_forecast.change_salestarget")
        return targets_import(channel=ecomai.CHANNEL, lines=lines, author=request.user, replace=may)
