"""Base classes of every EcomAI admin: changelists that stay fast with a million rows.

``FastModelAdmin`` never counts and never scans: it reads one row more than a page, drills down into days through an
index, searches ids by equality or prefix, and sorts only indexed columns. ``ViewOnlyMixin`` is for what
jobs write, ``ReadOnlyAdminMixin`` for copies.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.paginator import InvalidPage
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponse
from django.utils import formats, timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_ecomai.conf import ecomai

from .charts import bar_chart, line_chart, sparkline
from .paging import (
    HasNextPaginator,
    Span,
    channel_leads,
    channels_of,
    data_span,
    has_channel,
    index_leads,
    last_day_before,
    parse_span,
    search_pks,
    span_filter,
)

__all__ = [
    "ChannelFilter",
    "FastChangeList",
    "FastModelAdmin",
    "HasNextPaginator",
    "ReadOnlyAdminMixin",
    "ViewOnlyMixin",
    "bar_chart",
    "line_chart",
    "sparkline",
]

DAY_VAR = "day"
MOST_YEARS = 20


def plain(text: str) -> str:
    """Without NUL, which PostgreSQL refuses."""
    return text.replace("\x00", "")


class ChannelFilter(admin.SimpleListFilter):
    """Which shop; shown only when the table holds more than one."""

    title = _("shop")
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        channels = channels_of(model_admin.model)
        return [(channel, channel or _("main shop")) for channel in channels] if len(channels) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(channel=self.value())

    def value(self) -> str | None:
        """Without what PostgreSQL refuses."""
        told = super().value()
        return None if told is None else plain(told)


class FirstChoiceFilter(admin.SimpleListFilter):
    """A filter that narrows the list even when nothing is asked: its first choice is no "All" but ``first_choice``."""

    first_choice: Any = ""

    def choices(self, changelist: Any) -> Any:
        """As in Django, with the first one under its own name."""
        first, *rest = super().choices(changelist)
        return [{**first, "display": self.first_choice}, *rest]


class FastChangeList(ChangeList):
    """A changelist without counting; ``day_links`` replaces Django's date hierarchy."""

    has_next = False
    known_count: int | None = None
    request: HttpRequest
    model_admin: FastModelAdmin

    def get_filters_params(self, params: Any = None) -> Any:
        """As in Django, without the parameter of the day drill-down."""
        found = super().get_filters_params(params)
        found.pop(DAY_VAR, None)
        return found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Narrowed by day and, where the index needs it, by channel."""
        self.request = request
        queryset = self.root_queryset
        column = self.model_admin.day_field
        names = {column, *(name.split("__")[0] for name in self.params)} - {"", "channel"}
        if has_channel(self.model) and any(channel_leads(self.model, name) for name in names):
            queryset = queryset.filter(channel=plain(self.params.get("channel", ecomai.CHANNEL)))
        if column and (span := parse_span(self.params.get(DAY_VAR, ""))):
            queryset = queryset.filter(span_filter(self.model, column, span))
        self.root_queryset = queryset
        return super().get_queryset(request, exclude_parameters)

    def get_results(self, request: HttpRequest) -> None:
        """One query for the page; ``result_count`` is what this page shows."""
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        try:
            page = paginator.page(self.page_num)
        except InvalidPage as error:
            raise IncorrectLookupParameters from error
        self.paginator = paginator
        self.result_list = page.object_list
        self.has_next = page.has_next()
        # Equal to the rows shown: Django then never offers "select all 51", which would select every matching row.
        self.result_count = len(self.result_list)
        self.known_count = None if self.has_next else (self.page_num - 1) * self.list_per_page + self.result_count
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = self.result_count > 0
        self.can_show_all = False
        self.multi_page = self.has_next or self.page_num > 1

    def page_link(self, number: int) -> str:
        """Query string of a page of this list."""
        return self.get_query_string({PAGE_VAR: number})

    def first_link(self) -> str:
        """Query string of the first page."""
        return self.page_link(1)

    def previous_link(self) -> str:
        """Query string of the page before, empty on the first."""
        return self.page_link(self.page_num - 1) if self.page_num > 1 else ""

    def next_link(self) -> str:
        """Query string of the page after, empty on the last."""
        return self.page_link(self.page_num + 1) if self.has_next else ""

    def day_links(self) -> dict[str, Any] | None:
        """Links of the drill-down by year, month and day: ``back``, ``choices``, ``current``; ``None`` without dates.

        Years come from the first and the last value (two index look-ups), never from ``SELECT DISTINCT``.
        """
        column = self.model_admin.day_field
        if not column:
            return None
        base = self.model_admin.get_queryset(self.request)
        if channel_leads(self.model, column):
            base = base.filter(channel=plain(self.params.get("channel", ecomai.CHANNEL)))
        bounds = data_span(base, column)
        span = parse_span(self.params.get(DAY_VAR, ""))
        if bounds is None and span is None:
            return None
        first, last = bounds or (timezone.localdate(), timezone.localdate())
        return {
            "back": self._day_back(span),
            "current": self._day_title(span) if span else "",
            "choices": [
                {
                    "title": title,
                    "label": label if label != title else "",
                    "link": self._day_link(value),
                    "current": value == self.params.get(DAY_VAR, ""),
                }
                for title, label, value in self._day_choices(base, span, first, last)
            ],
        }

    def _day_link(self, value: str | None) -> str:
        return self.get_query_string({DAY_VAR: value})

    def clear_search_link(self) -> str:
        """Query string of this list without the search."""
        return self.get_query_string({SEARCH_VAR: None})

    def _day_title(self, span: Span) -> str:
        if span.grain == "last":
            days = (span.last - span.first).days + 1
            return gettext("Last %(days)d days") % {"days": days}
        if span.grain == "year":
            return str(span.first.year)
        if span.grain == "month":
            return formats.date_format(span.first, "YEAR_MONTH_FORMAT")
        return formats.date_format(span.first, "DATE_FORMAT")

    def _day_back(self, span: Span | None) -> dict[str, str] | None:
        if span is None:
            return None
        if span.grain == "day":
            return {
                "title": formats.date_format(span.first, "YEAR_MONTH_FORMAT"),
                "link": self._day_link(f"{span.first:%Y-%m}"),
            }
        if span.grain == "month":
            return {"title": str(span.first.year), "link": self._day_link(f"{span.first:%Y}")}
        return {"title": gettext("All dates"), "link": self._day_link(None)}

    def _years(self, rows: QuerySet[Any], first: int, last: int) -> list[int]:
        """The years that hold rows: the first and the newest, ``MOST_YEARS`` together, one index look-up each.

        One order with a wrong date (1970, 2099) must not push the real years out.
        """
        found: list[int] = []
        year = last
        while year > first and len(found) < MOST_YEARS - 1:
            found.append(year)
            newest = last_day_before(rows, self.model_admin.day_field, date(year, 1, 1))
            year = newest.year if newest else first
        return [first, *found[::-1]]

    def _day_choices(
        self, rows: QuerySet[Any], span: Span | None, first: date, last: date
    ) -> list[tuple[str, str, str]]:
        """``(short title, long title, value)`` of what lies one level deeper, or of the neighbours of a day."""
        if span is None or span.grain == "last":
            recent = [(gettext("Last %(days)d days") % {"days": days}, f"last{days}") for days in (7, 28)]
            years = [(str(year), f"{year:04d}") for year in self._years(rows, first.year, last.year)]
            return [(title, title, value) for title, value in [*recent, *years]]
        if span.grain == "year":
            months = [date(span.first.year, month, 1) for month in range(1, 13)]
            return [
                (formats.date_format(month, "F"), formats.date_format(month, "YEAR_MONTH_FORMAT"), f"{month:%Y-%m}")
                for month in months
                if (first.year, first.month) <= (month.year, month.month) <= (last.year, last.month)
            ]
        if span.grain == "month":
            style, start, end = "j", span.first.toordinal(), span.last.toordinal()
        else:
            style, start, end = "MONTH_DAY_FORMAT", span.first.toordinal() - 1, span.first.toordinal() + 1
        # Ordinals, because the day before 0001-01-01 is no date.
        inside = range(max(start, first.toordinal()), min(end, last.toordinal()) + 1)
        return [
            (formats.date_format(day, style), formats.date_format(day, "DATE_FORMAT"), day.isoformat())
            for day in map(date.fromordinal, inside)
        ]


class FastModelAdmin(admin.ModelAdmin):
    """Changelist in a fixed number of queries, none of which counts or scans.

    - ``day_field``: the column of the drill-down by day, e.g. ``"placed_at"`` or ``"id"`` for a UUIDv7 primary key.
      It must be indexed, alone or after the channel. It is also the default order, newest first.
    - ``search_fields``: Django's notation. ``=name`` and ``^name`` use an index; a bare ``name`` reads the table and is
      tried last, so give it only to tables of a catalogue's size. At most 200 hits are listed.
    - Columns without an index are not sortable unless ``sortable_by`` names them.
    """

    day_field: str = ""
    paginator = HasNextPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    change_list_template = "ecomai/admin/change_list.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that does not count."""
        return FastChangeList

    def get_ordering(self, request: HttpRequest) -> Any:
        """Newest first by ``day_field`` or by id, unless ``ordering`` says otherwise."""
        if self.ordering:
            return self.ordering
        return [f"-{self.day_field}"] if self.day_field else ["-pk"]

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """The columns that an index can sort."""
        if self.sortable_by is not None:
            return self.sortable_by
        shown = self.get_list_display(request)
        return [
            name
            for name in shown
            if isinstance(name, str)
            and (index_leads(self.model, name) or (name == self.day_field and channel_leads(self.model, name)))
        ]

    def get_list_filter(self, request: HttpRequest) -> Any:
        """The declared filters, and the shop when there are several."""
        filters = list(super().get_list_filter(request))
        if has_channel(self.model) and ChannelFilter not in filters and "channel" not in filters:
            filters.append(ChannelFilter)
        return filters

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id first, by words only when no id matched; at most 200 hits."""
        if not search_term.strip():
            return queryset, False
        pks = search_pks(queryset, list(self.get_search_fields(request)), search_term)
        return queryset.filter(pk__in=pks), False


class ViewOnlyMixin:
    """Nobody adds, changes or deletes rows by a form, whatever his rights: put it before the admin's base class."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class ReadOnlyAdminMixin(ViewOnlyMixin):
    """A copy of the shop's rows, with a line that says why: put it before ``FastModelAdmin``."""

    readonly_note: Any = _("This is a copy of your shop's data, for reading. Change it in your shop; the copy follows.")
    change_form_template: Any = "ecomai/admin/change_form.html"
    actions: Any = None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Adds the note."""
        context = {"readonly_note": self.readonly_note, **(extra_context or {})}
        return super().changelist_view(request, context)  # type: ignore[misc]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: Any = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Adds the note."""
        context = {"readonly_note": self.readonly_note, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)  # type: ignore[misc]
