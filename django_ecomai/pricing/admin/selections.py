"""Pages of many prices that were decided by one confirmation: how far it is, and what was left out for which reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from django_ecomai.core.charts import format_value
from django_ecomai.pricing.asked import channel_asked, key_asked, text_asked
from django_ecomai.pricing.held import Why, exact_amount, reason_short, why_of
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceChange, PriceSelection
from django_ecomai.pricing.selection_job import came_words, selection_start
from django_ecomai.pricing.services import (
    PricingError,
    selection_came,
    selection_confirm,
    selection_skipped,
    undo_select,
)
from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import run_log, run_status

from .base import UNDO

Kind = PriceSelection.Kind
SHOWN = 100  # rows of a page
NAMED = 1000  # prices that a limit forbids, each named on one page
VIEW = {Kind.APPROVE: "ecomai_pricing.view_priceproposal", Kind.UNDO: "ecomai_pricing.view_pricechange"}
PAGE = "ecomai_pricing_priceproposal_selection"
ENDED = (Run.State.DONE, Run.State.FAILED, Run.State.CANCELLED)


class SelectionPages:
    """Mixed into the worklist's admin."""

    admin_site: Any
    opts: Any
    link: Any
    price_links: Any

    def selection_urls(self) -> list[URLPattern]:
        """Addresses of the pages."""
        view = self.admin_site.admin_view
        return [
            path("selections/", view(self.selections_view), name=f"{PAGE}s"),
            path("selections/<int:pk>/", view(self.selection_view), name=PAGE),
            path("selections/<int:pk>/again/", view(require_POST(self.again_view)), name=f"{PAGE}_again"),
            path("selections/<int:pk>/against/", view(require_POST(self.against_view)), name=f"{PAGE}_against"),
        ]

    def selections_view(self, request: HttpRequest) -> HttpResponse:
        """The last ones that were confirmed, newest first."""
        kinds = [kind for kind, needed in VIEW.items() if request.user.has_perm(needed)]
        if not kinds:
            raise PermissionDenied
        rows = PriceSelection.objects.filter(channel=channel_asked(request), kind__in=kinds, confirmed_at__isnull=False)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Many prices at once"),
            "opts": self.opts,
            "price_links": self.price_links(request),
            "rows": [
                {
                    "row": row,
                    "url": self.link(PAGE, row.pk),
                    "title": _title(row),
                    "came": came_words(row, selection_came(row)),
                }
                for row in rows.select_related("confirmed_by").order_by("-made_at")[:20]
            ],
        }
        return TemplateResponse(request, "ecomai/pricing/admin/selections.html", context)

    def selection_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far it is, what became of it, and what was left out: ``?why=`` of one reason, ``?from=`` this row on."""
        selection = self._selection(request, pk)
        came = selection_came(selection)
        run = Run.objects.filter(pk=selection.run_number).first() if selection.run_number else None
        status = None if run is None else run_status(run=run)
        code, begin = text_asked(request.GET.get("why")), key_asked(request.GET.get("from"))
        rows = selection_skipped(selection, offset=begin, limit=SHOWN + 1, code=code)
        here = self.link(PAGE, selection.pk)
        may = request.user == selection.confirmed_by
        ended = run is None or run.state in ENDED
        context = {
            **self.admin_site.each_context(request),
            "title": _title(selection),
            "opts": self.opts,
            "price_links": self.price_links(request),
            "selection": selection,
            "came": came,
            "words": came_words(selection, came),
            "run": run,
            "status": status,
            "log": "" if run is None else run_log(run, 4000),
            "status_url": self.link("ecomai_runs_run_status", run.pk) if run is not None else "",
            "run_url": self.link("ecomai_runs_run_change", run.pk) if run is not None else "",
            "may_go_on": may and ended and bool(came.waiting or came.skipped.get("error")),
            "again_url": self.link(f"{PAGE}_again", selection.pk),
            "reasons": [
                {"url": f"{here}?why={one}", "why": reason_short(one), "number": number, "shown": one == code}
                for one, number in sorted(came.skipped.items(), key=lambda pair: (-pair[1], pair[0]))
            ],
            "all_url": here if code else "",
            "rows": [self._left_out(selection, *one) for one in rows[:SHOWN]],
            "next_url": f"{here}?{f'why={code}&' if code else ''}from={begin + SHOWN}" if len(rows) > SHOWN else "",
            "back_url": self._back_url(request, selection),
            "against": came.skipped.get("against_limits", 0) if request.user.has_perm(UNDO) and ended else 0,
            "against_url": self.link(f"{PAGE}_against", selection.pk),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/selection.html", context)

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST, by who confirmed it: go on where it was cancelled or has failed."""
        selection = self._selection(request, pk)
        if request.user != selection.confirmed_by:
            raise PermissionDenied
        selection_start(selection)
        return HttpResponseRedirect(self.link(PAGE, selection.pk))

    def against_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: those that limits forbid, with a question of their own; with ``confirmed`` they are taken back."""
        selection = self._selection(request, pk)
        if not request.user.has_perm(UNDO) or selection.kind != Kind.UNDO:
            raise PermissionDenied
        here = HttpResponseRedirect(self.link(PAGE, selection.pk))
        left = selection_skipped(selection, limit=selection.number, code="against_limits")
        keys = [one[0] for one in left]
        if request.POST.get("confirmed") != "1":
            rows = _changes(keys[:NAMED])
            forbidden = {one[0]: why_of(one[2].get("named", {}).get("because")) for one in left[:NAMED]}
            hidden = [("confirmed", "1")]
            return against_page(
                self, request, rows=rows, forbidden=forbidden, number=len(keys), hidden=hidden,
                action_url=self.link(f"{PAGE}_against", selection.pk), list_url=self.link(PAGE, selection.pk),
            )  # fmt: skip
        try:
            new = undo_select(
                rows=PriceChange.objects.filter(pk__in=keys), channel=selection.channel, user=request.user,
                filters={"selection": selection.pk, "against_limits": True}, against_limits=True,
            )  # fmt: skip
            return self.selection_go(request, selection_confirm(selection=new, user=request.user))
        except PricingError as error:
            messages.error(request, str(error))
        return here

    def selection_go(self, request: HttpRequest, selection: PriceSelection) -> HttpResponse:
        """Start the job of what was confirmed, and show its page."""
        selection_start(selection)
        return HttpResponseRedirect(self.link(PAGE, selection.pk))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Django's page, its lines in the reader's language."""
        return history_in_words(super().history_view(request, object_id, extra_context))  # type: ignore[misc]

    def _selection(self, request: HttpRequest, pk: int) -> PriceSelection:
        rows = PriceSelection.objects.select_related("confirmed_by").filter(
            pk=key_asked(pk), confirmed_at__isnull=False
        )
        selection = rows.first()
        if selection is None:
            raise Http404(_("There is no such decision: it may have been deleted since."))
        if not request.user.has_perm(VIEW[Kind(selection.kind)]):
            raise PermissionDenied
        return selection

    def _left_out(self, selection: PriceSelection, pk: int, title: str, reason: dict[str, Any]) -> dict[str, Any]:
        of_proposal = selection.kind == Kind.APPROVE
        gone = reason.get("code") == "gone"
        url = self.link("ecomai_pricing_priceproposal_change", pk) if of_proposal and not gone else ""
        return {"title": title, "url": url, "why": str(why_of(reason))}

    def _back_url(self, request: HttpRequest, selection: PriceSelection) -> str:
        """The list of what it has put into the shop, from where all of it can be taken back."""
        if selection.kind != Kind.APPROVE or not request.user.has_perm(UNDO):
            return ""
        url = self.link("ecomai_pricing_pricechange_changelist")
        standing = PriceChange.objects.filter(batch=selection.batch, undone_at=None, kind=PriceChange.Kind.APPLY)
        return f"{url}?batch={selection.batch}" if url and standing.exists() else ""


