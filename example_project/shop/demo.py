"""The steps of `manage.py demo`: each does nothing when its work is done, so a second demo starts in seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command

from django_ecomai.mirror.selectors import mirror_counts
from django_ecomai.runs.models import LiveArtifact, Run
from django_ecomai.runs.services import run_now, run_start
from example_project.shop import demo_planning
from example_project.shop.competitors import competitors_simulate, competitors_simulated
from example_project.shop.load import Progress
from example_project.shop.load_tables import sample_load, sample_loaded
from example_project.shop.models import Line
from example_project.shop.supply import supply_simulate, supply_simulated

ADMIN_NAME, ADMIN_PASSWORD = "admin", "demo"
# Trained on everything before, tested on everything from this day on: October to December 2011.
EVALUATE_FROM = "2011-10-01"
SYNC, TRAIN, PREFER, PRICE = "mirror.sync", "recommend.train", "recommend.preferences", "pricing.propose"
MATCH, OFFERS = "pricing.match", "pricing.offers"


class Worker(Protocol):
    """The Celery worker's process, as far as the demo watches it."""

    def poll(self) -> int | None: ...


class DemoError(Exception):
    """A step failed; the text says which and why."""


@dataclass
class Report:
    """What `--json` writes: counts of what is there, seconds per step, rows of the offline evaluation."""

    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    evaluation: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    beside: demo_planning.Beside | None = None

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure a step."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - start, 2)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "counts": self.counts,
            "seconds": self.seconds | {"total": round(sum(self.seconds.values()), 2)},
            "evaluation": self.evaluation,
            "evaluate_from": EVALUATE_FROM,
            "skipped": self.skipped,
        }


def migrate(report: Report, progress: Progress) -> None:
    """Create or update the tables."""
    with report.timed("migrate"):
        call_command("migrate", verbosity=0, interactive=False)


def load(report: Report, progress: Progress) -> None:
    """The sample into the shop's own tables."""
    with report.timed("load"):
        if sample_loaded():
            report.skipped.append("load")
            return
        sample_load(progress=progress)
        cache.clear()


def sync(report: Report, progress: Progress, *, worker: Worker | None = None) -> None:
    """The shop's tables into the mirror."""
    with report.timed("sync"):
        if Run.objects.filter(kind=SYNC, state=Run.State.DONE).exists():
            report.skipped.append("sync")
        else:
            run_wait(SYNC, {}, progress, worker=worker)
    report.counts = {**mirror_counts(channel=""), "shop_lines": Line.objects.count()}


def supply(report: Report, progress: Progress) -> None:
    """Suppliers, lead times and purchase orders, all of them simulated: the sample has none."""
    with report.timed("supply"):
        if supply_simulated():
            report.skipped.append("supply")
            return
        supply_simulate()


def market(report: Report, progress: Progress) -> None:
    """Competitors and their offers, all of them simulated: the sample has none."""
    with report.timed("market"):
        if competitors_simulated():
            report.skipped.append("market")
            return
        competitors_simulate()
        run_wait(MATCH, {}, progress, worker=None)


def train(report: Report, progress: Progress, *, worker: Worker | None = None) -> None:
    """Work out preferences, train, test on the last ten weeks, go live; forecast and suggestions are made beside it."""
    with report.timed("train"):
        if worker is None:
            report.beside = demo_planning.begin()
        live = LiveArtifact.objects.filter(kind=TRAIN.split(".")[0]).exists()
        done = Run.objects.filter(kind=TRAIN, state=Run.State.DONE).order_by("-pk")
        run = next((one for one in done if one.metrics.get("evaluation")), None)
        if live and run is not None:
            report.skipped.append("train")
        else:
            run_wait(PREFER, {}, lambda _fraction, message: progress(0.0, message), worker=worker)
            run = run_wait(TRAIN, {"evaluate_from": EVALUATE_FROM}, progress, worker=worker)
    report.evaluation = run.metrics.get("evaluation", [])


