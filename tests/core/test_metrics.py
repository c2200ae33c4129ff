"""Figures for Prometheus: what is counted, who may read it, and that no page pays or fails for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from django_ecomai.core import metrics
from django_ecomai.core.metrics import Gauge, metric_sources
from django_ecomai.events.models import Event
from django_ecomai.events.services import events_insert
from django_ecomai.recommend.serving import recommendations
from django_ecomai.runs.models import Artifact, Heartbeat, LiveArtifact, Run

pytestmark = pytest.mark.django_db
URL = "/ecomai/metrics/"
TOKEN = "scrape-me"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch) -> None:
    """This process has counted nothing."""
    monkeypatch.setattr(metrics, "_children", {})
    monkeypatch.setattr(metrics, "_parents", {})
    monkeypatch.setattr(metrics, "_registry", None)


@pytest.fixture
def source() -> Iterator[Any]:
    def register(name: str, gauges: Any) -> None:
        metric_sources.register(name, gauges)
        names.append(name)

    names: list[str] = []
    yield register
    for name in names:
        metric_sources.unregister(name)


def figures() -> dict[str, float]:
    """What a scrape reads: ``{'name{labels}': value}``."""
    body, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    lines = [line for line in body.decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


class TestWhatIsCounted:
    def test_events_by_verdict(self) -> None:
        row = {"name": "view_item", "product_id": "1", "visitor_id": "v", "key": "k", "at": timezone.now()}
        events_insert(rows=[row, row, {"name": "nonsense"}])
        assert Event.objects.count() == 1
        found = figures()
        verdicts = ("accepted", "duplicate", "rejected")
        assert [found[f'ecomai_events_total{{verdict="{word}"}}'] for word in verdicts] == [1, 1, 1]

    def test_serving_and_why_it_fell_back(self, monkeypatch) -> None:
        recommendations("home")
        found = figures()
        assert found["ecomai_serving_seconds_count"] == 1
        assert found['ecomai_fallbacks_total{reason="no_model"}'] == 1
        monkeypatch.setattr("django_ecomai.recommend.serving.look_up", None)
        recommendations("home")
        found = figures()
        assert found["ecomai_serving_seconds_count"] == 1
        assert found['ecomai_fallbacks_total{reason="error"}'] == 1

    def test_a_carousel_that_needs_no_model_is_no_fallback(self) -> None:
        for strategy in ("new_arrivals", "on_sale", "bestsellers", "recently_viewed"):
            recommendations(strategy)
        assert [name for name in figures() if name.startswith("ecomai_fallbacks_total")] == []

    def test_runs_models_and_the_scheduler(self) -> None:
        now = timezone.now()
        Run.objects.create(kind="recommend.train", state="done", finished_at=now - timedelta(hours=1))
        Run.objects.create(kind="recommend.train", state="failed")
        queued = Run.objects.create(kind="recommend.train")
        Run.objects.filter(pk=queued.pk).update(created_at=now - timedelta(minutes=5))
        artifact = Artifact.objects.create(kind="recommend", path="x", sha256="0" * 64)
        Artifact.objects.filter(pk=artifact.pk).update(created_at=now - timedelta(days=2))
        LiveArtifact.objects.create(kind="recommend", artifact=artifact)
        Heartbeat.objects.create(name="beat", seen_at=now - timedelta(seconds=30))
        found = figures()
        assert {state: found[f'ecomai_runs{{state="{state}"}}'] for state in Run.State.values} == {
            "queued": 1,
            "running": 0,
            "done": 1,
            "failed": 1,
            "cancelled": 0,
        }
        assert found['ecomai_run_done_age_seconds{kind="recommend.train"}'] == pytest.approx(3600, abs=60)
        assert found["ecomai_run_waiting_seconds"] == pytest.approx(300, abs=60)
        assert found['ecomai_model_age_seconds{channel="",kind="recommend"}'] == pytest.approx(172_800, abs=60)
        assert found["ecomai_beat_age_seconds"] == pytest.approx(30, abs=60)

    def test_a_source_of_another_app(self, source) -> None:
        source("test.queue", lambda: [Gauge("ecomai_queue_depth", "Waiting events.", 7.0, {"queue": "redis"})])
        assert figures()['ecomai_queue_depth{queue="redis"}'] == 7

    def test_a_broken_source_hides_no_other(self, source, caplog) -> None:
        source("test.broken", lambda: 1 / 0)
        assert figures()['ecomai_runs{state="done"}'] == 0
        assert "The source of metrics test.broken failed" in caplog.text


class TestLabels:
    def test_words_that_nobody_declared_are_one_series(self) -> None:
        for number in range(1000):
            metrics.count(metrics.FALLBACKS, f"visitor-{number}")
        assert figures()['ecomai_fallbacks_total{reason="other"}'] == 1000
        assert len(metrics._children) == 0

    def test_every_label_has_a_fixed_list_of_words(self) -> None:
        declared = [value for value in vars(metrics).values() if isinstance(value, metrics.Counted)]
        assert {one.name for one in declared} == {
            "ecomai_events",
            "ecomai_capture",
            "ecomai_fallbacks",
            "ecomai_serving_seconds",
        }
        assert all(bool(one.label) == bool(one.words) for one in declared)


def test_two_threads_that_count_first_at_once_are_both_counted(monkeypatch) -> None:
    import prometheus_client

    real = prometheus_client.Counter
    others: list[threading.Thread] = []

    def counter(*args: Any, **values: Any) -> Any:
        made = real(*args, **values)
        if not others:  # made, and not yet kept: now the other thread comes
            others.append(threading.Thread(target=metrics.count, args=(metrics.EVENTS, "accepted")))
            others[0].start()
            others[0].join(0.1)
        return made

    monkeypatch.setattr(prometheus_client, "Counter", counter)
    metrics.count(metrics.EVENTS, "accepted")
    others[0].join()
    assert figures()['ecomai_events_total{verdict="accepted"}'] == 2


class TestAccess:
    def test_nobody_else(self, client) -> None:
        answer = client.get(URL)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")

    def test_a_token(self, client, ecomai_setting) -> None:
        ecomai_setting(METRICS_TOKEN=TOKEN)
        assert client.get(URL, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get(URL, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get(URL, headers={"Authorization": TOKEN}).status_code == 401

    def test_no_token_is_set_and_an_empty_one_is_sent(self, client, ecomai_setting) -> None:
        ecomai_setting(METRICS_TOKEN="")
        assert client.get(URL, headers={"Authorization": "Bearer "}).status_code == 401

    @pytest.mark.parametrize(("staff", "may", "status"), [(True, True, 200), (True, False, 401), (False, True, 401)])
    def test_staff_who_may_see_runs(self, client, staff, may, status) -> None:
        user = User.objects.create_user("anna", is_staff=staff)
        if may:
            user.user_permissions.add(Permission.objects.get(codename="view_run"))
        client.force_login(user)
        assert client.get(URL).status_code == status

    def test_only_to_be_read(self, admin_client) -> None:
        assert admin_client.post(URL).status_code == 405


def test_without_the_library_pages_go_on_and_the_endpoint_says_what_to_type(monkeypatch, admin_client) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    metrics.count(metrics.EVENTS, "accepted")
    metrics.observe(metrics.SERVING, 0.1)
    answer = admin_client.get(URL)
    assert answer.status_code == 501
    assert "pip install 'django-ecomai[metrics]'" in answer.content.decode()


def test_a_full_disk_under_the_figures_hurts_nobody(monkeypatch) -> None:
    class Full:
        def inc(self, amount: float) -> None:
            raise OSError("No space left on device")

    monkeypatch.setitem(metrics._children, ("ecomai_events", "accepted"), Full())
    metrics.count(metrics.EVENTS, "accepted")


def test_the_figures_of_several_processes_are_added_up(tmp_path) -> None:
    code = textwrap.dedent(
        """
        import sys
        from django_ecomai.core import metrics
        metrics.count(metrics.EVENTS, "accepted", int(sys.argv[1]))
        if sys.argv[1] == "4":
            import prometheus_client
            prometheus_client.Counter("shop_orders", "Of another package.").inc()
            print(metrics.exposition()[0].decode())
        """
    )
    environment = {**os.environ, metrics.MULTIPROCESS: str(tmp_path)}
    for amount in ("3", "4"):
        done = subprocess.run(
            [sys.executable, "-c", code, amount], env=environment, capture_output=True, text=True, check=True
        )
    assert re.findall(r"^\w+\{.*\} .*$", done.stdout, re.MULTILINE) == ['ecomai_events_total{verdict="accepted"} 7.0']
