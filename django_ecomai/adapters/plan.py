"""How ``ModelAdapter`` reads one table: worked out once from the declaration, then used for every page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import models

from .base import AdapterError
from .paths import Path, PathError, getter, link_find, path_resolve
from .rows import ROW_TYPES, BadRow

if TYPE_CHECKING:
    from .declarative import ModelAdapter

# Row fields that hold ids, and the table whose ids they are.
LINKS = {
    "parent_id": "",
    "category_ids": "category",
    "customer_id": "customer",
    "product_id": "product",
    "product_ids": "product",
    "line_id": "line",
}
# Where --since looks when "updated" is not mapped. A product's or customer's date of creation would hide later
# changes, so without "updated" all of them are read; orders are too many for that, and change little after a while.
_SINCE = {
    "product": ("updated_at",),
    "order": ("placed_at",),
    "review": ("created_at",),
    "price": ("valid_from",),
    "stock": ("valid_from",),
}
# A product's relation to itself that makes it a variant; others mean "replaced by", "goes with" and so on.
_PARENTS = ("parent", "variant_of", "master", "main_product", "base_product", "structure")
CHILDREN = {"line": "line_order", "return_line": "return_line_order"}

STATUS_WORDS = {
    **dict.fromkeys(
        ("open", "new", "pending", "placed", "created", "confirmed", "on-hold", "on_hold", "draft", ""), "open"
    ),
    **dict.fromkeys(
        ("paid", "processing", "in_process", "being processed", "authorized", "captured", "fulfilling"), "paid"
    ),
    **dict.fromkeys(("shipped", "sent", "dispatched", "in transit", "fulfilled", "partially_shipped"), "shipped"),
    **dict.fromkeys(("delivered", "complete", "completed", "done", "closed", "finished", "received"), "delivered"),
    **dict.fromkeys(
        ("cancelled", "canceled", "void", "voided", "failed", "declined", "rejected", "expired"), "cancelled"
    ),
    **dict.fromkeys(("returned", "refunded"), "returned"),
}

Value = tuple[Any, ...]
PageRow = tuple[Any, Value, list[BadRow]]


@dataclass
class Plan:
    """The reading plan of one table.

    ``values``: every field is a column, so plain tuples are read instead of instances.
    """

    table: str
    model: type[models.Model]
    row_type: type
    names: list[str] = field(default_factory=list)
    sources: list[Path | Callable[[Any], Any]] = field(default_factory=list)
    many: dict[str, tuple[str, str]] = field(default_factory=dict)
    since: str | None = None
    id_path: str = "pk"
    parent: str | None = None
    user_path: str | None = None
    converters: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._getters: list[Callable[[Any], Any]] = []

    @property
    def id_field(self) -> Any:
        """The model field that holds the external id."""
        return path_resolve(self.model, self.id_path).field

    @property
    def reads_values(self) -> bool:
        """Whether columns alone suffice."""
        return all(isinstance(s, Path) and s.kind == "field" for s in self.sources)

    def page(self, queryset: models.QuerySet[Any], size: int | None) -> list[PageRow]:
        """Up to ``size`` rows as ``(pk, values, problems)``.

        The values begin with the parent's key in a child table.
        """
        if self.reads_values:
            columns = ["pk", *([self.parent] if self.parent else []), *(s.text for s in self.sources)]  # type: ignore[union-attr]
            # Each column once: Django 5.2.0 answers a column that is named twice only the first time.
            once = list(dict.fromkeys(columns))
            places = [once.index(column) for column in columns[1:]]
            rows = queryset.values_list(*once)
            return [(row[0], tuple(row[i] for i in places), []) for row in (rows if size is None else rows[:size])]
        select = sorted({s.select for s in self.sources if isinstance(s, Path) and s.select})
        if select:
            queryset = queryset.select_related(*select)
        if not self._getters:
            self._getters = [s if callable(s) else getter(s.text) for s in self.sources]
        parent = getter(self.parent) if self.parent else None
        return [self._read(obj, parent) for obj in (queryset if size is None else queryset[:size])]

    def _read(self, obj: Any, parent: Callable[[Any], Any] | None) -> PageRow:
        values: list[Any] = [parent(obj)] if parent else []
        problems = []
        for name, read in zip(self.names, self._getters, strict=True):
            try:
                values.append(read(obj))
            except Exception as error:  # the shop's own code may raise anything; one bad row must not end a sync
                values.append(None)
                problems.append(
                    BadRow(
                        table=self.table,
                        code="field_failed",
                        column=name,
                        id=str(obj.pk),
                        value=f"{type(error).__name__}: {error}"[:120],
                        action="emptied",
                    )
                )
        return obj.pk, tuple(values), problems

    def build(self, values: Sequence[Any], extras: dict[str, tuple[Any, ...]]) -> Any:
        """The row dataclass of one page row."""
        data = dict(zip(self.names, values, strict=True))
        for name, convert in self.converters.items():
            data[name] = convert(data[name])
        data.update(extras)
        return self.row_type(**data)


def row_fields(table: str) -> list[str]:
    """Keys that a ``<table>_fields`` dict may have."""
    names = [f.name for f in fields(ROW_TYPES[table])]
    return [n for n in names if n not in ("lines", "returns")] + ["updated"]


def id_path(adapter: ModelAdapter, table: str) -> str:
    """Path of the external id of a table (the primary key unless mapped)."""
    declared = adapter.mapping(table).get("id") or "pk"
    return declared if isinstance(declared, str) else "pk"


def _links_default(adapter: ModelAdapter, table: str, model: type[models.Model]) -> dict[str, Any]:
    """Relations that need not be declared, because there is exactly one that fits."""
    found: dict[str, Any] = {}
    names = row_fields(table)
    for name, target in LINKS.items():
        if name in names:
            other = model if name == "parent_id" else adapter.model(target) if adapter.option(target) else None
            link = link_find(model, other, many=name.endswith("_ids"))
            if link and not (name == "parent_id" and table == "product" and not link.startswith(_PARENTS)):
                found[name] = link
    if "user_id" in names and (link := link_find(model, get_user_model())):
        found["user_id"] = link
    if table == "customer" and model is get_user_model():
        found["user_id"] = "pk"
    return found


def _link_path(adapter: ModelAdapter, table: str, name: str, path: Path) -> str:
    """A path that ends at a mapped model goes on to that model's external id."""
    target = table if name == "parent_id" else LINKS[name]
    if path.field is None or not path.field.is_relation or path.text.split("__")[-1] != path.field.name:
        return path.text
    ident = id_path(adapter, target) if adapter.option(target) else "pk"
    if path.kind == "many" or ident != "pk":
        return f"{path.text}__{ident}"
    # The column itself: no join, no instance.
    return path.text.removesuffix(path.field.name) + path.field.attname