def plan(report: Report, progress: Progress, *, worker: Worker | None = None) -> None:
    """What will sell and what to order: waits for what was begun beside the training, else does it now."""
    with report.timed("plan"):
        if report.beside is not None:
            while report.beside.thread.is_alive():
                progress(0.5, report.beside.message)
                time.sleep(0.3)
        elif all(demo_planning.is_done(kind) for kind in demo_planning.KINDS):
            report.skipped.append("plan")
            return
        for kind in demo_planning.KINDS:
            last = Run.objects.filter(kind=kind).order_by("-pk").first()
            if last is None or (last.state != Run.State.DONE and report.beside is None):
                run_wait(kind, demo_planning.PARAMETERS[kind], progress, worker=worker)
            elif last.state != Run.State.DONE:
                raise DemoError(f"{kind} ended as “{last.get_state_display()}”: {last.message or last.error}")


def price(report: Report, progress: Progress, *, worker: Worker | None = None) -> None:
    """Work out prices from real sales and simulated costs."""
    with report.timed("price"):
        if demo_planning.is_done(PRICE):
            report.skipped.append("price")
            return
        run_wait(PRICE, {}, progress, worker=worker)


def offers(report: Report, progress: Progress, *, worker: Worker | None = None) -> None:
    """Work out prices for more pieces, from real order lines and simulated costs."""
    with report.timed("offers"):
        if demo_planning.is_done(OFFERS):
            report.skipped.append("offers")
            return
        # Parts of the trade are compared by the same job when it is started again: here they would double its time.
        run_wait(OFFERS, {"segments": False}, progress, worker=worker)


def run_wait(kind: str, parameters: dict[str, Any], progress: Progress, *, worker: Worker | None) -> Run:
    """Execute a run here, or hand it to the Celery worker and watch it. Raises DemoError when it does not end well."""
    if worker is None:
        run = run_now(kind=kind, parameters=parameters, listener=progress)
    else:
        run = run_start(kind=kind, parameters=parameters, via="celery")
        while run.state in (Run.State.QUEUED, Run.State.RUNNING):
            if worker.poll() is not None:
                raise DemoError("the Celery worker ended; worker.log in the folder var/ says why.")
            progress(run.progress, run.message)
            time.sleep(0.3)
            run.refresh_from_db()
    if run.state != Run.State.DONE:
        raise DemoError(f"{kind} ended as “{run.get_state_display()}”: {run.message or run.error}")
    return run


def admin_create(report: Report, progress: Progress) -> None:
    """The login that is printed."""
    with report.timed("admin"):
        if not User.objects.filter(username=ADMIN_NAME).exists():
            User.objects.create_superuser(ADMIN_NAME, "admin@example.com", ADMIN_PASSWORD)


STEPS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("Database", migrate),
    ("Sample data", load),
    ("Sync", sync),
    ("Suppliers (simulated)", supply),
    ("Competitors (simulated)", market),
    ("Training and evaluation", train),
    ("Forecast and orders", plan),
    ("Prices", price),
    ("Prices for more pieces", offers),
    ("Admin login", admin_create),
)

# With `--background` these are left to the Celery worker.
BY_WORKER = (sync, train, plan, price, offers)

COLUMNS = ("recall@20", "ndcg@20", "hit_rate@10", "precision@10")
SPLITS = {
    "new_items": "Products new to the customer",
    "repeat_items": "Products bought again",
    "all": "Everything bought",
    "product_page": "Beside a product",
    "basket": "Beside a cart",
}


def evaluation_table(rows: list[dict[str, Any]]) -> str:
    """The evaluation as text: per split one line per model, best first, ours marked."""
    lines: list[str] = []
    for split, title in SPLITS.items():
        part = [row for row in rows if row["split"] == split]
        if not part:
            continue
        part.sort(key=lambda row: -row["metrics"].get(COLUMNS[0], 0.0))
        lines.append(f"{title:<42}" + "".join(f"{name:>14}" for name in COLUMNS))
        for row in part:
            mark = "→ " if row["ours"] else "  "
            values = "".join(f"{row['metrics'].get(name, float('nan')):>14.4f}" for name in COLUMNS)
            lines.append(f"{mark}{row['model'][:38]:<40}{values}")
        lines.append("")
    return "\n".join(lines).rstrip()
