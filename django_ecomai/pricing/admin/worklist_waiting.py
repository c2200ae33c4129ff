"""Approved prices that are not in the shop yet: put in now, at another time, or opened again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.scheduling import scheduler_missing
from django_ecomai.pricing.services import (
    PricingError,
    adapter_applies,
    proposals_reopen,
    proposals_reschedule,
)

from .approval_form import moment_field
from .base import APPLY

State = PriceProposal.State
#: What the list of those that wait offers in place of approving.
ACTIONS = ("put", "move", "reopen", "reject")


class MomentForm(forms.Form):
    """Another time. The browser does not ask for it: other buttons of the same form need none."""

    use_required_attribute = False
    moment = moment_field(required=True)


class WorklistWaiting:
    """Mixed into the worklist's admin."""

    apply_now: Any

    def has_apply_permission(self, request: HttpRequest) -> bool:
        """For ``allowed_permissions`` of actions."""
        return request.user.has_perm(APPLY)

    @admin.action(description=gettext_lazy("Put into the shop now"), permissions=["apply"])
    def put(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> None:
        """Those that are ticked, whatever time they were approved for."""
        self.put_now(request, queryset)

    @admin.action(description=gettext_lazy("At another time"), permissions=["apply"])
    def move(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> None:
        """With the time beside the button."""
        self.move_to(request, queryset)

    @admin.action(description=gettext_lazy("Open again"), permissions=["decide"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> None:
        """The approval is taken back."""
        self.open_again(request, queryset)

    def put_now(self, request: HttpRequest, rows: Iterable[PriceProposal]) -> None:
        """Within this request, or many of them by a job; where the adapter cannot write, into the CSV file."""

        def done(found: list[PriceProposal]) -> None:
            by_shop: dict[str, list[PriceProposal]] = {}
            for row in found:
                by_shop.setdefault(row.channel, []).append(row)
            for channel, some in sorted(by_shop.items()):
                if not adapter_applies(channel):
                    text = ngettext("%(n)s is in the CSV file now.", "%(n)s are in the CSV file now.", len(some))
                    messages.success(request, text % {"n": format_value(len(some))})
                    continue
                # those that were ticked, not all of their batch
                if self.apply_now(request, some, channel=channel, batches=False) is not None:
                    text = _("%(n)s go into the shop now, by a job.")
                    messages.success(request, text % {"n": format_value(len(some))})

        self._change(request, lambda: proposals_reschedule(proposals=rows, user=request.user, apply_at=None), done)

    def move_to(self, request: HttpRequest, rows: Iterable[PriceProposal]) -> None:
        """To the moment that the request names."""
        form = MomentForm(request.POST)
        if not form.is_valid():
            messages.error(request, _("Say when the prices are to change."))
            return
        moment = form.cleaned_data["moment"]

        def done(found: list[PriceProposal]) -> None:
            text = ngettext("%(n)s is approved for later.", "%(n)s are approved for later.", len(found))
            messages.success(request, text % {"n": format_value(len(found))})
            if missing := scheduler_missing():
                messages.warning(request, missing)

        self._change(request, lambda: proposals_reschedule(proposals=rows, user=request.user, apply_at=moment), done)

    def open_again(self, request: HttpRequest, rows: Iterable[PriceProposal]) -> None:
        """To be decided once more."""

        def done(found: list[PriceProposal]) -> None:
            text = ngettext("%(n)s is open again.", "%(n)s are open again.", len(found))
            messages.success(request, text % {"n": format_value(len(found))})

        self._change(request, lambda: proposals_reopen(proposals=rows, user=request.user), done)

    @staticmethod
    def _change(
        request: HttpRequest,
        change: Callable[[], list[PriceProposal]],
        done: Callable[[list[PriceProposal]], None],
    ) -> None:
        try:
            found = change()
        except (PricingError, PermissionDenied) as error:
            messages.error(request, str(error))
        else:
            done(found)
