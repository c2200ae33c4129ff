"""Who a person is: from a request of a browser, from the ids that staff types in, and all ids that belong to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.http import HttpRequest

from django_ecomai.core.hashing import keyed_hash, keyed_hashes
from django_ecomai.core.persons import Subject
from django_ecomai.events.models import VisitorIdentity
from django_ecomai.events.personal import visitors_of
from django_ecomai.events.visitors import visitor_of
from django_ecomai.mirror.models import Customer

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
    """With everything that the tables know to be the same person: accounts and visitors.

    Ask before erasing: afterwards nothing says so any more. E-mail addresses of his orders are not taken: anybody can
    order under another's address, and families share one. Only who has seen that it is his names it.
    """
    customers = Customer.objects.filter(channel=subject.channel)
    by_user = customers.filter(user__in=sorted(subject.user_ids)).values_list("external_id", flat=True)
    named = subject.customer_ids | frozenset(by_user)
    users = customers.filter(external_id__in=sorted(named)).exclude(user=None).values_list("user", flat=True)
    subject = replace(subject, customer_ids=named, user_ids=subject.user_ids | frozenset(str(user) for user in users))
    return replace(subject, visitor_ids=frozenset(visitors_of(subject)))


def email_hashes(address: str) -> frozenset[str]:
    """How an e-mail address stands on orders, under every key."""
    normal = " ".join(address.split()).casefold()
    return frozenset(keyed_hashes(normal, purpose="security:email"))


def subject_of_request(request: SubjectRequest) -> Subject:
    """The person that a request names, as far as it still does."""
    ids = {
        kind: frozenset(map(str, request.persons.get(kind, ()))) for kind in ("customer", "visitor", "user", "email")
    }
    return Subject(
        channel=request.channel,
        customer_ids=ids["customer"],
        visitor_ids=ids["visitor"],
        user_ids=ids["user"],
        email_hashes=ids["email"],
    )


def persons_json(subject: Subject) -> dict[str, list[str]]:
    """All ids of a person by kind, as a request keeps them."""
    found: dict[str, list[str]] = {}
    for kind, ident in subject.persons():
        found.setdefault(kind, []).append(ident)
    return found


def person_digests(subject: Subject) -> list[str]:
    """By what a person's requests are found again."""
    return [digest for digests in _digests(subject) for digest in digests]


def request_digests(subject: Subject) -> list[str]:
    """What is stored of a person with a request, of his account, else customer, visitor, e-mail; under every key."""
    return next(_digests(subject), [])


def _digests(subject: Subject) -> Iterator[list[str]]:
    for kind in ("user", "customer", "visitor", "email"):
        for ident in sorted(subject.ids(kind)):
            yield keyed_hashes(f"{subject.channel}\x00{kind}\x00{ident}", purpose="privacy:request")


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
