"""Probes of an orchestrator, and the checks for django-health-check."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.db import DatabaseError, OperationalError, connection
from django.test import RequestFactory
from django.utils import timezone
from health_check.exceptions import ServiceUnavailable, ServiceWarning
from health_check.views import HealthCheckView

from django_ecomai.contrib import health as plugin
from django_ecomai.core.registry import Finding, doctor_checks
from django_ecomai.ml import persist
from django_ecomai.runs import health, storage
from django_ecomai.runs.models import Heartbeat
from django_ecomai.runs.services import artifact_go_live, heartbeat_beat

from .helpers import save

pytestmark = pytest.mark.django_db


def ready(client) -> tuple[int, dict[str, str]]:
    answer = client.get("/ecomai/health/ready/")
    return answer.status_code, answer.json()


class TestProbes:
    def test_alive_without_asking_anything(self, client, django_assert_num_queries) -> None:
        with django_assert_num_queries(0):
            answer = client.get("/ecomai/health/live/")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert "no-store" in answer["Cache-Control"]

    def test_ready(self, client) -> None:
        artifact_go_live(artifact=save())
        heartbeat_beat(name="beat")
        assert ready(client) == (
            200,
            {"status": "ok", "checks": {"database": "ok", "cache": "ok", "models": "ok", "scheduler": "ok"}},
        )

    def test_no_model_is_opened_as_anybody_may_ask(self, client, monkeypatch) -> None:
        artifact_go_live(artifact=save())
        opened: list[Path] = []
        monkeypatch.setattr(Path, "open", lambda path, *args, **values: opened.append(path))
        monkeypatch.setattr(persist.np, "load", lambda path, **values: opened.append(path))
        assert ready(client)[1]["checks"]["models"] == "ok"
        assert opened == []

    def test_a_fresh_installation_is_ready(self, client) -> None:
        status, answer = ready(client)
        assert (status, answer["status"]) == (200, "ok")
        assert (answer["checks"]["models"], answer["checks"]["scheduler"]) == ("none", "none")

    def test_without_the_database_it_is_not(self, client, monkeypatch) -> None:
        def gone(**values):
            raise DatabaseError("secret host name")

        monkeypatch.setattr(health.transaction, "atomic", gone)
        answer = client.get("/ecomai/health/ready/")
        assert (answer.status_code, answer.json()["status"]) == (503, "failed")
        assert "secret" not in answer.content.decode()

    @pytest.mark.parametrize(
        ("path", "status"), [("health/live/", 200), ("health/ready/", 503), ("metrics/", 200)], ids=str
    )
    def test_under_atomic_requests_with_the_database_away(
        self, client, monkeypatch, ecomai_setting, path, status
    ) -> None:
        ecomai_setting(METRICS_TOKEN="scrape-me")

        def away() -> None:
            raise OperationalError("connection refused")

        with monkeypatch.context() as patched:
            patched.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
            patched.setattr(connection, "ensure_connection", away)
            answer = client.get(f"/ecomai/{path}", headers={"Authorization": "Bearer scrape-me"})
        assert answer.status_code == status

    def test_pages_go_on_without_the_rest(self, client, monkeypatch) -> None:
        artifact = save()
        artifact_go_live(artifact=artifact)
        shutil.rmtree(storage.local_path(artifact.path))
        heartbeat_beat(name="beat")
        Heartbeat.objects.update(seen_at=timezone.now() - timedelta(days=1))
        monkeypatch.setattr(caches["default"], "set", lambda *args: 1 / 0)
        assert ready(client) == (
            200,
            {
                "status": "degraded",
                "checks": {"database": "ok", "cache": "degraded", "models": "degraded", "scheduler": "degraded"},
            },
        )

    def test_only_to_be_read(self, client) -> None:
        assert client.post("/ecomai/health/live/").status_code == 405
        assert client.post("/ecomai/health/ready/").status_code == 405


class TestPlugin:
    @pytest.fixture
    def found(self, monkeypatch) -> list[Finding]:
        findings: list[Finding] = []
        monkeypatch.setitem(doctor_checks._items, "runs.models", lambda: findings)
        monkeypatch.setitem(doctor_checks._items, "runs.folder", lambda: [])
        monkeypatch.setattr(plugin.connections, "close_all", lambda: None)
        return findings

    def test_all_is_well(self, found) -> None:
        found.append(Finding("ok", "fine"))
        plugin.Models().run()

    def test_the_worst_finding_without_its_details(self, found) -> None:
        found += [Finding("warning", "old"), Finding("error", "damaged", "/srv/secret/path")]
        with pytest.raises(ServiceUnavailable) as caught:
            plugin.Models().run()
        assert str(caught.value) == "Unavailable: damaged"

    def test_a_warning(self, found) -> None:
        found.append(Finding("warning", "old"))
        with pytest.raises(ServiceWarning, match="old"):
            plugin.Models().run()

    def test_every_check_asks_what_exists(self) -> None:
        asked = [name for check in (plugin.Models, plugin.Jobs, plugin.Events) for name in check.asks]
        assert [name for name in asked if name not in doctor_checks] == []

    def test_on_the_status_page_of_the_shop(self, found) -> None:
        found.append(Finding("error", "damaged"))
        view = HealthCheckView.as_view(checks=["django_ecomai.contrib.health.Models"])
        answer = async_to_sync(view)(RequestFactory().get("/", {"format": "json"}))
        assert answer.status_code == 500
        assert b"damaged" in answer.content
