"""What was changed of targets, signals and by files, and the way back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin_undo import ChangeLogAdmin

from ..changes import change_permissions, change_undo
from ..models import ForecastChange


@admin.register(ForecastChange)
class ForecastChangeAdmin(ChangeLogAdmin):
    """Every change with its old and new values; each can be undone."""

    readonly_note = gettext_lazy(
        "Every change of a sales target or a signal, and every file that was read: who made it, when, and the old → "
        "new values. Undo puts the old values back. Single overrides are withdrawn on their own list."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ForecastChange]:
        """Without the rows: those of fifty large files are a gigabyte."""
        return super().get_queryset(request).select_related("user", "undone_by").defer("before", "after")

    def undoable(self, request: HttpRequest, changes: Iterable[Any]) -> set[Any]:
        """Those whose rows this user may change."""
        return {
            change.pk
            for change in changes
            if change.undone_at is None and request.user.has_perms(change_permissions(change))
        }

    def undo_change(self, request: HttpRequest, change: ForecastChange) -> None:
        change_undo(change=change, user=request.user)
