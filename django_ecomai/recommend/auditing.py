"""Admin pages whose changes are kept with old and new values, and can be undone from the history page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
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

from django_ecomai.conf import ecomai
from django_ecomai.core.paging import channels_of
from django_ecomai.mirror.models import Product

from .models import Revision
from .revisions import Row, UndoConflict, difference, revision_record, revision_undo, snapshot

UNDO = "ecomai_recommend.undo_revision"
_SHOWN = 50


def undoable(request: HttpRequest, site: admin.AdminSite, revisions: Iterable[Revision]) -> set[int]:
    """The keys of those changes that this user may undo: one rule for every button, page and action.

    What the site does not show this user, or does not let this user change or delete, is not undone either: a shop that
    limits its staff by ``get_queryset`` or by permissions of single objects limits them here as well.
    """
    if not request.user.has_perm(UNDO):
        return set()
    groups: dict[str, list[Revision]] = {}
    for revision in revisions:
        groups.setdefault(revision.model, []).append(revision)
    found: set[int] = set()
    for label, group in groups.items():
        try:
            model = apps.get_model(label)
            model_admin = site.get_model_admin(model)
        except (LookupError, NotRegistered):  # what the site has no page for any more
            continue
        pks = {revision.object_id for revision in group}
        shown = {str(obj.pk): obj for obj in model_admin.get_queryset(request).filter(pk__in=pks)}
        there = {str(pk) for pk in model._default_manager.filter(pk__in=pks).values_list("pk", flat=True)}
        hidden = there - shown.keys()
        found |= {
            revision.pk
            for revision in group
            if revision.object_id not in hidden
            and _allowed(request, model_admin, revision, shown.get(revision.object_id))
        }
    return found


def undo_as(request: HttpRequest, site: admin.AdminSite, revision: Revision) -> None:
    """Undo a change as this user: ``PermissionDenied`` where ``undoable`` says no, ``UndoConflict`` where it cannot be.

    What comes back is not there to be asked before: were it hidden from this user, it does not come back.
    """
    if not undoable(request, site, [revision]):
        raise PermissionDenied
    with transaction.atomic():
        revision_undo(revision=revision, user=request.user)
        model = apps.get_model(revision.model)
        if (
            not revision.after
            and not site.get_model_admin(model).get_queryset(request).filter(pk=revision.object_id).exists()
        ):
            raise PermissionDenied


def _allowed(request: HttpRequest, model_admin: admin.ModelAdmin, revision: Revision, obj: Any) -> bool:
    if not revision.before:
        return model_admin.has_delete_permission(request, obj)
    if not revision.after:  # a carousel has no page to add it, so that its admin's has_add_permission says no
        return request.user.has_perm(revision.model.replace(".", ".add_"))
    return model_admin.has_change_permission(request, obj)


class AuditedAdmin(admin.ModelAdmin):
    """Mix in before the admin's base class."""

    object_history_template = "ecomai/recommend/admin/history.html"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The shop is asked for only where there are several."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "channel":
            field.label, field.initial = _("Shop"), ecomai.CHANNEL
            if set(channels_of(Product)) <= {ecomai.CHANNEL}:
                field.widget = forms.HiddenInput()
        return field

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
