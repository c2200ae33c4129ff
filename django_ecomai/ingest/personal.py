"""What the deliveries know about a person: how new the customer's row is, under a keyed hash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import PersonalData, personal_data

from .models import RowVersion
from .services.versions import version_digests


def _versions(subject: Subject) -> QuerySet[RowVersion]:
    digests = {
        digest
        for ident in subject.ids("customer")
        for digest in version_digests(channel=subject.channel, table="customer", ident=ident)
    }
    return RowVersion.objects.filter(digest__in=sorted(digests))


def versions_export(subject: Subject) -> Iterator[dict[str, Any]]:
    """When the shop last changed the customer's row."""
    for row in _versions(subject):
        yield {"customer_changed_at": row.updated_at.isoformat()}


def versions_erase(subject: Subject) -> int:
    """Delete it. That the shop's next delivery does not bring him back is up to ``core.persons.refused``."""
    return _versions(subject).delete()[0]


def versions_search(subject: Subject) -> Iterator[str]:
    """What is left of it."""
    for row in _versions(subject):
        yield f"RowVersion {row.pk}"


VERSIONS = PersonalData(
    _("When your customer record was last changed"),
    _("quality of data"),
    versions_export,
    versions_erase,
    explanation=_("Kept so that an old version of your record that arrives late does not replace a newer one."),
    kept=lambda: gettext("as long as the account exists"),
    search=versions_search,
)


def register() -> None:
    """Called once from ``ready()``."""
    personal_data.register("ingest.versions", VERSIONS)
