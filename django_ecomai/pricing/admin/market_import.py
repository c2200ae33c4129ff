"""The page on which a file of competitors' offers is read: first what would happen, then it happens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.core.tables import MOST_BYTES, FileError
from django_ecomai.pricing.asked import key_asked
from django_ecomai.pricing.market_out import offers_csv
from django_ecomai.pricing.market_rows import MATCH as KIND
from django_ecomai.pricing.market_rows import offer_rows, unmatched_rows
from django_ecomai.pricing.offers_import_job import AT_ONCE, import_start, import_write, outcome_of
from django_ecomai.pricing.offers_import_job import KIND as IMPORT
from django_ecomai.pricing.services.competitors_import import OffersOutcome, offers_import
from django_ecomai.pricing.services.competitors_reading import FILE, NEEDED
from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import run_status

from .base import READ

NEEDS = ("add_competitoroffer", "change_competitoroffer")
#: A file up to this size travels with the page, so that it need not be chosen again.
CARRIED = 1_000_000


class OffersForm(forms.Form):
    """The file, and what to do with competitors that are not known."""

    file = forms.FileField(label=gettext_lazy("CSV file"), required=False)
    content = forms.CharField(required=False, widget=forms.HiddenInput, strip=False)
    add_competitors = forms.BooleanField(label=gettext_lazy("Add competitors that are not known yet"), required=False)

    def clean(self) -> dict[str, Any]:
        """One of file and content, not too large."""
        data = super().clean() or {}
        file = data.get("file")
        if file is not None and file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 10 MB: split it."))
        if file is None and not data.get("content"):
            raise forms.ValidationError(_("Choose a file."))
        return data


class ImportMixin:
    """Mix in before the admin's base class: adds the page and the download."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("import/", view(self.import_view), name="ecomai_pricing_competitoroffer_import"),
            path("offers.csv", view(self.download_view), name="ecomai_pricing_competitoroffer_download"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Preview, then write."""
        if not all(request.user.has_perm(f"ecomai_pricing.{name}") for name in NEEDS):
            raise PermissionDenied
        if request.method == "POST" and "add_competitors" in request.POST:
            self._may_add(request)
        if request.method == "POST" and "checked" in request.POST:
            return self._write_checked(request)
        told = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        form = OffersForm(*told)
        outcome: OffersOutcome | None = None
        error, carried = "", ""
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            content = file.read() if file is not None else form.cleaned_data["content"]
            write = "write" in request.POST
            if content.count(b"\n" if isinstance(content, bytes) else "\n") > AT_ONCE:
                started = import_start(
                    content=content if isinstance(content, bytes) else content.encode(), channel=ecomai.CHANNEL,
                    user=request.user, check_only=not write, add_competitors=form.cleaned_data["add_competitors"],
                )  # fmt: skip
                return HttpResponseRedirect(f"{request.path}?run={started.pk}")
            try:
                outcome = offers_import(
                    content=content,
                    channel=ecomai.CHANNEL,
                    check_only=not write,
                    add_competitors=form.cleaned_data["add_competitors"],
                    user=request.user,
                )
                if not write and len(content) <= CARRIED:
                    carried = content if isinstance(content, str) else content.decode("utf-8-sig")
            except FileError as problem:
                error = str(problem)
        run = _run(request) if request.method == "GET" else None
        if run is not None:
            outcome = outcome_of(run)
        context = {
            **self.admin_site.each_context(request),
            **self.market_context(request),  # type: ignore[attr-defined]
            "title": READ,
            "opts": self.opts,
            "form": form,
            "error": error,
            "outcome": outcome,
            "summary": _summary(outcome) if outcome else "",
            "carried": carried,
            "ways": self._ways(request, outcome) if outcome and not outcome.check_only else [],
            "status": None if run is None else run_status(run=run),
            "status_url": self.link("ecomai_runs_run_status", run.pk) if run else "",  # type: ignore[attr-defined]
            "run_url": self.link("ecomai_runs_run_change", run.pk) if run else "",  # type: ignore[attr-defined]
            "checked": _checked(run),
            "kind": KIND,
            "channel": ecomai.CHANNEL,
            "columns": [(name, name in NEEDED) for name in FILE],
        }
        return TemplateResponse(request, "ecomai/pricing/admin/market_import.html", context)

    def download_view(self, request: HttpRequest) -> HttpResponseBase:
        """All offers as they are now, in the columns that can be read."""
        if not request.user.has_perm("ecomai_pricing.view_competitoroffer"):
            raise PermissionDenied
        headers = {"Content-Disposition": 'attachment; filename="competitor-offers.csv"'}
        rows = offers_csv(channel=ecomai.CHANNEL)
        return StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8", headers=headers)

    def _ways(self, request: HttpRequest, outcome: OffersOutcome) -> list[tuple[str, str]]:
        """Address and name of where it goes on once offers were written."""
        found = []
        if request.user.has_perm("ecomai_pricing.view_competitoroffer"):
            offers = self.link("ecomai_pricing_competitoroffer_changelist")  # type: ignore[attr-defined]
            number = unmatched_rows(offer_rows(channel=ecomai.CHANNEL)).count()
            text = ngettext("%(n)s offer without a product", "%(n)s offers without a product", number)
            found = [(offers, _("All offers")), (f"{offers}?use=unmatched", text % {"n": format_value(number)})]
        if request.user.has_perm("ecomai_pricing.view_competitormatch"):
            matches = self.link("ecomai_pricing_competitormatch_changelist")  # type: ignore[attr-defined]
            found.append((matches, _("Matches to decide")))
        return [(url, text) for url, text in found if url]

    def _write_checked(self, request: HttpRequest) -> HttpResponse:
        """Write the file that a job has looked at."""
        run = _runs().filter(pk=key_asked(request.POST.get("checked"))).first()
        if _checked(run) is None or run is None:
            raise Http404(_("There is no such file any more: choose it again."))
        if run.parameters.get("add_competitors"):
            self._may_add(request)
        started = import_write(run=run, user=request.user)
        return HttpResponseRedirect(f"{request.path}?run={started.pk}")

    def _may_add(self, request: HttpRequest) -> None:
        if not request.user.has_perm("ecomai_pricing.add_competitor"):
            raise PermissionDenied


def _runs() -> QuerySet[Run]:
    return Run.objects.filter(kind=IMPORT, channel=ecomai.CHANNEL)


def _run(request: HttpRequest) -> Run | None:
    """The run that the address names, or the newest one that has not ended."""
    if "run" in request.GET:
        return _runs().filter(pk=key_asked(request.GET["run"])).first()
    return _runs().filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).order_by("-pk").first()


def _checked(run: Run | None) -> int | None:
    """The key of a run that has looked at a whole file and written nothing; None of another."""
    return run.pk if run and run.state == Run.State.DONE and run.parameters.get("check_only") else None


def _summary(outcome: OffersOutcome) -> str:
    text = ngettext("%(n)d row read", "%(n)d rows read", outcome.read) % {"n": outcome.read}
    parts = [
        (outcome.created, _("%(n)d new")),
        (outcome.updated, _("%(n)d changed")),
        (outcome.unchanged, _("%(n)d as before")),
        (outcome.history, _("%(n)d older than what is known")),
        (outcome.failed, _("%(n)d that cannot be used")),
        (outcome.doubted, _("%(n)d shown and not used")),
        (news := len(outcome.new_competitors), ngettext("%(n)d new competitor", "%(n)d new competitors", news)),
    ]
    told = ", ".join(words % {"n": number} for number, words in parts if number)
    return f"{text}: {told}." if told else f"{text}."
