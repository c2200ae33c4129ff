"""What people decide about price tests on their pages: let one begin, stop it, keep one of its prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from django_ecomai.core.admin import ReadOnlyAdminMixin
from django_ecomai.core.charts import format_value
from django_ecomai.core.db import without_transaction
from django_ecomai.pricing.apply_now import apply_now_or_start
from django_ecomai.pricing.asked import key_asked
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceProposal, PriceTest
from django_ecomai.pricing.services import PricingError, price_tests_keep
from django_ecomai.pricing.services.price_tests import GOING
from django_ecomai.pricing.worklist import costs_simulated
from django_ecomai.runs.models import Run

from .base import APPLY, DECIDE, PricingAdmin
from .selections import history_in_words

STATES = {PriceTest.State.RUNNING: "info", PriceTest.State.DONE: "ok", PriceTest.State.STOPPED: "warning"}


class DecidedAdmin(ReadOnlyAdminMixin, PricingAdmin):
    """Of price tests, and of those of several products. ``page`` begins the names of its addresses, ``named`` is what
    the services ``approve`` and ``stop`` call their row, ``tests_of`` gives the tests of its products."""

    page: str
    named: str
    approve: Callable[..., Any]
    stop: Callable[..., Any]
    tests_of: Callable[..., Any]

    def get_urls(self) -> list[URLPattern]:
        posts = (("approve", self.approve_view), ("stop", self.stop_view), ("keep", self.keep_view))
        view = self.admin_site.admin_view
        own = [
            path(f"<int:pk>/{what}/", without_transaction(view(require_POST(one))), name=f"{self.page}_{what}")
            for what, one in posts
        ]
        return [*own, *super().get_urls()]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Django's history, with codes in words."""
        return history_in_words(super().history_view(request, object_id, extra_context))

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: the second of two people lets it begin."""
        row = self._writable(request, pk)
        try:
            self.approve(**{self.named: row}, user=request.user)
        except PricingError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, begins())
        return self._back(row)

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST ``reason``: end it and put the prices before back."""
        row = self._writable(request, pk)
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, _("Say why the test is stopped."))
            return self._back(row)
        try:
            self.stop(**{self.named: row}, user=request.user, reason=reason)
        except PricingError as error:
            messages.error(request, str(error))
        else:
            _tell_stopped(request, list(self.tests_of(row).select_related("product").order_by("pk")))
        return self._back(row)

    def keep_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST ``price``, "high" or "low": approve it, put it into the shop, and say how that went."""
        row, tests = self._row(request, pk)
        if not may_keep(request):
            raise PermissionDenied
        _keep(request, tests, channel=row.channel)
        return self._back(row)

    def decided(self, request: HttpRequest, row: Any, tests: Sequence[PriceTest]) -> dict[str, Any]:
        """Context of its page: what may be decided, and what was."""
        kind = ContentType.objects.get_for_model(self.model)
        log = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
        may = request.user.has_perm(APPLY)
        asked = {test.started_by_id for test in tests if test.state == PriceTest.State.ASKED}
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "price_links": self.price_links(request),
            "row": row,
            "original": row,
            "may_approve": may and asked and request.user.pk not in asked,
            "may_stop": may and any(test.state in GOING for test in tests),
            **{f"{what}_url": self.link(f"{self.page}_{what}", row.pk) for what in ("approve", "stop", "keep")},
            "decisions": [
                (one.action_time, one.user, log_text(str(one.change_message)))
                for one in log.order_by("-action_time", "-pk")[:20]
            ],
            "simulated": costs_simulated(channel=row.channel),
            "list_url": self.link(f"{self.page}_changelist"),
        }

    def _back(self, row: Any) -> HttpResponse:
        return HttpResponseRedirect(self.link(f"{self.page}_change", row.pk))

    def _writable(self, request: HttpRequest, pk: int) -> Any:
        row, _tests = self._row(request, pk)
        if not request.user.has_perm(APPLY):
            raise PermissionDenied
        return row

    def _row(self, request: HttpRequest, pk: Any) -> tuple[Any, list[PriceTest]]:
        """A row with its tests, as far as this user may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=key_asked(pk)).first()
        found = [] if row is None else list(
            self.tests_of(row).select_related("product", "group").prefetch_related("weeks").order_by("pk")
        )  # fmt: skip
        if not found:
            raise Http404(_("There is no such price test."))
        return row, found


def begins(tests: Iterable[PriceTest] = ()) -> str:
    """What is said of tests that were started, or approved by the second of two people."""
    if any(test.state == PriceTest.State.ASKED for test in tests):
        return _("The test waits for a second person, who must approve it.")
    return _("The test begins on Monday; its weeks are drawn.")


def may_keep(request: HttpRequest) -> bool:
    """Whether this user may approve a price and put it into the shop."""
    return request.user.has_perm(DECIDE) and request.user.has_perm(APPLY)


def _tell_stopped(request: HttpRequest, tests: Sequence[PriceTest]) -> None:
    """Whether it is over, and which prices before are not back."""
    left = [test for test in tests if test.waits_for or test.left_words]
    if any(test.state in GOING for test in tests):
        messages.warning(
            request, _("The test ends as soon as the shop takes the price back, which is tried every hour.")
        )
    elif len(tests) == 1 and not left:
        price = exact_amount(tests[0].product.price, tests[0].currency)
        messages.success(request, _("The test is over; the shop has the price %(price)s.") % {"price": price})
    else:
        messages.success(request, _("The test is over."))
    for test in left:
        messages.warning(request, f"{test.product}: {test.waits_words or test.left_words}")


def _keep(request: HttpRequest, tests: Sequence[PriceTest], *, channel: str) -> None:
    wanted = request.POST.get("price")
    if wanted not in ("high", "low"):
        messages.error(request, _("Say which price is to stay."))
        return
    try:
        rows = price_tests_keep(tests=tests, higher=wanted == "high", user=request.user)
        approved = [row for row in rows if row.state == PriceProposal.State.APPROVED]
        found = apply_now_or_start(rows=approved, channel=channel, user=request.user) if approved else None
    except PricingError as error:
        messages.error(request, str(error))
        return
    if found is None:
        messages.info(request, _("Approved by you; a second person must approve it, by the same button."))
    elif isinstance(found, Run):
        messages.success(request, _("The prices are approved, and go into the shop now."))
    else:
        if number := len(found.changes):
            text = ngettext("%(n)s price is in the shop now.", "%(n)s prices are in the shop now.", number)
            messages.success(request, text % {"n": format_value(number)})
        for row in [*found.stale, *found.failed]:
            messages.warning(request, f"{row.product}: {row.held_words}")
