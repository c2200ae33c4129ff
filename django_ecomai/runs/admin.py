"""Runs and models in the admin: watch, start, cancel, roll back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, Resolver404, path, resolve, reverse
from django.urls.resolvers import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.core.paging import channels_of
from django_ecomai.core.registry import job_kinds
from django_ecomai.ml.persist import ArtifactError, load_arrays
from django_ecomai.runs import presenting, storage
from django_ecomai.runs.doctor import scheduler_silence
from django_ecomai.runs.exceptions import NothingToRollBack
from django_ecomai.runs.models import Artifact, LiveArtifact, Run
from django_ecomai.runs.selectors import live_artifacts, run_log, run_status
from django_ecomai.runs.services import artifact_rollback, run_cancel, run_start, runs_reap
from django_ecomai.runs.services.artifacts import rollback_candidates

START = "ecomai_runs.start_run"
ROLLBACK = "ecomai_runs.rollback_artifact"
VIEW_MODEL = "ecomai_runs.view_artifact"
LOG_SHOWN = 20_000


class KindFilter(admin.SimpleListFilter):
    """Which job; from the registry, never by a DISTINCT over the table."""

    title = gettext_lazy("job")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, presenting.kind_label(name)) for name in job_kinds.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class PageMixin:
    """Pages of our own inside the stock admin."""

    admin_site: Any
    opts: Any

    def _page(self, request: HttpRequest, template: str, obj: Any, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        base = {**self.admin_site.each_context(request), "opts": self.opts, "original": obj, "title": str(obj)}
        return TemplateResponse(request, template, {**base, **context})

    def get_list_display(self, request: HttpRequest) -> Any:
        """The shop's column only where there are several."""
        shown = super().get_list_display(request)  # type: ignore[misc]
        several = len(channels_of(self.opts.model, limit=2)) > 1
        return shown if several else [name for name in shown if name != "channel"]

    def _url(self, name: str, *args: Any) -> str:
        return reverse(f"admin:ecomai_runs_{name}", args=args, current_app=self.admin_site.name)


