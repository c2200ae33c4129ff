"""What was changed of targets, signals and by files, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.core.undo import UndoConflict

from ..changes import change_permissions, change_undo
from ..models import ForecastChange
from .pages import PageMixin


@admin.register(ForecastChange)
class ForecastChangeAdmin(PageMixin, ReadOnlyAdminMixin, FastModelAdmin):
    """Every change with its old and new values; each can be undone."""

    readonly_note = gettext_lazy(
        "Every change of a sales target or a signal, and every file that was read: who made it, when, and the old → "
        "new values. Undo puts the old values back. Single overrides are withdrawn on their own list."
    )
    list_display = ("at", "user", "label", "values", "undo_link")
    list_display_links = None
    list_select_related = ("user", "undone_by")
    sortable_by = ()
    ordering = ("-pk",)
    fields = ("at", "user", "label", "values", "undone_at", "undone_by")
    readonly_fields = ("values",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the rows: those of fifty large files are a gigabyte."""
        return super().get_queryset(request).select_related("user", "undone_by").defer("before", "after")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each row knows whether this user may undo it."""
        changes: Any = super().get_changelist_instance(request)
        for change in changes.result_list:
            change.may_undo = _may(request, change)
        return changes

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Under its own name: there is nothing to select and view."""
        return super().changelist_view(request, {"title": _("Changes"), **(extra_context or {})})

    @admin.display(description=gettext_lazy("old → new"))
    def values(self, change: ForecastChange) -> SafeString:
        """One line per value."""
        return format_html_join(mark_safe("<br>"), "{}", [(line,) for line in change.summary.splitlines()])

    @admin.display(description=gettext_lazy("undo"))
    def undo_link(self, change: ForecastChange) -> str:
        """The button for those who may, or that it was undone."""
        if change.undone_at is not None:
            when = date_format(timezone.localtime(change.undone_at), "SHORT_DATETIME_FORMAT")
            return _("undone %(when)s by %(who)s") % {"when": when, "who": change.undone_by or "–"}
        if not getattr(change, "may_undo", False):
            return "–"
        return format_html('<a class="button" href="{}">{}</a>', self.url("forecastchange_undo", change.pk), _("Undo…"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.undo_view)
        return [path("<int:pk>/undo/", view, name="ecomai_forecast_forecastchange_undo"), *super().get_urls()]

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks before a change is undone; a POST does it and says so."""
        change = self.get_queryset(request).filter(pk=pk).first()
        if change is None:
            raise Http404(_("There is no such change."))
        if not self.has_view_permission(request, change) or not _may(request, change):
            raise PermissionDenied
        back = self.url("forecastchange_changelist")
        if request.method == "POST":
            try:
                change_undo(change=change, user=request.user)
            except UndoConflict as conflict:
                messages.error(request, f"{change.label}: {conflict}")
            else:
                messages.success(request, _("The change was undone."))
            return HttpResponseRedirect(back)
        return self.page(
            request,
            "ecomai/forecast/admin/undo.html",
            title=_("Undo this change?"),
            change=change,
            lines=change.summary.splitlines(),
            back_url=back,
        )


def _may(request: HttpRequest, change: ForecastChange) -> bool:
    return change.undone_at is None and request.user.has_perms(change_permissions(change))
