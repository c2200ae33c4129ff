"""What the mirror stores about a person: how it is exported and erased, and how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import PersonalData, personal_data, prunes

from .models import Customer, Order, ReturnLine, Review, SyncIssue

_HASHES = ("ip_hash", "device_hash", "email_hash", "address_hash")
_BATCH = 1000


def _customers(subject: Subject) -> QuerySet[Customer]:
    who = Q(external_id__in=sorted(subject.customer_ids)) | Q(user_id__in=sorted(subject.user_ids))
    return Customer.objects.filter(who, channel=subject.channel)


def _orders(subject: Subject) -> QuerySet[Order]:
    """His orders, and those that he placed as a guest under the same e-mail address."""
    as_guest = Q(customer=None, email_hash__in=sorted(subject.email_hashes - {""}))
    return Order.objects.filter(Q(customer__in=_customers(subject)) | as_guest, channel=subject.channel)


def customer_export(subject: Subject) -> Iterator[dict[str, Any]]:
    """The customer's row."""
    for row in _customers(subject).iterator():
        yield {
            "customer": row.external_id,
            "user": None if row.user_id is None else str(row.user_id),
            "first_seen": row.first_seen.isoformat() if row.first_seen else None,
            "last_seen": row.last_seen.isoformat() if row.last_seen else None,
            "attributes": row.attributes,
            "birth_year": row.birth_year,
            "gender": row.gender,
            "country": row.country,
            "region": row.region,
        }


def customer_erase(subject: Subject) -> int:
    """Delete the customer's row. That the next copy does not bring it back is up to ``core.persons.refused``."""
    return _customers(subject).delete()[0]


def orders_export(subject: Subject) -> Iterator[dict[str, Any]]:
    """Orders with their lines, returns and reviews."""
    for order in _orders(subject).prefetch_related("lines").order_by("placed_at").iterator(chunk_size=200):
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
            "reason": back.reason,
            "returned_at": back.returned_at.isoformat(),
        }
    for review in Review.objects.filter(customer__in=_customers(subject)).iterator(chunk_size=200):
        yield {"review": review.external_id, "rating": str(review.rating), "title": review.title, "text": review.text}


def orders_erase(subject: Subject) -> int:
    """Cut orders and returns off from the customer, empty what could tell who he is, delete his reviews.

    What was sold stays, as a guest's: accounting and forecasts need it. Without a fingerprint the next copy writes the
    order anew, as far as ``core.persons.refused`` lets it.
    """
    with transaction.atomic():
        customers = list(_customers(subject).values_list("pk", flat=True))
        orders = list(_orders(subject).values_list("pk", flat=True))
        changed = ReturnLine.objects.filter(Q(customer__in=customers) | Q(order__in=orders)).update(
            customer=None, reason="", fingerprint=""
        )
        changed += Review.objects.filter(customer__in=customers).delete()[0]
        for start in range(0, len(orders), _BATCH):
            changed += Order.objects.filter(pk__in=orders[start : start + _BATCH]).update(
                customer=None, country="", fingerprint="", **dict.fromkeys(_HASHES, "")
            )
    return changed


def _findings(subject: Subject) -> Iterator[tuple[SyncIssue, list[dict[str, Any]]]]:
    """Findings of copies whose examples name the subject, with those that do."""
    mine = {ident for _kind, ident in subject.persons()}
    issues = SyncIssue.objects.filter(report__channel=subject.channel)
    issues = issues.filter(Q(table="customer") | Q(column__in=("customer_id", "user_id")))
    for issue in issues.iterator(chunk_size=200):
        named = ("id", "value") if issue.table == "customer" else ("value",)
        hits = [one for one in issue.examples if {str(one.get(key, "")) for key in named} & mine]
        if hits:
            yield issue, hits


def findings_export(subject: Subject) -> Iterator[dict[str, Any]]:
    """What the copying of the shop's data noted about the customer."""
    for issue, hits in _findings(subject):
        for hit in hits:
            yield {"table": issue.table, "finding": issue.code, "column": issue.column, **hit}


