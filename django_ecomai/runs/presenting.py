"""Runs and models in words and tables that a merchant reads. No writes, no HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.registry import job_kinds

from .measures import HEADLINES, MEASURES, goodness, has_best, measure_label
from .recipes import recipe_words

BLEND, RANKED = "hybrid: blend", "hybrid: blend and learned order"

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
    "product_page": (
        gettext_lazy("Beside a product"),
        gettext_lazy("One product of a later order was looked at; the rest of that order had to be found."),
    ),
    "basket": (
        gettext_lazy("Beside a cart"),
        gettext_lazy("Half of a later order was in the cart; the other half had to be found."),
    ),
    "ratings": (
        gettext_lazy("Star ratings"),
        gettext_lazy("How many stars a customer would give a product, against those that were given later."),
    ),
    "pieces: product": (
        gettext_lazy("Forecast per product, in pieces"),
        gettext_lazy("Made for several past moments and set beside what was sold after them."),
    ),
    "pieces: product, smooth": (gettext_lazy("Products with smooth demand"), ""),
    "pieces: product, erratic": (gettext_lazy("Products with erratic demand"), ""),
    "pieces: product, intermittent": (gettext_lazy("Products with intermittent demand"), ""),
    "pieces: product, lumpy": (gettext_lazy("Products with lumpy demand"), ""),
    "pieces: product, obsolete": (gettext_lazy("Products that are no longer sold"), ""),
    "pieces: product, cold": (gettext_lazy("Products that had not sold yet"), ""),
    "pieces: category": (gettext_lazy("Forecast per category, in pieces"), ""),
    "pieces: shop": (gettext_lazy("Forecast of the whole shop, in pieces"), ""),
    "money: category": (gettext_lazy("Sales per category, in money"), ""),
    "money: shop": (gettext_lazy("Sales of the whole shop, in money"), ""),
}
#: Models whose names are the same in every run.
MODELS: dict[str, Any] = {
    "live": gettext_lazy("in use"),
    "popular (30 days)": gettext_lazy("popular (30 days)"),
    "popular (all time)": gettext_lazy("popular (all time)"),
    "personal frequency": gettext_lazy("personal frequency"),
    "EcomAI (automatic choice)": gettext_lazy("EcomAI (automatic choice)"),
    "bought together only": gettext_lazy("bought together, alone"),
    "collaborative only": gettext_lazy("what others bought, alone (collaborative)"),
    "content only": gettext_lazy("what is alike, alone (content)"),
    "hybrid: blend": gettext_lazy("both, without the learned order (hybrid)"),
    "hybrid: blend and learned order": gettext_lazy("both, with the learned order (hybrid)"),
    "global mean": gettext_lazy("the mean of all ratings"),
    "biases only": gettext_lazy("mean of the product and of the customer"),
    "biases and factors": gettext_lazy("EcomAI (biases and factors)"),
    "blend": gettext_lazy("EcomAI (validated blend)"),
    "moving_average (baseline)": gettext_lazy("moving average (the simple forecast)"),
    "seasonal_naive (baseline)": gettext_lazy("as in the last season (the simple forecast)"),
    "zero": gettext_lazy("nothing will be sold"),
    "learned": gettext_lazy("learned from all products (boosted trees)"),
}


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

    @property
    def headings(self) -> list[str]:
        """The columns in words: ``hit_rate@10`` -> ``Hit rate @10``."""
        return [measure_label(name) for name in self.columns]


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
    table.legend = [(measure_label(name), str(MEASURES[name][1])) for name in shown if name in MEASURES]
    return table


def _filled(table: Table, rows: Sequence[Mapping[str, Any]], leading: str = "") -> Table:
    best = {
        name: max((goodness(name, row["metrics"].get(name)) for row in rows), default=0.0) if has_best(name) else None
        for name in table.columns
    }
    leading = leading or (table.columns[0] if table.columns else "")
    for row in sorted(rows, key=lambda item: -goodness(leading, item["metrics"].get(leading))):
        cells = []
        for name in table.columns:
            value = row["metrics"].get(name)
            cells.append({"text": _number(value), "best": bool(value) and goodness(name, value) == best[name]})
        shown = {"model": _model_name(row.get("model", "")), "details": row.get("details", "")}
        table.rows.append({**shown, "ours": bool(row.get("ours")), "cells": cells})
    return table


def _model_name(name: Any) -> str:
    return str(MODELS.get(str(name), name))


def tried_tables(metrics: Mapping[str, Any] | None) -> list[Table]:
    """Every model that was compared before the choice, one table per part, best first: ``metrics["tried"]``."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    found = (metrics or {}).get("tried")
    for row in found if isinstance(found, list) else []:
        if isinstance(row, Mapping) and isinstance(row.get("metrics"), Mapping):
            part = str(row.get("part", ""))
            name, details = recipe_words(row.get("recipe"), part)
            if row.get("rough"):
                details = "; ".join(filter(None, [details, _("first look, on a third of the customers")]))
            shown = {"model": name or row.get("name", ""), "details": details}
            groups.setdefault(part, []).append({**shown, "ours": row.get("chosen"), "metrics": row["metrics"]})
    tables = []
    for part, rows in groups.items():
        columns = list(dict.fromkeys(name for row in rows for name in row["metrics"] if has_best(name)))
        leading = "recall@20" if "recall@20" in columns else ""
        tables.append(_filled(Table(str(SPLITS.get(part, (part, ""))[0]), "", columns), rows, leading))
    return tables


#: Why an order was or was not learned, by the code that the training gives.
WHY: dict[str, Any] = {
    "measured": gettext_lazy("On newer months it does %(gain)s against the mix."),
    "chance": gettext_lazy("On newer months it does %(gain)s against the mix, which may be chance."),
    "few": gettext_lazy("Too few customers came back for something new: %(customers)s; at least %(least)s are needed."),
    "large": gettext_lazy("With so much data it is learned only when the training is started with ranker = on."),
    "pairs": gettext_lazy("Without times it cannot be tested on what was bought later."),
    "no_sources": gettext_lazy("The model that was chosen has nothing to put into another order."),
    "off": gettext_lazy("It is switched off."),
}


def learned_order(metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    """Whether the order of the best candidates was learned, in words, with both orders of the newest periods."""
    found = (metrics or {}).get("learned_order")
    if not isinstance(found, Mapping) or not found:
        return {}
    rows = [
        {"model": name, "ours": bool(found.get("passed")) == (name == RANKED), "metrics": found[key]}
        for name, key in ((RANKED, "ranked"), (BLEND, "blend"))
        if isinstance(found.get(key), Mapping)
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    numbers = {name: _plain(found.get(name)) for name in ("customers", "least")}
    numbers["gain"] = f"{found['gain']:+.1%}" if isinstance(found.get("gain"), float) else ""
    known = WHY.get(str(found.get("code")))
    return {
        "passed": bool(found.get("passed")),
        "reason": str(known) % numbers if known else str(found.get("reason", "")),
        "learner": str(found.get("learner", "")),
        "advice": str(found.get("advice", "")),
        "table": _filled(Table(_("Order of the best candidates"), "", columns), rows) if rows else None,
    }


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
    recipe, details = recipe_words((metrics or {}).get("recipe"))
    if recipe:
        result.append((_("Model"), f"{recipe} ({details})" if details else recipe))
    for name, value in (metrics or {}).items():
        if name in ("evaluation", "gate", "counts", "missing", "learned_order") or (recipe and name == "recipe_name"):
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
