"""Who a person is: from a request of a browser, from the ids that staff types in, and all ids that belong to them."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest

from django_ecomai.core.hashing import keyed_hash, keyed_hashes
from django_ecomai.core.persons import Subject
from django_ecomai.events.models import VisitorIdentity
from django_ecomai.events.personal import visitors_of
from django_ecomai.events.visitors import visitor_of
from django_ecomai.mirror.models import Customer, Order

from .models import SubjectRequest


def subject_of_browser(request: HttpRequest) -> Subject:
    """The customer who is logged in, and the visitor of this browser unless another customer was seen with it too."""
    context = visitor_of(request)
    user_id, customer_id = context.user_id, context.customer_id
    visitors = set(context.known_ids)
    if user_id is not None and visitors:
        shared = VisitorIdentity.objects.filter(channel=context.channel, visitor_id__in=visitors)
        visitors -= set(shared.exclude(customer_id=customer_id).values_list("visitor_id", flat=True))
    return Subject(
        channel=context.channel,
        customer_ids=frozenset({customer_id} - {""}),
        visitor_ids=frozenset(visitors),
        user_ids=frozenset() if user_id is None else frozenset({str(user_id)}),
    )


def subject_complete(subject: Subject) -> Subject:
    """With everything that the tables know to be the same person: accounts, visitors, hashes of e-mail addresses.

    Ask before erasing: afterwards nothing says so any more.
    """
    customers = Customer.objects.filter(channel=subject.channel)
    by_user = customers.filter(user__in=sorted(subject.user_ids)).values_list("external_id", flat=True)
    named = subject.customer_ids | frozenset(by_user)
    users = customers.filter(external_id__in=sorted(named)).exclude(user=None).values_list("user", flat=True)
    subject = replace(subject, customer_ids=named, user_ids=subject.user_ids | frozenset(str(user) for user in users))
    orders = Order.objects.filter(channel=subject.channel, customer__external_id__in=sorted(named))
    hashes = orders.exclude(email_hash="").values_list("email_hash", flat=True).distinct()
    return replace(
        subject,
        visitor_ids=frozenset(visitors_of(subject)),
        email_hashes=subject.email_hashes | frozenset(hashes),
    )


def email_hashes(address: str) -> frozenset[str]:
    """How an e-mail address stands on orders, under every key."""
    normal = " ".join(address.split()).casefold()
    return frozenset(keyed_hashes(normal, purpose="security:email"))


def subject_of_request(request: SubjectRequest) -> Subject:
    """The person that a request names, as far as it still does."""
    return Subject(
        channel=request.channel,
        customer_ids=frozenset({request.customer_id} - {""}),
        visitor_ids=frozenset(map(str, request.visitor_ids)),
        user_ids=frozenset() if request.user_id is None else frozenset({str(request.user_id)}),
        email_hashes=frozenset(map(str, request.email_hashes)),
    )


def person_digests(subject: Subject) -> list[str]:
    """By what a person's requests are found again; the first is stored: his account, else customer, else visitor."""
    found: list[str] = []
    for kind in ("user", "customer", "visitor"):
        for ident in sorted(subject.ids(kind)):
            found += keyed_hashes(f"{subject.channel}\x00{kind}\x00{ident}", purpose="privacy:request")
    return found


def consent_digest(channel: str, kind: str, ident: str) -> str:
    """How a visitor or customer stands in the ledger of consents."""
    return keyed_hash(f"{channel}\x00{ident}", purpose=f"privacy:consent:{kind}") if ident else ""


def consent_digests(subject: Subject, kind: str) -> list[str]:
    """The same for every id of a person, under every key."""
    return [
        digest
        for ident in sorted(subject.ids(kind))
        for digest in keyed_hashes(f"{subject.channel}\x00{ident}", purpose=f"privacy:consent:{kind}")
    ]