def findings_erase(subject: Subject) -> int:
    """Take the examples out; how often something was found stays."""
    changed = 0
    for issue, hits in list(_findings(subject)):
        issue.examples = [one for one in issue.examples if one not in hits]
        issue.save(update_fields=["examples"])
        changed += len(hits)
    return changed


def findings_search(subject: Subject) -> Iterator[str]:
    """Findings that still name the subject."""
    for issue, _hits in _findings(subject):
        yield f"SyncIssue {issue.pk}"


def hashes_prune() -> int:
    """Empty the hashes of orders older than ``SECURITY_RETENTION_DAYS``."""
    old = Order.objects.filter(placed_at__lt=timezone.now() - timedelta(days=float(ecomai.SECURITY_RETENTION_DAYS)))
    filled = Q(*[(name, "") for name in _HASHES], _connector=Q.AND)
    emptied = 0
    while pks := list(old.exclude(filled).order_by("pk").values_list("pk", flat=True)[:_BATCH]):
        emptied += Order.objects.filter(pk__in=pks).update(**dict.fromkeys(_HASHES, ""))
    return emptied


def customers_prune() -> int:
    """Delete customers whom the shop deleted ``GONE_CUSTOMER_DAYS`` ago.

    Their orders lose the fingerprint: should the shop bring the customer back, the next copy links them again.
    """
    before = timezone.now() - timedelta(days=float(ecomai.GONE_CUSTOMER_DAYS))
    gone = Customer.objects.filter(removed_at__lt=before).order_by("pk")
    deleted = 0
    while pks := list(gone.values_list("pk", flat=True)[:_BATCH]):
        with transaction.atomic():
            Order.objects.filter(customer__in=pks).update(customer=None, fingerprint="")
            Customer.objects.filter(pk__in=pks).delete()
        deleted += len(pks)
    return deleted


def _with_orders() -> str:
    return gettext("the orders as long as your shop keeps them, the hashes %(days)d days") % {
        "days": ecomai.SECURITY_RETENTION_DAYS
    }


def _with_account() -> str:
    return gettext("as long as the account exists, and %(days)d days") % {"days": ecomai.GONE_CUSTOMER_DAYS}


def _with_reports() -> str:
    return gettext("with the report of the copy")


# Orders first: they are found through the customer.
ORDERS = PersonalData(
    _("Orders, returns and reviews"),
    _("recommendations, forecasts, security"),
    orders_export,
    orders_erase,
    columns={
        "ecomai_mirror.Order": {
            "customer__external_id": "customer",
            "customer__user": "user",
            "email_hash": "email",
            "ip_hash": "",
            "device_hash": "",
            "address_hash": "",
        },
        "ecomai_mirror.ReturnLine": {"customer__external_id": "customer", "customer__user": "user"},
        "ecomai_mirror.Review": {"customer__external_id": "customer", "customer__user": "user"},
    },
    explanation=_(
        "Copied from the shop: what was ordered, returned and reviewed. E-mail, postal address, network address and "
        "device are kept as keyed hashes only: two orders from one address can be told to be so, the address cannot."
    ),
    kept=_with_orders,
)
CUSTOMER = PersonalData(
    _("Customer"),
    _("recommendations"),
    customer_export,
    customer_erase,
    columns={"ecomai_mirror.Customer": {"external_id": "customer", "user": "user"}},
    explanation=_("Copied from the shop: the customer number and when the first and the last order came. No name."),
    kept=_with_account,
)
FINDINGS = PersonalData(
    _("Findings of the copy"),
    _("quality of data"),
    findings_export,
    findings_erase,
    columns={"ecomai_mirror.SyncIssue": {"examples": ""}},
    explanation=_("Examples of what looked wrong when the shop's tables were copied."),
    kept=_with_reports,
    search=findings_search,
)


def register() -> None:
    """Called once from ``ready()``."""
    personal_data.register("mirror.findings", FINDINGS)
    personal_data.register("mirror.orders", ORDERS)
    personal_data.register("mirror.customer", CUSTOMER)
    prunes.register("order hashes", hashes_prune)
    prunes.register("customers gone", customers_prune)
