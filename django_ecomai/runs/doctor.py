"""What the doctor says about jobs and models: configured, trained, stale, which worker was seen, what to do next."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import Finding, doctor_checks, job_kinds
from django_ecomai.ml.persist import ArtifactError, load_arrays
from django_ecomai.runs import broker, storage
from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import heartbeats, live_artifacts
from django_ecomai.runs.services.artifacts import artifact_verify
from django_ecomai.runs.services.clocks import clock_ahead
from django_ecomai.runs.services.dispatch import CELERY, QUEUE, dispatch_way
from django_ecomai.runs.services.heartbeats import BEAT
from django_ecomai.runs.services.state import runs_reap

logger = logging.getLogger("django_ecomai.runs")
LEVELS = ("error", "warning", "info", "ok")
_deep: ContextVar[bool] = ContextVar("ecomai_doctor_deep", default=False)
BEAT_SILENT = timedelta(minutes=10)
CLOCKS_APART = timedelta(minutes=1)
RUNS_URL = "admin:ecomai_runs_run_changelist"


def is_deep() -> bool:
    """Whether a check may take seconds: hash every file, ask the broker. True for the command, False for pages."""
    return _deep.get()


def doctor_report(*, deep: bool = False) -> list[tuple[str, Finding]]:
    """Ask every registered check; one that is broken becomes a finding of its own and hides no other.

    ``deep`` lets checks take seconds (see ``is_deep``); the start page asks without.
    """
    token = _deep.set(deep)
    try:
        return _asked()
    finally:
        _deep.reset(token)


def _asked() -> list[tuple[str, Finding]]:
    report: list[tuple[str, Finding]] = []
    for name, check in doctor_checks.items():
        try:
            with transaction.atomic() if connection.in_atomic_block else nullcontext():
                report += [(name, finding) for finding in check()]
        except Exception as error:  # other apps' code, asked by a tool for broken installations
            logger.exception("doctor check %s failed", name)
            report.append(
                (
                    name,
                    Finding(
                        level="error",
                        title=_("The check “%(name)s” itself failed") % {"name": name},
                        detail=f"{type(error).__name__}: {error}",
                        next_step=_("Is the database there and migrated? Type: python manage.py migrate"),
                    ),
                )
            )
    return report


def _folder() -> list[Finding]:
    folder = storage.root()
    if storage.is_writable(folder):
        return []
    return [
        Finding(
            "error",
            _("The folder for models cannot be written"),
            str(folder),
            _("Create it and give this user the right to write, or set ECOMAI['ARTIFACT_DIR']."),
        )
    ]


def _workers() -> list[Finding]:
    seen, way = heartbeats(), dispatch_way()
    workers = {name: moment for name, moment in seen.items() if name != BEAT}
    data = {"dispatch": way, "workers": {name: moment.isoformat() for name, moment in workers.items()}}
    detail = ", ".join(f"{name.removeprefix('worker:')} ({_ago(moment)})" for name, moment in list(workers.items())[:5])
    if way == CELERY:
        trouble = broker.answers() if is_deep() else ""
        if trouble:
            return [
                Finding(
                    "error",
                    _("The message broker does not answer"),
                    trouble,
                    _("Start it, or set ECOMAI['DISPATCH'] to 'process'. Until then jobs run in child processes."),
                    data=data,
                )
            ]
    if way in (CELERY, QUEUE) and not workers:
        command = "celery -A <project> worker" if way == CELERY else "python manage.py ecomai_work --loop"
        return [
            Finding(
                "warning",
                _("No worker has been seen yet"),
                _("Jobs wait until one runs."),
                _("Type: %(command)s") % {"command": command},
                data=data,
            )
        ]
    titles = {
        "inline": _("Jobs run inside the request that starts them"),
        "process": _("Jobs run in child processes of the server"),
        "celery": _("Jobs run in Celery workers"),
        "queue": _("Jobs wait for ecomai_work --loop"),
    }
    return [Finding("ok", titles[way], detail, data=data)]


def scheduler_silence() -> Finding | None:
    """The finding that belongs on a banner: the scheduler was seen once, and is silent now."""
    found = [one for one in _scheduler() if one.level == "warning" and one.data["beat_seen_at"] is not None]
    return found[0] if found else None


def _scheduler() -> list[Finding]:
    scheduled = [name for name, job in job_kinds.items() if job.schedule]
    if not scheduled:
        return []
    last = heartbeats().get(BEAT)
    data = {"beat_seen_at": last.isoformat() if last else None}
    # One seen in the future was seen before the clock was set back: that tells nothing.
    if last is not None and abs(timezone.now() - last) < BEAT_SILENT:
        return [Finding("ok", _("The scheduler works"), _ago(last), data=data)]
    started = Run.objects.filter(kind__in=scheduled).aggregate(last=Max("created_at"))["last"]
    if last is None:
        return [
            Finding(
                "warning" if started else "info",  # before the first job there is nothing to refresh
                _("Nothing is scheduled"),
                _("Models and data are refreshed only when somebody starts it. Last time: %(when)s.")
                % {"when": _ago(started) if started else _("never")},
                _("Type: python manage.py ecomai_schedule (Celery beat), or keep ecomai_work --loop running."),
                data=data,
            )
        ]
    return [
        Finding(
            "warning",
            _("The scheduler is silent"),
            _("Last sign of life: %(when)s.") % {"when": _ago(last)},
            _("Start it again: celery -A <project> beat; a worker must run too."),
            data=data,
        )
    ]


def _clock() -> list[Finding]:
    ahead = clock_ahead()
    if abs(ahead) < CLOCKS_APART:
        return []
    return [
        Finding(
            "warning",
            _("The clocks of this machine and of the database differ"),
            _("By %(seconds)s seconds. Runs take each other for dead, and events stand in the wrong order.")
            % {"seconds": round(abs(ahead.total_seconds()))},
            _("Let both ask a time server: timedatectl set-ntp true"),
            data={"ahead_seconds": round(ahead.total_seconds(), 1)},
        )
    ]


def _queue() -> list[Finding]:
    before = timezone.now() - timedelta(minutes=float(ecomai.RUN_STALE_MINUTES))
    waiting = Run.objects.filter(state=Run.State.QUEUED, created_at__lt=before).order_by("id")
    first = waiting.only("id", "kind", "created_at").first()
    if first is None:
        return []
    return [
        Finding(
            "warning",
            ngettext(
                "%(count)s job waits and nobody takes it", "%(count)s jobs wait and nobody takes them", waiting.count()
            )
            % {"count": waiting.count()},
            _("Run #%(id)s (%(kind)s) since %(when)s.")
            % {"id": first.pk, "kind": first.kind, "when": _ago(first.created_at)},
            _("Start a worker, or type: python manage.py ecomai_work --once"),
            url_name=RUNS_URL,
        )
    ]


def _jobs() -> list[Finding]:
    """The last outcome of every kind that has run: failures need a look."""
    runs_reap()
    newest = Run.objects.exclude(state__in=[Run.State.QUEUED, Run.State.RUNNING]).values("kind", "channel")
    pks = [row["last"] for row in newest.order_by().annotate(last=Max("id"))]
    result = []
    for run in Run.objects.filter(pk__in=pks, state=Run.State.FAILED).defer("log", "metrics").order_by("-id"):
        label = job_kinds.get(run.kind).label if run.kind in job_kinds else run.kind
        result.append(
            Finding(
                "error",
                _("“%(job)s” failed the last time") % {"job": label},
                f"#{run.pk}, {_ago(run.finished_at)}: {run.message}",
                _("Open the run, read its log and start it again: python manage.py ecomai_train %(kind)s")
                % {"kind": run.kind},
                url_name=RUNS_URL,
                data={"run": run.pk, "kind": run.kind, "channel": run.channel},
            )
        )
    return result


def _models() -> list[Finding]:
    result = []
    stale = timezone.now() - timedelta(days=float(ecomai.MODEL_STALE_DAYS))
    for live in live_artifacts():
        name = f"{live.kind}{f' ({live.channel})' if live.channel else ''}"
        data: dict[str, Any] = {
            "kind": live.kind,
            "channel": live.channel,
            "artifact": live.artifact_id,
            "sha256": live.artifact.sha256,
            "trained_at": live.artifact.created_at.isoformat(),
        }
        try:
            if is_deep():
                artifact_verify(artifact=live.artifact)
            elif not ecomai.ARTIFACT_STORAGE:  # with one, this machine may not have fetched it yet
                load_arrays(storage.local_path(live.artifact.path))
        except (ArtifactError, OSError, ValueError) as error:
            step = _("Train again: python manage.py ecomai_train, or roll back in the admin under Models.")
            result.append(
                Finding("error", _("The model “%(name)s” is damaged") % {"name": name}, str(error), step, data=data)
            )
            continue
        if live.artifact.created_at < stale:
            title = _("The model “%(name)s” is old") % {"name": name}
            step = _("Train again: python manage.py ecomai_train, or schedule it: python manage.py ecomai_schedule")
            result.append(Finding("warning", title, _ago(live.artifact.created_at), step, data=data))
        else:
            title = _("The model “%(name)s” is live") % {"name": name}
            result.append(
                Finding("ok", title, _("trained %(when)s") % {"when": _ago(live.artifact.created_at)}, data=data)
            )
    if not result:
        step = _("Type: python manage.py ecomai_sync, then: python manage.py ecomai_train")
        result.append(Finding("warning", _("No model has been trained yet"), "", step))
    return result


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return _("never")
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    if seconds < 120:
        return ngettext("%(number)s second ago", "%(number)s seconds ago", seconds) % {"number": seconds}
    if seconds < 7200:
        number = seconds // 60
        return ngettext("%(number)s minute ago", "%(number)s minutes ago", number) % {"number": number}
    if seconds < 172_800:
        number = seconds // 3600
        return ngettext("%(number)s hour ago", "%(number)s hours ago", number) % {"number": number}
    number = seconds // 86_400
    return ngettext("%(number)s day ago", "%(number)s days ago", number) % {"number": number}


CHECKS = {
    "folder": _folder,
    "workers": _workers,
    "scheduler": _scheduler,
    "clock": _clock,
    "queue": _queue,
    "jobs": _jobs,
    "models": _models,
}
"""What this capability registers, each for itself: without a database the folder is still looked at."""
