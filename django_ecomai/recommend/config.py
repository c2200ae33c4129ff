"""What the merchant set up, kept in the process: placements, carousels, rules, and which model is live, from one query.

The copy is good for ``LIVE_CHECK_SECONDS`` and dropped at once in the process that saves a change. While it is cold,
the visitor's history comes with the same query (``load``), so that a page needs three queries at most: configuration
and history, products, the shop's own objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connections, router
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
from django_ecomai.core.compiled import compiled_rows
from django_ecomai.runs.models import LiveArtifact

from .models import BundleItem, Placement, ShopRule, SlotStat
from .query import Offer

ARTIFACT_KIND = "recommend"

# One row shape for everything that comes with the query; PLACEMENT rows stand first because they give the columns'
# types.
PLACEMENT, LIVE, OTHER, SHOP_RULE, BUNDLE, STAT = 1, 2, 3, 4, 5, 6
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
    "r_by_value": BooleanField,
    "r_fill": BooleanField,
    "r_diversity": FloatField,
    "r_novelty": FloatField,
    "r_taste": FloatField,
    "r_explore": IntegerField,
    "r_rest": IntegerField,
    "r_rest_days": IntegerField,
    "r_event": UUIDField,
}
# Rows of Django's own querysets are plain tuples in this order.
_AT = {name: place for place, name in enumerate(_COLUMNS)}
_WHOLE = [_AT[name] for name, kind in _COLUMNS.items() if kind is IntegerField]
_Row = tuple[Any, ...]


def _is_between(now: datetime, starts_at: datetime | None, ends_at: datetime | None) -> bool:
    return (starts_at is None or starts_at <= now) and (ends_at is None or now < ends_at)


@dataclass(frozen=True)
class Rule:
    """A decision of the merchant about one product or category (external ids)."""

    action: str
    product_id: str = ""
    category_id: str = ""
    factor: float = 2.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    everywhere: bool = False  # for every carousel of the shop, and not for one

    def holds(self, now: datetime) -> bool:
        """True from ``starts_at`` until just before ``ends_at``."""
        return _is_between(now, self.starts_at, self.ends_at)


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
    # Strengths 0..1, see ``ml.recommend.rerank``.
    diversity: float = 0.0
    novelty: float = 0.0
    taste: float = 0.0
    # Places given to products drawn by chance.
    explore: int = 0
    # After so many impressions without a click in so many days a product rests.
    frequency_cap: int | None = None
    frequency_days: int = 7
    fill_filtered: bool = False
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class PlacementConfig:
    """One placement; ``slots`` holds the shown ones in their order."""

    key: str
    label: str
    is_active: bool
    slots: tuple[SlotConfig, ...] = ()
    order_by_value: bool = False


@dataclass(frozen=True)
class BundleConfig:
    """A set of products (external ids) that the merchant offers together for a time."""

    offer: Offer
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """True from ``starts_at`` until just before ``ends_at``."""
        return _is_between(now, self.starts_at, self.ends_at)


@dataclass(frozen=True)
class Config:
    """What serving needs to know; ``artifact_path`` and ``artifact_sha`` are empty while no model is live.

    ``rules`` hold for all carousels; ``values`` maps (placement, carousel) to the expected revenue of one impression
    per unit of price, with the shop's own under ``("", "")``.
    """

    placements: Mapping[str, PlacementConfig]
    artifact_path: str = ""
    artifact_sha: str = ""
    rules: tuple[Rule, ...] = ()
    bundles: tuple[BundleConfig, ...] = ()
    values: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def counts_impressions(self) -> bool:
        """Whether a carousel lets products rest, so that a visitor's impressions have to be known."""
        slots = (slot for placement in self.placements.values() for slot in placement.slots)
        return any(slot.frequency_cap for slot in slots)


# No lock: looking up, storing and clearing are one step each, and what two threads load at once is equal.
_kept: dict[str, tuple[float, Config]] = {}
# Whether impressions were needed when the configuration was last read: they are asked for by the same query.
_impressions: dict[str, bool] = {}


def kept(channel: str) -> Config | None:
    """The copy of this process, unless it is older than ``LIVE_CHECK_SECONDS``."""
    found = _kept.get(channel)
    return found[1] if found and found[0] > time.monotonic() else None


