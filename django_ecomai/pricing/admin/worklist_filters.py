"""Filters of the worklist."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.admin import ChannelFilter, FirstChoiceFilter
from django_ecomai.core.charts import format_value
from django_ecomai.mirror.models import Category
from django_ecomai.pricing.asked import channel_asked, key_asked
from django_ecomai.pricing.models import PriceProposal

State = PriceProposal.State
#: Categories that a filter lists; more are found by the search.
MOST_CATEGORIES = 60


class StateFilter(FirstChoiceFilter):
    """What is still to be decided, unless something else is asked for."""

    title = _("decision")
    parameter_name = "show"
    first_choice = _("to decide")
    groups = {
        "waiting": PriceProposal.UNDER_WAY,
        "applied": (State.APPLIED,),
        "held": (State.HELD,),
        "rejected": (State.REJECTED,),
        "undone": (State.UNDONE,),
        "trouble": (State.FAILED, State.STALE),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("waiting", _("approved, not in the shop yet")),
            ("applied", _("in the shop")),
            ("held", _("held back")),
            ("rejected", _("rejected")),
            ("undone", _("undone")),
            ("trouble", _("failed or overtaken")),
            ("all", _("all")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        if self.value() is None and "q" in request.GET:  # who searches looks at all of it
            return queryset
        return queryset.filter(state__in=self.groups.get(str(self.value()), (State.OPEN,)))


class DirectionFilter(admin.SimpleListFilter):
    """Dearer or cheaper."""

    title = _("direction")
    parameter_name = "direction"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("up", _("dearer")), ("down", _("cheaper"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "up":
            return queryset.filter(new_price__gt=F("old_price"))
        if self.value() == "down":
            return queryset.filter(new_price__lt=F("old_price"))
        return queryset


class GainFilter(admin.SimpleListFilter):
    """What is expected to gain so much or more, in the currency of the product."""

    title = _("gain at least")
    parameter_name = "gain"
    steps = (1, 5, 20, 50, 100)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(one), format_value(one)) for one in self.steps]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        key = key_asked(self.value())
        return queryset.filter(gain__gte=key) if key else queryset


class CategoryFilter(admin.SimpleListFilter):
    """The first categories of the shop by name."""

    title = _("category")
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Category.objects.filter(channel=channel_asked(request), removed_at=None)
        named = rows.order_by("name", "pk").values_list("pk", "name")[:MOST_CATEGORIES]
        return [(str(pk), name) for pk, name in named]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        key = key_asked(self.value())
        return queryset.filter(product__categories=key) if key else queryset


class ShopFilter(ChannelFilter):
    """One shop at a time: the numbers above the list, the adapter and its prices are of one."""

    def choices(self, changelist: Any) -> Any:
        shown = channel_asked(changelist.request)
        for choice, (channel, _label) in zip(list(super().choices(changelist))[1:], self.lookup_choices, strict=True):
            yield {**choice, "selected": channel == shown}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(channel=channel_asked(request))


LIST_FILTERS = (
    StateFilter,
    GainFilter,
    "risk",
    DirectionFilter,
    "strength",
    "goal",
    CategoryFilter,
    ShopFilter,
)
