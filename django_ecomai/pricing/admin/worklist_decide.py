"""Approving and rejecting: what several prices come to together, then yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.pricing import words
from django_ecomai.pricing.apply_now import apply_now_or_start
from django_ecomai.pricing.asked import channel_asked, of_channel
from django_ecomai.pricing.high_risk_words import high_risk_words
from django_ecomai.pricing.models import PriceProposal, PriceSelection
from django_ecomai.pricing.scheduling import scheduler_missing
from django_ecomai.pricing.selection_job import AT_ONCE as DECIDED_AT_ONCE
from django_ecomai.pricing.services import (
    PricingError,
    adapter_applies,
    approval_select,
    proposals_approve,
    proposals_reject,
    selection_confirm,
)
from django_ecomai.pricing.worklist import Together, costs_simulated, together
from django_ecomai.runs.models import Run

from .approval_form import ApprovalForm, DecisionForm
from .base import APPLY, DECIDE

State = PriceProposal.State
SHOWN = 50  # rows of the preview; the sums are of all
MOST = DECIDED_AT_ONCE["approve"]  # looked at, summed and locked within the request; more are approved by a job
NO_CURVES = ("curve", "trail", "history", "market", "product__description", "product__attributes")


class WorklistDecide:
    """Mixed into the worklist's admin."""

    action_form = DecisionForm
    admin_site: Any
    opts: Any
    link: Any

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The button for all with these filters presses the other one with everything ticked."""
        if request.method == "POST" and request.POST.get("action") == "approve_all":
            post = request.POST.copy()
            post["action"], post["select_across"] = "approve", "1"
            post.setlist(ACTION_CHECKBOX_NAME, ["0"])
            request.POST = post  # type: ignore[assignment]
        response: HttpResponse = super().changelist_view(request, extra_context)  # type: ignore[misc]
        return response

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> HttpResponse | None:
        """Back to the same place of the list, ready for the next ticks."""
        answer = super().response_action(request, queryset, *args)  # type: ignore[misc]
        return answer or HttpResponseRedirect(request.get_full_path())

    @admin.action(description=gettext_lazy("Approve …"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> HttpResponse | None:
        """Shows what the chosen prices come to, before anything is decided."""
        wanted = queryset.filter(state=State.OPEN).select_related("product", "rule").defer(*NO_CURVES)
        if wanted.order_by().count() > MOST:
            try:
                selection = approval_select(
                    rows=queryset, channel=channel_asked(request), user=request.user, filters=dict(request.GET.lists())
                )
            except PricingError as error:
                messages.warning(request, str(error))
                return None
            form = ApprovalForm(initial={"selection": selection.pk, "back": request.GET.urlencode()})
            return self.approval_page(request, list(wanted[:SHOWN]), form, selection=selection)
        rows = list(wanted)
        if not rows:
            messages.warning(request, _("None of these is open for a decision."))
            return None
        form = ApprovalForm(initial={"ids": ids_seen(rows), "back": request.GET.urlencode()})
        return self.approval_page(request, rows, form)

    def approval_page(
        self,
        request: HttpRequest,
        rows: Sequence[PriceProposal],
        form: ApprovalForm,
        selection: PriceSelection | None = None,
    ) -> HttpResponse:
        """What these prices, or those of a selection, come to together, and the questions of an approval."""
        sums = together(rows) if selection is None else Together(**selection.sums)
        channels = {row.channel for row in rows} or {ecomai.CHANNEL}
        applies = all(adapter_applies(channel) for channel in channels)
        may_apply = request.user.has_perm(APPLY)
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("Approve %(n)s price", "Approve %(n)s prices", sums.number)
            % {"n": format_value(sums.number)},
            "opts": self.opts,
            "form": form,
            "rows": rows[:SHOWN],
            "more": max(sums.number - SHOWN, 0),
            "by_job": selection is not None,
            "lines": sum_lines(sums),
            "high_risk": high_risk_words(sums),
            "has_gain": bool(sums.gains),
            "cheaper": sums.down,
            "applies": applies,
            "may_apply": may_apply,
            "time_zone": timezone.get_current_timezone_name(),
            "unscheduled": scheduler_missing() if applies and may_apply else "",
            "four_eyes": ecomai.PRICING_FOUR_EYES,
            "canary_days": ecomai.PRICING_CANARY_DAYS,
            "simulated": any(costs_simulated(channel=channel) for channel in channels),
            "market_simulated": sums.market_simulated,
            "list_url": self.list_url(request, str(form["back"].value() or "")),
            "action_url": of_channel(self.link("ecomai_pricing_priceproposal_approve"), channel_asked(request)),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/approve.html", context)

    def approve_view(self, request: HttpRequest) -> HttpResponse:
        """POST: the prices are approved, and put into the shop if that was said and is allowed."""
        if not request.user.has_perm(DECIDE):
            raise PermissionDenied
        form = ApprovalForm(request.POST)
        valid = form.is_valid()
        list_url = self.list_url(request, form.cleaned_data.get("back", ""))
        if key := form.cleaned_data.get("selection"):
            return self.approve_selection(request, form, key)
        pks = form.cleaned_data.get("pks", [])
        rows = self._rows(request, pks)
        if not valid or not rows:
            if not rows:
                messages.warning(request, _("None of these is open for a decision."))
                return HttpResponseRedirect(list_url)
            return self.approval_page(request, rows, form)
        if form.asks_for_high_risk(together(rows)):
            return self.approval_page(request, rows, form)
        later: datetime | None = form.cleaned_data["apply_at"] if form.cleaned_data["when"] == "later" else None
        share = form.cleaned_data["canary"]
        try:
            done = proposals_approve(
                proposals=rows, user=request.user, apply_at=later, canary_share=float(share) if share else None,
                seen=form.cleaned_data["seen"],
            )  # fmt: skip
        except (PricingError, PermissionDenied) as error:
            messages.error(request, str(error))
            rows = self._rows(request, pks)
            # with the numbers of now, which are the ones that are seen next
            post = request.POST.copy()
            post["ids"] = ids_seen(rows)
            return self.approval_page(request, rows, ApprovalForm(post))
        return self._approved(request, done, list_url)

    def approve_selection(self, request: HttpRequest, form: ApprovalForm, key: int) -> HttpResponse:
        """Confirm what was chosen and start the job that approves it."""
        selection = PriceSelection.objects.filter(
            pk=key, kind=PriceSelection.Kind.APPROVE, channel=channel_asked(request)
        ).first()
        if selection is None:
            messages.error(request, _("This choice was too old and is forgotten: choose again."))
            return HttpResponseRedirect(self.list_url(request, form.cleaned_data.get("back", "")))
        if form.is_valid() and not form.asks_for_high_risk(Together(**selection.sums)):
            share = form.cleaned_data["canary"]
            try:
                confirmed = selection_confirm(
                    selection=selection,
                    user=request.user,
                    apply_at=form.cleaned_data["apply_at"] if form.cleaned_data["when"] == "later" else None,
                    canary_share=float(share) if share else None,
                )
            except (PricingError, PermissionDenied) as error:
                messages.error(request, str(error))
            else:
                answer: HttpResponse = self.selection_go(request, confirmed)  # type: ignore[attr-defined]
                return answer
        first = selection.parts.order_by("place").first()
        rows = [] if first is None else self._rows(request, [pk for pk, _price in first.rows[:SHOWN]])
        return self.approval_page(request, rows, form, selection=selection)

    def list_url(self, request: HttpRequest, back: str = "") -> str:
        """The list as it was when something was chosen there: ``back`` is the query of its address."""
        url, named = self.link("ecomai_pricing_priceproposal_changelist"), QueryDict(back, mutable=True)
        named.pop("e", None)  # the admin's mark of a filter that could not be used
        return f"{url}?{named.urlencode()}" if named else of_channel(url, channel_asked(request))

    def _approved(self, request: HttpRequest, done: Sequence[PriceProposal], list_url: str) -> HttpResponse:
        """Say what became of them, and put those that are due into the shop."""
        back = HttpResponseRedirect(list_url)
        waiting = of_channel(
            self.link("ecomai_pricing_priceproposal_changelist"), channel_asked(request), show="waiting"
        )
        by_state: dict[str, list[PriceProposal]] = {}
        for row in done:
            by_state.setdefault(row.state, []).append(row)
        if number := len(by_state.get(State.STALE, ())):
            text = ngettext(
                "%(n)s was overtaken: the shop has changed its price meanwhile.",
                "%(n)s were overtaken: the shop has changed their price meanwhile.",
                number,
            )
            messages.info(request, text % {"n": format_value(number)})
        if number := len(by_state.get(State.OPEN, ())):
            text = ngettext(
                "%(n)s has its first approval; somebody else must approve it too.",
                "%(n)s have their first approval; somebody else must approve them too.",
                number,
            )
            messages.info(request, text % {"n": format_value(number)})
        if number := len(by_state.get(State.SCHEDULED, ())):
            text = ngettext("%(n)s is approved for later.", "%(n)s are approved for later.", number)
            messages.info(request, linked(text % {"n": format_value(number)}, waiting))
            for told in sorted({row.held_words for row in by_state[State.SCHEDULED]} - {""}):
                messages.warning(request, told)
            if missing := scheduler_missing():
                messages.warning(request, missing)
        due: dict[str, list[PriceProposal]] = {}
        for row in by_state.get(State.APPROVED, ()):
            due.setdefault(row.channel, []).append(row)
        for channel, rows in sorted(due.items()):
            if not (request.user.has_perm(APPLY) and adapter_applies(channel)):
                text = ngettext(
                    "%(n)s is approved and waits to be put into the shop.",
                    "%(n)s are approved and wait to be put into the shop.",
                    len(rows),
                )
                messages.success(request, linked(text % {"n": format_value(len(rows))}, waiting))
            elif (run := self.apply_now(request, rows, channel=channel)) is not None:
                text = _("%(n)s are approved; they go into the shop now, this page shows how far it is.")
                messages.success(request, text % {"n": format_value(len(rows))})
                if page := self.link("ecomai_runs_run_change", run.pk):
                    back = HttpResponseRedirect(page)
        return back

    def apply_now(
        self, request: HttpRequest, rows: Sequence[PriceProposal], *, channel: str, batches: bool = True
    ) -> Run | None:
        """Write approved prices of a shop within this request and say how it went, or give the job that does it."""
        try:
            found = apply_now_or_start(rows=rows, channel=channel, user=request.user, batches=batches)
        except PricingError as error:
            messages.error(request, str(error))
            return None
        if isinstance(found, Run):
            return found
        if found.changes:
            text = ngettext("%(n)s price is in the shop now.", "%(n)s prices are in the shop now.", len(found.changes))
            messages.success(request, text % {"n": format_value(len(found.changes))})
        for row in found.problems:
            messages.warning(request, f"{row.product}: {row.held_words}")
        return None

    @admin.action(description=gettext_lazy("Reject"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> HttpResponse | None:
        """With the reason that was typed; without one a page asks for it, and what was ticked stays chosen."""
        if not request.POST.get("reason", "").strip():
            return self.reason_page(request, queryset)
        try:
            rows = queryset.order_by().select_related(None).only("pk")
            done = proposals_reject(proposals=rows, user=request.user, reason=request.POST.get("reason", ""))
        except PricingError as error:
            messages.error(request, str(error))
        else:
            text = ngettext("%(n)s price rejected.", "%(n)s prices rejected.", len(done))
            messages.success(request, text % {"n": format_value(len(done))})
        return None

    def reason_page(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> HttpResponse:
        """Asks why these prices are rejected."""
        number = queryset.order_by().count()
        title = ngettext("Reject %(n)s price", "Reject %(n)s prices", number) % {"n": format_value(number)}
        hidden = [
            (name, value)
            for name in ("action", "select_across", ACTION_CHECKBOX_NAME)
            for value in request.POST.getlist(name)
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "hidden": hidden,
            "rows": list(queryset.select_related("product").defer(*NO_CURVES)[:SHOWN]),
            "more": max(number - SHOWN, 0),
            "action_url": request.get_full_path(),
            "list_url": self.list_url(request, request.GET.urlencode()),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/reject.html", context)

    def _rows(self, request: HttpRequest, pks: Sequence[int]) -> list[PriceProposal]:
        """The open ones of these keys, as far as this user may see them."""
        found: list[PriceProposal] = []
        for begin in range(0, len(pks), 900):
            rows = self.get_queryset(request).filter(pk__in=pks[begin : begin + 900], state=State.OPEN)  # type: ignore[attr-defined]
            found += rows.select_related("product", "rule").defer(*NO_CURVES)
        return sorted(found, key=lambda row: (-(row.gain or 0.0), row.pk))


def linked(said: str, url: str) -> SafeString:
    """A message with the way to what it is about."""
    return format_html('{} <a href="{}">{}</a>', said, url, _("See them"))


def ids_seen(rows: Iterable[PriceProposal]) -> str:
    """Keys with the prices that the page shows, so that nobody approves what he has not seen."""
    return ",".join(f"{row.pk}:{row.new_price}" for row in rows)


def sum_lines(sums: Together) -> list[tuple[Any, Any]]:
    """Label and value of what several prices come to."""
    lines: list[tuple[Any, Any]] = [
        (_("Prices"), format_value(sums.number)),
        (_("dearer"), format_value(sums.up)),
        (_("cheaper"), format_value(sums.down)),
        (_("largest change"), words.percent(sums.largest)),
    ]
    for currency, (gain, low, high) in sorted(sums.gains.items()):
        label = _("expected gain in %(days)s days") % {"days": sums.horizon_days}
        between = _("(%(low)s to %(high)s)") % {
            "low": words.signed_money(low, ""), "high": words.signed_money(high, "")
        }  # fmt: skip
        lines.append((label, f"{words.signed_money(gain, currency)} {between}"))
    if risky := sums.risks.get("high", 0):
        lines.append((_("high risk"), format_value(risky)))
    return lines
