"""Checks and the doctor: what is missing is said before anybody wonders why there are no events."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from django_ecomai.events import checks, diagnosis
from django_ecomai.events.doctor import doctor
from django_ecomai.events.partitions import partition_name, partitions_list

from .factories import make_event

MIDDLEWARE = checks.MIDDLEWARE


def ids(messages: list[Any]) -> list[str]:
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


def test_a_missing_middleware_is_reported(settings: Any) -> None:
    assert ids(checks.check_middleware(None)) == []
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != MIDDLEWARE]
    assert ids(checks.check_middleware(None)) == ["ecomai.W020"]


def test_a_consent_banner_that_nobody_asks_is_reported(monkeypatch: Any, ecomai_setting: Any) -> None:
    assert ids(checks.check_cookie_consent(None)) == []
    monkeypatch.setattr(checks.apps, "is_installed", lambda name: name == "cookie_consent")
    assert ids(checks.check_cookie_consent(None)) == ["ecomai.W027"]
    ecomai_setting(CONSENT="django_ecomai.events.consent.cookie_consent")
    assert ids(checks.check_cookie_consent(None)) == []


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("django.core.cache.backends.locmem.LocMemCache", ["ecomai.W023"]),
        ("django.core.cache.backends.dummy.DummyCache", ["ecomai.W023"]),
        ("django.core.cache.backends.filebased.FileBasedCache", []),
    ],
)
def test_a_cache_per_process_is_reported(settings: Any, tmp_path: Any, backend: str, expected: list[str]) -> None:
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}
    assert ids(checks.check_recent_cache(None)) == expected


def test_an_unknown_cache_is_an_error(ecomai_setting: Any) -> None:
    ecomai_setting(RECENT_CACHE="nowhere")
    assert ids(checks.check_recent_cache(None)) == ["ecomai.E022"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("django_ecomai.events.consent.always", []),
        (lambda request: set(), []),
        ("django_ecomai.events.consent.perhaps", ["ecomai.E024"]),
        ("nowhere", ["ecomai.E024"]),
        ("django_ecomai.events.consent.PURPOSES", ["ecomai.E024"]),
        (None, ["ecomai.E024"]),
    ],
)
def test_the_consent_callable_is_checked(ecomai_setting: Any, source: Any, expected: list[str]) -> None:
    ecomai_setting(CONSENT=source)
    assert ids(checks.check_consent(None)) == expected


@pytest.mark.parametrize(
    ("age", "expected"),
    [(60, []), (21_600, []), (59.9, ["ecomai.E026"]), (0, ["ecomai.E026"]), ("60", ["ecomai.E026"])],
)
def test_a_token_must_live_long_enough_to_be_used(ecomai_setting: Any, age: Any, expected: list[str]) -> None:
    ecomai_setting(CAPTURE_TOKEN_AGE=age)
    assert ids(checks.check_token_age(None)) == expected


def test_missing_urls_are_reported(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.projects.base_urls"
    assert ids(checks.check_urls(None)) == []
    settings.ROOT_URLCONF = "tests.events.test_checks"
    assert ids(checks.check_urls(None)) == ["ecomai.W025"]
    settings.ROOT_URLCONF = "tests.no_such_urls"
    assert ids(checks.check_urls(None)) == []


urlpatterns: list[Any] = []


def test_the_checks_are_registered(capsys: Any) -> None:
    call_command("check", "--tag", "ecomai")
    assert "ecomai.W023" in capsys.readouterr().err


# -- doctor -----------------------------------------------------------------------------------------------------------


def titles(level: str = "") -> list[str]:
    return [str(finding.title) for finding in doctor() if not level or finding.level == level]


@pytest.mark.django_db
class TestDoctor:
    def test_a_healthy_log_is_ok(self) -> None:
        make_event(visitor_id="v")
        assert "Shopper behaviour is arriving" in titles("ok")
        assert titles("error") == []

    def test_nothing_was_ever_seen(self) -> None:
        findings = [finding for finding in doctor() if finding.level == "warning"]
        assert [str(finding.title) for finding in findings] == ["No shopper behaviour has arrived"]
        assert "{% ecomai_beacon %}" in str(findings[0].next_step)

    def test_only_robots_came(self) -> None:
        make_event(is_bot=True)
        assert titles("warning") == ["All visitors were robots"]

    @pytest.mark.parametrize(
        ("reason", "title"),
        [
            ("no_consent", "Visitors have not agreed to be recorded"),
            ("foreign_origin", "Reports come from another address than the shop's"),
            ("bad_token", "Pages are older than their token"),
            ("malformed", "Reports cannot be read"),
            ("limited", "Visitors send more than they may"),
        ],
    )
    def test_it_says_what_keeps_events_out(self, reason: str, title: str) -> None:
        diagnosis.count(reason, 3)
        assert titles("error") == [title]
        make_event(visitor_id="v")
        assert title in titles("warning")

    def test_few_refusals_among_many_events_are_no_finding(self) -> None:
        make_event(visitor_id="v")
        diagnosis.count("stored", 100)
        diagnosis.count("no_consent", 99)
        assert titles("warning") == []

    def test_browsers_that_opt_out_are_no_fault(self) -> None:
        diagnosis.count("opted_out", 2)
        assert "Browsers ask not to be tracked" in titles("info")
        assert titles("error") == []

    def test_missing_wiring_is_an_error(self, settings: Any) -> None:
        settings.MIDDLEWARE = []
        settings.ROOT_URLCONF = "tests.events.test_checks"
        assert titles("error") == ["Visitors are not recognised", "Browsers have nowhere to report to"]

    def test_without_a_cache_it_still_answers(self, broken_cache: None) -> None:
        make_event(visitor_id="v")
        assert "Shopper behaviour is arriving" in titles("ok")

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="partitions are PostgreSQL's")
    def test_a_log_without_room_is_an_error(self) -> None:
        assert "The log has room for 24 more months" in titles("ok")
        months = partitions_list()
        with connection.cursor() as cursor:
            for month in months[6:]:
                cursor.execute(f"DROP TABLE {partition_name(month)}")
        assert any("more months" in title for title in titles("ok"))
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {partition_name(months[5])}")
            cursor.execute(f"DROP TABLE {partition_name(months[4])}")
        assert any("more months" in title for title in titles("warning"))
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {partition_name(months[1])}")
        assert "The log has no room for new events" in titles("error")


def test_counts_are_kept_by_day() -> None:
    diagnosis.count("stored", 2)
    diagnosis.count("stored")
    diagnosis.count("stored", 0)
    assert diagnosis.counts()["stored"] == 3
    assert diagnosis.counts(days=0)["stored"] == 0
