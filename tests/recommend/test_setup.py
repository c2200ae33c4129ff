"""Default placements, configuration in the process, checks and the doctor."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.utils import timezone

from django_ecomai.recommend import config
from django_ecomai.recommend.checks import check_recommend
from django_ecomai.recommend.config import Rule, SlotConfig
from django_ecomai.recommend.diagnosis import diagnose
from django_ecomai.recommend.models import Placement, Slot
from django_ecomai.recommend.services import placements_create_defaults
from django_ecomai.recommend.serving import recommendations
from django_ecomai.runs import live
from django_ecomai.runs.models import Artifact, LiveArtifact
from tests.recommend.factories import START, category, placement, product, products, rule
from tests.recommend.helpers import ids, queries, train

pytestmark = pytest.mark.django_db


def test_every_shop_starts_with_eleven_placements() -> None:
    slots = {
        one.key: list(one.slots.values_list("strategy", flat=True)) for one in Placement.objects.filter(channel="")
    }

    assert slots == {
        "home": [
            "for_you", "continue_shopping", "because_you_viewed", "trending", "on_sale", "new_arrivals",
            "recently_viewed",
        ],
        "product": ["bundle", "bought_together", "similar", "upsell"],
        "cart": ["cross_sell", "bought_together"],
        "checkout": ["checkout_last_minute"],
        "order": ["cross_sell"],
        "category": ["trending_in_category", "bestsellers"],
        "search": ["for_you", "recently_viewed"],
        "empty_search": ["empty_search", "for_you"],
        "account": ["buy_again", "because_you_bought", "for_you"],
        "email": ["email"],
        "not_found": ["trending", "recently_viewed"],
    }  # fmt: skip


def test_what_the_merchant_changed_or_deleted_stays() -> None:
    Placement.objects.filter(key="home").update(label="Start", is_active=False)
    Placement.objects.get(key="cart").delete()
    Slot.objects.filter(placement__key="product").delete()

    call_command("migrate", verbosity=0)

    assert placements_create_defaults() == []
    assert Placement.objects.get(key="home").label == "Start"
    assert not Placement.objects.filter(key="cart").exists()
    assert not Slot.objects.filter(placement__key="product").exists()


def test_another_shop_gets_its_own() -> None:
    assert placements_create_defaults(channel="b") == [
        "home", "product", "cart", "checkout", "order", "category", "search", "empty_search", "account", "email",
        "not_found",
    ]  # fmt: skip
    assert Placement.objects.filter(channel="b").count() == 11


def test_defaults_are_written_in_the_shops_language(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en-gb"
    placements_create_defaults(channel="c")

    assert Slot.objects.get(placement__channel="c", strategy="new_arrivals").title == "New arrivals"


def test_one_query_reads_placements_rules_and_the_live_model() -> None:
    lamp, lamps = product("p0"), category("lamps")
    home = placement("home", "trending", "similar", size=3, category_cap=2, exclude_bought=True, only_in_stock=False)
    first = home.slots.get(strategy="trending")
    rule(first, "pin", lamp, starts_at=START)
    rule(first, "bury", lamps, factor=4)
    artifact = Artifact.objects.create(kind="recommend", path="recommend/_/x", sha256="f" * 64)
    LiveArtifact.objects.create(kind="recommend", artifact=artifact)
    Slot.objects.filter(strategy="similar").update(is_active=False)
    found: list[config.Config] = []

    sent = queries(lambda: found.append(config.load("")[0]))

    assert len(sent) == 1
    assert (found[0].artifact_path, found[0].artifact_sha) == ("recommend/_/x", "f" * 64)
    assert found[0].placements["home"].slots == (
        SlotConfig(
            "trending", "Trending", id=first.pk, order=0, size=3, only_in_stock=False, exclude_bought=True,
            category_cap=2,
            rules=(Rule("pin", "p0", "", 2.0, START, None), Rule("bury", "", "lamps", 4.0, None, None)),
        ),
    )  # fmt: skip


def test_the_copy_in_the_process_is_dropped_by_any_change() -> None:
    mine = product("p0")
    home = placement("home", "trending")
    config.load("")
    assert config.kept("") is not None

    made = rule(home.slots.get(), "pin", mine)
    assert config.kept("") is None
    config.load("")
    made.delete()
    assert config.kept("") is None


def test_the_copy_grows_old(ecomai: Any) -> None:
    ecomai(LIVE_CHECK_SECONDS=0.000001)
    config.load("")

    assert config.kept("") is None


def test_a_model_that_goes_live_shows_at_once_in_this_process(django_capture_on_commit_callbacks: Any) -> None:
    config.load("")
    with django_capture_on_commit_callbacks(execute=True):
        products(2)
        train()

    assert config.kept("") is None


@pytest.mark.parametrize(
    ("starts", "ends", "holds"),
    [
        (None, None, True),
        (0, None, True),
        (1, None, False),
        (None, 0, False),
        (None, 1, True),
        (-2, -1, False),
        (-1, 1, True),
    ],
)
def test_when_a_rule_holds(starts: int | None, ends: int | None, holds: bool) -> None:
    def at(hours: int | None) -> Any:
        return None if hours is None else START + timedelta(hours=hours)

    assert Rule("pin", "p0", starts_at=at(starts), ends_at=at(ends)).holds(START) is holds


def test_a_rule_of_tomorrow_does_nothing_today() -> None:
    made = products(2)
    slot = placement("home", "new_arrivals").slots.get()
    rule(slot, "hide", made[1], starts_at=timezone.now() + timedelta(days=1))
    rule(slot, "pin", made[0], ends_at=timezone.now() - timedelta(days=1))

    assert ids(recommendations("home")) == ["p1", "p0"]


def test_the_checks_are_content() -> None:
    assert [message.id for message in check_recommend(None)] == []
    assert "ecomai.E032" not in {message.id for message in run_checks()}


def test_the_checks_name_what_is_missing(settings: Any, ecomai: Any) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": {}}]
    ecomai(API_THROTTLE="often")

    messages = {message.id: message for message in check_recommend(None)}

    assert sorted(messages) == ["ecomai.E032", "ecomai.W031"]
    assert "context_processors.request" in messages["ecomai.W031"].hint
    assert "240/min" in messages["ecomai.E032"].hint


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"budget": 0}, "budget is 0"),
        ({"memory_mb": "much"}, "memory_mb is 'much'"),
        ({"bugdet": 3}, "knows no 'bugdet'"),
        ([("budget", 3)], "give a dict"),
    ],
)
def test_the_checks_name_training_parameters_that_cannot_be_used(ecomai: Any, value: Any, said: str) -> None:
    ecomai(RECOMMEND_TRAINING=value)

    (message,) = check_recommend(None)

    assert message.id == "ecomai.E035"
    assert said in message.msg


def test_a_missing_middleware_is_reported_once(settings: Any) -> None:
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if "VisitorMiddleware" not in one]

    found = [message.id for message in run_checks() if "VisitorMiddleware" in str(message.hint)]

    assert found == ["ecomai.W020"]


def test_the_doctor_before_and_after_training() -> None:
    products(2)
    assert [(one.level, bool(one.next_step)) for one in diagnose()] == [("warning", True), ("ok", False)]

    train()

    assert [one.level for one in diagnose()] == ["ok", "ok"]


def test_the_doctor_notices_age_damage_and_empty_pages(settings: Any) -> None:
    products(2)
    train()
    Artifact.objects.update(created_at=timezone.now() - timedelta(days=9))
    assert "9 days old" in str(diagnose()[0].title)

    shutil.rmtree(Path(settings.ECOMAI["ARTIFACT_DIR"]))
    live.live_reset()
    assert (diagnose()[0].level, "cannot be read" in str(diagnose()[0].title)) == ("error", True)

    Slot.objects.filter(strategy="trending").update(strategy="by_the_moon")
    assert "by_the_moon" in str(diagnose()[1].title)
    Slot.objects.update(is_active=False)
    assert "switched off" in str(diagnose()[1].title)
    Placement.objects.all().delete()
    assert diagnose()[1].level == "info"
