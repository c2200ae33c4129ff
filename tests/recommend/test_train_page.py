"""The page on which a merchant says what one training may spend."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from django_ecomai.recommend.train_options import options_read
from django_ecomai.runs.models import Run
from tests.recommend.factories import product

pytestmark = pytest.mark.django_db


def address() -> str:
    return reverse("admin:ecomai_recommend_train")


def test_it_starts_one_training_with_what_was_given(admin_client: Client) -> None:
    given = {"budget": "3", "memory_mb": "256", "ranker": "off", "evaluate_from": "2026-10-01", "seed": "7"}
    answer = admin_client.post(address(), given)
    run = Run.objects.get()
    assert answer["Location"] == reverse("admin:ecomai_runs_run_change", args=[run.pk])
    assert (run.kind, run.channel) == ("recommend.train", "")
    assert run.parameters == {
        "budget": 3, "memory_mb": 256, "ranker": "off", "evaluate_from": "2026-10-01", "seed": 7,
    }  # fmt: skip


def test_it_begins_with_the_shops_settings_and_may_leave_them(admin_client: Client, ecomai: Any) -> None:
    ecomai(RECOMMEND_TRAINING={"budget": 12, "memory_mb": 512})
    html = admin_client.get(address()).content.decode()
    assert 'name="budget" value="12"' in html
    assert 'name="memory_mb" value="512"' in html
    admin_client.post(address(), {"ranker": "auto", "budget": "", "memory_mb": ""})
    run = Run.objects.get()
    assert run.parameters == {"ranker": "auto", "budget": None}
    assert (options_read(run.parameters).budget, options_read(run.parameters).memory_mb) == (None, 512)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"budget": "0"}, "greater than or equal to 1"),
        ({"budget": "many"}, "Enter a whole number"),
        ({"memory_mb": "1"}, "greater than or equal to 64"),
        ({"ranker": "maybe"}, "not one of the available choices"),
        ({"evaluate_from": "yesterday"}, "Enter a valid date"),
        ({"seed": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_used_is_said_beside_it_and_nothing_starts(
    admin_client: Client, given: dict[str, str], said: str
) -> None:
    html = admin_client.post(address(), {"ranker": "auto", **given}).content.decode()
    assert said in html
    assert "Nothing was started" in html
    assert not Run.objects.exists()


def test_of_several_shops_one_is_chosen(admin_client: Client) -> None:
    product("here")
    product("there", channel="de")
    assert '<option value="de">de</option>' in admin_client.get(address()).content.decode()
    admin_client.post(address(), {"ranker": "auto", "channel": "de"})
    assert Run.objects.get().channel == "de"


def test_it_needs_the_right_to_start_jobs(client: Client) -> None:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_placement"))
    client.force_login(user)
    assert client.get(address()).status_code == client.post(address(), {"ranker": "auto"}).status_code == 403
    assert address() not in client.get(reverse("admin:ecomai_recommend_placement_changelist")).content.decode()
    assert not Run.objects.exists()


def test_the_way_to_it_stands_beside_train_now(admin_client: Client) -> None:
    assert address() in admin_client.get(reverse("admin:ecomai_recommend_placement_changelist")).content.decode()
