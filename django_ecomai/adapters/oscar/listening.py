"""Oscar's signals: rows that belong to a product or an order, and what shoppers do.

Oscar sends most of them by plain ``send`` inside the request, ``order_placed`` also inside the request's transaction:
nothing here raises or waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models.signals import ModelSignal, post_delete, post_save
from django.dispatch import Signal
from django.utils.module_loading import import_string

from django_ecomai.adapters import live
from django_ecomai.adapters.paths import getter
from django_ecomai.adapters.rows import Behaviour

if TYPE_CHECKING:
    from . import OscarAdapter

logger = logging.getLogger("django_ecomai")

#: (model, table, path from its row to the table's): a change of the one is a change of the other.
PARTS = (
    ("partner.StockRecord", "product", "product_id"),
    ("catalogue.ProductCategory", "product", "product_id"),
    ("catalogue.ProductAttributeValue", "product", "product_id"),
    ("catalogue.ProductImage", "product", "product_id"),
    # A parent can be bought as long as one of its children can.
    ("catalogue.Product", "product", "parent_id"),
    ("order.OrderStatusChange", "order", "order_id"),
    ("order.ShippingEvent", "order", "order_id"),
    ("order.ShippingEventQuantity", "order", "event__order_id"),
    ("order.PaymentEvent", "order", "order_id"),
    ("order.PaymentEventQuantity", "order", "event__order_id"),
)
#: Of shops whose own order code writes behind the back of Django's signals: signal, argument, path to the order.
ORDERS = {
    "order_placed": ("order", "pk"),
    "order_status_changed": ("order", "pk"),
    "order_line_status_changed": ("line", "order_id"),
}
_PLACES = {
    "product_viewed": "oscar.apps.catalogue.signals",
    "basket_addition": "oscar.apps.basket.signals",
    "user_search": "oscar.apps.search.signals",
    "start_checkout": "oscar.apps.checkout.signals",
    "post_checkout": "oscar.apps.checkout.signals",
    "review_added": "oscar.apps.catalogue.reviews.signals",
    "order_placed": "oscar.apps.order.signals",
    "order_status_changed": "oscar.apps.order.signals",
    "order_line_status_changed": "oscar.apps.order.signals",
}


def _signal(name: str) -> Signal | None:
    """A signal of Oscar, or ``None`` where this version has none of that name or Oscar is not installed."""
    try:
        found: Signal = import_string(f"{_PLACES[name]}.{name}")
    except ImportError:
        return None
    return found


def _parts() -> Iterator[tuple[Any, str, str]]:
    for label, table, path in PARTS:
        try:
            yield apps.get_model(label), table, path
        except LookupError:
            logger.warning("EcomAI: this shop has no model %s; its changes come with the nightly sync.", label)


def connect(adapter: OscarAdapter, emit: live.Emit) -> None:
    """Note the product or the order whenever one of its parts changes."""
    for model, table, path in _parts():
        # Where the key is the id, the row that is gone is known by it.
        ident = path if adapter.plan(table).id_path == "pk" else ""
        note = partial(live.note, adapter=adapter, emit=emit, table=table, path=path, ident=ident)
        for signal in (post_save, post_delete):
            signal.connect(note, sender=model, weak=False, dispatch_uid=_uid(adapter, path))
    for name, (argument, path) in ORDERS.items():
        note = partial(live.note, adapter=adapter, emit=emit, table="order", path=path, ident="")
        if oscar := _signal(name):
            oscar.connect(partial(_of_order, argument, note), weak=False, dispatch_uid=_uid(adapter, name))


def disconnect(adapter: OscarAdapter) -> None:
    """Undo ``connect``."""
    for model, _table, path in _parts():
        for signal in (post_save, post_delete):
            _model_disconnect(signal, model, _uid(adapter, path))
    for name in ORDERS:
        if oscar := _signal(name):
            oscar.disconnect(dispatch_uid=_uid(adapter, name))


def _model_disconnect(signal: ModelSignal, model: Any, uid: tuple[str, int, str]) -> None:
    signal.disconnect(sender=model, dispatch_uid=uid)


def _uid(adapter: OscarAdapter, name: str) -> tuple[str, int, str]:
    return ("ecomai.oscar", id(adapter), name)


def _of_order(argument: str, note: Callable[..., None], /, sender: Any = None, **kwargs: Any) -> None:
    if kwargs.get(argument) is not None:
        note(instance=kwargs[argument])


# -- what shoppers do -----------------------------------------------------------------------------------------------
def _viewed(sender: Any, product: Any, request: Any, **kwargs: Any) -> Behaviour:
    return Behaviour(name="view_item", request=request, product=product)


def _added(sender: Any, product: Any, request: Any, **kwargs: Any) -> Behaviour:
    # The signal does not say how many: the form that was sent does.
    pieces = str(request.POST.get("quantity", "")) if request is not None else ""
    return Behaviour(
        name="add_to_cart",
        request=request,
        product=product,
        quantity=int(pieces) if pieces.isascii() and pieces.isdigit() and int(pieces) else 1,
    )


def _searched(sender: Any, query: str, **kwargs: Any) -> Behaviour | None:
    return Behaviour(name="search", request=getattr(sender, "request", None), query=query) if query else None


def _checkout_begun(sender: Any, request: Any, **kwargs: Any) -> Behaviour:
    basket = request.basket
    value = basket.total_incl_tax if basket.is_tax_known else basket.total_excl_tax
    return Behaviour(name="begin_checkout", request=request, value=value, currency=basket.currency or "")


def _bought(sender: Any, order: Any, request: Any, **kwargs: Any) -> Behaviour:
    return Behaviour(
        name="purchase",
        request=request,
        value=order.total_incl_tax,
        currency=order.currency,
        at=order.date_placed,
    )


def _reviewed(sender: Any, review: Any, request: Any, **kwargs: Any) -> Behaviour:
    return Behaviour(name="review", request=request, product=review.product)


_HEARD: dict[str, Callable[..., Behaviour | None]] = {
    "product_viewed": _viewed,
    "basket_addition": _added,
    "user_search": _searched,
    "start_checkout": _checkout_begun,
    "post_checkout": _bought,
    "review_added": _reviewed,
}
SIGNALS = tuple(_HEARD)


def listen(adapter: OscarAdapter, tell: Callable[[Behaviour], None]) -> None:
    """Tell of everything that one of the signals in ``adapter.listens`` reports."""
    for name in adapter.listens:
        if oscar := _signal(name):
            oscar.connect(partial(_hear, adapter, name, tell), weak=False, dispatch_uid=_uid(adapter, f"heard.{name}"))


def unlisten(adapter: OscarAdapter) -> None:
    """Undo ``listen``."""
    for name in SIGNALS:
        if oscar := _signal(name):
            oscar.disconnect(dispatch_uid=_uid(adapter, f"heard.{name}"))


def _hear(adapter: OscarAdapter, name: str, tell: Callable[[Behaviour], None], /, **kwargs: Any) -> None:
    if kwargs.get("raw"):
        return
    try:
        if told := _HEARD[name](**kwargs):
            if name == "post_checkout":
                # The id under which the order is copied, which a shop may have mapped to its number.
                told = replace(told, order_id=str(getter(adapter.plan("order").id_path)(kwargs["order"])))
            tell(told)
    except Exception:  # the shop's own page is being served: nothing of ours may stop it
        logger.exception("EcomAI could not record what Oscar's signal %s tells.", name)
