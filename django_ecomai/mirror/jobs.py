"""The mirror's job kinds and its line in the doctor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.registry import Finding, JobKind, doctor_checks, job_kinds

STALE = timedelta(days=2)


def sync_execute(context: Any) -> None:
    """Run a sync; parameters: ``since`` (ISO time), ``dry_run``, ``resume``."""
    from .services import shop_sync

    parameters = context.parameters or {}
    since = parse_datetime(parameters["since"]) if parameters.get("since") else None
    with _explained(context):
        report = shop_sync(
            channel=context.channel,
            since=since,
            dry_run=bool(parameters.get("dry_run")),
            resume=bool(parameters.get("resume", True)),
            progress=context.progress,
            run=context.run,
        )
    _report_log(context, report)


def reconcile_execute(context: Any) -> None:
    """Run a reconcile; parameter: ``dry_run``."""
    from .services import shop_reconcile

    parameters = context.parameters or {}
    with _explained(context):
        report = shop_reconcile(
            channel=context.channel, dry_run=bool(parameters.get("dry_run")), progress=context.progress, run=context.run
        )
    _report_log(context, report)


@contextmanager
def _explained(context: Any) -> Iterator[None]:
    """What the merchant can correct is told in full and without a traceback in the server's log."""
    from django_ecomai.adapters.base import AdapterError
    from django_ecomai.core.extras import MissingExtra
    from django_ecomai.runs.exceptions import RunError

    from .services import SyncError

    try:
        yield
    except (SyncError, AdapterError, ImportError, MissingExtra) as error:
        context.metrics(problem=str(error))
        raise RunError(str(error)) from error


def _report_log(context: Any, report: Any) -> None:
    for table, numbers in report.counts.items():
        context.log(f"{table}: " + ", ".join(f"{n} {name}" for name, n in numbers.items() if n))
    context.metrics(report=report.pk, counts=report.counts, findings=len(report.findings))


def mirror_findings() -> list[Finding]:
    """Doctor: is there an adapter, was it synced, how old is it, is the copy complete?"""
    from django_ecomai.adapters.base import NullAdapter, get_adapter
    from django_ecomai.conf import ecomai

    from .selectors import mirror_counts, report_latest

    channel = ecomai.CHANNEL
    try:
        adapter = get_adapter(channel)
    except (ImportError, ValueError, TypeError) as error:
        return [
            Finding(
                "error",
                _("The adapter cannot be loaded"),
                str(error),
                _("Correct ECOMAI['ADAPTER'], then type `python manage.py check`."),
            )
        ]
    if isinstance(adapter, NullAdapter):
        return [
            Finding(
                "error",
                _("No adapter is set"),
                _("EcomAI does not know which of your tables hold products and orders."),
                _("Type `manage.py ecomai_adapter --output yourapp/ecomai.py` and name it in ECOMAI['ADAPTER']."),
            )
        ]
    if adapter.fed:
        return [_fed_finding(channel)]
    last = report_latest(channel=channel)
    if last is None or last.finished_at is None:
        begun = report_latest(channel=channel, finished=False)
        title = _("The first copy of the shop was interrupted") if begun else _("The shop has not been copied yet")
        return [Finding("warning", title, "", _("Type `python manage.py ecomai_sync`; it goes on where it stopped."))]
    counts = mirror_counts(channel=channel)
    age = timezone.now() - last.finished_at
    detail = _told(counts)
    data = {"counts": counts, "finished_at": last.finished_at.isoformat(), "report": last.pk}
    url = "admin:ecomai_mirror_syncreport_changelist"
    if not counts["products"]:
        step = _("Check the adapter's `product` model, then type `python manage.py ecomai_sync`.")
        return [Finding("warning", _("The copy holds no products"), detail, step, url, data)]
    if age > STALE:
        title = _("The copy of the shop is %(days)d days old") % {"days": age.days}
        step = _("Type `python manage.py ecomai_sync`, or `ecomai_schedule --apply` to do it every night.")
        return [Finding("warning", title, detail, step, url, data)]
    return [Finding("ok", _("The shop is copied"), detail, "", url, data)]


def _told(counts: dict[str, int]) -> str:
    return _("Products: %(products)s, customers: %(customers)s, orders: %(orders)s") % {
        name: number_format(counts[name], force_grouping=True) for name in ("products", "customers", "orders")
    }


def _fed_finding(channel: str) -> Finding:
    """A shop that delivers its data itself: has anything come?"""
    from .selectors import mirror_counts

    counts = mirror_counts(channel=channel)
    url = "admin:ecomai_mirror_product_changelist"
    if not counts["products"]:
        step = _("Let your shop send its products; the how-to page about headless shops shows the commands.")
        return Finding("warning", _("The shop has sent no products yet"), _told(counts), step, url, {"counts": counts})
    return Finding("ok", _("The shop sends its data"), _told(counts), "", url, {"counts": counts})


SYNC = JobKind(
    sync_execute,
    gettext_lazy("Copy the shop"),
    gettext_lazy("Reads products, customers and orders from the shop and reports what was wrong in them."),
    "5 2 * * *",
)
RECONCILE = JobKind(
    reconcile_execute,
    gettext_lazy("Compare with the shop"),
    gettext_lazy("Finds changes that bulk updates made behind our back, and repairs the copy."),
    "35 2 * * 0",
)


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register("mirror.sync", SYNC)
    job_kinds.register("mirror.reconcile", RECONCILE)
    doctor_checks.register("mirror", mirror_findings)
