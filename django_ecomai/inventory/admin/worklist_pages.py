"""Pages beside the list: one product with its chart and its decisions, and what-if."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from django_ecomai.core.charts import CHART_SCRIPTS
from django_ecomai.inventory.models import Decision, Suggestion
from django_ecomai.inventory.product_page import product_page
from django_ecomai.inventory.services import DecisionError, OrderError, decision_undo, orders_draft, suggestions_decide

from .what_if_page import WhatIfMixin

DECIDE = "ecomai_inventory.decide_suggestion"
UNDO = "ecomai_inventory.undo_decision"
ORDER = "ecomai_inventory.add_purchaseorder"


class WorklistPages(WhatIfMixin):
    """Mixed into the worklist's admin."""

    def page_urls(self) -> list[URLPattern]:
        """Addresses of the pages."""
        view, name = self.admin_site.admin_view, "ecomai_inventory_suggestion"
        return [
            path("what-if/", view(self.what_if_view), name=f"{name}_what_if"),
            path("<int:pk>/decide/", view(require_POST(self.decide_view)), name=f"{name}_decide"),
            path("undo/<int:pk>/", view(require_POST(self.undo_view)), name=f"{name}_undo"),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One product: why, its past and forecast, how its stock will go, and what was decided."""
        row = self._row(request, object_id)
        decisions = list(row.decisions.select_related("user")[:20])
        may_undo = request.user.has_perm(UNDO)
        newest = next((one for one in decisions if one.undone_at is None and one.action != Decision.Action.UNDO), None)
        context = {
            **self.admin_site.each_context(request),
            **product_page(row=row),
            "title": str(row.product),
            "opts": self.opts,
            "row": row,
            "original": row,
            "decisions": decisions,
            "undoable": newest.pk if newest is not None and may_undo else None,
            "may_decide": request.user.has_perm(DECIDE) and row.order_line_id is None,
            "may_order": request.user.has_perm(DECIDE) and request.user.has_perm(ORDER) and row.order_line_id is None,
            "snooze_until": (row.as_of + timedelta(days=7)).isoformat(),
            "chart_scripts": CHART_SCRIPTS,
            "links": self._links(row),
        }
        return TemplateResponse(request, "ecomai/inventory/admin/product.html", context)

    def _links(self, row: Suggestion) -> list[tuple[str, Any]]:
        mine = urlencode({"q": row.product.external_id})
        found = [
            (self.forecast_url(row), _("Forecast of this product")),
            (self._with(self.link("ecomai_inventory_suggestion_what_if"), f"?product={row.pk}"), _("What if …")),
            (self.link("ecomai_mirror_product_change", row.product_id), _("Product")),
            (self._with(self.link("ecomai_inventory_substitution_changelist"), f"?{mine}"), _("Substitutes")),
            (self.link("ecomai_inventory_supplier_change", row.supplier_id) if row.supplier_id else "", _("Supplier")),
        ]
        return [(url, label) for url, label in found if url]

    def forecast_url(self, row: Suggestion) -> str:
        """The page of its forecast; empty where there is none."""
        from django_ecomai.forecast.models import Forecast

        found = Forecast.objects.filter(product_id=row.product_id, level="product", measure="pieces")
        pk = found.values_list("pk", flat=True).first()
        return self.link("ecomai_forecast_forecast_change", pk) if pk else ""

    @staticmethod
    def _with(url: str, query: str) -> str:
        return url + query if url else ""

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST ``action`` with ``quantity``, ``until`` or ``reason``; ``action=order`` puts it into a draft."""
        from .worklist import quantity_read

        row = self._row(request, pk)
        action = request.POST.get("action", "")
        if not request.user.has_perm(DECIDE) or (action == "order" and not request.user.has_perm(ORDER)):
            raise PermissionDenied
        try:
            quantity = quantity_read(request.POST.get("quantity", ""), row)
            asked = request.POST.get("until", "") if action == "snooze" else ""
            until = forms.DateField(required=False).clean(asked)
            said = ""
            with transaction.atomic():  # a quantity is not kept when the order is refused
                if action in ("accept", "order") and quantity != row.to_order:
                    suggestions_decide(suggestions=[row], action="edit", quantity=quantity, user=request.user)
                elif action != "order":
                    suggestions_decide(
                        suggestions=[row],
                        action=action,
                        quantity=quantity,
                        until=until,
                        reason=request.POST.get("reason", "") if action == "reject" else "",
                        user=request.user,
                    )
                if action == "order":
                    (order,) = orders_draft(suggestions=[row], user=request.user)
                    said = _("It stands in the draft %(order)s.") % {"order": order.number}
            messages.success(request, said or _("Decided."))
        except (DecisionError, OrderError) as error:
            messages.error(request, str(error))
        except forms.ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(self.link("ecomai_inventory_suggestion_change", pk))

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Undo the newest decision."""
        if not request.user.has_perm(UNDO):
            raise PermissionDenied
        decision = Decision.objects.select_related("suggestion").filter(pk=pk).first()
        if decision is None:
            raise Http404(_("There is no such decision."))
        row = self._row(request, decision.suggestion_id)
        try:
            decision_undo(decision=decision, user=request.user)
        except DecisionError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("The decision was undone."))
        return HttpResponseRedirect(self.link("ecomai_inventory_suggestion_change", row.pk))

    def _row(self, request: HttpRequest, pk: Any) -> Suggestion:
        """The suggestion, as far as this user may see it."""
        rows = self.get_queryset(request).select_related("product", "supplier", "order_line__order")  # type: ignore[attr-defined]
        row: Suggestion | None = rows.filter(pk=pk).first() if str(pk).isdigit() else None
        if row is None:
            raise Http404(_("There is no such suggestion."))
        if not self.has_view_permission(request, row):  # type: ignore[attr-defined]
            raise PermissionDenied
        return row
