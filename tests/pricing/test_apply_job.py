"""Many prices at once: a job writes those of this confirmation and no others, and no request writes without end."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from django_ecomai.pricing.apply_job import AT_ONCE, apply_parameters
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.services import proposals_approve
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now, run_start

from .adapters import PricedShop
from .factories import proposal_make

pytestmark = pytest.mark.django_db
PAGE = "admin:ecomai_pricing_priceproposal"
APPLY = "/ecomai/api/pricing/proposals/apply/"


@pytest.fixture
def user() -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def boss(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def approve(client: Client, rows: list[PriceProposal]) -> str:
    data = {"ids": ",".join(str(row.pk) for row in rows), "when": "now"}
    return client.post(reverse(f"{PAGE}_approve"), data, follow=True).content.decode()


def test_what_a_colleague_has_approved_waits_on(
    boss: Client, shop: PricedShop, django_capture_on_commit_callbacks: Any
) -> None:
    waiting = proposal_make()
    proposals_approve(proposals=[waiting])
    with django_capture_on_commit_callbacks(execute=True):
        approve(boss, [proposal_make() for _ in range(AT_ONCE + 1)])
    waiting.refresh_from_db()
    assert waiting.state == "approved" and len(shop.written) == AT_ONCE + 1


def test_a_second_confirmation_while_the_job_runs_has_a_job_of_its_own(user: User, shop: PricedShop) -> None:
    runs = []
    for _ in range(2):
        rows = proposals_approve(proposals=[proposal_make()], user=user)
        runs.append(run_start(kind="pricing.apply", parameters=apply_parameters(user=user, rows=rows), via="queue"))
    assert runs[0].pk != runs[1].pk and runs[0].parameters != runs[1].parameters


def test_the_job_writes_nothing_where_nothing_is_named(user: User, shop: PricedShop) -> None:
    proposals_approve(proposals=[proposal_make()], user=user)
    assert run_now(kind="pricing.apply", parameters={"user": user.pk}).state == "failed"
    assert run_now(kind="pricing.apply", parameters={"user": user.pk, "batches": []}).state == "done"
    assert shop.written == []


@pytest.mark.parametrize("named", [True, False])
def test_many_by_rest_are_written_by_a_job(
    boss: Client, user: User, shop: PricedShop, django_capture_on_commit_callbacks: Any, named: bool
) -> None:
    rows = proposals_approve(proposals=[proposal_make() for _ in range(AT_ONCE + 1)], user=user)
    data = {"proposals": [row.pk for row in rows]} if named else {}
    with django_capture_on_commit_callbacks(execute=True):
        answer = boss.post(APPLY, data, content_type="application/json")
        assert (answer.status_code, shop.written) == (202, [])
    run = Run.objects.get(pk=answer.json()["run"])
    assert run.state == "done" and len(shop.written) == AT_ONCE + 1
