"""``OscarAdapter``: reads a django-oscar shop, forked apps included, and hears what its shoppers do.

::

    ECOMAI = {"ADAPTER": "django_ecomai.adapters.oscar.OscarAdapter"}

Models are reached by their app labels, which a fork keeps. Parents are products and children their variants: what is
recommended is a parent, what is sold, counted and forecast is the child (or stand-alone product) that has the stock
record. Price, currency, stock and SKU are those of the stock record from which the shop's own strategy sells. A
subclass changes what differs; the keys that its ``…_fields`` dicts name are put over those of this class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Prefetch, Q, Subquery
from django.db.models.functions import Length, Substr

from django_ecomai.adapters.base import NotSupported
from django_ecomai.adapters.declarative import ModelAdapter
from django_ecomai.adapters.plan import Plan
from django_ecomai.adapters.rows import Behaviour, Change
from django_ecomai.core.extras import require

from . import catalogue, listening, offers, sales

__all__ = ["OscarAdapter"]


_BROWSABLE = {"is_public": True, "ancestors_are_public": True}


class OscarAdapter(ModelAdapter):
    """The tables of a django-oscar shop. Ids are primary keys: a UPC may be missing, a number is too long."""

    class Meta:
        category = "catalogue.Category"
        product = "catalogue.Product"
        customer = settings.AUTH_USER_MODEL
        order = "order.Order"
        line = "order.Line"
        review = "reviews.ProductReview"
        promotion = "offer.ConditionalOffer"

    #: Names of Oscar's signals that are heard. A shop whose product pages carry ``data-ecomai-view-item`` leaves out
    #: ``product_viewed``: every view would count twice.
    listens: Sequence[str] = listening.SIGNALS
    #: Codes of product attributes that hold the brand, in order of preference.
    brand_attributes: Sequence[str] = ("brand", "manufacturer", "publisher")

    @property
    def currency(self) -> str:
        return self.option("currency") or getattr(settings, "OSCAR_DEFAULT_CURRENCY", "") or super().currency

    def model(self, table: str) -> type[models.Model] | None:
        try:
            return super().model(table)
        except LookupError as error:
            raise LookupError(
                f"{error} Is Oscar in INSTALLED_APPS? Without it: pip install 'django-ecomai[oscar]'."
            ) from error

    def mapping(self, table: str) -> dict[str, Any]:
        return {**self._defaults(table), **super().mapping(table)}

    def _defaults(self, table: str) -> dict[str, Any]:
        if table == "category":
            return {"name": "name", "slug": "slug", "parent_id": lambda category: category.ecomai_parent}
        if table == "product":
            return {
                "title": "get_title",
                "parent_id": "parent",
                "sku": lambda product: product.upc or self.offer(product).sku,
                "description": catalogue.description,
                "brand": lambda product: catalogue.brand(product, self.brand_attributes),
                "category_ids": catalogue.category_ids,
                "price": lambda product: self.offer(product).price,
                "currency": lambda product: self.offer(product).currency,
                "stock": lambda product: self.offer(product).stock,
                "image_url": catalogue.image_url,
                "url": "get_absolute_url",
                "is_active": catalogue.is_active,
                "attributes": catalogue.attributes,
                "created_at": "date_created",
                # A function, so that --since does not compare it: a new price or stock does not touch the product.
                "updated_at": lambda product: product.date_updated,
            }
        if table == "customer":
            return {"first_seen": lambda user: getattr(user, "date_joined", None)}
        if table == "order":
            return {
                "customer_id": "user",
                "number": "number",
                "placed_at": "date_placed",
                "status": "status",
                "currency": "currency",
                "total": "total_incl_tax",
                "total_net": "total_excl_tax",
                "total_tax": "total_tax",
                "country": lambda order: getattr(order.shipping_address, "country_id", "") or "",
                "email": "email",
                "address": sales.address,
                **{name: self._reached(name) for name in sales.TIMES},
            }
        if table == "line":
            return {
                "product_id": "product",
                "title": "title",
                "sku": "partner_sku",
                "quantity": "quantity",
                "unit_price": sales.unit_price,
                "discount": "discount_incl_tax",
                "tax": "line_price_tax",
            }
        if table == "review":
            return {
                "product_id": "product",
                "customer_id": "user",
                "rating": "score",
                "title": "title",
                "text": "body",
                "created_at": "date_created",
            }
        if table == "promotion":
            return {
                "name": "name",
                "kind": offers.kind,
                "starts_at": offers.starts_at,
                "ends_at": offers.ends_at,
                "percent": offers.percent,
                "amount": offers.amount,
                "product_ids": offers.product_ids,
            }
        return {}

    def _reached(self, name: str) -> Callable[[Any], datetime | None]:
        return lambda order: sales.reached(order, self.status).get(name)

    # -- reading ----------------------------------------------------------------------------------------------------
    def get_queryset(self, table: str) -> models.QuerySet[Any]:
        rows = super().get_queryset(table)
        if table == "category":
            step: int = rows.model.steplen  # of treebeard: every level adds so many characters to the path
            above = rows.model._default_manager.filter(
                path=Substr(OuterRef("path"), 1, Length(OuterRef("path")) - step)
            )
            return rows.filter(**_BROWSABLE).annotate(ecomai_parent=Subquery(above.order_by().values("pk")[:1]))
        if table == "product":
            return self._products(rows)
        if table == "customer" and any(field.name == "is_staff" for field in rows.model._meta.fields):
            return rows.filter(is_staff=False)
        if table == "order":
            parts = [_by_pk(rows.model, name) for name in ("status_changes", "shipping_events", "payment_events")]
            return rows.select_related("user", "shipping_address").prefetch_related(*parts)
        if table == "review":
            return rows.filter(status=rows.model.APPROVED)
        if table == "promotion":
            suspended = rows.model.SUSPENDED
            return rows.exclude(status=suspended).select_related("benefit__range").prefetch_related("vouchers")
        return rows

    def _products(self, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Products with all that their columns need, in a fixed number of queries a page."""
        shelves = super().get_queryset("category").filter(**_BROWSABLE).order_by("path")
        values = _related(rows.model, "attribute_values").select_related("attribute", "value_option")
        values = values.prefetch_related("value_multi_option")
        children = rows.model._default_manager.filter(is_public=True).order_by("pk")
        return rows.select_related("product_class", "parent__product_class").prefetch_related(
            "stockrecords",
            "images",
            "parent__images",
            Prefetch("categories", queryset=shelves, to_attr="ecomai_categories"),
            Prefetch("parent__categories", queryset=shelves, to_attr="ecomai_categories"),
            Prefetch("attribute_values", queryset=values, to_attr="ecomai_attributes"),
            Prefetch("parent__attribute_values", queryset=values, to_attr="ecomai_attributes"),
            # The name under which Oscar's own strategies look for it.
            Prefetch(
                "children", queryset=children.prefetch_related("stockrecords"), to_attr="_prefetched_public_children"
            ),
        )

    def offer(self, product: Any) -> catalogue.Offer:
        """What the shop's strategy says of a product: price, currency, stock and SKU of the stock record it sells from.

        The strategy is asked as for a visitor who has not logged in. Override ``strategy`` for another one.
        """
        found = product.__dict__.get("_ecomai_offer")
        if found is None:
            found = product.__dict__["_ecomai_offer"] = catalogue.offer_of(product, self.strategy())
        return found

    def strategy(self) -> Any:
        """The strategy of Oscar's ``Selector``, without a request."""
        return require("oscar.core.loading", extra="oscar").get_class("partner.strategy", "Selector")().strategy()

    def rows_of(self, table: str, *, since: datetime | None = None, pks: Sequence[Any] | None = None) -> Iterator[Any]:
        wanted: Any = pks
        if table == "product" and pks is not None:
            wanted = self._family(pks)
        elif pks is None and since is not None and table in ("product", "order"):
            # A product's date says nothing of its price and stock, nor an order's date of what became of it.
            changed = catalogue.changed_since(since) if table == "product" else sales.changed_since(since)
            model = self.model(table)
            wanted = model._default_manager.filter(changed).order_by().values("pk") if model else None
            since = None
        for row in super().rows_of(table, since=since, pks=wanted):
            if table != "promotion" or row.product_ids != offers.NOTHING:
                yield row

    def _family(self, pks: Sequence[Any]) -> list[Any]:
        """The products with their parents, whose stock is theirs, and their children, which borrow title and shelf."""
        model = self.model("product")
        if model is None:
            return list(pks)
        near = Q(pk__in=pks) | Q(children__in=pks) | Q(parent__in=pks)
        return list(model._default_manager.filter(near).order_by("pk").values_list("pk", flat=True).distinct())

    def _extras(self, table: str, plan: Plan, keys: list[Any]) -> dict[str, dict[Any, tuple[Any, ...]]]:
        extras = super()._extras(table, plan, keys)
        if table == "order":
            extras["returns"] = sales.returns(self, keys)
        return extras

    # -- the shop's own objects -------------------------------------------------------------------------------------
    def resolve_queryset(self) -> models.QuerySet[Any]:
        """Public products, with what Oscar's own templates of lists ask for."""
        model = self.model("product")
        rows: Any = super().get_queryset("product") if model is not None else None
        for name in ("base_queryset", "prefetch_public_children"):
            rows = getattr(rows, name)() if hasattr(rows, name) else rows
        found: models.QuerySet[Any] = rows.filter(is_public=True)
        return found

    def product_id(self, obj: Any) -> str:
        """Lines of a basket or an order count as their product: ``products=request.basket.all_lines``."""
        if hasattr(obj, "stockrecord_id") and hasattr(obj, "product_id"):
            return "" if obj.product_id is None else str(obj.product_id)
        return super().product_id(obj)

    # -- live changes and behaviour ---------------------------------------------------------------------------------
    def live_tables(self) -> list[str]:
        # Every order with a discount saves its offer, and what an offer covers is a long list: the nightly sync's.
        return [table for table in super().live_tables() if table != "promotion"]

    def connect(self, emit: Callable[[Change], None]) -> None:
        super().connect(emit)
        listening.connect(self, emit)

    def disconnect(self) -> None:
        super().disconnect()
        listening.disconnect(self)

    def listen(self, tell: Callable[[Behaviour], None]) -> None:
        listening.listen(self, tell)

    def unlisten(self) -> None:
        listening.unlisten(self)

    # -- writing back -----------------------------------------------------------------------------------------------
    def apply_price(self, product_id: str, price: Any) -> None:
        """Write the price that shoppers pay into the stock record from which the shop sells.

        A tax that the strategy adds is taken off first. Raises ``NotSupported`` for a product without a stock record,
        such as a parent.
        """
        model = self.model("product")
        product: Any = None if model is None else model._default_manager.filter(pk=product_id).first()
        info = None if product is None or product.is_parent else self.strategy().fetch_for_product(product)
        if info is None or info.stockrecord is None:
            raise NotSupported(f"Product {product_id} has no stock record: set the prices of its children.")
        record, amount = info.stockrecord, Decimal(str(price))
        if info.price.exists and info.price.is_tax_known and info.price.excl_tax:
            amount = amount * info.price.excl_tax / info.price.incl_tax
        record.price = amount.quantize(Decimal("0.01"))
        # The price alone: a checkout may be allocating stock of the same record at this moment.
        record.save(update_fields=["price", "date_updated"])


def _related(model: type[models.Model], name: str) -> models.QuerySet[Any]:
    """All rows behind a reverse relation, whatever model the shop's fork puts there."""
    field: Any = model._meta.get_field(name)
    rows: models.QuerySet[Any] = field.related_model._default_manager.all()
    return rows


def _by_pk(model: type[models.Model], name: str) -> Prefetch[Any]:
    rows = _related(model, name).order_by("date_created", "pk")
    return Prefetch(name, queryset=rows.select_related("event_type") if name.endswith("events") else rows)
