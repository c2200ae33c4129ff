"""Pages beside the list: one proposal with its curves and decisions, and the replay of last month."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from django_ecomai.core.charts import CHART_SCRIPTS
from django_ecomai.core.db import without_transaction
from django_ecomai.pricing.asked import channel_asked, key_asked, of_channel
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceTest
from django_ecomai.pricing.proposal_page import decisions, proposal_page
from django_ecomai.pricing.services import (
    AgainstLimits,
    PricingError,
    SecondNeeded,
    adapter_applies,
    change_undo,
    own_price_set,
    price_asked,
    proposals_reject,
)
from django_ecomai.pricing.services.following import follows
from django_ecomai.pricing.services.price_tests import GOING

from .base import APPLY, DECIDE, UNDO
from .own_price_page import own_price_context
from .replay_page import ReplayPage
from .selections import SelectionPages, against_page
from .worklist_waiting import MomentForm, WorklistWaiting

State = PriceProposal.State
PRODUCT, RULE = "ecomai_mirror.view_product", "ecomai_pricing.view_pricingrule"
#: The right that each action of a proposal's page takes.
NEEDED = {
    "approve": DECIDE, "reject": DECIDE, "reopen": DECIDE, "own": DECIDE, "apply": APPLY, "move": APPLY, "undo": UNDO,
}  # fmt: skip


class WorklistPages(WorklistWaiting, SelectionPages, ReplayPage):
    """Mixed into the worklist's admin."""

    admin_site: Any
    opts: Any
    link: Any
    price_links: Any

    def page_urls(self) -> list[URLPattern]:
        """Addresses of the pages."""
        view, name = self.admin_site.admin_view, "ecomai_pricing_priceproposal"
        return [
            # What was written must stay noted, whatever fails afterwards: no transaction of the request around it.
            path("", without_transaction(view(self.changelist_view)), name=f"{name}_changelist"),  # type: ignore[attr-defined]
            *self.selection_urls(),
            path("approve/", without_transaction(view(require_POST(self.approve_view))), name=f"{name}_approve"),  # type: ignore[attr-defined]
            path("replay/", view(self.replay_view), name=f"{name}_replay"),
            path("csv/", view(self.csv_view), name=f"{name}_csv"),
            path("<int:pk>/decide/", without_transaction(view(self.decide_view)), name=f"{name}_decide"),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One proposal: why, its curves, its past, and what was decided."""
        try:
            row = self._row(request, object_id)
        except Http404 as error:
            if not key_asked(object_id):
                raise
            return self.gone(request, error)
        changes = list(PriceChange.objects.filter(product=row.product_id).select_related("user")[:20])
        decides = request.user.has_perm(DECIDE)
        applies = adapter_applies(row.channel)
        puts = request.user.has_perm(APPLY) and applies
        follows = self._follows(row)
        context = {
            **self.admin_site.each_context(request),
            **proposal_page(row=row, sees_offers=request.user.has_perm("ecomai_pricing.view_competitoroffer")),
            "title": str(row.product),
            "price_links": self.price_links(request),
            "opts": self.opts,
            "row": row,
            "original": row,
            "undoable": _undoable(changes) if request.user.has_perm(UNDO) and applies else None,
            "may_approve": decides and row.state == State.OPEN,
            "may_reject": decides and row.state in (State.OPEN, *PriceProposal.WAITING),
            "may_put": (puts and row.state in PriceProposal.WAITING) or (follows and request.user.has_perm(APPLY)),
            "may_move": puts and row.state in PriceProposal.WAITING,
            "may_reopen": decides and row.state in PriceProposal.WAITING,
            "moment_form": MomentForm(),
            "time_zone": timezone.get_current_timezone_name(),
            **own_price_context(request, row, may=decides and row.state in PriceProposal.UNDECIDED),
            "applies": applies,
            "follows": follows,
            "decisions": decisions(self._log(row), changes),
            **self._test(request, row, applies),
            "chart_scripts": CHART_SCRIPTS,
            "links": [
                (url, label)
                for url, label, needed in (
                    (self.link("ecomai_mirror_product_change", row.product_id), _("Product"), PRODUCT),
                    (
                        self.link("ecomai_pricing_pricingrule_change", row.rule_id) if row.rule_id else "",
                        _("Rule"),
                        RULE,
                    ),
                )
                if url and request.user.has_perm(needed)
            ],
        }
        return TemplateResponse(request, "ecomai/pricing/admin/proposal.html", context)

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST ``action``: ``approve`` leads to the questions, ``reject`` takes ``reason``, ``apply`` puts an approved
        price into the shop, ``move`` gives it another ``moment``, ``reopen`` takes the approval back, ``own`` makes
        ``price`` the proposal, ``undo`` takes back the ``change`` named; against a limit only after a page of its own.
        """
        try:
            row = self._row(request, pk)
        except Http404 as error:
            return self.gone(request, error)
        if request.method != "POST":  # an address that somebody has kept
            return HttpResponseRedirect(self.link("ecomai_pricing_priceproposal_change", row.pk))
        action = request.POST.get("action", "")
        needed = NEEDED.get(action)
        if needed is None or not request.user.has_perm(needed):
            raise PermissionDenied
        here = HttpResponseRedirect(self.link("ecomai_pricing_priceproposal_change", row.pk))
        if action == "approve":
            from .worklist_decide import ApprovalForm, ids_seen

            if row.state != State.OPEN:
                messages.warning(request, _("None of these is open for a decision."))
                return here
            page: HttpResponse = self.approval_page(request, [row], ApprovalForm(initial={"ids": ids_seen([row])}))  # type: ignore[attr-defined]
            return page
        try:
            if action == "reject":
                proposals_reject(proposals=[row], user=request.user, reason=request.POST.get("reason", ""))
                messages.success(request, _("Rejected."))
            elif action == "apply":
                self.put_now(request, [row])
            elif action == "move":
                self.move_to(request, [row])
            elif action == "reopen":
                self.open_again(request, [row])
            elif action == "own":
                own_price_set(proposal=row, price=price_asked(request.POST.get("price")), user=request.user)
                messages.success(request, _("Your price is the proposal now: approve it, and it goes into the shop."))
            else:
                key = key_asked(request.POST.get("change"))
                change = PriceChange.objects.filter(product=row.product_id, pk=key).first()
                if change is None:
                    raise Http404(_("There is no such change."))
                change_undo(change=change, user=request.user, confirmed=request.POST.get("against") == "1")
                messages.success(request, _("The price before is in the shop again."))
        except AgainstLimits as error:
            return against_page(
                self, request, rows=[one for one, _why in error.against], number=len(error.against),
                forbidden={one.pk: reason for one, reason in error.against},
                hidden=[("action", "undo"), ("change", request.POST.get("change", "")), ("against", "1")],
                action_url=request.get_full_path(), list_url=here.url,
            )  # fmt: skip
        except SecondNeeded as error:  # the first of two has confirmed, which is noted
            messages.info(request, str(error))
        except PricingError as error:
            messages.error(request, str(error))
        return here

    def gone(self, request: HttpRequest, error: Http404) -> HttpResponse:
        """A run deletes what it does not propose any more: the list says so, instead of a page of the shop."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        messages.warning(request, str(error))
        url = self.link("ecomai_pricing_priceproposal_changelist")
        return HttpResponseRedirect(of_channel(url, channel_asked(request)))

    def csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """Approved prices as a file, for shops whose prices are written elsewhere."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        channel = channel_asked(request)
        headers = {"Content-Disposition": 'attachment; filename="prices.csv"'}
        pieces = proposals_csv(channel=channel)
        return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8", headers=headers)

    def _test(self, request: HttpRequest, row: PriceProposal, applies: bool) -> dict[str, Any]:
        """Where the price test of the product is, or where one is started."""
        running = PriceTest.objects.filter(product=row.product_id, state__in=GOING).first()
        if running is not None:
            may = request.user.has_perm("ecomai_pricing.view_pricetest")
            url = self.link("ecomai_pricing_pricetest_change", running.pk) if may else ""
        else:
            may = request.user.has_perm(APPLY) and applies and bool(row.product.price)
            url = self.link("ecomai_pricing_pricetest_start", row.product_id) if may else ""
        return {"test_url": url, "in_test": running is not None}

    @staticmethod
    def _follows(row: PriceProposal) -> bool:
        """Whether it waits for how those do that go first."""
        waits = row.state == State.SCHEDULED and not row.is_canary
        return waits and PriceProposal.objects.filter(follows(row.channel), pk=row.pk).exists()

    @staticmethod
    def _log(row: PriceProposal) -> list[LogEntry]:
        """What people decided about it, newest first."""
        kind = ContentType.objects.get_for_model(PriceProposal)
        entries = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
        return list(entries.order_by("-action_time", "-pk")[:20])

    def _row(self, request: HttpRequest, pk: Any) -> PriceProposal:
        """The proposal, as far as this user may see it."""
        rows = self.get_queryset(request).select_related("product", "rule", "decided_by", "seconded_by")  # type: ignore[attr-defined]
        row: PriceProposal | None = rows.filter(pk=key_asked(pk)).first()
        if row is None:
            raise Http404(_("There is no such proposal: a later run may have renewed it."))
        if not self.has_view_permission(request, row):  # type: ignore[attr-defined]
            raise PermissionDenied
        return row


def _undoable(changes: list[PriceChange]) -> int | None:
    """The newest change, if it put a price into the shop and stands."""
    newest = changes[0] if changes else None
    kinds = (PriceChange.Kind.APPLY, PriceChange.Kind.TEST)
    return newest.pk if newest is not None and newest.undone_at is None and newest.kind in kinds else None
