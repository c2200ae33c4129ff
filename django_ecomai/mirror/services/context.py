"""What the parts of one sync share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models

from django_ecomai.adapters.base import ShopAdapter
from django_ecomai.core.persons import EVERYTHING, refused
from django_ecomai.mirror.models import Category, Customer, Product

from .bulk import CHUNK, SeenIds, batched, rows_upsert
from .cleaning import ID_LENGTH, Cleaner
from .issues import IssueLog

COUNTS = ("seen", "created", "updated", "unchanged", "removed", "skipped")
_CACHE = 200_000
# Columns of every copied row, before those of its own.
BASE_COLUMNS = ("channel", "external_id", "fingerprint", "synced_at", "removed_at")
# What is known of a row that exists: the first columns of ``Written.existing``.
LOOKUP = ("pk", "fingerprint", "removed_at", "synced_at")


class IdMap:
    """External id -> primary key of one table, looked up in batches and remembered."""

    def __init__(self, model: type[models.Model], channel: str) -> None:
        self.model = model
        self.channel = channel
        self.known: dict[str, Any] = {}
        self.keep = False  # a dry run must remember the rows it did not write

    def load(self, ids: Iterable[str]) -> dict[str, Any]:
        """Keys of the ids that exist; one query per thousand unknown ones."""
        wanted = set(ids)
        missing = sorted(i for i in wanted if i and i not in self.known)
        if missing and len(self.known) > _CACHE and not self.keep:
            self.known.clear()
            missing = sorted(i for i in wanted if i)
        for part in batched(missing, CHUNK):
            rows = self.model._base_manager.filter(channel=self.channel, external_id__in=part)
            self.known.update(rows.values_list("external_id", "pk"))
        return self.known


@dataclass
class SyncContext:
    """State of one sync, reconcile or live change."""

    channel: str
    adapter: ShopAdapter
    now: datetime
    mode: str = "full"
    dry_run: bool = False
    tables: tuple[str, ...] = ()
    issues: IssueLog = field(default_factory=IssueLog)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clean = Cleaner(self.issues, self.now, self.adapter.currency)
        self.categories = IdMap(Category, self.channel)
        self.products = IdMap(Product, self.channel)
        self.customers = IdMap(Customer, self.channel)
        self.parents_open: dict[str, list[tuple[Any, str, str]]] = {}
        for ids in (self.categories, self.products, self.customers):
            ids.keep = self.dry_run
        # Of the whole pass: ids taken, ids that are there but could not be read, tables with such rows without an id.
        self.taken: defaultdict[str, SeenIds] = defaultdict(SeenIds)
        self.spared: defaultdict[str, SeenIds] = defaultdict(SeenIds)
        self.nameless: set[str] = set()
        self.titles: dict[str, str] = {}
        self.titles_differ: set[str] = set()
        self.orphans: bool | None = None
        # (table, id) -> created, updated or unchanged; only where somebody asks for it (``batch_apply``). Of a point
        # of a history, whose product has many, the id is that of the row as an object.
        self.outcomes: dict[tuple[str, Any], str] | None = None

    @property
    def reconciling(self) -> bool:
        """Whether every difference is a finding of its own."""
        return self.mode == "reconcile"

    def refused(self, persons: Iterable[tuple[str, str]], purpose: str = EVERYTHING) -> set[tuple[str, str]]:
        """Which pairs of kind and id must not be copied, or not for a purpose: they were erased or have objected."""
        return refused(channel=self.channel, persons=persons, purpose=purpose)

    def outdated(self, synced_at: datetime) -> bool:
        """Whether a row was saved live after this sync began: the copy is newer than what the sync has read."""
        return self.mode != "live" and synced_at > self.now

    def count(self, table: str, what: str, number: int = 1) -> None:
        """Add to a counter of the report."""
        if number:
            self.counts.setdefault(table, Counter())[what] += number

    def ident(self, table: str, value: Any) -> str | None:
        """The external id of a row, or ``None`` when the row has to be left out for lack of one."""
        ident = self.clean.ident(table, value)
        if ident is None:
            # One that is too long was never copied; without one the row might be any.
            self.skipped(table, str(value) if value is not None and len(str(value)) > ID_LENGTH else None)
        return ident

    def first(self, table: str, ident: str, *, line: int | None = None) -> bool:
        """Whether an id comes for the first time in this pass over its table; a second time is reported."""
        if self.taken[table].add(ident):
            return True
        self.issues.add(table, "duplicate_id", "skipped", id=ident, line=line)
        self.count(table, "skipped")
        return False

    def skipped(self, table: str, ident: str | None) -> None:
        """Count a row that was left out. It is still in the shop: its copy, if there is one, is not taken for gone."""
        self.count(table, "skipped")
        self.spare(table, ident)

    def became(self, table: str, ident: Any, what: str) -> None:
        """Note what became of one row, when somebody asks."""
        if self.outcomes is not None:
            self.outcomes[(table, ident)] = what

    def spare(self, table: str, ident: str | None) -> None:
        """Do not take the copy of a row for gone; of a row without an id: of no row of the table."""
        if ident:
            self.spared[table].add(ident)
        else:
            self.nameless.add(table)

    def drifted(self, table: str, code: str, ident: str, value: str = "") -> None:
        """In a reconcile: note a difference between shop and copy."""
        if self.reconciling:
            self.count(table, "drifted")
            self.issues.add(table, code, "reported" if self.dry_run else "repaired", id=ident, value=value)


@dataclass
class Written:
    """What ``rows_write`` did.

    Keys of created rows by external id, keys of updated ones, and the old rows of all that existed. ``newer`` are ids
    that the shop saved while this sync ran: what the sync read of them is older, so they stay as they are.
    """

    created: dict[str, Any] = field(default_factory=dict)
    updated: dict[str, Any] = field(default_factory=dict)
    existing: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    newer: set[str] = field(default_factory=set)

    @property
    def changed(self) -> dict[str, Any]:
        """Created and updated keys together."""
        return {**self.created, **self.updated}


def rows_write(
    ctx: SyncContext,
    model: type[models.Model],
    table: str,
    columns: Sequence[str],
    rows: dict[str, tuple[str, tuple[Any, ...]]],
    *,
    lookup: Sequence[str] = (),
    existing: dict[str, tuple[Any, ...]] | None = None,
    update: Sequence[str] | None = None,
    rewrite: Sequence[str] = (),
) -> Written:
    """Write the rows ``{external id: (fingerprint, values of columns)}`` that are new or changed; count and report all.

    ``existing`` may be passed when the caller has looked it up: ``{external id: (*LOOKUP, *lookup)}``.
    ``rewrite`` names ids to be written although their fingerprint has not changed.
    """
    written = Written()
    if existing is None:
        found = model._base_manager.filter(channel=ctx.channel, external_id__in=list(rows)).values_list(
            "external_id", *LOOKUP, *lookup
        )
        existing = {row[0]: row[1:] for row in found} if rows else {}
    written.existing = existing
    changed: list[list[Any]] = []
    new: list[str] = []
    reconciling = ctx.reconciling
    for ident, (mark, values) in rows.items():
        old = existing.get(ident)
        ctx.became(table, ident, "unchanged")
        if old is None:
            new.append(ident)
            ctx.became(table, ident, "created")
            if reconciling:
                ctx.drifted(table, "missing_in_mirror", ident)
        elif ctx.outdated(old[3]):
            written.newer.add(ident)
            continue
        elif old[1] != mark or old[2] is not None or ident in rewrite:
            written.updated[ident] = old[0]
            ctx.became(table, ident, "updated")
            ctx.drifted(table, "differs", ident)
        else:
            continue
        changed.append([ctx.channel, ident, mark, ctx.now, None, *values])
    ctx.count(table, "seen", len(rows))
    ctx.count(table, "created", len(new))
    ctx.count(table, "updated", len(written.updated))
    ctx.count(table, "unchanged", len(rows) - len(changed))
    if ctx.dry_run:
        written.created = dict.fromkeys(new, 0)
        return written
    every = [*BASE_COLUMNS, *columns]
    keep = None if update is None else [*BASE_COLUMNS[2:], *update]
    rows_upsert(model, every, changed, update=keep)
    written.created = dict.fromkeys(new)
    return written


def keys_load(model: type[models.Model], channel: str, ids: Iterable[str]) -> dict[str, Any]:
    """Primary keys by external id."""
    found: dict[str, Any] = {}
    for part in batched(ids, CHUNK):
        found.update(model._base_manager.filter(channel=channel, external_id__in=part).values_list("external_id", "pk"))
    return found


def removed_mark(ctx: SyncContext, model: type[models.Model], table: str, **also: Any) -> None:
    """Mark the rows that a full sync did not see as gone from the shop; nothing is deleted.

    A table that gave no row at all marks nothing: an empty export is a broken export far more often than an empty shop.
    Nor does a table with a row that could not be read and has no id: any of those not seen may be that one.
    """
    present = model._base_manager.filter(channel=ctx.channel, removed_at=None).order_by("pk")
    # What the shop saved since the sync began may have been missed by a page that was read before.
    present = present.filter(synced_at__lt=ctx.now)
    seen, spared = ctx.taken[table], ctx.spared[table]
    if not len(seen):
        if present.exists():
            ctx.issues.add(table, "nothing_read", "kept")
        return
    last: Any = 0
    while True:
        page = list(present.filter(pk__gt=last).values_list("pk", "external_id")[:5000])
        if not page:
            return
        last = page[-1][0]
        gone = [(pk, ident) for pk, ident in page if ident not in seen and ident not in spared]
        if table in ctx.nameless:
            for _pk, ident in gone:
                ctx.issues.add(table, "maybe_gone", "kept", id=ident)
            continue
        ctx.count(table, "removed", len(gone))
        for _pk, ident in gone:
            ctx.drifted(table, "gone_from_shop", ident)
        if not ctx.dry_run:
            for part in batched([pk for pk, _i in gone], CHUNK):
                model._base_manager.filter(pk__in=part).update(removed_at=ctx.now, **also)
