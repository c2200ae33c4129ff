"""A large file of competitors' offers is read by a job: shown, cancelled, repeated, and removed when it is done."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from django_ecomai.pricing import offers_file
from django_ecomai.pricing.admin import market_import
from django_ecomai.pricing.models import CompetitorOffer, CompetitorPrice
from django_ecomai.pricing.offers_import_job import KIND, outcome_of
from django_ecomai.pricing.services import competitors_import
from django_ecomai.runs.exceptions import RunCancelled
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import RunContext, run_execute, run_now

from .market import competitor_make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(tmp_path)}
    monkeypatch.setattr(market_import, "AT_ONCE", 3)
    monkeypatch.setattr(competitors_import, "CHUNK", 2)
    competitor_make(code="A")


def sent(boss: Client, **more: str) -> Run:
    """A file of five rows, one of which has no price that can be read."""
    text = "competitor,offer_id,title,price\n" + "".join(f"A,o{n},Cup,{n or 'x'}\n" for n in range(5))
    file = SimpleUploadedFile("offers.csv", text.encode())
    answer = boss.post(reverse("admin:ecomai_pricing_competitoroffer_import"), {"file": file, **more})
    run = Run.objects.filter(kind=KIND).latest("pk")
    assert answer["Location"].endswith(f"import/?run={run.pk}")
    return run


def page(boss: Client, run: Run) -> str:
    return boss.get(reverse("admin:ecomai_pricing_competitoroffer_import"), {"run": run.pk}).content.decode()


def test_its_page_tells_what_became_of_the_rows_and_the_file_is_gone(boss: Client) -> None:
    run = run_execute(run_id=sent(boss, write="1").pk)
    assert (run.state, run.message) == ("done", "5 rows read, 1 of them cannot be used.")
    assert CompetitorOffer.objects.count() == 4
    html = page(boss, run)
    assert "5 rows read: 4 new, 1 that cannot be used." in html and "This is no number." in html
    assert offers_file.file_read(run.parameters["file"]) is None


def test_a_look_writes_nothing_and_can_be_followed_by_the_writing(boss: Client) -> None:
    run = run_execute(run_id=sent(boss).pk)
    assert CompetitorOffer.objects.count() == 0
    assert f'name="checked" value="{run.pk}"' in page(boss, run)
    boss.post(reverse("admin:ecomai_pricing_competitoroffer_import"), {"checked": run.pk})
    written = run_execute(run_id=Run.objects.filter(kind=KIND).latest("pk").pk)
    assert written.pk != run.pk and CompetitorOffer.objects.count() == 4


def test_what_was_written_before_it_was_cancelled_is_told_and_once_more_gives_no_second_row(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: RunContext, fraction: float, message: str = "") -> None:
        raise RunCancelled("Cancelled.")

    with monkeypatch.context() as patched:
        patched.setattr(RunContext, "progress", stop)
        run = run_execute(run_id=sent(boss, write="1").pk)
    outcome = outcome_of(run)
    assert run.state == "cancelled" and outcome is not None and outcome.created == CompetitorOffer.objects.count() > 0
    again = run_now(kind=KIND, parameters=run.parameters, user=run.started_by)
    assert again.state == "done"
    assert (CompetitorOffer.objects.count(), CompetitorPrice.objects.count()) == (4, 4)


def test_offers_without_a_day_were_seen_when_the_file_was_sent(boss: Client) -> None:
    run = sent(boss, write="1")
    Run.objects.filter(pk=run.pk).update(parameters={**run.parameters, "at": "2026-01-02T03:04:05+00:00"})
    run_execute(run_id=run.pk)
    assert {one.isoformat() for one in CompetitorOffer.objects.values_list("observed_at", flat=True)} == {
        "2026-01-02T03:04:05+00:00"
    }


def test_whoever_lacks_the_right_repeats_nothing(boss: Client, django_user_model: Any) -> None:
    run = sent(boss, write="1")
    other = django_user_model.objects.create_user(username="other", is_staff=True)
    again = run_now(kind=KIND, parameters=run.parameters, user=other)
    assert again.state == "failed" and CompetitorOffer.objects.count() == 0


def test_a_file_that_nobody_has_read_goes_after_seven_days(boss: Client, tmp_path: Any) -> None:
    run = sent(boss, write="1")
    assert offers_file.files_prune() == 0
    old = time.time() - 8 * 24 * 3600
    os.utime(tmp_path / ".offers" / run.parameters["file"], (old, old))
    assert offers_file.files_prune() == 1
    failed = run_execute(run_id=run.pk)
    assert (failed.state, failed.message) == ("failed", "The file is not kept any more: choose it again.")


def test_no_other_file_can_be_named(tmp_path: Any) -> None:
    (tmp_path / "secret").write_text("s")
    assert offers_file.file_read("../secret") is None
