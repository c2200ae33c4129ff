"""Approving and rejecting: what several prices come to together, then yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
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
from django_ecomai.pricing.apply_job import KIND
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.services import (
    PricingError,
    adapter_applies,
    changes_apply,
    proposals_approve,
    proposals_reject,
)
from django_ecomai.pricing.worklist import Together, costs_simulated, together
from django_ecomai.runs.services import run_start

from .base import APPLY, DECIDE

State = PriceProposal.State
SHOWN = 50  # rows of the preview; the sums are of all
AT_ONCE = 30  # more prices than this are written by a job, which shows how far it is
NO_CURVES = ("curve", "trail", "history", "market", "product__description", "product__attributes")


class DecisionForm(ActionForm):
    """What rejecting needs besides the ticks; read by the action, which says what is wrong."""

    reason = forms.CharField(required=False, max_length=255)


class ApprovalForm(forms.Form):
    """When the prices go into the shop, and whether a part of them goes first."""

    ids = forms.CharField(widget=forms.HiddenInput)
    when = forms.ChoiceField(
        label=gettext_lazy("Into the shop"),
        choices=[("now", gettext_lazy("now")), ("later", gettext_lazy("at this time:"))],
        initial="now",
    )
    apply_at = forms.SplitDateTimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.SplitDateTimeWidget(date_attrs={"type": "date"}, time_attrs={"type": "time"}, time_format="%H:%M"),
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
        keys = [key for key in found.get("ids", "").split(",") if key]
        if any(not key.isdigit() or len(key) > 18 for key in keys):
            self.add_error("ids", _("Go back to the list and choose again."))
        else:
            found["pks"] = [int(key) for key in keys]
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
        rows = list(queryset.filter(state=State.OPEN).select_related("product", "rule").defer(*NO_CURVES))
        if not rows:
            messages.warning(request, _("None of these is open for a decision."))
            return None
        return self.approval_page(request, rows, ApprovalForm(initial={"ids": ",".join(str(row.pk) for row in rows)}))

    def approval_page(self, request: HttpRequest, rows: Sequence[PriceProposal], form: ApprovalForm) -> HttpResponse:
        """What these prices come to together, and the questions of an approval."""
        sums = together(rows)
        channel = rows[0].channel if rows else ecomai.CHANNEL
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("Approve %(n)s price", "Approve %(n)s prices", sums.number)
            % {"n": format_value(sums.number)},
            "opts": self.opts,
            "form": form,
            "rows": rows[:SHOWN],
            "more": max(len(rows) - SHOWN, 0),
            "lines": sum_lines(sums),
            "has_gain": bool(sums.gains),
            "cheaper": sums.down,
            "simulated": costs_simulated(channel=channel),
            "applies": adapter_applies(channel),
            "may_apply": request.user.has_perm(APPLY),
            "four_eyes": ecomai.PRICING_FOUR_EYES,
            "canary_days": ecomai.PRICING_CANARY_DAYS,
            "list_url": self.link("ecomai_pricing_priceproposal_changelist"),
            "action_url": self.link("ecomai_pricing_priceproposal_approve"),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/approve.html", context)

    def approve_view(self, request: HttpRequest) -> HttpResponse:
        """POST: the prices are approved, and put into the shop if that was said and is allowed."""
        if not request.user.has_perm(DECIDE):
            raise PermissionDenied
        form = ApprovalForm(request.POST)
        valid = form.is_valid()
        pks = form.cleaned_data.get("pks", [])
        rows = self._rows(request, pks)
        if not valid or not rows:
            if not rows:
                messages.warning(request, _("None of these is open for a decision."))
                return HttpResponseRedirect(self.link("ecomai_pricing_priceproposal_changelist"))
            return self.approval_page(request, rows, form)
        later: datetime | None = form.cleaned_data["apply_at"] if form.cleaned_data["when"] == "later" else None
        share = form.cleaned_data["canary"]
        try:
            done = proposals_approve(
                proposals=rows, user=request.user, apply_at=later, canary_share=float(share) if share else None
            )
        except PricingError as error:
            messages.error(request, str(error))
            return self.approval_page(request, self._rows(request, pks), form)
        return self._approved(request, done)

    def _approved(self, request: HttpRequest, done: Sequence[PriceProposal]) -> HttpResponse:
        """Say what became of them, and put those that are due into the shop."""
        back = HttpResponseRedirect(self.link("ecomai_pricing_priceproposal_changelist"))
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
        due = by_state.get(State.APPROVED, [])
        if not due:
            return back
        if not (request.user.has_perm(APPLY) and adapter_applies(due[0].channel)):
            text = _("%(n)s are approved and wait to be put into the shop.")
            messages.success(request, text % {"n": format_value(len(due))})
            return HttpResponseRedirect(f"{back.url}?show=waiting")
        if len(due) > AT_ONCE:
            run = run_start(kind=KIND, channel=due[0].channel, parameters={"user": request.user.pk}, user=request.user)
            page = self.link("ecomai_runs_run_change", run.pk)
            text = _("%(n)s are approved; they go into the shop now, this page shows how far it is.")
            messages.success(request, text % {"n": format_value(len(due))})
            return HttpResponseRedirect(page) if page else back
        self.apply_now(request, due)
        return back

    def apply_now(self, request: HttpRequest, rows: Iterable[PriceProposal]) -> None:
        """Write approved prices into the shop within this request, and say how it went."""
        rows = list(rows)
        try:
            found = changes_apply(proposals=rows, channel=rows[0].channel, user=request.user)
        except PricingError as error:
            messages.error(request, str(error))
            return
        if found.changes:
            text = ngettext("%(n)s price is in the shop now.", "%(n)s prices are in the shop now.", len(found.changes))
            messages.success(request, text % {"n": format_value(len(found.changes))})
        for row in [*found.stale, *found.failed]:
            messages.warning(request, f"{row.product}: {row.held_reason}")

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
