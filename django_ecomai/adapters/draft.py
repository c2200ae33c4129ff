"""Looks at a project's models and drafts a ``ModelAdapter`` for them.

Names and fields are scored, the best fit is written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.db import models

from .checks import NEEDED, adapter_messages
from .declarative import ModelAdapter
from .guesses import FIELDS, NAMES, OPTIONAL_HASHED, fits
from .paths import link_find
from .plan import STATUS_WORDS

Model = type[models.Model]
ROLES = ("category", "product", "customer", "order", "line", "review")


@dataclass
class Draft:
    """A drafted adapter: what was found, its source text, and what the checks say about it."""

    found: dict[str, Model] = field(default_factory=dict)
    mapping: dict[str, dict[str, str]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    unknown_statuses: list[str] = field(default_factory=list)
    scores: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    text: str = ""
    messages: list[CheckMessage] = field(default_factory=list)


def words(name: str) -> list[str]:
    """``"OrderLine"`` and ``"order_line"`` as ``["order", "line"]``."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+", name)]


def candidates() -> list[Model]:
    """The project's own models: Django's, EcomAI's and tables made by Django are left out."""
    return [
        m
        for m in apps.get_models()
        if not m._meta.app_label.startswith("ecomai_")
        and not m.__module__.startswith(("django.", "django_celery", "rest_framework"))
        and not m._meta.proxy
    ]


def _columns(model: Model) -> list[Any]:
    return [f for f in model._meta.get_fields() if f.concrete and not f.auto_created]


def _field_guess(model: Model, table: str, name: str) -> str | None:
    """The column of a model that most likely is a row field.

    By the order of the known names, then by parts of names.
    """
    names, kind = FIELDS[table][name]
    columns = {f.name.lower(): f for f in _columns(model) if fits(f, kind)}
    for wanted in names:
        if wanted in columns:
            return columns[wanted].name
    for wanted in names[:4]:
        for column, found in columns.items():
            if len(wanted) > 3 and wanted in column.split("_") and not found.is_relation:
                return found.name
    if kind == "text" and name in ("title", "name") and table in ("product", "category"):
        return next((f.name for f in columns.values() if isinstance(f, models.CharField) and not f.choices), None)
    return None


def _name_score(model: Model, role: str) -> int:
    parts = words(model.__name__)
    score = max((NAMES[role].get(w, 0) for w in parts), default=0)
    # "OrderLine" is no order, "ProductImage" no product: what a name ends with is what the thing is.
    if parts and NAMES[role].get(parts[-1], 0) == 0 and score:
        score -= 4
    return score


def _fields_score(model: Model, role: str) -> int:
    worth = {
        "price": 3,
        "title": 2,
        "name": 1,
        "quantity": 4,
        "placed_at": 1,
        "status": 2,
        "total": 2,
        "rating": 4,
        "stock": 1,
    }
    return sum(worth.get(n, 1) for n in FIELDS[role] if n not in ("id", "updated") and _field_guess(model, role, n))


def roles_find(pool: Iterable[Model]) -> tuple[dict[str, Model], dict[str, list[tuple[str, int]]]]:
    """The most likely model of each role, and the scores of the runners-up."""
    pool = list(pool)
    user = get_user_model()
    score: dict[str, dict[Model, int]] = {r: {m: _name_score(m, r) + _fields_score(m, r) for m in pool} for r in ROLES}
    # What points where says more than names: a line points to an order and a product, and counts pieces.
    for line in pool:
        targets = [f.related_model for f in _columns(line) if f.is_relation and f.related_model is not None]
        counts = _field_guess(line, "line", "quantity") is not None
        for target in targets:
            if target not in score["order"] or target is line:
                continue
            if counts:
                score["order"][target] += 2 if score["order"][target] >= score["product"][target] else 0
                score["line"][line] += 2
            if _name_score(target, "order") > 0:
                score["line"][line] += 4
                score["product"][line] -= 6
                score["order"][line] -= 6
            if _name_score(target, "product") > 0:
                score["line"][line] += 3
                score["review"][line] += 2
        if link_find(line, user) or any(t is user for t in targets):
            score["customer"][line] += 2
        if link_find(line, line):
            score["category"][line] += 3
    found: dict[str, Model] = {}
    for role, least in (("order", 5), ("line", 8), ("product", 6), ("category", 5), ("customer", 6), ("review", 8)):
        ranked = sorted(
            ((s, m._meta.label, m) for m, s in score[role].items() if m not in found.values()),
            key=lambda r: (-r[0], r[1]),
        )
        if role == "line" and "order" in found:
            ranked = [r for r in ranked if link_find(r[2], found["order"])]
        if role == "review" and "product" in found:
            ranked = [r for r in ranked if link_find(r[2], found["product"])]
        if role == "category" and "product" in found:
            ranked = [(s + (4 if link_find(found["product"], m, many=True) else 0), n, m) for s, n, m in ranked]
            ranked.sort(key=lambda r: (-r[0], r[1]))
        if role == "customer" and "order" in found:
            ranked = [(s + (4 if link_find(found["order"], m) else 0), n, m) for s, n, m in ranked]
            ranked.sort(key=lambda r: (-r[0], r[1]))
        if ranked and ranked[0][0] >= least:
            found[role] = ranked[0][2]
    if "customer" not in found and "order" in found and link_find(found["order"], user):
        found["customer"] = user
    shown = {
        r: [(m._meta.label, s) for m, s in sorted(score[r].items(), key=lambda p: -p[1])[:3] if s > 0] for r in ROLES
    }
    return found, shown


