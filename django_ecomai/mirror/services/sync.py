"""``shop_sync`` and ``shop_reconcile``: the shop's tables into the mirror, batch by batch."""

from __future__ import annotations

import gc
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import NullAdapter, ShopAdapter, get_adapter
from django_ecomai.adapters.rows import TABLES, BadRow
from django_ecomai.mirror.models import Category, Customer, Order, Product, Promotion, Review, SyncReport
from django_ecomai.mirror.signals import synced
from django_ecomai.runs.models import Run

from .bulk import batched
from .catalogue import categories_write, parents_finish, prices_write, products_write, promotions_write, stock_write
from .context import SyncContext, removed_mark
from .issues import TABLE_LABELS
from .people import customers_write, reviews_write
from .sales import orders_write

logger = logging.getLogger("django_ecomai")

Progress = Callable[[float, str], None]
RESUME_WITHIN = timedelta(days=2)
# A table finished longer ago than this has changed too much to be left out when an interrupted sync goes on.
DONE_WITHIN = timedelta(hours=6)


class SyncError(ValueError):
    """The sync cannot begin; the message says what to type."""


@dataclass(frozen=True)
class Pass:
    """How one table is written."""

    write: Callable[[SyncContext, Any], list[str]]
    model: type[models.Model] | None  # where rows that are gone get marked; None: a history, nothing ever goes
    size: int
    weight: int  # of one row, for the progress bar
    gone: dict[str, Any] | None = None


PASSES: dict[str, Pass] = {
    "category": Pass(categories_write, Category, 1000, 1),
    "product": Pass(products_write, Product, 500, 4, {"is_active": False}),
    "price": Pass(prices_write, None, 1000, 1),
    "stock": Pass(stock_write, None, 1000, 1),
    "customer": Pass(customers_write, Customer, 1000, 1),
    "order": Pass(orders_write, Order, 500, 15),
    "review": Pass(reviews_write, Review, 1000, 2),
    "promotion": Pass(promotions_write, Promotion, 500, 2),
}
# Tables whose findings and counts come with a pass.
_INSIDE = {"order": ("order", "order_line", "return_line"), "product": ("product", "price", "stock")}


def shop_sync(
    *,
    channel: str = "",
    adapter: ShopAdapter | None = None,
    since: datetime | None = None,
    dry_run: bool = False,
    resume: bool = True,
    progress: Progress | None = None,
    run: Any = None,
) -> SyncReport:
    """Copy the shop's tables into the mirror and return the cleaning report.

    Idempotent: unchanged rows are recognised by fingerprint and not written. Each batch is committed with the point
    where a killed sync goes on. Without ``since`` rows that are gone from the shop are marked (``removed_at``), never
    deleted. ``dry_run`` writes no row of the mirror; its report is stored only when ``run`` is given, its findings
    are always in ``report.findings`` (a list of ``SyncIssue``). ``progress`` is called with a fraction and a message.
    Raises ``SyncError`` when no adapter is set; errors of the adapter pass through, and the next call resumes.
    """
    mode = SyncReport.Mode.SINCE if since else SyncReport.Mode.FULL
    return _run(channel, adapter, str(mode), since, dry_run, resume, progress, run)


def shop_reconcile(
    *,
    channel: str = "",
    adapter: ShopAdapter | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    run: Any = None,
) -> SyncReport:
    """Compare shop and mirror row by row.

    Report what differs (``counts[table]["drifted"]`` and findings with examples) and repair it unless
    ``dry_run``.
    """
    return _run(channel, adapter, str(SyncReport.Mode.RECONCILE), None, dry_run, False, progress, run)


def _run(
    channel: str,
    adapter: ShopAdapter | None,
    mode: str,
    since: datetime | None,
    dry_run: bool,
    resume: bool,
    progress: Progress | None,
    run: Any,
) -> SyncReport:
    adapter = adapter or get_adapter(channel)
    if isinstance(adapter, NullAdapter):
        raise SyncError(
            _("No adapter is set. Type `python manage.py ecomai_adapter` for a draft and name it in ECOMAI['ADAPTER'].")
        )
    tables = tuple(t for t in TABLES if t in adapter.tables())
    report = _report_open(channel, mode, since, dry_run, resume, run)
    done = _done_lately(report)
    ctx = SyncContext(channel, adapter, timezone.now(), mode=mode, dry_run=dry_run, tables=tables)
    meter = _Meter(adapter, tables, done, since, progress)
    if report.pk and done:
        again = tuple(inner for t in tables if t not in done for inner in _INSIDE.get(t, (t,)))
        ctx.issues.load(report, without=again)
    ctx.counts = {table: Counter(numbers) for table, numbers in report.counts.items()}
    for table in set(report.resume.get("done", [])) - set(done):
        for inner in _INSIDE.get(table, (table,)):
            ctx.counts.pop(inner, None)
    with _gc_relaxed():
        for table in tables:
            if table not in done:
                _table_sync(ctx, report, table, since, meter, done)
                done.append(table)
    _report_close(ctx, report, done)
    meter.finish()
    if not dry_run:
        synced.send_robust(sender=SyncReport, report=report)
    return report