@admin.register(Run)
class RunAdmin(PageMixin, ReadOnlyAdminMixin, FastModelAdmin):
    """Jobs: newest first, started by a button, watched on their page."""

    readonly_note = ""
    change_list_template = "ecomai/runs/run_list.html"
    list_display = ("job", "state_shown", "done", "message", "channel", "started_by", "created_at", "took")
    list_display_links = ("job",)
    list_filter = ("state", KindFilter)
    list_select_related = ("started_by",)
    search_fields = ("=id", "^kind")
    search_help_text = gettext_lazy("Number of a run, or the beginning of a job's name.")
    sortable_by = ()

    @admin.display(description=gettext_lazy("job"))
    def job(self, run: Run) -> str:
        return f"{presenting.kind_label(run.kind)} #{run.pk}"

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, run: Run) -> str:
        return format_html('<span class="ecomai-state" data-state="{}">{}</span>', run.state, run.get_state_display())

    @admin.display(description=gettext_lazy("progress"))
    def done(self, run: Run) -> str:
        return f"{round(run.progress * 100)} %"

    @admin.display(description=gettext_lazy("took"))
    def took(self, run: Run) -> str:
        return presenting.duration(run.finished_at - run.started_at if run.finished_at and run.started_at else None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Without the long columns, which the list does not show."""
        return super().get_queryset(request).defer("log", "error", "metrics", "parameters")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("start/", view(self.start_view), name="ecomai_runs_run_start"),
            path("<int:pk>/status/", view(self.status_view), name="ecomai_runs_run_status"),
            path("<int:pk>/cancel/", view(self.cancel_view), name="ecomai_runs_run_cancel"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with a button per job for those who may start one."""
        runs_reap()
        user: Any = request.user
        jobs = presenting.startable(everything=user.is_superuser) if user.has_perm(START) else []
        context = {
            "jobs": jobs,
            "start_url": self._url("run_start"),
            "silence": scheduler_silence(),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of a run."""
        run = self._get(request, object_id)
        status = run_status(run=run)
        models = self.admin_site._registry.get(Artifact)
        context = {
            "title": self.job(run),
            "run": run,
            "status": status,
            "took": self.took(run),
            "log": run_log(run, LOG_SHOWN),
            "tables": presenting.evaluation_tables(run.metrics),
            "tried": presenting.tried_tables(run.metrics),
            "learned_order": presenting.learned_order(run.metrics),
            "counts": presenting.counts(run.metrics),
            "notes": presenting.notes(run.metrics),
            "facts": presenting.facts(run.metrics),
            "parameters": presenting.parameters(run.parameters),
            "gate": run.metrics.get("gate") if isinstance(run.metrics, dict) else None,
            "artifacts": run.artifacts.all()[:20],
            "may_see_models": models is not None and models.has_view_permission(request),
            "status_url": self._url("run_status", run.pk),
            "cancel_url": self._url("run_cancel", run.pk),
            "start_url": self._url("run_start"),
            "may_start": request.user.has_perm(START),
            "can_restart": status["finished"] and run.kind in job_kinds,
            "start_label": _("Train now") if presenting.is_training(run.kind) else _("Start again"),
            "back_url": self._back_url(request, run),
            "result_url": self._result_url(request, run) if status["finished"] else "",
            **(extra_context or {}),
        }
        return self._page(request, "ecomai/runs/run.html", run, **context)

    def _result_url(self, request: HttpRequest, run: Run) -> str:
        """The page that shows what came of the job; empty where it has none, or this user may not see it."""
        name = job_kinds.get(run.kind).page if run.kind in job_kinds else ""
        try:
            url = reverse(name, current_app=self.admin_site.name) if name else ""
            owner = getattr(resolve(url).func, "model_admin", None) if url else None
        except (NoReverseMatch, Resolver404):
            return ""
        if owner is not None and not owner.has_view_permission(request):
            return ""
        return f"{url}?{urlencode({'channel': run.channel})}" if url and run.channel != ecomai.CHANNEL else url

    def _back_url(self, request: HttpRequest, run: Run) -> str:
        """Where to put the model before this run's live again, while this run's is."""
        if not request.user.has_perms([ROLLBACK, VIEW_MODEL]):
            return ""
        live = LiveArtifact.objects.select_related("previous").filter(artifact__run=run).first()
        return _way_back(self, live) if live else ""

    def _get(self, request: HttpRequest, object_id: Any) -> Run:
        runs_reap()
        run = Run.objects.select_related("started_by").filter(pk=object_id).first() if _is_id(object_id) else None
        if run is None:
            raise Http404(_("There is no such run. It may have been deleted by the retention."))
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        return run

    def status_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """State of a run as JSON, asked every second by its page."""
        response = JsonResponse(run_status(run=self._get(request, pk)))
        response["Cache-Control"] = "no-store"
        return response

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """POST ``kind`` and ``channel``, or ``run`` to repeat one with its parameters: start it and show its page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(START):
            raise PermissionDenied
        kind, channel, parameters = request.POST.get("kind", ""), request.POST.get("channel", ecomai.CHANNEL), {}
        again = request.POST.get("run", "")
        if _is_id(again):
            before = self._get(request, again)
            kind, channel, parameters = before.kind, before.channel, before.parameters
        if kind not in job_kinds or len(channel) > 32:
            messages.error(request, _("There is no such job here."))
            return HttpResponseRedirect(self._url("run_changelist"))
        newest = Run.objects.order_by("-id").values_list("pk", flat=True).first() or 0
        run = run_start(kind=kind, channel=channel, parameters=parameters, user=request.user)
        if run.pk <= newest:
            messages.info(request, _("This job is in progress already; nothing was started twice."))
        else:
            self.log_addition(request, run, _("Started."))
        return HttpResponseRedirect(self._url("run_change", run.pk))

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: ask a run to stop."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        run = self._get(request, pk)
        if not request.user.has_perm(START):
            raise PermissionDenied
        ended_before = run_status(run=run)["finished"]
        run = run_cancel(run=run, user=request.user)
        if ended_before:
            messages.info(request, _("This run had ended already."))
        else:
            self.log_change(request, run, _("Cancelled."))
            messages.success(request, _("The run stops at its next step."))
        return HttpResponseRedirect(self._url("run_change", run.pk))


@admin.register(Artifact)
class ArtifactAdmin(PageMixin, ReadOnlyAdminMixin, FastModelAdmin):
    """Models: which one serves, how good each was, and the way back."""

    readonly_note = ""
    change_list_template = "ecomai/runs/artifact_list.html"
    list_display = ("name", "live", "gate", "channel", "data_until", "created_at", "bytes")
    list_display_links = ("name",)
    list_select_related = ("run",)
    search_fields = ("=id", "^kind")
    sortable_by = ()

    @admin.display(description=gettext_lazy("model"))
    def name(self, artifact: Artifact) -> str:
        return f"{presenting.model_label(artifact.kind)} {artifact.sha256[:8]}"

    @admin.display(description=gettext_lazy("live"), boolean=True)
    def live(self, artifact: Artifact) -> bool:
        return bool(artifact.is_live)  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("quality gate"), boolean=True)
    def gate(self, artifact: Artifact) -> bool:
        return artifact.passed_gate

    @admin.display(description=gettext_lazy("size"))
    def bytes(self, artifact: Artifact) -> str:
        return filesizeformat(artifact.size)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Artifact]:
        serving = LiveArtifact.objects.filter(artifact=OuterRef("pk"))
        return super().get_queryset(request).defer("metrics").annotate(is_live=Exists(serving))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/live/", view(self.live_view), name="ecomai_runs_artifact_live"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, above it what serves now with the way back."""
        may = request.user.has_perm(ROLLBACK)
        pointers = [
            {
                "pointer": pointer,
                "label": presenting.model_label(pointer.kind),
                "url": self._url("artifact_change", pointer.artifact_id),
                "back_url": _way_back(self, pointer) if may else "",
            }
            for pointer in live_artifacts().select_related("previous")
        ]
        return super().changelist_view(request, {"pointers": pointers, **(extra_context or {})})

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of a model."""
        artifact = self._get(request, object_id)
        live = LiveArtifact.objects.filter(kind=artifact.kind, channel=artifact.channel).first()
        context = {
            "title": self.name(artifact),
            "artifact": artifact,
            "is_live": live is not None and live.artifact_id == artifact.pk,
            "live_since": live.flipped_at if live is not None and live.artifact_id == artifact.pk else None,
            "label": presenting.model_label(artifact.kind),
            "metrics": presenting.facts(artifact.metrics),
            "tables": presenting.evaluation_tables(artifact.run.metrics if artifact.run else None),
            "gate": (artifact.run.metrics or {}).get("gate") if artifact.run else None,
            "live_url": self._url("artifact_live", artifact.pk) if request.user.has_perm(ROLLBACK) else "",
            "run_url": self._url("run_change", artifact.run_id) if artifact.run_id else "",
            **_on_disk(artifact),
            **(extra_context or {}),
        }
        return self._page(request, "ecomai/runs/artifact.html", artifact, **context)

    def _get(self, request: HttpRequest, object_id: Any) -> Artifact:
        found = Artifact.objects.select_related("run").filter(pk=object_id).first() if _is_id(object_id) else None
        if found is None:
            raise Http404(_("There is no such model. It may have been deleted by the retention."))
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return found

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks, POST puts this model live: back to an earlier one, or forward again."""
        artifact = self._get(request, pk)
        if not request.user.has_perm(ROLLBACK):
            raise PermissionDenied
        pointer = (
            LiveArtifact.objects.select_related("artifact").filter(kind=artifact.kind, channel=artifact.channel).first()
        )
        before = pointer.artifact if pointer else None
        page = self._url("artifact_change", artifact.pk)
        if before == artifact:
            messages.info(request, _("This model is live already."))
            return HttpResponseRedirect(page)
        if request.method != "POST":
            context = {"artifact": artifact, "before": before, "name": self.name(artifact), "page_url": page}
            context["before_name"] = self.name(before) if before else ""
            return self._page(request, "ecomai/runs/artifact_live.html", artifact, title=_("Put live?"), **context)
        try:
            artifact_rollback(kind=artifact.kind, channel=artifact.channel, artifact=artifact, user=request.user)
        except (ArtifactError, NothingToRollBack, OSError) as error:
            messages.error(request, _("Nothing was changed: %(error)s") % {"error": error})
            return HttpResponseRedirect(page)
        self.log_change(request, artifact, _("Put live instead of %(before)s.") % {"before": before or "–"})
        undo = self._url("artifact_live", before.pk) if before else ""
        text = _("“{name}” is live. Pages use it within seconds.")
        if undo:
            messages.success(
                request,
                format_html(text + ' <a href="{undo}">{word}</a>', name=self.name(artifact), undo=undo, word=_("Undo")),
            )
        else:
            messages.success(request, format_html(text, name=self.name(artifact)))
        return HttpResponseRedirect(page)


def _way_back(page: PageMixin, pointer: LiveArtifact) -> str:
    """The page that asks before the model before ``pointer``'s goes live; empty when there is none."""
    candidates = rollback_candidates(kind=pointer.kind, channel=pointer.channel, live=pointer)
    return page._url("artifact_live", candidates[0].pk) if candidates else ""


def _is_id(value: Any) -> bool:
    return str(value).isascii() and str(value).isdigit() and len(str(value)) < 19


def _on_disk(artifact: Artifact) -> dict[str, Any]:
    """What the folder holds, or why it cannot be read."""
    try:
        _manifest, arrays = load_arrays(storage.local_path(artifact.path))
    except (ArtifactError, OSError, ValueError) as error:
        return {"problem": str(error), "arrays": []}
    return {
        "problem": "",
        "arrays": [(name, " x ".join(map(str, item.shape)), str(item.dtype)) for name, item in sorted(arrays.items())],
    }
