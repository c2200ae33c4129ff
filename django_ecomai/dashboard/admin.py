"""The start page. See ``models.Start`` for why it is the changelist of a proxy."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ViewOnlyMixin
from django_ecomai.core.paging import channels_of
from django_ecomai.core.registry import job_kinds
from django_ecomai.mirror.models import Product
from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import run_status
from django_ecomai.runs.services.dispatch import run_start

from . import selectors
from .models import Start
from .page import page_context
from .periods import PERIODS, period_read
from .setup import SYNC, train_kinds

INDEX = "admin:ecomai_dashboard_start_changelist"


@admin.register(Start)
class StartAdmin(ViewOnlyMixin, admin.ModelAdmin):
    """One page instead of a list; nothing to add, change or delete."""

    def get_urls(self) -> list[URLPattern]:
        """The page, its two buttons and the progress that it polls. No page per object: there are none."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="ecomai_dashboard_start_changelist"),
            path("run/", view(self.run_view), name="ecomai_dashboard_start_run"),
            path("progress/", view(self.progress_view), name="ecomai_dashboard_start_progress"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The start page for the period and shop that the query names."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        channels = channels_of(Product)
        channel = request.GET.get("channel", "")
        if channel not in channels:
            channel = ecomai.CHANNEL
        period = period_read(text=request.GET.get("period", ""), channel=channel)
        request.ecomai_period = period  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),
            **page_context(request, period=period, channels=channels, admin_site=self.admin_site),
            "title": _("EcomAI"),
            "opts": self.opts,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "ecomai/dashboard/start.html", context)

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Start a sync or a training and go back to the page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseRedirect(self._back(request))
        if not request.user.has_perm("ecomai_runs.start_run"):
            raise PermissionDenied
        job = request.POST.get("job", "")
        kinds = train_kinds() if job == "train" else [SYNC] if job == "sync" and SYNC in job_kinds else []
        if not kinds:
            messages.error(request, _("There is no such job here."))
        channel = request.POST.get("channel", "")
        if channel not in channels_of(Product):
            channel = ecomai.CHANNEL
        for kind in kinds:
            self._tell(request, run_start(kind=kind, channel=channel, user=request.user))
        return HttpResponseRedirect(self._back(request))

    def progress_view(self, request: HttpRequest) -> HttpResponse:
        """State of the newest runs as JSON, for the progress bars."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        runs = Run.objects.order_by("-id")[:6]
        fields = ("id", "state", "state_label", "percent", "message", "finished")
        states = [run_status(run=run) for run in runs]
        return JsonResponse({"runs": [{name: state[name] for name in fields} for state in states]})

    def _tell(self, request: HttpRequest, run: Run) -> None:
        run.refresh_from_db()
        label = selectors.job_label(run.kind)
        texts = {
            Run.State.QUEUED: (messages.SUCCESS, _("“{job}” has been started. This page shows how far it is.")),
            Run.State.RUNNING: (messages.SUCCESS, _("“{job}” is running. This page shows how far it is.")),
            Run.State.DONE: (messages.SUCCESS, _("“{job}” is done.")),
            Run.State.FAILED: (messages.ERROR, _("“{job}” failed: {reason}")),
            Run.State.CANCELLED: (messages.WARNING, _("“{job}” was cancelled.")),
        }
        level, text = texts[Run.State(run.state)]
        messages.add_message(request, level, format_html(text, job=label, reason=run.message))

    def _back(self, request: HttpRequest) -> str:
        url = reverse(INDEX, current_app=self.admin_site.name)
        period, channel = request.POST.get("period", ""), request.POST.get("channel", "")
        query = [f"period={period}"] if period in PERIODS else []
        if channel and channel in channels_of(Product):
            query.append(f"channel={quote(channel)}")
        return f"{url}?{'&'.join(query)}" if query else url
