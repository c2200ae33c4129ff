"""System checks of the adapter: every mapped path is followed before a sync stumbles over it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning

from django_ecomai.conf import ecomai

from .base import AdapterError, NullAdapter, ShopAdapter, get_adapter
from .declarative import ModelAdapter
from .paths import PathError, path_resolve
from .plan import CHILDREN, parent_path, row_fields

# Without these a table is of no use.
NEEDED = {
    "category": ("name",),
    "product": ("title",),
    "order": ("placed_at",),
    "line": ("quantity",),
    "return_line": ("quantity",),
    "price": ("product_id", "valid_from", "price"),
    "stock": ("product_id", "quantity"),
    "review": ("product_id",),
    "promotion": ("starts_at",),
}


def adapter_check() -> list[CheckMessage]:
    """Messages about ``ECOMAI["ADAPTER"]``.

    W010 not set, E010 cannot be loaded, E011 to E016 declarations that cannot work.
    """
    target = ecomai.ADAPTER
    if not target:
        return [
            Warning(
                "ECOMAI['ADAPTER'] is not set: EcomAI does not know where your products and orders are.",
                hint="Type `python manage.py ecomai_adapter --output yourapp/ecomai.py`, edit the file and set "
                "ECOMAI = {'ADAPTER': 'yourapp.ecomai.ShopAdapter'}.",
                id="ecomai.W010",
            )
        ]
    messages: list[CheckMessage] = []
    for channel in target if isinstance(target, dict) else [ecomai.CHANNEL]:
        try:
            adapter = get_adapter(channel)
        except (ImportError, AdapterError, TypeError, ValueError) as error:
            messages.append(
                Error(
                    f"The adapter {ecomai.ADAPTER!r} cannot be loaded: {error}",
                    hint="ECOMAI['ADAPTER'] is a dotted path such as 'yourapp.ecomai.ShopAdapter'.",
                    id="ecomai.E010",
                )
            )
            continue
        messages += adapter_messages(adapter)
    return messages


def adapter_messages(adapter: ShopAdapter) -> list[CheckMessage]:
    """What is wrong with one adapter."""
    if isinstance(adapter, NullAdapter):
        return []
    if not isinstance(adapter, ModelAdapter):
        if not adapter.tables() and not adapter.fed:
            return [
                Error(
                    f"{type(adapter).__name__} gives no table.",
                    hint="Override at least products() and orders().",
                    obj=type(adapter),
                    id="ecomai.E014",
                )
            ]
        return []
    messages: list[CheckMessage] = []
    for table in adapter.model_tables():
        messages += _model_messages(adapter, table)
    if messages:
        return messages  # links between models cannot be followed while one of them is missing
    for table in adapter.model_tables():
        messages += _table_messages(adapter, table)
    for table in ("product", "order"):
        if table not in adapter.tables():
            messages.append(
                Warning(
                    f"{type(adapter).__name__}.Meta names no model for {table!r}.",
                    hint=f"Add {table} = 'yourapp.{table.title()}' to Meta.",
                    obj=type(adapter),
                    id="ecomai.W011",
                )
            )
    return messages


def _model_messages(adapter: ModelAdapter, table: str) -> Iterator[CheckMessage]:
    try:
        adapter.model(table)
    except (LookupError, ValueError) as error:
        yield Error(
            f"{type(adapter).__name__}.Meta.{table} is {adapter.option(table)!r}: {error}",
            hint="Write it like 'yourapp.Model', with the app's label." + _nearest_model(adapter.option(table)),
            obj=type(adapter),
            id="ecomai.E011",
        )


def _table_messages(adapter: ModelAdapter, table: str) -> Iterator[CheckMessage]:
    name = type(adapter).__name__
    model = adapter.model(table)
    if model is None:
        return
    known = row_fields(table)
    declared = adapter.mapping(table)
    broken = False
    for key, source in declared.items():
        where = f"{name}.{table}_fields[{key!r}]"
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            yield Error(
                f"{where}: EcomAI knows no such field.",
                hint=f"{hint}Known: {', '.join(known)}.",
                obj=type(adapter),
                id="ecomai.E012",
            )
            broken = True
        elif source is None or callable(source):
            if key == "id" and source is not None:
                yield Error(
                    f"{where}: an id must be a field, not a function, because objects are looked up by it.",
                    hint="Name the field that holds the id; leave it out to use the primary key.",
                    obj=type(adapter),
                    id="ecomai.E016",
                )
                broken = True
        elif not isinstance(source, str):
            yield Error(
                f"{where} is {source!r}.",
                hint="Use a path ('maker__name'), a function of the instance, or None.",
                obj=type(adapter),
                id="ecomai.E013",
            )
            broken = True
        else:
            try:
                path = path_resolve(model, source)
            except PathError as error:
                hint = (
                    f"Did you mean {error.nearest!r}?" if error.nearest else f"See the fields of {model._meta.label}."
                )
                yield Error(f"{where}: {error}", hint=hint, obj=type(adapter), id="ecomai.E013")
                broken = True
                continue
            if path.kind == "many" and not key.endswith("_ids"):
                yield Error(
                    f"{where}: {source!r} leads to many rows.",
                    hint="Write a function of the instance that picks one value.",
                    obj=type(adapter),
                    id="ecomai.E013",
                )
                broken = True
            elif key == "id" and path.kind != "field":
                yield Error(
                    f"{where}: {source!r} is no database field, and objects are looked up by their id.",
                    hint="Name the field that holds the id; leave it out to use the primary key.",
                    obj=type(adapter),
                    id="ecomai.E016",
                )
                broken = True
    if broken:
        return
    yield from _plan_messages(adapter, table)


def _plan_messages(adapter: ModelAdapter, table: str) -> Iterator[CheckMessage]:
    name = type(adapter).__name__
    if table in CHILDREN:
        try:
            path_resolve(adapter.model(table), parent_path(adapter, table))  # type: ignore[arg-type]
        except (AdapterError, PathError) as error:
            yield Error(
                str(error),
                hint=f"Set Meta.{CHILDREN[table]} to the relation's name, and Meta.order to the order's model.",
                obj=type(adapter),
                id="ecomai.E015",
            )
            return
    try:
        plan = adapter.plan(table)
    except (AdapterError, PathError) as error:
        yield Error(str(error), hint="Correct the mapping.", obj=type(adapter), id="ecomai.E013")
        return
    for key in NEEDED.get(table, ()):
        if key not in plan.names and key not in plan.many:
            yield Error(
                f"{name}.{table}_fields lacks {key!r}.",
                hint=f"Add {key!r}: '<field of {plan.model._meta.label}>'.",
                obj=type(adapter),
                id="ecomai.E014",
            )


def _nearest_model(name: object) -> str:
    from django.apps import apps

    labels = [m._meta.label for m in apps.get_models()]
    near = difflib.get_close_matches(str(name), labels, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