@contextmanager
def _gc_relaxed() -> Iterator[None]:
    """A batch is tens of thousands of live tuples without a cycle among them.

    Collecting at the usual pace costs a third of the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _report_open(channel: str, mode: str, since: datetime | None, dry_run: bool, resume: bool, run: Any) -> SyncReport:
    """The interrupted report that this call goes on with, else a new one (unsaved for a dry run without a run)."""
    marker = since.isoformat() if since else ""
    if resume and not dry_run:
        last = SyncReport.objects.filter(channel=channel, dry_run=False, mode=mode).order_by("-id").first()
        fresh = last is not None and last.started_at > timezone.now() - RESUME_WITHIN
        # While its run is at work the report is not ours to go on with.
        busy = last is not None and last.run is not None and last.run.state in (Run.State.QUEUED, Run.State.RUNNING)
        same = last is not None and last.finished_at is None and last.resume.get("since", "") == marker
        if last is not None and fresh and same and not busy:
            logger.info(
                "EcomAI sync: going on with report %s after %s.",
                last.pk,
                ", ".join(_done_lately(last)) or "nothing",
            )
            if run is not None:
                last.run = run
                last.save(update_fields=["run"])
            return last
    report = SyncReport(channel=channel, mode=mode, dry_run=dry_run, run=run, resume={"done": [], "since": marker})
    if not dry_run or run is not None:
        report.save()
    else:
        report.started_at = timezone.now()
    return report


def _done_lately(report: SyncReport) -> list[str]:
    """Tables that an interrupted sync had finished and that need not be read again yet."""
    times = report.resume.get("finished", {})
    since = timezone.now() - DONE_WITHIN
    return [t for t in report.resume.get("done", []) if (at := parse_datetime(times.get(t, ""))) and at > since]


def _report_close(ctx: SyncContext, report: SyncReport, done: list[str]) -> None:
    report.counts = {table: dict(numbers) for table, numbers in ctx.counts.items()}
    report.finished_at = timezone.now()
    report.resume = {}
    if report.pk:
        with transaction.atomic():
            report.save(update_fields=["counts", "finished_at", "resume"])
            ctx.issues.save(report)
    report.findings = ctx.issues.rows()  # type: ignore[attr-defined]


def _table_sync(
    ctx: SyncContext, report: SyncReport, table: str, since: datetime | None, meter: _Meter, done: list[str]
) -> None:
    step = PASSES[table]
    before = _counts_restart(ctx, report, table)
    for batch in batched(_good_rows(ctx, table, since), step.size):
        with transaction.atomic():
            step.write(ctx, batch)
            if report.pk and not ctx.dry_run:
                report.counts = {name: dict(numbers) for name, numbers in ctx.counts.items()}
                report.resume = {**report.resume, "table": table, "done": done}
                report.save(update_fields=["counts", "resume"])
        meter.add(table, len(batch))
    with transaction.atomic():
        if table == "category":
            parents_finish(ctx, Category, table, ctx.categories)
        elif table == "product":
            parents_finish(ctx, Product, table, ctx.products)
        if since is None and step.model is not None:
            removed_mark(ctx, step.model, table, **(step.gone or {}))
        for inner, numbers in before.items():
            # What an interrupted sync had written looks unchanged now.
            for name in ("created", "updated"):
                ctx.count(inner, name, numbers.get(name, 0))
                ctx.count(inner, "unchanged", -numbers.get(name, 0))
        if report.pk and not ctx.dry_run:
            report.counts = {name: dict(numbers) for name, numbers in ctx.counts.items()}
            finished = {**report.resume.get("finished", {}), table: timezone.now().isoformat()}
            report.resume = {**report.resume, "table": "", "done": [*done, table], "finished": finished}
            report.save(update_fields=["counts", "resume"])
            ctx.issues.save(report)


def _counts_restart(ctx: SyncContext, report: SyncReport, table: str) -> dict[str, Counter[str]]:
    """Count an interrupted table anew; returns what had been counted."""
    if report.resume.get("table") != table:
        return {}
    return {inner: ctx.counts.pop(inner) for inner in _INSIDE.get(table, (table,)) if inner in ctx.counts}


def _good_rows(ctx: SyncContext, table: str, since: datetime | None) -> Iterator[Any]:
    for row in ctx.adapter.rows(table, since):
        if isinstance(row, BadRow):
            ctx.issues.add_bad_row(row, channel=ctx.channel)
            if row.action == "skipped":
                ctx.count(row.table, "skipped")
                # A line that is lost outside its order may have been all of that order.
                ctx.spare(table, row.id if row.table == table else None)
        else:
            yield row


class _Meter:
    """Turns rows into a fraction. Without counts from the adapter it steps table by table."""

    def __init__(
        self,
        adapter: ShopAdapter,
        tables: tuple[str, ...],
        done: list[str],
        since: datetime | None,
        progress: Progress | None,
    ) -> None:
        self.progress = progress
        self.seen: Counter[str] = Counter()
        self.sizes: dict[str, int] = {}
        if progress is not None:
            for table in tables:
                if table not in done:
                    self.sizes[table] = (adapter.count(table) if since is None else None) or 0
        self.total = sum((n or 1) * PASSES[t].weight for t, n in self.sizes.items()) or 1

    def add(self, table: str, rows: int) -> None:
        if self.progress is None:
            return
        self.seen[table] += rows
        worked = 0
        for name, size in self.sizes.items():
            worked += min(self.seen[name], size or 1) * PASSES[name].weight
        whole = self.sizes.get(table)
        of = f" / {whole:,}" if whole else ""
        self.progress(min(0.99, worked / self.total), f"{TABLE_LABELS[table]}: {self.seen[table]:,}{of}")

    def finish(self) -> None:
        if self.progress is not None:
            self.progress(1.0, _("done"))
