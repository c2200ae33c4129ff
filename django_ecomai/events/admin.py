"""The log in the admin: for reading, and fast with many millions of rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.core.paging import MAX_HITS
from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time

from .models import Event, VisitorIdentity

# No index leads to a product's events: they are looked for among the newest only.
_PRODUCT_DAYS = 7


class WhenFilter(admin.SimpleListFilter):
    """Quick spans, as ranges of the primary key: the only index that knows the time."""

    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("hour", _("last hour")),
            ("today", _("today")),
            ("yesterday", _("yesterday")),
            ("week", _("last 7 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        now = timezone.now()
        spans = {
            "hour": (now - timedelta(hours=1), None),
            "today": (midnight, None),
            "yesterday": (midnight - timedelta(days=1), midnight),
            "week": (now - timedelta(days=7), None),
        }
        if self.value() not in spans:
            return queryset
        start, end = spans[str(self.value())]
        queryset = queryset.filter(id__gte=uuid7_floor(start))
        return queryset if end is None else queryset.filter(id__lt=uuid7_floor(end))


@admin.register(Event)
class EventAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """What shoppers did, newest first."""

    readonly_note = _("This is a log of what shoppers did, for reading. It is never changed; old events are deleted.")
    day_field = "id"
    list_display = ["when", "name", "product_id", "who", "placement", "position", "pieces", "value", "robot"]
    list_filter = [WhenFilter, "name"]
    search_fields = ["=visitor_id", "=customer_id", "=id"]
    search_help_text = _("Exact id of a visitor, a customer, an event, or of a product (last 7 days).")
    fieldsets = [
        (None, {"fields": ["id", "name", "product_id", "pieces", "value", "currency", "order_id", "query"]}),
        (_("Who"), {"fields": ["visitor_id", "session_id", "customer_id", "is_bot"]}),
        (_("Recommendation"), {"fields": ["placement", "position", "recommendation_id"]}),
        (_("When"), {"fields": ["when", "client_at", "received_at", "dwell_seconds"]}),
        (_("More"), {"fields": ["properties", "channel"]}),
    ]

    @admin.display(description=_("when"), ordering="id")
    def when(self, event: Event) -> str:
        """The time inside the id."""
        return formats.date_format(timezone.localtime(uuid7_time(event.id)), "DATETIME_FORMAT")

    @admin.display(description=_("who"))
    def who(self, event: Event) -> str:
        """The customer, else the beginning of the visitor's id; leads to all that this person did."""
        whole = event.customer_id or event.visitor_id
        if not whole:
            return ""
        shown = event.customer_id or f"{event.visitor_id[:8]}…"
        return format_html('<a href="?{}">{}</a>', urlencode({SEARCH_VAR: whole}), shown)

    @admin.display(description=_("quantity"))
    def pieces(self, event: Event) -> str:
        """Without idle zeros."""
        return "" if event.quantity is None else formats.number_format(f"{event.quantity.normalize():f}")

    @admin.display(description=_("robot"), boolean=True)
    def robot(self, event: Event) -> bool | None:
        """A mark for robots, nothing for people."""
        return True if event.is_bot else None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The time is computed, the quantity written out."""
        return ["when", "pieces"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id of a person or an event; else by product among the newest."""
        found, distinct = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        if not term or "\x00" in term or found.exists():
            return found, distinct
        since = uuid7_floor(datetime.now(UTC) - timedelta(days=_PRODUCT_DAYS))
        newest = queryset.filter(id__gte=since, product_id=term).order_by("-id")
        return queryset.filter(pk__in=list(newest.values_list("pk", flat=True)[:MAX_HITS])), False


@admin.register(VisitorIdentity)
class VisitorIdentityAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """Which visitors turned out to be which customers."""

    readonly_note = _("A visitor who logs in becomes known. To forget a person, use the privacy tools.")
    list_display = ["visitor_id", "customer_id", "linked_at", "channel"]
    search_fields = ["=visitor_id", "=customer_id"]
    search_help_text = _("Exact id of a visitor or a customer.")