def impressions_wanted(channel: str) -> bool:
    """Whether a visitor's impressions should be read with his history; true until the configuration was read once."""
    return _impressions.get(channel, True)


def forget(**kwargs: Any) -> None:
    """Drop the copy (receiver of saves and of a model going live)."""
    _kept.clear()
    _impressions.clear()


def load(
    channel: str,
    *,
    beside: Callable[[Mapping[str, Any]], Sequence[QuerySet[Any]]] | None = None,
    key: Hashable = None,
    values: Mapping[str, Any] | None = None,
) -> tuple[Config, list[tuple[Any, str, str, Any]]]:
    """Read the configuration with one query, together with the rows of ``beside(values)`` (each made by ``as_rows``).

    Returns the configuration and those rows as ``(event, text1, text2, from)``. The SQL is compiled once for what
    ``key`` names (see `core.compiled`); a ``beside`` without one is built each time.
    """

    def make(given: Mapping[str, Any]) -> QuerySet[Any, Any]:
        return _query(channel, beside(given) if beside else ())

    if beside is not None and key is None:
        rows = list(make(values or {}))
    else:
        rows = compiled_rows(("config", channel, key), make, values or {}, using=router.db_for_read(Placement))
    if connections[router.db_for_read(Placement)].vendor == "mysql":
        rows = [_whole(row) for row in rows]
    config = _build(rows)
    _kept[channel] = (time.monotonic() + float(ecomai.LIVE_CHECK_SECONDS), config)
    _impressions[channel] = config.counts_impressions()
    beside_columns = [_AT[name] for name in ("r_event", "r_text1", "r_text2", "r_from")]
    return config, [tuple(row[at] for at in beside_columns) for row in rows if row[0] == OTHER]


def _query(channel: str, beside: Sequence[QuerySet[Any]]) -> QuerySet[Any, Any]:
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
        r_by_value=F("order_by_value"),
        r_fill=F("slots__fill_filtered"),
        r_diversity=F("slots__diversity"),
        r_novelty=F("slots__novelty"),
        r_taste=F("slots__taste"),
        r_explore=F("slots__explore"),
        r_rest=F("slots__frequency_cap"),
        r_rest_days=F("slots__frequency_days"),
        # The first part of a UNION gives the types, and PostgreSQL takes a bare NULL for text.
        r_event=Cast(Value(None), UUIDField()),
    )
    live = as_rows(
        LiveArtifact.objects.filter(kind=ARTIFACT_KIND, channel=channel).order_by(),
        LIVE,
        r_text1=F("artifact__path"),
        r_text2=F("artifact__sha256"),
    )
    return placements.union(live, *_decided(channel), *beside, all=True)


def _decided(channel: str) -> list[QuerySet[Any]]:
    """What holds for the whole shop: its rules, its sets of products, and what its carousels bring."""
    return [
        as_rows(
            ShopRule.objects.filter(channel=channel).order_by(),
            SHOP_RULE,
            r_text5=F("action"),
            r_text6=F("product__external_id"),
            r_text7=F("category__external_id"),
            r_rule=F("id"),
            r_number=F("factor"),
            r_from=F("starts_at"),
            r_to=F("ends_at"),
        ),
        as_rows(
            BundleItem.objects.filter(bundle__channel=channel, bundle__is_active=True).order_by(),
            BUNDLE,
            r_text1=F("bundle__title"),
            r_text2=F("bundle__discount_text"),
            r_text6=F("product__external_id"),
            r_slot=F("bundle_id"),
            r_order=F("order"),
            r_rule=F("id"),
            r_from=F("bundle__starts_at"),
            r_to=F("bundle__ends_at"),
        ),
        as_rows(
            SlotStat.objects.filter(channel=channel).order_by(),
            STAT,
            r_text1=F("placement"),
            r_text2=F("slot"),
            r_number=F("value"),
        ),
    ]


def as_rows(queryset: QuerySet[Any], row: int = OTHER, **columns: Combinable) -> QuerySet[Any]:
    """``queryset`` as rows of the common shape; columns that are not given are NULL."""
    given: dict[str, Combinable] = {"r_row": Value(row, output_field=IntegerField()), **columns}
    empty = {name: Value(None, output_field=kind()) for name, kind in _COLUMNS.items() if name not in given}
    return queryset.values_list(*[given.get(name) or empty[name] for name in _COLUMNS])