def mapping_find(found: dict[str, Model]) -> dict[str, dict[str, str]]:
    """Row field -> column of each found model."""
    mapping: dict[str, dict[str, str]] = {}
    for role, model in found.items():
        chosen: dict[str, str] = {}
        for name in FIELDS[role]:
            guess = _field_guess(model, role, name)
            if guess and (guess not in chosen.values() or name in ("updated", "sku", "number")):
                chosen[name] = guess
        if role == "product":
            for name, attributes in (
                ("url", ("get_absolute_url",)),
                ("image_url", ("image_url", "picture_url", "get_image_url")),
            ):
                for attribute in attributes:
                    if name not in chosen and hasattr(model, attribute):
                        chosen[name] = attribute
        mapping[role] = chosen
    return mapping


def draft_make(pool: Iterable[Model] | None = None) -> Draft:
    """Draft an adapter for the models (default: all of the project's own)."""
    draft = Draft()
    draft.found, draft.scores = roles_find(candidates() if pool is None else pool)
    draft.mapping = mapping_find(draft.found)
    if status := draft.mapping.get("order", {}).get("status"):
        choices = getattr(draft.found["order"]._meta.get_field(status), "flatchoices", None) or []
        for value, label in choices:
            word = STATUS_WORDS.get(str(value).lower()) or STATUS_WORDS.get(str(label).lower())
            if word:
                draft.statuses[str(value)] = word
            else:
                draft.unknown_statuses.append(str(value))
    draft.text = _source(draft)
    draft.messages = adapter_messages(_adapter_class(draft)()) if draft.found else []
    return draft


def _adapter_class(draft: Draft) -> type[ModelAdapter]:
    """The adapter that the text describes, for checking it."""
    meta = type("Meta", (), {role: model._meta.label for role, model in draft.found.items()})
    body: dict[str, Any] = {"Meta": meta, "order_status": draft.statuses, "category_fields": {}}
    body.update({f"{role}_fields": fields for role, fields in draft.mapping.items()})
    return type("ShopAdapter", (ModelAdapter,), body)


def _source(draft: Draft) -> str:
    lines = [
        '"""How EcomAI reads this shop. Drafted by `manage.py ecomai_adapter`: please go through it line by line."""',
        "",
        "from django_ecomai.adapters.declarative import ModelAdapter",
        "",
        "",
        "class ShopAdapter(ModelAdapter):",
        "    class Meta:",
    ]
    for role in ROLES:
        if role in draft.found:
            lines.append(f'        {role} = "{draft.found[role]._meta.label}"')
        else:
            lines.append(f'        # {role} = "yourapp.Model"  # not found; leave it out if the shop has none')
    lines.append('        # currency = "EUR"  # of rows that name none')
    for role, mapping in draft.mapping.items():
        lines += [
            "",
            f"    # Fields of {draft.found[role]._meta.label}; not mapped: {_unmapped(draft.found[role], mapping)}",
        ]
        lines.append(f"    {role}_fields = {{")
        lines += [f'        "{name}": "{source}",' for name, source in mapping.items()]
        for name in NEEDED.get(role, ()):
            if name not in mapping and not name.endswith("_id"):
                lines.append(f'        # "{name}": "...",  # needed!')
        if role == "order":
            for name, names in OPTIONAL_HASHED.items():
                column = next((n for n in names if n in {f.name for f in _columns(draft.found[role])}), None)
                if column:
                    lines.append(
                        f'        # "{name}": "{column}",  # optional: kept only as a keyed hash, for fraud checks'
                    )
        lines.append("    }")
    if draft.statuses or draft.unknown_statuses:
        lines += [
            "",
            "    # Your status -> open, paid, shipped, delivered, cancelled or returned",
            "    order_status = {",
        ]
        lines += [f"        {value!r}: {word!r}," for value, word in draft.statuses.items()]
        lines += [f"        # {value!r}: 'open',  # which?" for value in draft.unknown_statuses]
        lines.append("    }")
    return "\n".join(lines) + "\n"


def _unmapped(model: Model, mapping: dict[str, str]) -> str:
    left = [
        f.name for f in _columns(model) if f.name not in mapping.values() and not f.is_relation and not f.primary_key
    ]
    return ", ".join(left[:12]) or "none"
