"""Periods, commands inside prose, and an admin site of the shop's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import path
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.dashboard.admin import StartAdmin
from django_ecomai.dashboard.models import Start
from django_ecomai.dashboard.periods import period_choices, period_read
from django_ecomai.dashboard.selectors import command_parts, table_label
from django_ecomai.dashboard.setup import setup_steps

own = admin.AdminSite(name="backoffice")
own.register(Start, StartAdmin)
urlpatterns = [path("admin/", admin.site.urls), path("office/", own.urls)]


@override_settings(TIME_ZONE="Europe/Berlin")
@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        # Summer time begins on 31 March 2024: whole local days, whatever their length.
        ("7", datetime(2024, 3, 26, 23, tzinfo=UTC), datetime(2024, 4, 2, 22, tzinfo=UTC)),
        ("28", datetime(2024, 3, 5, 23, tzinfo=UTC), datetime(2024, 4, 2, 22, tzinfo=UTC)),
        ("all", None, datetime(2024, 4, 2, 22, tzinfo=UTC)),
    ],
)
def test_periods_are_whole_local_days(text: str, since: datetime | None, until: datetime) -> None:
    with mock.patch.object(timezone, "now", return_value=datetime(2024, 4, 2, 9, tzinfo=UTC)):
        period = period_read(text=text, channel="c")
    assert (period.channel, period.since, period.until) == ("c", since, until)


@pytest.mark.parametrize("junk", ["", "0", "-7", "28 ", "ALL", "1e9", "\x00"])
def test_junk_means_four_weeks(junk: str) -> None:
    assert period_read(text=junk, channel="").days == 28


def test_one_choice_is_current() -> None:
    choices = period_choices(current=period_read(text="all", channel=""))
    assert [choice["current"] for choice in choices] == [False, False, False, True]
    assert [choice["title"] for choice in choices] == ["7 days", "28 days", "90 days", "All"]


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("Type: python manage.py ecomai_sync, then: python manage.py ecomai_train", ["ecomai_sync", "ecomai_train"]),
        ("Type `python manage.py ecomai_adapter --output a/b.py` and name it.", ["ecomai_adapter --output a/b.py"]),
        ("python manage.py ecomai_train recommend.train — or press the button", ["ecomai_train recommend.train"]),
        ("python manage.py ecomai_work --loop.", ["ecomai_work --loop"]),
        ("python manage.py migrate then go on", ["migrate"]),
    ],
)
def test_commands_are_found_inside_prose(text: str, commands: list[str]) -> None:
    found = [part for part, is_command in command_parts(text) if is_command]
    assert found == [f"python manage.py {command}" for command in commands]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("Start it: celery -A <project> beat; now", "celery -A <project> beat"),
        ("Type: pip install 'django-ecomai[redis]'.", "pip install 'django-ecomai[redis]'"),
        ("Type: apt-get install libgomp1.", "apt-get install libgomp1"),
        ("Put {% load a %}{% b %} in", "{% load a %}{% b %}"),
    ],
)
def test_other_things_to_type(text: str, command: str) -> None:
    assert (command, True) in command_parts(text)


@given(st.text() | st.text("python manage.py `{%}<>[]-_=.celry A"))
def test_splitting_loses_only_backticks(text: str) -> None:
    parts = command_parts(text)
    assert "".join(part for part, _command in parts).replace("`", "") == text.replace("`", "")
    assert all(part for part, _command in parts)


def test_tables_have_names() -> None:
    assert (table_label("order"), table_label("wish_list")) == ("Orders", "Wish list")


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_it_lives_in_an_admin_site_of_the_shops_own(client: Client, django_assert_max_num_queries: Any) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    html = client.get("/office/ecomai_dashboard/start/").content.decode()
    assert 'data-ecomai-progress="/admin' not in html and 'href="/office/"' in html and 'href="/admin/"' not in html
    response = client.post("/office/ecomai_dashboard/start/run/", {"job": "x"})
    assert response["Location"] == "/office/ecomai_dashboard/start/"


@pytest.mark.django_db
def test_a_shop_without_recommendations_is_led_through_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "django_ecomai.recommend")
    titles = [step.title for step in setup_steps(channel="")]
    assert titles == ["Connect your shop", "Copy the shop's data", "Let visits arrive"]
