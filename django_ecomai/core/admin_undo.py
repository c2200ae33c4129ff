"""The list of what people changed, with the way back: one for every app that keeps changes (`core.undo`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .admin import FastModelAdmin, ReadOnlyAdminMixin
from .undo import UndoConflict


class ChangeLogAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """Every change with its old and new values; each can be undone by those whom ``undoable`` names.

    The model has ``at, user, label, summary`` (a line per value), ``undone_at, undone_by``.
    """

    list_display = ("at", "user", "label", "values", "undo_link")
    list_display_links = None
    list_select_related = ("user", "undone_by")
    sortable_by = ()
    ordering = ("-pk",)
    fields = ("at", "user", "label", "values", "undone_at", "undone_by")
    readonly_fields = ("values",)

    def undoable(self, request: HttpRequest, changes: Iterable[Any]) -> Collection[Any]:
        """Primary keys of those ``changes`` that this user may undo."""
        raise NotImplementedError

    def undo_change(self, request: HttpRequest, change: Any) -> None:
        """Undo it as this user. Raises ``UndoConflict`` where it cannot be, ``PermissionDenied`` where he may not."""
        raise NotImplementedError

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each row knows whether this user may undo it."""
        changes: Any = super().get_changelist_instance(request)
        allowed = self.undoable(request, changes.result_list)
        for change in changes.result_list:
            change.may_undo = change.pk in allowed
        return changes

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Under its own name: there is nothing to select and view."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    @admin.display(description=gettext_lazy("old → new"))
    def values(self, change: Any) -> SafeString:
        """One line per value."""
        return format_html_join(mark_safe("<br>"), "{}", [(line,) for line in change.summary.splitlines()])

    @admin.display(description=gettext_lazy("undo"))
    def undo_link(self, change: Any) -> str:
        """The button for those who may, or that it was undone."""
        if change.undone_at is not None:
            when = date_format(timezone.localtime(change.undone_at), "SHORT_DATETIME_FORMAT")
            if change.undone_by is None:
                return _("undone %(when)s") % {"when": when}
            return _("undone %(when)s by %(who)s") % {"when": when, "who": change.undone_by}
        if not getattr(change, "may_undo", False):
            return "–"
        return format_html('<a class="button" href="{}">{}</a>', self._url("undo", change.pk), _("Undo…"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.undo_view)
        return [path("<int:pk>/undo/", view, name=self._name("undo")), *super().get_urls()]

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks before a change is undone; a POST does it and says so."""
        change = self.get_queryset(request).select_related("user").filter(pk=pk).first()
        if change is None:
            raise Http404(_("There is no such change."))
        if not self.has_view_permission(request, change) or change.pk not in self.undoable(request, [change]):
            raise PermissionDenied
        back = self._url("changelist")
        if request.method == "POST":
            if self.undo_and_say(request, change):
                messages.success(request, _("The change was undone."))
            return HttpResponseRedirect(back)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Undo this change?"),
            "opts": self.opts,
            "change": change,
            "lines": change.summary.splitlines(),
            "back_url": back,
        }
        return TemplateResponse(request, "ecomai/admin/undo.html", context)

    def undo_and_say(self, request: HttpRequest, change: Any) -> bool:
        """Whether it was undone; a message says why not."""
        try:
            self.undo_change(request, change)
        except PermissionDenied:
            messages.error(request, _("You may not change this: %(label)s.") % {"label": change.label})
            return False
        except UndoConflict as conflict:
            messages.error(request, f"{change.label}: {conflict}")
            return False
        return True

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def _url(self, page: str, *args: Any) -> str:
        return reverse(f"admin:{self._name(page)}", args=args, current_app=self.admin_site.name)
