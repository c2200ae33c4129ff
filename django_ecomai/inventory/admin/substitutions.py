"""Substitutes in the admin: those declared, and those found in the data to decide about."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.inventory.models import Substitution
from django_ecomai.inventory.services import substitution_declare, substitutions_decide
from django_ecomai.mirror.models import Product

from .base import InventoryAdmin, badge

KINDS = {"open": "warning", "used": "ok", "dismissed": "quiet"}


@admin.register(Substitution)
class SubstitutionAdmin(InventoryAdmin):
    """What stands in for what."""

    list_display = ("pair", "part", "standing", "found_by", "note")
    list_select_related = ("product", "substitute")
    list_filter = ("state", "source")
    search_fields = ("=product__external_id", "=substitute__external_id")
    search_help_text = gettext_lazy("Shop's id of either product")
    sortable_by = ()
    ordering = ("-pk",)
    raw_id_fields = ("product", "substitute")
    fields = (("product", "substitute"), "share", "note", "state")
    actions = ("use", "dismiss", "both_ways")
    change_list_template = "ecomai/inventory/admin/substitution_list.html"

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search as one types, where the site has the catalogue."""
        return ("product", "substitute") if self.admin_site.is_registered(Product) else ()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With the button that starts the search."""
        start = self.link("ecomai_runs_run_start") if request.user.has_perm("ecomai_runs.start_run") else ""
        return super().changelist_view(
            request, {"title": _("Substitutes"), "start_url": start, **(extra_context or {})}
        )

    @admin.display(description=gettext_lazy("product → substitute"))
    def pair(self, row: Substitution) -> str:
        return str(row)

    @admin.display(description=gettext_lazy("share"))
    def part(self, row: Substitution) -> str:
        return f"{format_value(round(100 * row.share))} %"

    @admin.display(description=gettext_lazy("state"))
    def standing(self, row: Substitution) -> str:
        return badge(row.get_state_display(), KINDS.get(row.state, "info"))

    @admin.display(description=gettext_lazy("source"))
    def found_by(self, row: Substitution) -> str:
        facts = row.evidence or {}
        if not facts:
            return str(row.get_source_display())
        text = _(
            "%(without)s a day on %(days)s days without the product, %(with)s with it; %(alike)s %% alike in words"
        )
        return text % {
            "without": format_value(round(facts["without"], 1)),
            "with": format_value(round(facts["with"], 1)),
            "days": format_value(facts["days"]),
            "alike": format_value(round(100 * facts["alike"])),
        }

    @admin.action(description=gettext_lazy("Use"), permissions=["change"])
    def use(self, request: HttpRequest, queryset: QuerySet[Substitution]) -> None:
        """Suggestions count with them from the next run on."""
        self._say(request, substitutions_decide(substitutions=queryset, use=True, user=request.user))

    @admin.action(description=gettext_lazy("Dismiss"), permissions=["change"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Substitution]) -> None:
        """They are not found again."""
        self._say(request, substitutions_decide(substitutions=queryset, use=False, user=request.user))

    @admin.action(description=gettext_lazy("Use both ways, with the same share"), permissions=["change", "add"])
    def both_ways(self, request: HttpRequest, queryset: QuerySet[Substitution]) -> None:
        """The way back too."""
        rows = list(queryset.select_related("product", "substitute"))
        for row in rows:
            substitution_declare(
                product=row.product,
                substitute=row.substitute,
                share=row.share,
                note=row.note,
                both_ways=True,
                user=request.user,
            )
        self._say(request, len(rows))

    def _say(self, request: HttpRequest, number: int) -> None:
        text = ngettext("%(n)d pair decided.", "%(n)d pairs decided.", number) % {"n": number}
        messages.success(request, f"{text} {_('It counts from the next time on that the worklist is worked out.')}")
