"""What the mirror stores about a person, and how it is exported and erased."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.registry import PersonalData, personal_data

from .models import Customer, Order, ReturnLine, Review

_HASHES = ("ip_hash", "device_hash", "email_hash", "address_hash")


def _customers(subject: Any) -> QuerySet[Customer]:
    who = Q(external_id__in=list(subject.customer_ids)) | Q(user_id__in=list(subject.user_ids))
    return Customer.objects.filter(who, channel=subject.channel)


def customer_export(subject: Any) -> Iterator[dict[str, Any]]:
    """The customer's row."""
    for row in _customers(subject).iterator():
        yield {
            "customer": row.external_id,
            "first_seen": row.first_seen.isoformat() if row.first_seen else None,
            "last_seen": row.last_seen.isoformat() if row.last_seen else None,
            "attributes": row.attributes,
            "birth_year": row.birth_year,
            "gender": row.gender,
            "country": row.country,
            "region": row.region,
        }


def customer_erase(subject: Any) -> int:
    """Empty the customer's row and cut it off from the user.

    The shop's id and the fingerprint stay, so that the next sync does not copy it anew.
    """
    return _customers(subject).update(user=None, attributes={}, birth_year=None, gender="", country="", region="")


def orders_export(subject: Any) -> Iterator[dict[str, Any]]:
    """Orders with their lines, returns and reviews."""
    orders = Order.objects.filter(customer__in=_customers(subject)).prefetch_related("lines").order_by("placed_at")
    for order in orders.iterator(chunk_size=200):
        yield {
            "order": order.external_id,
            "placed_at": order.placed_at.isoformat(),
            "status": order.status,
            "total": None if order.total is None else str(order.total),
            "currency": order.currency,
            "country": order.country,
            "hashes": {name: getattr(order, name) for name in _HASHES if getattr(order, name)},
            "lines": [
                {
                    "product": x.product_external_id,
                    "title": x.title,
                    "quantity": str(x.quantity),
                    "price": str(x.unit_price),
                }
                for x in order.lines.all()
            ],
        }
    for back in ReturnLine.objects.filter(customer__in=_customers(subject)).iterator(chunk_size=200):
        yield {
            "return": back.external_id,
            "product": back.product_external_id,
            "quantity": str(back.quantity),
            "returned_at": back.returned_at.isoformat(),
        }
    for review in Review.objects.filter(customer__in=_customers(subject)).iterator(chunk_size=200):
        yield {"review": review.external_id, "rating": str(review.rating), "title": review.title, "text": review.text}


def orders_erase(subject: Any) -> int:
    """Cut orders, returns and reviews off from the customer and empty their hashes.

    What was sold stays, as a guest's.
    """
    customers = list(_customers(subject).values_list("pk", flat=True))
    with transaction.atomic():
        changed = Order.objects.filter(customer__in=customers).update(
            customer=None, country="", **dict.fromkeys(_HASHES, "")
        )
        changed += ReturnLine.objects.filter(customer__in=customers).update(customer=None)
        changed += Review.objects.filter(customer__in=customers).update(customer=None)
    return changed


# Orders first: they are found through the customer.
ORDERS = PersonalData(
    _("Orders, returns and reviews"), "recommendations, forecasts, security", orders_export, orders_erase
)
CUSTOMER = PersonalData(_("Customer"), "recommendations", customer_export, customer_erase)


def register() -> None:
    """Called once from ``ready()``."""
    personal_data.register("mirror.orders", ORDERS)
    personal_data.register("mirror.customer", CUSTOMER)