def parent_path(adapter: ModelAdapter, table: str) -> str:
    """Path from a line (or return) to its order. Raises ``AdapterError`` when it is not clear."""
    model, order = adapter.model(table), adapter.model("order")
    link = adapter.option(CHILDREN[table]) or (link_find(model, order) if model and order else None)
    if not link:
        raise AdapterError(
            f"{type(adapter).__name__}: which relation of Meta.{table} leads to the order? "
            f"Set Meta.{CHILDREN[table]} = '<relation>'."
        )
    return link


def plan_make(adapter: ModelAdapter, table: str) -> Plan:
    """Compile the declaration of a table.

    Raises ``AdapterError`` for a mapping that cannot work (the system checks say it earlier).
    """
    model = adapter.model(table)
    if model is None:
        raise AdapterError(f"{type(adapter).__name__}.Meta names no model for {table!r}.")
    plan = Plan(table=table, model=model, row_type=ROW_TYPES[table], id_path=id_path(adapter, table))
    known = row_fields(table)
    declared = {"id": plan.id_path, **_links_default(adapter, table, model), **adapter.mapping(table)}
    if "id" not in known:  # prices and stock have no id of their own
        declared.pop("id", None)
    for name, source in declared.items():
        if name not in known:
            raise AdapterError(f"{type(adapter).__name__}.{table}_fields has an unknown key {name!r}.")
        if source is None:
            continue
        if isinstance(source, str):
            try:
                path = path_resolve(model, source)
                if name in LINKS:
                    path = path_resolve_link(model, _link_path(adapter, table, name, path), path)
            except PathError as error:
                near = f" Did you mean {error.nearest!r}?" if error.nearest else ""
                raise AdapterError(f"{type(adapter).__name__}.{table}_fields[{name!r}]: {error}{near}") from error
            if name == "updated" or (name in _SINCE.get(table, ()) and plan.since is None and path.kind == "field"):
                plan.since = path.text
            if name == "updated":
                continue
            if path.kind == "many":
                plan.many[name] = (source, path.text)
                continue
            source = path
        elif name == "updated":
            continue
        plan.names.append(name)
        plan.sources.append(source)
        if name == "user_id":
            plan.user_path = source.text if isinstance(source, Path) else None
    if table in CHILDREN:
        plan.parent = parent_path(adapter, table)
        if "__" not in plan.parent:
            plan.parent = model._meta.get_field(plan.parent).attname  # type: ignore[union-attr]
    _converters_set(adapter, plan)
    return plan


def path_resolve_link(model: type[models.Model], text: str, path: Path) -> Path:
    """The extended path of a link; a to-many relation keeps its kind."""
    if path.kind == "many":
        return Path(text, "many", path.field, path.select)
    return path if text == path.text else path_resolve(model, text)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(str(v) for v in value)
    return (str(value),)


def _converters_set(adapter: ModelAdapter, plan: Plan) -> None:
    for name, source in zip(plan.names, plan.sources, strict=True):
        if name.endswith("_ids"):
            plan.converters[name] = _texts
        elif name == "id" or name in LINKS:
            plan.converters[name] = _text
        elif name == "status":
            plan.converters[name] = adapter.status
        elif isinstance(source, Path) and isinstance(source.field, models.FileField):
            plan.converters[name] = _file_url(source.field)


def _file_url(file_field: models.FileField) -> Callable[[Any], str]:
    def url(value: Any) -> str:
        name = getattr(value, "name", value)
        return file_field.storage.url(name) if name else ""

    return url
