"""Filters of the worklist."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.admin import ChannelFilter, FirstChoiceFilter
from django_ecomai.inventory.budgets import budget_choose
from django_ecomai.inventory.models import Suggestion
from django_ecomai.inventory.selectors import with_alert
from django_ecomai.inventory.words import CLASS_WORDS

STATE = Suggestion.State
TODO = Q(state=STATE.OPEN, quantity__gt=0, order_line=None)
ACCEPTED = Q(state__in=[STATE.ACCEPTED, STATE.EDITED], order_line=None)


class DecisionFilter(FirstChoiceFilter):
    """What is still to be decided, unless something else is asked for."""

    title = _("decision")
    parameter_name = "show"
    first_choice = _("to decide")
    which = {
        "accepted": ACCEPTED,
        "ordered": Q(order_line__isnull=False),
        "look": ~Q(alerts=[]),
        "snoozed": Q(state=STATE.SNOOZED),
        "rejected": Q(state=STATE.REJECTED),
        "all": Q(),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("accepted", _("accepted, not ordered")),
            ("ordered", _("in a purchase order")),
            ("look", _("with an alert")),
            ("snoozed", _("later")),
            ("rejected", _("rejected")),
            ("all", _("all products")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            # Who follows a link to a status, or searches, looks at all of it.
            asked = set(request.GET) & {"status", "status__exact", "q", "alert"}
            return queryset if asked else queryset.filter(TODO)
        return queryset.filter(self.which.get(str(self.value()), TODO))


class AlertFilter(admin.SimpleListFilter):
    """One kind of alert; reached from the start page."""

    title = _("alert")
    parameter_name = "alert"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("stock_out", _("sold out or about to")),
            ("surplus", _("surplus")),
            ("sudden_demand", _("sudden demand")),
            ("phantom", _("doubtful stock")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return with_alert(queryset, str(self.value()))


class ClassFilter(admin.AllValuesFieldListFilter):
    """The letters of a class, said in words."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            words = CLASS_WORDS.get(str(choice["display"]))
            yield {**choice, "display": f"{choice['display']}: {words}"} if words else choice


class BudgetFilter(admin.SimpleListFilter):
    """Only the orders that bring most for a given sum; the sum is typed above the list."""

    title = _("budget")
    parameter_name = "budget"
    template = "ecomai/inventory/admin/_no_filter.html"

    def has_output(self) -> bool:
        """True, or the admin would not ask ``queryset``; there is nothing to choose from at the side."""
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            budget = float(str(self.value() or "").replace(",", "."))
        except ValueError:
            return queryset
        if not 0 < budget < 1e12:
            return queryset
        columns = ("product_id", "quantity", "decided_quantity", "unit_cost", "currency", "lost_margin")
        rows = queryset.filter(quantity__gt=0, order_line=None).order_by("pk").select_related(None).only(*columns)
        return queryset.filter(product__in=budget_choose(rows=rows, budget=budget))


LIST_FILTERS = (
    DecisionFilter,
    "status",
    ("supplier", admin.RelatedOnlyFieldListFilter),
    ("abc", ClassFilter),
    ("xyz", ClassFilter),
    AlertFilter,
    BudgetFilter,
    ChannelFilter,
)
