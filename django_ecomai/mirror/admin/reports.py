"""The cleaning report of every sync."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.mirror.models import SyncIssue, SyncReport
from django_ecomai.mirror.report import action_label, issue_label, table_label

from .base import NONE, ReadOnlyInline


class SyncIssueInline(ReadOnlyInline):
    """One kind of finding per row, in words."""

    model = SyncIssue
    fields = readonly_fields = ("where", "found", "times", "done", "seen_in")
    verbose_name_plural = gettext_lazy("What was found in the shop's data, and what was done with it")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncIssue]:
        return super().get_queryset(request).order_by("-count", "pk")

    @admin.display(description=gettext_lazy("where"))
    def where(self, obj: SyncIssue) -> str:
        table = table_label(obj.table)
        return f"{table}: {obj.column.replace('_', ' ')}" if obj.column else table

    @admin.display(description=gettext_lazy("finding"))
    def found(self, obj: SyncIssue) -> str:
        return issue_label(obj)

    @admin.display(description=gettext_lazy("how often"))
    def times(self, obj: SyncIssue) -> str:
        return formats.number_format(obj.count, use_l10n=True, force_grouping=True)

    @admin.display(description=gettext_lazy("what was done"))
    def done(self, obj: SyncIssue) -> str:
        return action_label(obj)

    @admin.display(description=gettext_lazy("for example"))
    def seen_in(self, obj: SyncIssue) -> str | SafeString:
        rows = (
            (" · ".join(str(e[k]) for k in ("line", "id", "value") if e.get(k) not in (None, "")),)
            for e in obj.examples
        )
        return format_html_join("", "{}<br>", rows) or NONE


@admin.register(SyncReport)
class SyncReportAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """What each copy of the shop did and found."""

    readonly_note = gettext_lazy("Each row is one copy of your shop's data: how many rows, and what was wrong in them.")
    list_display = ("started_at", "mode", "state", "rows_shown", "took")
    list_filter = ("mode",)
    sortable_by = ()
    inlines = (SyncIssueInline,)
    fields = readonly_fields = ("mode", "state", "started_at", "took", "table", "run")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncReport]:
        return super().get_queryset(request).select_related("run")

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: SyncReport) -> str:
        if obj.finished_at is None:
            after = obj.resume.get("table") or _("the beginning")
            return _("not finished; the next one goes on at %(table)s") % {"table": table_label(after)}
        return _("tried out, nothing was written") if obj.dry_run else _("finished")

    @admin.display(description=gettext_lazy("changes"))
    def rows_shown(self, obj: SyncReport) -> str:
        parts = []
        for name, label in (
            ("created", _("new")),
            ("updated", _("changed")),
            ("removed", _("gone")),
            ("drifted", _("differed")),
        ):
            number = sum(numbers.get(name, 0) for numbers in obj.counts.values())
            if number:
                parts.append(f"{formats.number_format(number, use_l10n=True, force_grouping=True)} {label}")
        return ", ".join(parts) or _("nothing changed")

    @admin.display(description=gettext_lazy("took"))
    def took(self, obj: SyncReport) -> str:
        if obj.finished_at is None:
            return NONE
        seconds = int((obj.finished_at - obj.started_at).total_seconds())
        return _("%(minutes)d min %(seconds)d s") % {"minutes": seconds // 60, "seconds": seconds % 60}

    @admin.display(description=gettext_lazy("rows per table"))
    def table(self, obj: SyncReport) -> str | SafeString:
        heads = [
            ("seen", _("read")), ("created", _("new")), ("updated", _("changed")), ("unchanged", _("unchanged")),
            ("removed", _("gone")), ("skipped", _("left out")), ("drifted", _("differed")),
        ]  # fmt: skip
        heads = [(n, label) for n, label in heads if any(numbers.get(n) for numbers in obj.counts.values())]
        if not heads:
            return NONE
        body = format_html_join(
            "",
            "<tr><th scope=row>{}</th>{}</tr>",
            (
                (
                    table_label(table),
                    format_html_join(
                        "",
                        "<td>{}</td>",
                        (
                            (formats.number_format(numbers.get(n, 0), use_l10n=True, force_grouping=True),)
                            for n, _l in heads
                        ),
                    ),
                )
                for table, numbers in obj.counts.items()
            ),
        )
        head = format_html_join("", "<th scope=col>{}</th>", ((label,) for _n, label in heads))
        return format_html("<table><thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table>", head, body)
