"""A shop in which every capability knows something about one customer, and a second one who must not be touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from django_ecomai.core.hashing import keyed_hash
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.forecast.models import ForecastChange, ForecastOverride, SalesTarget
from django_ecomai.ingest.services import key_make
from django_ecomai.ingest.services.versions import versions_claim
from django_ecomai.inventory.models import Decision, PurchaseOrder
from django_ecomai.mirror.models import ReturnLine, Review, SyncIssue, SyncReport
from django_ecomai.pricing.models import PriceChange, PriceLimits, PriceSelection, PriceTest, PriceTestGroup
from django_ecomai.privacy.ledger import consent_record
from django_ecomai.privacy.models import ListRelease
from django_ecomai.recommend.models import CustomerPreference, Revision
from django_ecomai.runs.models import Artifact, Run
from django_ecomai.runs.services import artifact_go_live, artifact_save
from django_ecomai.testing import customer_make, order_make, product_make
from tests.inventory.factories import suggestion_make, supplier_make
from tests.pricing.factories import offer_make, proposal_make
from tests.pricing.market import match_make

ANN, BOB = "K-ann-4711", "K-bob-0815"
PHONE, TABLET = "a" * 31 + "1", "b" * 31 + "2"
EMAIL = "ann@example.org"
EMAIL_HASH = "e" * 32


@dataclass
class Shop:
    """What the tests ask about: the account of the customer."""

    user: Any
    product: Any


def event_make(product: str = "lamp", **fields: Any) -> Event:
    """An event of five minutes ago."""
    at = timezone.now() - timedelta(minutes=5)
    return Event.objects.create(id=uuid7(at), received_at=at, **{"name": "view_item", "product_id": product, **fields})


def model_make(*texts: str, kind: str = "toy", live: bool = True, **fields: Any) -> Artifact:
    """A trained model that holds ``texts``, and serves."""
    artifact = artifact_save(
        kind=kind,
        arrays={"item_ids": np.array([text.encode() for text in texts or ("lamp",)])},
        manifest={"model": kind},
        passed_gate=True,
        **fields,
    )
    if live:
        artifact_go_live(artifact=artifact)
    return artifact


def email_hash(address: str) -> str:
    """As the sync stores it."""
    return keyed_hash(address, purpose="security:email")


def shop_fill() -> Shop:
    """Rows of Ann in every declared table, of Bob beside them, and a model that was trained on both."""
    user = get_user_model().objects.create_user("ann", email=EMAIL, password="secret")
    product = product_make(external_id="lamp", title="Lamp", url="/lamp/")
    for customer_id, owner in ((ANN, user), (BOB, None)):
        customer = customer_make(external_id=customer_id, user=owner, attributes={"vip": True})
        address = EMAIL if owner else "bob@example.org"
        order_make(external_id=f"o-{customer_id}", customer=customer, lines=[product], email_hash=email_hash(address))
        ReturnLine.objects.create(
            external_id=f"r-{customer_id}", customer=customer, quantity=1, returned_at=timezone.now(), reason="Too big"
        )
        Review.objects.create(
            external_id=f"w-{customer_id}", customer=customer, product=product, text="Nice", created_at=timezone.now()
        )
        CustomerPreference.objects.create(customer_id=customer_id, category_id="lamps", probability=0.4, run=1)
        event_make(customer_id=customer_id)
    order_make(external_id="guest", lines=[product], email_hash=email_hash(EMAIL))
    event_make(visitor_id=PHONE, properties={"note": "phone"})
    event_make(visitor_id=TABLET)
    for visitor, customer_id in ((PHONE, ANN), (TABLET, ANN), (TABLET, BOB)):
        VisitorIdentity.objects.create(visitor_id=visitor, customer_id=customer_id, linked_at=timezone.now())
    report = SyncReport.objects.create()
    examples = [{"id": ANN, "value": "x"}, {"id": BOB, "value": "y"}]
    SyncIssue.objects.create(report=report, table="customer", code="unknown_user", examples=examples, count=2)
    with transaction.atomic():
        versions_claim(channel="", table="customer", moments={ANN: timezone.now(), BOB: timezone.now()})
    _staff_fill(user)
    consent_record(visitor_id=PHONE, customer_id=ANN, given={"analytics", "personalization"}, origin="test")
    return Shop(user, product)


def _staff_fill(user: Any) -> None:
    """Ann works in the shop, too."""
    Run.objects.create(kind="mirror.sync", state="done", started_by=user)
    Revision.objects.create(user=user, undone_by=user, label="Home")
    span = {"starts_on": date(2026, 1, 1), "ends_on": date(2026, 1, 31)}
    ForecastOverride.objects.create(value=Decimal(5), reason="Fair", author=user, withdrawn_by=user, **span)
    SalesTarget.objects.create(amount=Decimal(100), author=user, **span)
    ForecastChange.objects.create(user=user, undone_by=user, label="Target")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    PurchaseOrder.objects.create(
        number="P1", supplier=supplier_make(), created_at=moment, created_by=user, approved_by=user
    )
    suggestion = suggestion_make(product=product_make(), decided_by=user)
    Decision.objects.create(suggestion=suggestion, action="approve", user=user)
    match_make(decided_by=user)
    offer_make(dismissed_by=user, dismissed_at=moment)
    offer_make(approved_by=user, seconded_by=user, approved_at=moment)
    proposal_make(decided_by=user, seconded_by=user)
    prices: dict[str, Any] = {"product": product_make(), "currency": "EUR"}
    PriceChange.objects.create(
        at=moment, user=user, seconded_by=user, undoing_by=user, old_price=Decimal(10), new_price=Decimal(9), **prices
    )
    PriceSelection.objects.create(kind="approve", made_at=moment, made_by=user, batch="b", number=1)
    PriceLimits.objects.create(user=user)
    PriceTest.objects.create(
        base_price=10, low=9, high=11, starts_on=moment.date(), seed=1, started_by=user, **prices
    )  # fmt: skip
    PriceTestGroup.objects.create(name="Lamps", step=0.02, starts_on=moment.date(), seed=1, started_by=user)
    key_make(name="Storefront", scopes=["orders:write"], user=user)
    ListRelease.objects.create(number=1, kind="popular", epsilon=Decimal("0.1"), most=10, made_by=user)
