"""Admin pages whose changes are kept with old and new values, and can be undone from the history page."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from django_ecomai.core.undo import Row, UndoConflict, difference
from django_ecomai.mirror.admin.shop import ShopFieldMixin

from .models import Revision
from .revisions import revision_record, revision_undo, snapshot, undo_steps

UNDO = "ecomai_recommend.undo_revision"
_SHOWN = 50


def undoable(request: HttpRequest, site: admin.AdminSite, revisions: Iterable[Revision]) -> set[int]:
    """The keys of those changes that this user may undo: one rule for every button, page and action.

    What the site does not show this user, or does not let this user change or delete, is not undone either: a shop that
    limits its staff by ``get_queryset`` or by permissions of single objects limits them here as well.
    What belongs to it counts by itself: a deleted placement only comes back with its carousels for who may add these.
    """
    if not request.user.has_perm(UNDO):
        return set()
    wanted: dict[str, set[Any]] = {}
    steps = {revision.pk: undo_steps(revision) for revision in revisions}
    for found in steps.values():
        for label, pk, _action in found:
            wanted.setdefault(label, set()).add(pk)
    judges = {label: _Judge(request, site, label, pks) for label, pks in wanted.items()}
    return {
        pk
        for pk, found in steps.items()
        if found and all(judges[label].allows(key, action) for label, key, action in found)
    }


class _Judge:
    """What one user may do with the rows of one model: two queries for all of them, one where they have no page."""

    def __init__(self, request: HttpRequest, site: admin.AdminSite, label: str, pks: Collection[Any]) -> None:
        self.request = request
        self.label = label
        self.admin: admin.ModelAdmin | None = None
        self.hidden: set[str] = set()
        self.shown: dict[str, Any] = {}
        try:
            self.model: Any = apps.get_model(label)
        except LookupError:
            self.model = None
            return
        try:
            self.admin = site.get_model_admin(self.model)
        except NotRegistered:  # edited on the page of what it belongs to
            return
        self.shown = {str(obj.pk): obj for obj in self.admin.get_queryset(request).filter(pk__in=pks)}
        there = {str(pk) for pk in self.model._default_manager.filter(pk__in=pks).values_list("pk", flat=True)}
        self.hidden = there - self.shown.keys()

    def allows(self, pk: Any, action: str) -> bool:
        """Whether this user may ``add``, ``change`` or ``delete`` this row."""
        if self.model is None or str(pk) in self.hidden:
            return False
        if self.admin is None or action == "add":  # a carousel has no page to add it: its admin would say no
            return self.request.user.has_perm(self.label.replace(".", f".{action}_"))
        may: Any = getattr(self.admin, f"has_{action}_permission")
        return bool(may(self.request, self.shown.get(str(pk))))


def undo_as(request: HttpRequest, site: admin.AdminSite, revision: Revision) -> None:
    """Undo a change as this user: ``PermissionDenied`` where ``undoable`` says no, ``UndoConflict`` where it cannot be.

    What comes back is not there to be asked before: were it hidden from this user, it does not come back.
    """
    if not undoable(request, site, [revision]):
        raise PermissionDenied
    back: dict[str, set[Any]] = {}
    for label, pk, action in undo_steps(revision):
        if action == "add":
            back.setdefault(label, set()).add(pk)
    with transaction.atomic():
        revision_undo(revision=revision, user=request.user)
        if any(_Judge(request, site, label, pks).hidden for label, pks in back.items()):
            raise PermissionDenied


class AuditedAdmin(ShopFieldMixin, admin.ModelAdmin):
    """Mix in before the admin's base class."""

    object_history_template = "ecomai/recommend/admin/history.html"

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Remembers the values before the form is saved."""
        before: list[Row] = []
        if request.method == "POST" and object_id:
            obj = self.get_object(request, unquote(object_id))
            before = snapshot(obj) if obj is not None else []
        request.ecomai_before = before  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """With the values."""
        self._record(request, obj, [])
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Old and new values instead of the names of the fields alone."""
        before = getattr(request, "ecomai_before", [])
        after = self._record(request, obj, before)
        lines = difference(before, after)
        return super().log_change(request, obj, [{"changed": {"fields": lines}}] if lines else message)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Keeps what is deleted."""
        before = snapshot(obj)
        super().delete_model(request, obj)
        revision_record(obj=obj, before=before, after=[], user=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One by one, so that each can be undone by itself; all or none, so that none is gone without its change."""
        with transaction.atomic():
            for obj in queryset:
                self.delete_model(request, obj)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Django's page, and the changes that can be undone."""
        found = Revision.objects.filter(model=self.opts.label_lower, object_id=unquote(object_id))
        shown = list(found.select_related("user", "undone_by")[:_SHOWN])
        context = {
            "revisions": shown,
            "undoable": undoable(request, self.admin_site, shown),
            "undo_name": f"{self.admin_site.name}:{self._undo_name()}",
        }
        return super().history_view(request, object_id, {**context, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.undo_view))
        return [path("undo/<int:pk>/", view, name=self._undo_name()), *super().get_urls()]

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Undo one change, and say so."""
        revision = Revision.objects.filter(pk=pk, model=self.opts.label_lower).first()
        if revision is None:
            raise Http404(_("There is no such change."))
        try:
            undo_as(request, self.admin_site, revision)
        except UndoConflict as conflict:
            messages.error(request, str(conflict))
        else:
            obj = self.get_queryset(request).filter(pk=revision.object_id).first()
            if obj is not None:
                super().log_change(request, obj, [{"changed": {"fields": [_("undone: %s") % revision.summary]}}])
            messages.success(request, _("The change was undone."))
        exists = self.get_queryset(request).filter(pk=revision.object_id).exists()
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        if exists:
            url = reverse(f"admin:{name}_history", args=[revision.object_id], current_app=self.admin_site.name)
        else:
            url = reverse(f"admin:{name}_changelist", current_app=self.admin_site.name)
        return HttpResponseRedirect(url)

    def _undo_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_undo"

    def _record(self, request: HttpRequest, obj: Any, before: list[Row]) -> list[Row]:
        after = snapshot(obj)
        revision_record(obj=obj, before=before, after=after, user=request.user)
        return after