def _whole(row: _Row) -> _Row:
    """MySQL gives no integers for a column of a UNION that is NULL in one of its parts."""
    values = list(row)
    for at in _WHOLE:
        if values[at] is not None:
            values[at] = int(values[at])
    return tuple(values)


def _build(rows: Iterable[_Row]) -> Config:
    artifact = ("", "")
    placements: dict[str, tuple[str, bool, bool]] = {}
    slots: dict[str, dict[int, SlotConfig]] = {}
    rules: dict[int | None, dict[int, Rule]] = {}
    bundles: dict[int, list[_Row]] = {}
    values: dict[tuple[str, str], float] = {}
    for row in rows:
        kind, key, label = row[0], row[_AT["r_text1"]], row[_AT["r_text2"]]
        slot, rule = row[_AT["r_slot"]], row[_AT["r_rule"]]
        if kind == LIVE:
            artifact = (key, label)
        elif kind == SHOP_RULE:
            rules.setdefault(None, {})[rule] = replace(_rule(row), everywhere=True)
        elif kind == BUNDLE:
            bundles.setdefault(slot, []).append(row)
        elif kind == STAT:
            values[key, label] = float(row[_AT["r_number"]])
        elif kind == PLACEMENT:
            placements[key] = (label, bool(row[_AT["r_shown"]]), bool(row[_AT["r_by_value"]]))
            if slot is not None and row[_AT["r_slot_shown"]]:
                slots.setdefault(key, {})[slot] = _slot(row)
            if rule is not None:
                rules.setdefault(slot, {})[rule] = _rule(row)
    built = {}
    for key, (label, shown, by_value) in placements.items():
        ordered = sorted(slots.get(key, {}).values(), key=lambda slot: (slot.order, slot.id))
        decided = tuple(replace(slot, rules=_in_order(rules.get(slot.id, {}))) for slot in ordered)
        built[key] = PlacementConfig(key, label, shown, decided, by_value)
    return Config(
        built,
        *artifact,
        rules=_in_order(rules.get(None, {})),
        bundles=tuple(_bundle(bundles[pk]) for pk in sorted(bundles)),
        values=values,
    )


def _slot(row: _Row) -> SlotConfig:
    rest = row[_AT["r_rest"]]
    return SlotConfig(
        strategy=row[_AT["r_text3"]],
        title=row[_AT["r_text4"]],
        id=row[_AT["r_slot"]],
        order=row[_AT["r_order"]],
        size=row[_AT["r_size"]],
        only_in_stock=bool(row[_AT["r_stock"]]),
        exclude_bought=bool(row[_AT["r_bought"]]),
        category_cap=row[_AT["r_cap"]],
        diversity=float(row[_AT["r_diversity"]] or 0.0),
        novelty=float(row[_AT["r_novelty"]] or 0.0),
        taste=float(row[_AT["r_taste"]] or 0.0),
        explore=row[_AT["r_explore"]] or 0,
        frequency_cap=rest or None,
        frequency_days=row[_AT["r_rest_days"]] or 7,
        fill_filtered=bool(row[_AT["r_fill"]]),
    )


def _rule(row: _Row) -> Rule:
    return Rule(
        row[_AT["r_text5"]],
        row[_AT["r_text6"]] or "",
        row[_AT["r_text7"]] or "",
        float(row[_AT["r_number"]]),
        row[_AT["r_from"]],
        row[_AT["r_to"]],
    )


def _bundle(rows: list[_Row]) -> BundleConfig:
    first = rows[0]
    ordered = sorted(rows, key=lambda row: (row[_AT["r_order"]], row[_AT["r_rule"]]))
    products = tuple(dict.fromkeys(row[_AT["r_text6"]] for row in ordered))
    offer = Offer(first[_AT["r_slot"]], first[_AT["r_text1"]], first[_AT["r_text2"]], products)
    return BundleConfig(offer, first[_AT["r_from"]], first[_AT["r_to"]])


def _in_order(rules: Mapping[int, Rule]) -> tuple[Rule, ...]:
    """By primary key: the order in which the merchant made them, the same on every worker."""
    return tuple(rules[pk] for pk in sorted(rules))
