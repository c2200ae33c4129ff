"""Whether events that were accepted are on their way, and what was put aside or lost."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import Finding
from django_ecomai.runs.doctor import is_deep

from .queues import queue, spill
from .queues.base import QueueRefused, QueueState

LATE = 300.0  # seconds after which an event that waits is worth a word
_WORK = "python manage.py ecomai_capture --loop"


def capture_doctor() -> list[Finding]:
    """Findings on the queue of events and on this machine's file of spilled ones."""
    return [*_queue(), *_spill()]


def _queue() -> list[Finding]:
    way = ecomai.CAPTURE_QUEUE
    if way == "direct" or (way == "celery" and not is_deep()):
        return []  # the broker is asked only by whoever has time
    try:
        carrier = queue()
        state = carrier.state() if carrier is not None else QueueState(0)
    except (QueueRefused, ImportError) as error:
        title = _("The queue of events does not answer")
        step = _("Start it. Until then events go into a file on each web server and are replayed.")
        return [Finding("error", title, str(error), step, data={"queue": way})]
    data = {
        "queue": way, "waiting": state.waiting, "taken": state.taken, "dead": state.dead, "most": state.most,
        "age": round(state.age), "wrong": list(state.wrong),
    }  # fmt: skip
    findings = [_waiting(state, data), *_dead(state.dead, data), *_setup(state)]
    return findings


def _waiting(state: QueueState, data: dict[str, object]) -> Finding:
    detail = ngettext("%(count)d event waits.", "%(count)d events wait.", state.waiting) % {"count": state.waiting}
    if state.most and state.waiting + state.dead >= state.most * 0.9:
        return Finding(
            "error",
            _("The queue of events is nearly full"),
            detail,
            _("Type: %(command)s") % {"command": _WORK},
            data=data,
        )
    if state.age > LATE:
        title = _("Events wait long in the queue")
        return Finding("warning", title, detail, _("Start more workers: %(command)s") % {"command": _WORK}, data=data)
    return Finding("ok", _("The queue of events works"), detail, data=data)


def _dead(count: int, data: dict[str, object]) -> list[Finding]:
    if not count:
        return []
    title = ngettext("%(count)d event cannot be stored", "%(count)d events cannot be stored", count) % {"count": count}
    detail = _("They are kept aside; the log of the workers says why.")
    step = _("After the cause is gone type: python manage.py ecomai_capture --retry-dead")
    return [Finding("error", title, detail, step, data=data)]


def _setup(state: QueueState) -> list[Finding]:
    findings = []
    if "no_append_only_file" in state.wrong:
        title = _("Redis keeps events in memory only")
        step = _("Set “appendonly yes” and “appendfsync always” in redis.conf: otherwise a power cut loses them.")
        findings.append(Finding("warning", title, "", step))
    if "evicts" in state.wrong:
        title = _("Redis may throw events away when its memory is full")
        findings.append(Finding("error", title, "", _("Set “maxmemory-policy noeviction” in redis.conf.")))
    return findings


def _spill() -> list[Finding]:
    state = spill.state()
    data = {"folder": str(spill.folder()), "waiting": state.waiting, "dead": state.dead, "lost": state.lost,
            "bytes": state.size}  # fmt: skip
    findings = []
    if state.lost:
        title = ngettext("%(count)d event was lost", "%(count)d events were lost", state.lost) % {"count": state.lost}
        detail = _("Within 30 days. Neither the database nor the queue took them, and the local file did not either.")
        step = _("Look at its disk; raise ECOMAI['CAPTURE_SPILL_MB'].")
        findings.append(Finding("error", title, detail, step, data=data))
    if state.waiting:
        title = _("Events wait in a file on this machine")
        detail = ngettext("%(count)d event waits.", "%(count)d events wait.", state.waiting) % {"count": state.waiting}
        level = "warning" if state.age > LATE else "info"
        findings.append(Finding(level, title, detail, _("Type: python manage.py ecomai_capture"), data=data))
    return [*findings, *_dead(state.dead, data)]
