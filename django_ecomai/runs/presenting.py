"""Runs and models in words and tables that a merchant reads. No writes, no HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.registry import job_kinds

SPLITS: dict[str, tuple[Any, Any]] = {
    "new_items": (
        gettext_lazy("Products new to the customer"),
        gettext_lazy("What was bought later and had never been bought by that customer before."),
    ),
    "repeat_items": (
        gettext_lazy("Products bought again"),
        gettext_lazy("What was bought later and had been bought by that customer before."),
    ),
    "all": (gettext_lazy("Everything bought"), gettext_lazy("All that was bought later, new or again.")),
}
METRICS: dict[str, Any] = {
    "recall": gettext_lazy("of what was bought later, the share that was among the suggestions"),
    "precision": gettext_lazy("of the suggestions, the share that was bought later"),
    "hit_rate": gettext_lazy("customers with at least one suggestion that they bought"),
    "ndcg": gettext_lazy("like recall, but a hit at the top counts more"),
    "map": gettext_lazy("average precision: how early the hits come"),
    "mrr": gettext_lazy("how early the first hit comes (1 = always the first suggestion)"),
    "f1": gettext_lazy("precision and recall in one number"),
    "coverage": gettext_lazy("share of the catalogue that was suggested to anybody"),
}


HEADLINES = ("recall@20", "ndcg@20", "hit_rate@10", "precision@10", "coverage@20")


@dataclass
class Table:
    """Models against baselines on one split: ``columns`` of metric names, ``rows`` best first.

    ``more`` holds every metric when ``columns`` are the headlines only.
    """

    title: str
    help: str
    columns: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)
    more: Table | None = None


def evaluation_tables(metrics: Mapping[str, Any] | None) -> list[Table]:
    """One table per split from ``metrics["evaluation"]``; rows that are not as agreed are left out."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    found = (metrics or {}).get("evaluation")
    for row in found if isinstance(found, list) else []:
        if isinstance(row, Mapping) and isinstance(row.get("metrics"), Mapping):
            groups.setdefault(str(row.get("split", "")), []).append(row)
    order = [*[name for name in SPLITS if name in groups], *[name for name in groups if name not in SPLITS]]
    return [_table(name, groups[name]) for name in order]


def _table(split: str, rows: list[Mapping[str, Any]]) -> Table:
    title, text = SPLITS.get(split, (split or _("Test"), ""))
    columns = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    headlines = [name for name in HEADLINES if name in columns]
    table = _filled(Table(str(title), str(text), headlines or columns), rows)
    if headlines and len(headlines) < len(columns):
        table.more = _filled(Table(str(title), "", columns), rows, leading=headlines[0])
    shown = dict.fromkeys(name.split("@")[0] for name in [*headlines, *columns])
    table.legend = [(name, str(METRICS[name])) for name in shown if name in METRICS]
    return table


def _filled(table: Table, rows: list[Mapping[str, Any]], leading: str = "") -> Table:
    best = {name: max((_finite(row["metrics"].get(name)) for row in rows), default=0.0) for name in table.columns}
    leading = leading or (table.columns[0] if table.columns else "")
    for row in sorted(rows, key=lambda item: -_finite(item["metrics"].get(leading))):
        cells = [
            {"text": _number(row["metrics"].get(name)), "best": _finite(row["metrics"].get(name)) == best[name] > 0}
            for name in table.columns
        ]
        table.rows.append({"model": str(row.get("model", "")), "ours": bool(row.get("ours")), "cells": cells})
    return table


def counts(metrics: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What a run learned from or copied: ``metrics["counts"]`` as ``Products`` -> ``3,941``."""
    found = (metrics or {}).get("counts")
    if not isinstance(found, Mapping):
        return []
    return [(capfirst(_words(str(name))), _plain(value)) for name, value in found.items()][:20]


def notes(metrics: Mapping[str, Any] | None) -> list[str]:
    """Sentences about what was missing: ``metrics["missing"]``."""
    found = (metrics or {}).get("missing")
    return [str(item) for item in found if isinstance(item, str)][:20] if isinstance(found, list) else []


def facts(metrics: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The other short results of a run, flat: ``Seconds: read`` -> ``15.7``."""
    result: list[tuple[str, str]] = []
    for name, value in (metrics or {}).items():
        if name in ("evaluation", "gate", "counts", "missing"):
            continue
        if isinstance(value, Mapping):
            if all(not isinstance(item, Mapping | list) for item in value.values()):
                result += [(capfirst(_words(f"{name}: {key}")), _plain(item)) for key, item in value.items()]
        elif not isinstance(value, list):
            result.append((capfirst(_words(name)), _plain(value)))
    return result[:40]


def parameters(values: Any) -> list[tuple[str, str]]:
    """The parameters of a run."""
    items = values.items() if isinstance(values, Mapping) else ()
    return [(capfirst(_words(str(name))), _plain(value)) for name, value in items][:20]


def kind_label(kind: str) -> str:
    """What a merchant reads for a job kind; its name when the app is not installed any more."""
    return str(job_kinds.get(kind).label) if kind in job_kinds else kind


def model_label(kind: str) -> str:
    """What a merchant reads for a model kind: the name of the capability that trains it."""
    label = f"ecomai_{kind.split('.')[0]}"
    return str(apps.get_app_config(label).verbose_name) if label in apps.app_configs else kind


def duration(value: timedelta | None) -> str:
    """``1:05:09``, ``5:09`` or ``9 s``."""
    if value is None:
        return ""
    seconds = max(0, int(value.total_seconds()))
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if hours:
        return f"{hours}:{minutes:02d}:{seconds % 60:02d}"
    return f"{minutes}:{seconds % 60:02d}" if minutes else _("%(seconds)s s") % {"seconds": seconds}


def is_training(kind: str) -> bool:
    """Whether a job trains a model."""
    return kind.endswith(".train")


def startable(*, everything: bool = True) -> list[tuple[str, str, str]]:
    """``(kind, label, help)`` of every job, trainings first; else of those that a merchant needs: copying and training.

    The others run by themselves, and one of them deletes what is old: a button pressed by curiosity should not.
    """
    kinds: Iterable[str] = sorted(job_kinds.names(), key=lambda name: not is_training(name))
    if not everything:
        kinds = [name for name in kinds if is_training(name) or name.endswith(".sync")]
    return [(name, kind_label(name), str(job_kinds.get(name).help)) for name in kinds]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: _("yes"), False: _("no"), None: "–"}[value]
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return "–"
    if isinstance(value, int):
        return number_format(value, force_grouping=True)
    digits = 4 if abs(value) < 10 else 1
    return number_format(round(value, digits), digits, force_grouping=True)  # by itself it cuts instead of rounding


def _finite(value: Any) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return float(value) if usable else float("-inf")
