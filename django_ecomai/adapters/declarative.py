"""``ModelAdapter``: say which models and fields of the shop mean what, and the rest follows.

::

    class ShopAdapter(ModelAdapter):
        class Meta:
            category = "shop.Category"
            product = "shop.Product"
            customer = "shop.Customer"
            order = "shop.Order"
            line = "shop.Line"
            currency = "GBP"

        product_fields = {"title": "name", "price": "price_gross", "brand": "maker__name", "url": "get_absolute_url"}
        order_fields = {"placed_at": "created", "status": "state", "total": "total"}
        line_fields = {"quantity": "quantity", "unit_price": "price"}
        order_status = {"complete": "delivered"}

A value is a path (``"maker__name"``), the name of a property or method, a function of the instance, or ``None`` (not
mapped). Keys are the fields of the row classes; ``"updated"`` names the column that ``--since`` compares (without it,
orders are taken by ``placed_at`` and products all). ``id`` is the primary key unless mapped; links between the named
models (parent, categories, customer, product, order, user) are found by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from . import live
from .base import METHODS, AdapterError, ShopAdapter
from .paths import Path, getter
from .plan import STATUS_WORDS, Plan, plan_make
from .rows import TABLES, Change

_MODELS = ("category", "product", "customer", "order", "line", "return_line", "review", "promotion", "price", "stock")


class ModelAdapter(ShopAdapter):
    """Reads the shop's Django models as ``Meta`` and the ``<name>_fields`` dicts declare.

    Pages by primary key: memory stays flat.
    """

    fields: dict[str, Any] = {}  # short for product_fields, when products are all there is to say
    product_fields: dict[str, Any] = {}
    category_fields: dict[str, Any] = {"name": "name"}
    customer_fields: dict[str, Any] = {}
    order_fields: dict[str, Any] = {}
    line_fields: dict[str, Any] = {}
    return_line_fields: dict[str, Any] = {}
    review_fields: dict[str, Any] = {}
    promotion_fields: dict[str, Any] = {}
    price_fields: dict[str, Any] = {}
    stock_fields: dict[str, Any] = {}
    order_status: dict[Any, str] = {}

    class Meta:
        """Names of the shop's models (``"app.Model"``).

        Also: ``currency``, ``chunk_size``, ``line_order`` and ``return_line_order`` (the relation to the order, found
        by itself when there is one), ``resolve_select_related``, ``resolve_prefetch_related``.
        """

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}

    # -- what is declared -------------------------------------------------------------------------------------------
    def option(self, name: str, default: Any = None) -> Any:
        """A value of ``Meta``."""
        return getattr(self.Meta, name, default)

    @property
    def currency(self) -> str:
        return self.option("currency") or super().currency

    def model(self, table: str) -> type[models.Model] | None:
        """The shop's model behind a table, or ``None``. Raises ``LookupError`` for a name that is no model."""
        name = self.option(table)
        if not name:
            return None
        return apps.get_model(name) if isinstance(name, str) else name

    def mapping(self, table: str) -> dict[str, Any]:
        """The declared mapping of a table."""
        declared = dict(getattr(self, f"{table}_fields"))
        return {**self.fields, **declared} if table == "product" else declared

    def model_tables(self) -> list[str]:
        """Tables with a model, lines and returns included."""
        return [t for t in _MODELS if self.option(t)]

    def tables(self) -> tuple[str, ...]:
        own = [t for t in TABLES if getattr(type(self), METHODS[t]) is not getattr(ModelAdapter, METHODS[t])]
        return tuple(t for t in TABLES if self.option(t) or t in own)

    def plan(self, table: str) -> Plan:
        """How a table is read, worked out once."""
        if table not in self._plans:
            self._plans[table] = plan_make(self, table)
        return self._plans[table]

    def get_queryset(self, table: str) -> models.QuerySet[Any]:
        """Rows of the shop that count. Override to leave some out; do not slice."""
        model = self.model(table)
        if model is None:
            raise AdapterError(f"{type(self).__name__}.Meta names no model for {table!r}.")
        return model._default_manager.all()

    def count(self, table: str) -> int | None:
        return self.get_queryset(table).count() if self.option(table) else None

    # -- reading ----------------------------------------------------------------------------------------------------
    def categories(self) -> Iterator[Any]:
        return self.rows_of("category")

    def products(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows_of("product", since=since)

    def customers(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows_of("customer", since=since)

    def orders(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows_of("order", since=since)

    def reviews(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows_of("review", since=since)

    def promotions(self) -> Iterator[Any]:
        return self.rows_of("promotion")

    def prices(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows_of("price", since=since)

    def stock(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows_of("stock", since=since)

    def rows_of(self, table: str, *, since: datetime | None = None, pks: Sequence[Any] | None = None) -> Iterator[Any]:
        """Stream a table page by page (two to four queries a page, none per row); only ``pks`` when given."""
        if not self.option(table):
            return
        plan = self.plan(table)
        queryset = self.get_queryset(table).order_by("pk")
        if pks is not None:
            queryset = queryset.filter(pk__in=pks)
        if since is not None and plan.since:
            queryset = queryset.filter(**{f"{plan.since}__gte": since})
        size = int(self.option("chunk_size", 500 if table == "order" else 1000))
        last: Any = None
        while True:
            page = plan.page(queryset if last is None else queryset.filter(pk__gt=last), size)
            if not page:
                return
            last = page[-1][0]
            extras = self._extras(table, plan, [pk for pk, _values, _problems in page])
            for pk, values, problems in page:
                yield from problems
                yield plan.build(values, {name: found.get(pk, ()) for name, found in extras.items()})
            if len(page) < size:
                return

    def _extras(self, table: str, plan: Plan, keys: list[Any]) -> dict[str, dict[Any, tuple[Any, ...]]]:
        """To-many relations and child rows of a page: one query each."""
        extras: dict[str, dict[Any, tuple[Any, ...]]] = {}
        for name, (relation, path) in plan.many.items():
            found: dict[Any, list[str]] = {}
            rows = plan.model._default_manager.filter(pk__in=keys, **{f"{relation}__isnull": False})
            for pk, value in rows.order_by("pk", path).values_list("pk", path):
                found.setdefault(pk, []).append(str(value))
            extras[name] = {pk: tuple(values) for pk, values in found.items()}
        if table == "order":
            for name, child in (("lines", "line"), ("returns", "return_line")):
                if self.option(child):
                    extras[name] = self._children(child, keys)
        return extras

    def _children(self, table: str, keys: list[Any]) -> dict[Any, tuple[Any, ...]]:
        plan = self.plan(table)
        found: dict[Any, list[Any]] = {}
        queryset = self.get_queryset(table).filter(**{f"{plan.parent}__in": keys}).order_by("pk")
        for _pk, values, problems in plan.page(queryset, None):
            # What went wrong in a line travels to the sync inside its order.
            found.setdefault(values[0], []).extend([*problems, plan.build(values[1:], {})])
        return {pk: tuple(rows) for pk, rows in found.items()}

    def status(self, value: Any) -> str:
        """The mirror's word for an order status of the shop: ``order_status`` first, then common words."""
        if value in self.order_status:
            return self.order_status[value]
        return STATUS_WORDS.get(str(value).strip().lower(), str(value))

    # -- the shop's own objects -------------------------------------------------------------------------------------
    def resolve_queryset(self) -> models.QuerySet[Any]:
        """Where ``resolve`` looks; override to hide what the storefront must not show."""
        queryset = self.get_queryset("product")
        if names := self.option("resolve_select_related", ()):
            queryset = queryset.select_related(*names)
        if names := self.option("resolve_prefetch_related", ()):
            queryset = queryset.prefetch_related(*names)
        return queryset

    def resolve(self, ids: Sequence[str]) -> dict[str, Any]:
        return self.resolve_where(ids, models.Q())

    def _ids_known(self, ids: Sequence[str]) -> list[Any]:
        """The ids as the product's field has them; those that this shop cannot have are left out."""
        field, known = self.plan("product").id_field, []
        for one in ids:
            try:
                known.append(field.to_python(one))
            except (ValidationError, ValueError, TypeError):
                continue
        return known

    def product_keys(self, ids: Sequence[str]) -> list[Any]:
        """Primary keys of the products with these ids, for ``rows_of(pks=...)``; also of those that are not shown."""
        path = self.plan("product").id_path
        rows = self.get_queryset("product").filter(**{f"{path}__in": self._ids_known(ids)})
        return list(rows.order_by().values_list("pk", flat=True))

    def resolve_where(self, ids: Sequence[str], where: models.Q) -> dict[str, Any]:
        if not self.option("product") or not ids:
            return {}
        plan = self.plan("product")
        keys = self._ids_known(ids)
        read = getter(plan.id_path)
        found = self.resolve_queryset().filter(where, **{f"{plan.id_path}__in": keys}) if keys else ()
        return {str(read(obj)): obj for obj in found}

    def product_id(self, obj: Any) -> str:
        model = self.model("product")
        if model is not None and isinstance(obj, model):
            return str(getter(self.plan("product").id_path)(obj))
        return super().product_id(obj)

    def category_id(self, obj: Any) -> str:
        model = self.model("category")
        if model is not None and isinstance(obj, model):
            return str(getter(self.plan("category").id_path)(obj))
        return super().category_id(obj)

    def customer_id(self, user: Any) -> str | None:
        if user is None or not getattr(user, "is_authenticated", False):
            return None
        model = self.model("customer")
        if model is None:
            field = self._order_user_field()
            return None if field is None else str(getattr(user, field.attname))
        plan = self.plan("customer")
        read = getter(plan.id_path)
        if isinstance(user, model) or model is get_user_model():
            return str(read(user))
        if plan.user_path is None:
            return None
        known = user.__dict__.get("_ecomai_customer_id", live.UNKNOWN)
        if known is live.UNKNOWN:
            found = (
                self.get_queryset("customer").filter(**{plan.user_path: user.pk}).values_list(plan.id_path, flat=True)
            )
            value = found.first()
            known = None if value is None else str(value)
            user.__dict__["_ecomai_customer_id"] = known
        return known

    def _order_user_field(self) -> models.Field[Any, Any] | None:
        """Without ``Meta.customer``: the column of the user model that the orders' ``customer_id`` leads to, if any."""
        plan = self.plan("order") if self.option("order") else None
        if plan is None or "customer_id" not in plan.names:
            return None
        source = plan.sources[plan.names.index("customer_id")]
        field = source.field if isinstance(source, Path) and source.kind == "field" else None
        if field is not None and field.is_relation:
            field = field.target_field
        return field if field is not None and issubclass(get_user_model(), field.model) else None

    # -- live changes -----------------------------------------------------------------------------------------------
    def live_tables(self) -> list[str]:
        """Tables whose saves and deletes are reported at once; the others wait for the next sync."""
        return self.model_tables()

    def connect(self, emit: Callable[[Change], None]) -> None:
        live.connect(self, emit)

    def disconnect(self) -> None:
        live.disconnect(self)
