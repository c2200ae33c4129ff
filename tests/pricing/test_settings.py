"""Checks, the doctor, and what is declared to other apps."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.utils import timezone

from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import personal_data
from django_ecomai.pricing.checks import check_pricing
from django_ecomai.pricing.diagnosis import diagnose
from django_ecomai.pricing.models import PriceReduction
from django_ecomai.runs.models import Run

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, []),
        ({"PRICING_LIMITS": {"min_margin": 0.2, "max_change_day": 0.05}}, []),
        ({"PRICING_LIMITS": {"max_change_day": None}}, ["ecomai.W114"]),
        ({"PRICING_LIMITS": {"margin": 0.2}}, ["ecomai.E110"]),
        ({"PRICING_LIMITS": {"min_margin": 1.0}}, ["ecomai.E110"]),
        ({"PRICING_LIMITS": {"min_margin": "0.2"}}, ["ecomai.E110"]),
        ({"PRICING_LIMITS": {"max_change_day": -0.1}}, ["ecomai.E110"]),
        ({"PRICING_LIMITS": {"corridor_low": 2.0}}, ["ecomai.E110"]),
        ({"PRICING_LIMITS": [0.1]}, ["ecomai.E110"]),
        ({"PRICING_STEPS": {"SEK": "1"}}, []),
        ({"PRICING_STEPS": {"SEK": "0"}}, ["ecomai.E111"]),
        ({"PRICING_STEPS": {"SEK": "a"}}, ["ecomai.E111"]),
        ({"PRICING_STEPS": "1"}, ["ecomai.E111"]),
        ({"PRICING_HORIZON_DAYS": 0}, ["ecomai.E112"]),
        ({"PRICING_HISTORY_WEEKS": 1.5}, ["ecomai.E112"]),
        ({"PRICING_CANARY_DAYS": True}, ["ecomai.E112"]),
        ({"PRICING_LEARN_DAYS": "7"}, ["ecomai.E112"]),
        ({"PRICING_LEARN_DAYS": -5}, ["ecomai.E112"]),
        ({"PRICE_HOLD_MINUTES": -1}, ["ecomai.E112"]),
        ({"PRICING_COMPETITOR_MAX_AGE_DAYS": 0}, ["ecomai.E112"]),
        ({"PRICING_ROLLBACK": "False"}, ["ecomai.E131"]),
        ({"PRICING_FOUR_EYES": "no", "PRICING_STEERS": 1}, ["ecomai.E131", "ecomai.E131"]),
        ({"PRICING_LIMITS": {"max_change_week": 0.05}}, ["ecomai.E110"]),
        ({"PRICING_LIMITS": {"max_change_day": 0.3, "max_change_week": None}}, []),
        ({"PRICING_CAUTION": -1}, ["ecomai.E113"]),
        ({"PRICING_CAUTION": 1}, []),
        ({"PRICING_PRICES_INCLUDE_PROMOTIONS": "yes"}, ["ecomai.E130"]),
        ({"PRICING_PRICES_INCLUDE_PROMOTIONS": False}, []),
    ],
)
def test_checks_say_what_to_type(values: dict[str, Any], ids: list[str], settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, **values}
    found = check_pricing(None)
    assert [one.id for one in found] == ids
    assert all(one.hint for one in found)


@pytest.mark.django_db
def test_the_doctor(django_assert_max_num_queries: Any, shop: PricedShop) -> None:
    assert diagnose() == []
    product = priced_product(cost=None)
    assert [str(one.title) for one in diagnose()] == [
        "No product has a known cost", "Prices have not been worked out yet",
    ]  # fmt: skip
    product.cost = Decimal(4)
    product.save()
    now = timezone.now()
    elasticity_make(product, made_at=now - timedelta(days=5))  # learned once a week
    row = proposal_make(product, made_at=now - timedelta(hours=6))
    with django_assert_max_num_queries(6):
        assert [one.level for one in diagnose()] == ["ok"]
    row.made_at = now - timedelta(days=4)
    row.save()
    assert [str(one.title) for one in diagnose()] == ["Price proposals are 4 days old"]


@pytest.mark.django_db
def test_the_doctor_believes_the_run_that_found_no_price_to_change(shop: PricedShop) -> None:
    """And a trial run, which stores nothing, says nothing."""
    elasticity_make(priced_product(), made_at=timezone.now() - timedelta(days=5))
    run = Run.objects.create(kind="pricing.propose", state=Run.State.DONE, finished_at=timezone.now())
    assert [one.level for one in diagnose()] == ["ok"]
    run.parameters = {"dry_run": True}
    run.save()
    assert [str(one.title) for one in diagnose()] == ["Price proposals are 5 days old"]


@pytest.mark.django_db
def test_the_doctor_warns_of_reductions_that_run_without_a_known_lowest_price(shop: PricedShop) -> None:
    row = elasticity_make(priced_product(), made_at=timezone.now())
    now = timezone.now()
    values = {"product": row.product, "price": 8, "list_price": 10, "known_since": now}
    PriceReduction.objects.create(began_at=now - timedelta(days=9), lowest_before=10, **values)
    PriceReduction.objects.create(began_at=now - timedelta(days=8), ended_at=now - timedelta(days=7), **values)
    PriceReduction.objects.create(began_at=now + timedelta(days=1), **values)
    assert [one.level for one in diagnose()] == ["ok"]
    PriceReduction.objects.create(began_at=now - timedelta(days=1), **values)
    found = diagnose()[-1]
    assert (found.level, str(found.title)) == ("warning", "1 running reduction has no known lowest price")
    assert found.url_name == "admin:ecomai_pricing_pricereduction_changelist"


@pytest.mark.django_db
def test_the_doctor_tells_that_prices_cannot_be_written(reading_shop: None) -> None:
    proposal_make()
    assert "The adapter cannot write prices" in [str(one.title) for one in diagnose()]


@pytest.mark.django_db
def test_what_an_employee_decided_can_be_exported_and_his_name_erased() -> None:
    user = User.objects.create_user("merchant")
    row = proposal_make(decided_by=user, seconded_by=user)
    declared, subject = personal_data.get("pricing.staff"), Subject(user_ids=frozenset([str(user.pk)]))
    assert {one["record"] for one in declared.export(subject)} == {"ecomai_pricing.PriceProposal"}
    assert declared.erase(subject) == 2
    row.refresh_from_db()
    assert row.decided_by is None and row.seconded_by is None and declared.staff
