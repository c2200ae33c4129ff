"""What the merchant set up, kept in the process: placements, carousels, rules, and which model is live, from one query.

The copy is good for ``LIVE_CHECK_SECONDS`` and dropped at once in the process that saves a change. While it is cold,
the visitor's history comes with the same query (``load``), so that a page needs three queries at most: configuration
and history, products, the shop's own objects.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    F,
    FloatField,
    IntegerField,
    QuerySet,
    UUIDField,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from django_ecomai.conf import ecomai
from django_ecomai.runs.models import LiveArtifact

from .models import Placement

ARTIFACT_KIND = "recommend"

# One row shape for everything that comes with the query; PLACEMENT rows stand first because they give the columns'
# types.
PLACEMENT, LIVE, OTHER = 1, 2, 3
_COLUMNS: dict[str, Any] = {
    "r_row": IntegerField,
    "r_text1": CharField,
    "r_text2": CharField,
    "r_text3": CharField,
    "r_text4": CharField,
    "r_text5": CharField,
    "r_text6": CharField,
    "r_text7": CharField,
    "r_slot": IntegerField,
    "r_order": IntegerField,
    "r_size": IntegerField,
    "r_cap": IntegerField,
    "r_rule": IntegerField,
    "r_number": FloatField,
    "r_from": DateTimeField,
    "r_to": DateTimeField,
    "r_shown": BooleanField,
    "r_slot_shown": BooleanField,
    "r_stock": BooleanField,
    "r_bought": BooleanField,
    "r_event": UUIDField,
}


@dataclass(frozen=True)
class Rule:
    """A decision of the merchant about one product or category (external ids)."""

    action: str
    product_id: str = ""
    category_id: str = ""
    factor: float = 2.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """True from ``starts_at`` until just before ``ends_at``."""
        return (self.starts_at is None or self.starts_at <= now) and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True)
class SlotConfig:
    """One carousel as the merchant set it up."""

    strategy: str
    # A lazy translation in the defaults.
    title: Any = ""
    id: int = 0
    order: int = 0
    size: int = 8
    only_in_stock: bool = True
    exclude_bought: bool = False
    category_cap: int | None = None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class PlacementConfig:
    """One placement; ``slots`` holds the shown ones in their order."""

    key: str
    label: str
    is_active: bool
    slots: tuple[SlotConfig, ...] = ()


@dataclass(frozen=True)
class Config:
    """What serving needs to know; ``artifact_path`` and ``artifact_sha`` are empty while no model is live."""

    placements: Mapping[str, PlacementConfig]
    artifact_path: str = ""
    artifact_sha: str = ""


# No lock: looking up, storing and clearing are one step each, and what two threads load at once is equal.
_kept: dict[str, tuple[float, Config]] = {}


def kept(channel: str) -> Config | None:
    """The copy of this process, unless it is older than ``LIVE_CHECK_SECONDS``."""
    found = _kept.get(channel)
    return found[1] if found and found[0] > time.monotonic() else None


def forget(**kwargs: Any) -> None:
    """Drop the copy (receiver of saves and of a model going live)."""
    _kept.clear()


def load(channel: str, *, beside: Sequence[QuerySet[Any]] = ()) -> tuple[Config, list[tuple[Any, str, str, Any]]]:
    """Read the configuration with one query, together with the rows of ``beside`` (each made by ``as_rows``).

    Returns the configuration and those rows as ``(event, text1, text2, from)``.
    """
    placements = as_rows(
        Placement.objects.filter(channel=channel).order_by(),
        PLACEMENT,
        r_text1=F("key"),
        r_text2=F("label"),
        r_text3=F("slots__strategy"),
        r_text4=F("slots__title"),
        r_text5=F("slots__rules__action"),
        r_text6=F("slots__rules__product__external_id"),
        r_text7=F("slots__rules__category__external_id"),
        r_slot=F("slots__id"),
        r_order=F("slots__order"),
        r_size=F("slots__size"),
        r_cap=F("slots__category_cap"),
        r_rule=F("slots__rules__id"),
        r_number=F("slots__rules__factor"),
        r_from=F("slots__rules__starts_at"),
        r_to=F("slots__rules__ends_at"),
        r_shown=F("is_active"),
        r_slot_shown=F("slots__is_active"),
        r_stock=F("slots__only_in_stock"),
        r_bought=F("slots__exclude_bought"),
        # The first part of a UNION gives the types, and PostgreSQL takes a bare NULL for text.
        r_event=Cast(Value(None), UUIDField()),
    )
    live = as_rows(
        LiveArtifact.objects.filter(kind=ARTIFACT_KIND, channel=channel).order_by(),
        LIVE,
        r_text1=F("artifact__path"),
        r_text2=F("artifact__sha256"),
    )
    rows = list(placements.union(live, *beside, all=True))
    config = _build(rows)
    _kept[channel] = (time.monotonic() + float(ecomai.LIVE_CHECK_SECONDS), config)
    return config, [(row[-1], row[1], row[2], row[14]) for row in rows if row[0] == OTHER]


def as_rows(queryset: QuerySet[Any], row: int = OTHER, **columns: Combinable) -> QuerySet[Any]:
    """``queryset`` as rows of the common shape; columns that are not given are NULL."""
    given: dict[str, Combinable] = {"r_row": Value(row, output_field=IntegerField()), **columns}
    empty = {name: Value(None, output_field=kind()) for name, kind in _COLUMNS.items() if name not in given}
    return queryset.values_list(*[given.get(name) or empty[name] for name in _COLUMNS])


def _build(rows: Iterable[tuple[Any, ...]]) -> Config:
    artifact = ("", "")
    placements: dict[str, tuple[str, bool]] = {}
    slots: dict[str, dict[int, SlotConfig]] = {}
    rules: dict[int, dict[int, Rule]] = {}
    for row in rows:
        kind, key, label, strategy, title, action, product, category, slot, order, size, cap, rule, factor = row[:14]
        starts_at, ends_at, shown, slot_shown, stock, bought = row[14:20]
        if kind == LIVE:
            artifact = (key, label)
        if kind != PLACEMENT:
            continue
        placements[key] = (label, bool(shown))
        if slot is not None and slot_shown:
            slots.setdefault(key, {})[slot] = SlotConfig(
                strategy, title, slot, order, size, bool(stock), bool(bought), cap
            )
        if rule is not None:
            rules.setdefault(slot, {})[rule] = Rule(
                action, product or "", category or "", float(factor), starts_at, ends_at
            )
    built = {}
    for key, (label, shown) in placements.items():
        ordered = sorted(slots.get(key, {}).values(), key=lambda slot: (slot.order, slot.id))
        decided = tuple(replace(slot, rules=_in_order(rules.get(slot.id, {}))) for slot in ordered)
        built[key] = PlacementConfig(key, label, shown, decided)
    return Config(built, *artifact)


def _in_order(rules: Mapping[int, Rule]) -> tuple[Rule, ...]:
    """By primary key: the order in which the merchant made them, the same on every worker."""
    return tuple(rules[pk] for pk in sorted(rules))
