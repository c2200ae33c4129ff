"""What the pages show: what is known of a person, where it came from, and what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from django_ecomai.core.persons import EVERYTHING, Subject, rows_of
from django_ecomai.core.registry import PersonalData, personal_data, suggestion_reasons
from django_ecomai.events.consent import browser_refusal
from django_ecomai.events.models import EventName
from django_ecomai.events.selectors import visitor_history
from django_ecomai.events.visitors import visitor_of
from django_ecomai.mirror.models import Product

from .models import SubjectRequest
from .refusing import erasure_under_way
from .scanning import anything_of
from .subjects import person_digests, subject_complete, subject_of_browser

_STEPS = 12
_COUNTED = 1000


@dataclass(frozen=True)
class Step:
    """A product that suggestions rest on, and what was done with it."""

    title: str
    url: str
    did: str


@dataclass(frozen=True)
class Part:
    """One declaration: what is kept, what for, how long, and how many records of this person."""

    name: str
    label: str
    explanation: str
    purpose: str
    kept: str
    count: int  # up to 1,001: a page needs not count a whole log

    @property
    def shown(self) -> str:
        """The count as the page shows it."""
        return f"{_COUNTED}+" if self.count > _COUNTED else str(self.count)


@dataclass(frozen=True)
class Overview:
    """Everything on the page “Why am I seeing this?”."""

    subject: Subject
    purposes: frozenset[str]
    browser_refuses: str
    objected: bool
    erased: bool
    erasing: bool
    steps: list[Step]
    reasons: list[tuple[str, str, str]]
    parts: list[Part]
    requests: list[SubjectRequest]

    @property
    def personal(self) -> bool:
        """Whether suggestions are made from this person's history."""
        return "personalization" in self.purposes

    @property
    def known(self) -> bool:
        """Whether anything at all is stored."""
        return any(part.count for part in self.parts)


def overview(request: HttpRequest) -> Overview:
    """What this shop knows of whoever asks. Marks the page as personal: no cache keeps it for others."""
    request.ecomai_personal = True  # type: ignore[attr-defined]
    context = visitor_of(request)
    subject = subject_complete(subject_of_browser(request))
    purposes, objected = context.purposes, context.objected
    personal = "personalization" in purposes
    return Overview(
        subject=subject,
        purposes=purposes,
        browser_refuses=browser_refusal(request),
        objected="personalization" in objected,
        erased=EVERYTHING in objected,
        erasing=EVERYTHING in objected and erasure_under_way(subject),
        steps=_steps(request, subject) if personal else [],
        reasons=_reasons(request) if personal else [],
        parts=[_part(name, declared, subject) for name, declared in personal_data.items() if not declared.staff],
        requests=list(requests_of(subject)[:5]),
    )


def requests_of(subject: Subject) -> QuerySet[SubjectRequest]:
    """A person's requests, newest first; finished ones are found by what is left of them."""
    return SubjectRequest.objects.filter(channel=subject.channel, digest__in=person_digests(subject)).order_by("-id")


def nothing_kept(subject: Subject) -> bool:
    """Whether a browser without an account asks for nothing: then no request is made that would wait and be kept."""
    return not (subject.user_ids or subject.customer_ids) and not anything_of(subject)


def _steps(request: HttpRequest, subject: Subject) -> list[Step]:
    context = visitor_of(request)
    history = visitor_history(
        channel=subject.channel, visitor_id=context.visitor_id, customer_id=context.customer_id, limit=_STEPS
    )
    items = history.items[:_STEPS]
    products = Product.objects.filter(channel=subject.channel, external_id__in={item.product_id for item in items})
    known = {row[0]: row[1:] for row in products.values_list("external_id", "title", "url")}
    labels = dict(EventName.choices)
    return [
        Step(*known.get(item.product_id, (item.product_id, "")), did=str(labels.get(item.name, item.name)))
        for item in items
    ]


def _reasons(request: HttpRequest) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for name in suggestion_reasons.names():
        found += suggestion_reasons.get(name)(request)
    return found


def _part(name: str, declared: PersonalData, subject: Subject) -> Part:
    counted = [rows_of(subject, table, lookups) for table, lookups in declared.columns.items()]
    by_columns = [rows.order_by()[: _COUNTED + 1].count() for rows in counted if rows is not None]
    if by_columns or not subject:
        count = min(sum(by_columns), _COUNTED + 1)
    else:
        count = sum(1 for _record in islice(declared.export(subject), _COUNTED + 1))
    return Part(
        name=name,
        label=str(declared.label),
        explanation=str(declared.explanation),
        purpose=str(declared.purpose),
        kept=declared.kept() if declared.kept else "",
        count=count,
    )


def outcome_lines(request: SubjectRequest) -> list[dict[str, Any]]:
    """What was done, a line per declaration: ``label`` and ``rows``."""
    tables = request.outcome.get("tables", {})
    labels = {name: declared.label for name, declared in personal_data.items()}
    return [{"label": labels.get(name, name), "rows": rows} for name, rows in tables.items()]
