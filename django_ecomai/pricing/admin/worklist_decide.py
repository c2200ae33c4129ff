"""Approving and rejecting: what several prices come to together, then yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.pricing import words
from django_ecomai.pricing.apply_job import AT_ONCE, KIND, apply_parameters
from django_ecomai.pricing.asked import channel_asked, key_asked, of_channel
from django_ecomai.pricing.models import PriceProposal, PriceSelection
from django_ecomai.pricing.selection_job import AT_ONCE as DECIDED_AT_ONCE
from django_ecomai.pricing.services import (
    PricingError,
    adapter_applies,
    approval_select,
    changes_apply,
    proposals_approve,
    proposals_named,
    proposals_reject,
    selection_confirm,
)
from django_ecomai.pricing.worklist import Together, costs_simulated, together
from django_ecomai.runs.services import run_start

from .base import APPLY, DECIDE
from .high_risk import HighRiskForm, high_risk_words

State = PriceProposal.State
SHOWN = 50  # rows of the preview; the sums are of all
MOST = DECIDED_AT_ONCE["approve"]  # looked at, summed and locked within the request; more are approved by a job
DAY: dict[str, Any] = {"type": "date", "aria-label": gettext_lazy("Day")}
TIME: dict[str, Any] = {"type": "time", "aria-label": gettext_lazy("Time of day")}
NO_CURVES = ("curve", "trail", "history", "market", "product__description", "product__attributes")


class DecisionForm(ActionForm):
    """What rejecting needs besides the ticks; read by the action, which says what is wrong."""

    reason = forms.CharField(required=False, max_length=255)


class ApprovalForm(HighRiskForm):
    """When the prices go into the shop, and whether a part of them goes first."""

    ids = forms.CharField(widget=forms.HiddenInput, required=False)
    selection = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=2**63 - 1)
    when = forms.ChoiceField(
        label=gettext_lazy("Into the shop"),
        choices=[("now", gettext_lazy("now")), ("later", gettext_lazy("at this time:"))],
        initial="now",
    )
    apply_at = forms.SplitDateTimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.SplitDateTimeWidget(
            date_attrs=DAY,
            time_attrs=TIME,
            time_format="%H:%M",
        ),
    )
    canary = forms.ChoiceField(
        label=gettext_lazy("A part goes first"),
        required=False,
        choices=[
            ("", gettext_lazy("no, all at once")),
            ("0.1", gettext_lazy("a tenth of the products")),
            ("0.25", gettext_lazy("a quarter")),
            ("0.5", gettext_lazy("half")),
        ],
    )

    def clean(self) -> dict[str, Any]:
        """A time is needed where one is asked for; keys are numbers."""
        found = super().clean() or self.cleaned_data
        if found.get("when") == "later" and not found.get("apply_at"):
            self.add_error("apply_at", _("Say when the prices are to change."))
        each = [one.partition(":") for one in found.get("ids", "").split(",") if one]
        found["pks"] = [key_asked(key) for key, _colon, _price in each]
        try:
            found["seen"] = {key_asked(key): Decimal(price) for key, _colon, price in each if price}
        except ArithmeticError:
            found["pks"] = [0]
        if 0 in found["pks"]:
            self.add_error("ids", _("Go back to the list and choose again."))
        return found


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
            form = ApprovalForm(initial={"selection": selection.pk})
            return self.approval_page(request, list(wanted[:SHOWN]), form, selection=selection)
        rows = list(wanted)
        if not rows:
            messages.warning(request, _("None of these is open for a decision."))
            return None
        return self.approval_page(request, rows, ApprovalForm(initial={"ids": ids_seen(rows)}))

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
        back = of_channel(self.link("ecomai_pricing_priceproposal_changelist"), channel_asked(request))
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
            "high_risk": high_risk_words(rows),
            "has_gain": bool(sums.gains),
            "cheaper": sums.down,
            "applies": all(adapter_applies(channel) for channel in channels),
            "may_apply": request.user.has_perm(APPLY),
            "four_eyes": ecomai.PRICING_FOUR_EYES,
            "canary_days": ecomai.PRICING_CANARY_DAYS,
            "simulated": any(costs_simulated(channel=channel) for channel in channels),
            "list_url": back,
            "action_url": of_channel(self.link("ecomai_pricing_priceproposal_approve"), channel_asked(request)),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/approve.html", context)

    def approve_view(self, request: HttpRequest) -> HttpResponse:
        """POST: the prices are approved, and put into the shop if that was said and is allowed."""
        if not request.user.has_perm(DECIDE):
            raise PermissionDenied
        form = ApprovalForm(request.POST)
        valid = form.is_valid()
        if key := form.cleaned_data.get("selection"):
            return self.approve_selection(request, form, key)
        pks = form.cleaned_data.get("pks", [])
        rows = self._rows(request, pks)
        if not valid or not rows:
            if not rows:
                messages.warning(request, _("None of these is open for a decision."))
                url = of_channel(self.link("ecomai_pricing_priceproposal_changelist"), channel_asked(request))
                return HttpResponseRedirect(url)
            return self.approval_page(request, rows, form)
        if form.asks_for_high_risk(rows):
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
        return self._approved(request, done)

    def approve_selection(self, request: HttpRequest, form: ApprovalForm, key: int) -> HttpResponse:
        """Confirm what was chosen and start the job that approves it."""
        selection = PriceSelection.objects.filter(
            pk=key, kind=PriceSelection.Kind.APPROVE, channel=channel_asked(request)
        ).first()
        if selection is None:
            messages.error(request, _("This choice was too old and is forgotten: choose again."))
            url = of_channel(self.link("ecomai_pricing_priceproposal_changelist"), channel_asked(request))
            return HttpResponseRedirect(url)
        if form.is_valid():
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

    def _approved(self, request: HttpRequest, done: Sequence[PriceProposal]) -> HttpResponse:
        """Say what became of them, and put those that are due into the shop."""
        shown, url = channel_asked(request), self.link("ecomai_pricing_priceproposal_changelist")
        back = HttpResponseRedirect(of_channel(url, shown))
        by_state: dict[str, list[PriceProposal]] = {}
        for row in done:
            by_state.setdefault(row.state, []).append(row)
        for state, text in (
            (State.STALE, _("%(n)s were overtaken: the shop has changed their price meanwhile.")),
            (State.OPEN, _("%(n)s have their first approval; somebody else must approve them too.")),
            (State.SCHEDULED, _("%(n)s are approved for later.")),
        ):
            if number := len(by_state.get(state, ())):
                messages.info(request, text % {"n": format_value(number)})
        due: dict[str, list[PriceProposal]] = {}
        for row in by_state.get(State.APPROVED, ()):
            due.setdefault(row.channel, []).append(row)
        for channel, rows in sorted(due.items()):
            if not (request.user.has_perm(APPLY) and adapter_applies(channel)):
                text = _("%(n)s are approved and wait to be put into the shop.")
                messages.success(request, text % {"n": format_value(len(rows))})
                back = HttpResponseRedirect(of_channel(url, shown, show="waiting"))
            elif proposals_named(rows, channel=channel) > AT_ONCE:
                parameters = apply_parameters(user=request.user, rows=rows)
                run = run_start(kind=KIND, channel=channel, parameters=parameters, user=request.user)
                text = _("%(n)s are approved; they go into the shop now, this page shows how far it is.")
                messages.success(request, text % {"n": format_value(len(rows))})
                if page := self.link("ecomai_runs_run_change", run.pk):
                    back = HttpResponseRedirect(page)
            else:
                self.apply_now(request, rows, channel=channel)
        return back

    def apply_now(self, request: HttpRequest, rows: Iterable[PriceProposal], *, channel: str) -> None:
        """Write approved prices of a shop within this request, and say how it went."""
        try:
            found = changes_apply(proposals=rows, channel=channel, user=request.user)
        except PricingError as error:
            messages.error(request, str(error))
            return
        if found.changes:
            text = ngettext("%(n)s price is in the shop now.", "%(n)s prices are in the shop now.", len(found.changes))
            messages.success(request, text % {"n": format_value(len(found.changes))})
        for row in [*found.stale, *found.failed]:
            messages.warning(request, f"{row.product}: {row.held_words}")

    @admin.action(description=gettext_lazy("Reject"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> None:
        """With the reason that was typed."""
        try:
            done = proposals_reject(proposals=queryset, user=request.user, reason=request.POST.get("reason", ""))
        except PricingError as error:
            messages.error(request, str(error))
        else:
            text = ngettext("%(n)s price rejected.", "%(n)s prices rejected.", len(done))
            messages.success(request, text % {"n": format_value(len(done))})

    def _rows(self, request: HttpRequest, pks: Sequence[int]) -> list[PriceProposal]:
        """The open ones of these keys, as far as this user may see them."""
        found: list[PriceProposal] = []
        for begin in range(0, len(pks), 900):
            rows = self.get_queryset(request).filter(pk__in=pks[begin : begin + 900], state=State.OPEN)  # type: ignore[attr-defined]
            found += rows.select_related("product", "rule").defer(*NO_CURVES)
        return sorted(found, key=lambda row: (-(row.gain or 0.0), row.pk))


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