def against_page(
    page: Any,
    request: HttpRequest,
    *,
    rows: Sequence[PriceChange],
    forbidden: dict[int, Why],
    number: int,
    hidden: Sequence[tuple[str, Any]],
    action_url: str,
    list_url: str,
) -> HttpResponse:
    """Each product whose price before a limit of now forbids, and the limit: a question of its own before that is
    done all the same."""
    context = {
        **page.admin_site.each_context(request),
        "title": ngettext(
            "%(n)s price would come back against a limit", "%(n)s prices would come back against a limit", number
        )
        % {"n": format_value(number)},
        "opts": page.opts,
        "rows": [
            {
                "title": row.product.title,
                "now": exact_amount(row.new_price, row.currency),
                "then": exact_amount(row.old_price, row.currency),
                "why": str(forbidden.get(row.pk, "")),
            }
            for row in rows
        ],
        "more": max(number - len(rows), 0),
        "hidden": hidden,
        "action_url": action_url,
        "list_url": list_url,
    }
    return TemplateResponse(request, "ecomai/pricing/admin/against_limits.html", context)


def history_in_words(response: HttpResponse) -> HttpResponse:
    """Lines of Django's history that were stored as codes, in words."""
    context = getattr(response, "context_data", None)
    if context and "action_list" in context:
        entries = context["action_list"]
        entries.object_list = list(entries.object_list)
        for entry in entries.object_list:
            entry.change_message = log_text(str(entry.change_message))
    return response


def _changes(keys: Sequence[int]) -> list[PriceChange]:
    rows = PriceChange.objects.filter(pk__in=keys).select_related("product")
    return sorted(rows, key=lambda one: -one.pk)


def _title(selection: PriceSelection) -> str:
    number = {"n": format_value(selection.number)}
    if selection.kind == Kind.APPROVE:
        return ngettext("Approve %(n)s price", "Approve %(n)s prices", selection.number) % number
    return ngettext("Take back %(n)s price", "Take back %(n)s prices", selection.number) % number
