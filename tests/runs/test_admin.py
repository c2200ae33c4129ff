"""The pages of runs and models: who may see and do what, and what they show."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.runs import storage
from django_ecomai.runs.models import Artifact, LiveArtifact, Run
from django_ecomai.runs.presenting import (
    counts,
    duration,
    evaluation_tables,
    facts,
    kind_label,
    learned_order,
    model_label,
    notes,
    parameters,
    tried_tables,
)
from django_ecomai.runs.services import artifact_go_live

from .helpers import job, live_artifact, save

pytestmark = pytest.mark.django_db

RUNS = "admin:ecomai_runs_run_changelist"
MODELS = "admin:ecomai_runs_artifact_changelist"
ROWS = [
    {
        "model": "popular (30 days)",
        "ours": False,
        "split": "new_items",
        "metrics": {"recall@20": 0.05, "ndcg@20": 0.03},
    },
    {"model": "chosen blend", "ours": True, "split": "new_items", "metrics": {"recall@20": 0.0824, "ndcg@20": 0.06}},
    {"model": "chosen blend", "ours": True, "split": "repeat_items", "metrics": {"recall@20": 0.5}},
]


def client_with(*permissions: str, csrf: bool = False) -> Client:
    """A logged-in member of staff with exactly these permissions of ``ecomai_runs``."""
    user = User.objects.create_user(f"staff{User.objects.count() or ''}", password="x", is_staff=True)
    for name in permissions:
        user.user_permissions.add(Permission.objects.get(content_type__app_label="ecomai_runs", codename=name))
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    return client


@pytest.fixture
def boss(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def a_run(**values: Any) -> Run:
    return Run.objects.create(
        **{"kind": "test.job", "state": "done", "progress": 1.0, "message": "Finished.", **values}
    )


def page(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return response.content.decode()


class TestList:
    def test_newest_first_with_what_matters(self, boss: Client) -> None:
        now = timezone.now()
        first = a_run(state="failed", message="No orders yet.")
        second = a_run(started_at=now, finished_at=now + timedelta(seconds=75))
        html = page(boss, RUNS)
        assert html.index(f"test.job #{second.pk}<") < html.index(f"test.job #{first.pk}<")
        assert "No orders yet." in html
        assert "1:15" in html
        assert 'data-state="failed"' in html

    def test_the_number_of_queries_does_not_grow(self, boss: Client, django_assert_max_num_queries) -> None:
        for number in range(60):
            a_run(state="running" if number == 0 else "done", heartbeat_at=timezone.now(), log="x" * 1000)
        with django_assert_max_num_queries(12):
            page(boss, RUNS)

    def test_search_and_filter(self, boss: Client) -> None:
        run = a_run(state="failed", message="alpha")
        with job(lambda context: None) as kind:
            other = a_run(kind="other.job", message="second")
            url = reverse(RUNS)
            assert "second" not in boss.get(url, {"q": str(run.pk)}).content.decode()
            assert "alpha" not in boss.get(url, {"q": "other"}).content.decode()
            assert "second" not in boss.get(url, {"kind": kind}).content.decode()
            assert "second" not in boss.get(url, {"state__exact": "failed"}).content.decode()
            assert other.message in boss.get(url).content.decode()

    def test_a_button_per_job_for_those_who_may(self, boss: Client) -> None:
        with job(lambda context: None):
            html = page(boss, RUNS)
        assert "Job test.job" in html
        assert 'name="csrfmiddlewaretoken"' in html

    def test_a_merchant_is_offered_what_he_needs(self) -> None:
        with (
            job(lambda context: None, name="a.sync"),
            job(lambda context: None, name="a.train"),
            job(lambda context: None),
        ):
            html = page(client_with("view_run", "start_run"), RUNS)
        assert "Job a.sync</button>" in html and "Job a.train</button>" in html
        assert "Job test.job</button>" not in html and ">Clean up</button>" not in html

    def test_no_button_for_others(self) -> None:
        with job(lambda context: None):
            html = page(client_with("view_run"), RUNS)
        assert 'class="ecomai-jobs"' not in html

    def test_dead_runs_are_shown_as_failed(self, boss: Client) -> None:
        a_run(state="running", heartbeat_at=timezone.now() - timedelta(hours=1))
        assert "taken for dead" in page(boss, RUNS)

    def test_nothing_is_added_changed_or_deleted_by_hand(self, boss: Client) -> None:
        run = a_run()
        assert boss.get(reverse("admin:ecomai_runs_run_add")).status_code == 404
        assert boss.get(reverse("admin:ecomai_runs_run_delete", args=[run.pk])).status_code == 403


class TestRunPage:
    def test_a_running_one_polls_and_reloads_without_javascript(self, boss: Client) -> None:
        run = a_run(state="running", progress=0.4, message="Fitting", heartbeat_at=timezone.now(), log="a line\n")
        html = page(boss, "admin:ecomai_runs_run_change", run.pk)
        status = reverse("admin:ecomai_runs_run_status", args=[run.pk])
        assert f'data-url="{status}"' in html
        assert 'max="100" value="40"' in html
        assert 'role="status" aria-live="polite"' in html
        assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in html
        assert "a line" in html
        assert "<script>" not in html.replace('<script src="', "")

    def test_an_ended_one_shows_results_beside_the_baselines(self, boss: Client) -> None:
        gate = {"passed": True, "reason": "Goes live: recall@20 is 0.0824."}
        run = a_run(metrics={"evaluation": ROWS, "gate": gate, "counts": {"products": 3941}, "recipe_name": "blend"})
        html = page(boss, "admin:ecomai_runs_run_change", run.pk)
        assert "data-finished" in html
        assert "http-equiv" not in html
        assert "Products new to the customer" in html
        assert html.index("chosen blend") < html.index("popular (30 days)")
        assert "<strong>0.0824</strong>" in html
        assert "Goes live: recall@20 is 0.0824." in html
        assert "3,941" in html

    @pytest.mark.parametrize("may", [True, False])
    def test_its_models_are_links_only_for_those_who_may_open_them(self, may: bool) -> None:
        run = a_run()
        model = save(run=run)
        html = page(
            client_with("view_run", *(["view_artifact"] if may else [])), "admin:ecomai_runs_run_change", run.pk
        )
        assert str(model) in html
        assert (reverse("admin:ecomai_runs_artifact_change", args=[model.pk]) in html) is may

    def test_the_shops_text_is_escaped(self, boss: Client) -> None:
        evil = "<script>alert(1)</script>"
        run = a_run(
            state="failed",
            message=evil,
            log=evil,
            error=evil,
            parameters={evil: evil},
            metrics={"evaluation": [{"model": evil, "split": evil, "metrics": {evil: 1}}], "gate": {"reason": evil}},
        )
        html = page(boss, "admin:ecomai_runs_run_change", run.pk)
        assert evil not in html
        assert html.count("&lt;script&gt;alert(1)") >= 8

    @pytest.mark.parametrize(
        "metrics", [None, [], {"evaluation": "x"}, {"evaluation": [1, {}, {"metrics": 3}]}, {"gate": 1}]
    )
    def test_strange_metrics_do_no_harm(self, boss: Client, metrics: Any) -> None:
        run = a_run()
        Run.objects.filter(pk=run.pk).update(metrics=metrics if metrics is not None else {})
        page(boss, "admin:ecomai_runs_run_change", run.pk)

    @pytest.mark.parametrize("name", ["4711", "abc", "9" * 30, "²"])
    def test_an_unknown_run_is_not_found(self, boss: Client, name: str) -> None:
        assert boss.get(reverse("admin:ecomai_runs_run_change", args=[name])).status_code == 404

    def test_without_permission(self) -> None:
        run = a_run()
        client = client_with()
        for name in ("run_change", "run_status"):
            assert client.get(reverse(f"admin:ecomai_runs_{name}", args=[run.pk])).status_code == 403
        assert client.get(reverse(RUNS)).status_code == 403

    def test_the_status_is_never_cached(self, boss: Client) -> None:
        run = a_run(state="running", progress=0.333, heartbeat_at=timezone.now(), log="x" * 9000)
        response = boss.get(reverse("admin:ecomai_runs_run_status", args=[run.pk]))
        assert "no-store" in response.headers["Cache-Control"]
        data = response.json()
        assert (data["state"], data["percent"], data["finished"], len(data["log"])) == ("running", 33, False, 4000)

    def test_a_visitor_is_sent_to_the_login(self, client: Client) -> None:
        run = a_run()
        assert client.get(reverse("admin:ecomai_runs_run_status", args=[run.pk])).status_code == 302


class TestStart:
    url = "admin:ecomai_runs_run_start"

    def test_starts_and_shows_the_run(self, django_capture_on_commit_callbacks) -> None:
        client = client_with("view_run", "start_run")
        with job(lambda context: None) as kind, django_capture_on_commit_callbacks(execute=True):
            response = client.post(reverse(self.url), {"kind": kind, "channel": "uk"})
        run = Run.objects.get()
        assert response.headers["Location"] == reverse("admin:ecomai_runs_run_change", args=[run.pk])
        assert (run.kind, run.channel, run.started_by.username, run.state) == ("test.job", "uk", "staff", "done")
        assert LogEntry.objects.get().object_id == str(run.pk)

    def test_a_second_click_starts_nothing(self) -> None:
        client = client_with("view_run", "start_run")
        with job(lambda context: None) as kind:
            client.post(reverse(self.url), {"kind": kind})
            response = client.post(reverse(self.url), {"kind": kind}, follow=True)
        assert Run.objects.count() == 1
        assert "nothing was started twice" in response.content.decode()

    def test_again_with_the_same_parameters(self) -> None:
        client = client_with("view_run", "start_run")
        with job(lambda context: None) as kind:
            before = a_run(kind=kind, channel="uk", parameters={"k": 3})
            assert "Start again" in page(client, "admin:ecomai_runs_run_change", before.pk)
            client.post(reverse(self.url), {"run": str(before.pk)})
        run = Run.objects.latest("id")
        assert run != before
        assert (run.kind, run.channel, run.parameters) == (kind, "uk", {"k": 3})

    def test_a_training_is_offered_by_its_name(self) -> None:
        client = client_with("view_run", "start_run")
        with job(lambda context: None, name="test.train") as kind:
            html = page(client, "admin:ecomai_runs_run_change", a_run(kind=kind).pk)
            assert "Train now</button>" in html
            assert "Start again" not in html
            assert "Train now" not in page(client_with("view_run"), "admin:ecomai_runs_run_change", a_run(kind=kind).pk)

    @pytest.mark.parametrize("data", [{"kind": "no.such"}, {}, {"kind": "test.job", "channel": "x" * 33}])
    def test_an_unknown_job_is_refused_with_a_word(self, data: dict[str, str]) -> None:
        client = client_with("view_run", "start_run")
        with job(lambda context: None):
            response = client.post(reverse(self.url), data, follow=True)
        assert "There is no such job here." in response.content.decode()
        assert not Run.objects.exists()

    def test_only_by_post_with_permission_and_csrf(self) -> None:
        with job(lambda context: None) as kind:
            client = client_with("view_run")
            assert client.get(reverse(self.url)).status_code == 405
            assert client.post(reverse(self.url), {"kind": kind}).status_code == 403
            strict = Client(enforce_csrf_checks=True)
            strict.force_login(User.objects.create_superuser("root"))
            assert strict.post(reverse(self.url), {"kind": kind}).status_code == 403
        assert not Run.objects.exists()


class TestCancel:
    def post(self, client: Client, run: Run) -> Any:
        return client.post(reverse("admin:ecomai_runs_run_cancel", args=[run.pk]), follow=True)

    def test_a_queued_run(self) -> None:
        run = a_run(state="queued")
        client = client_with("view_run", "start_run")
        assert "Cancel" in page(client, "admin:ecomai_runs_run_change", run.pk)
        self.post(client, run)
        run.refresh_from_db()
        assert (run.state, run.message) == ("cancelled", "Cancelled by staff.")
        assert LogEntry.objects.get().change_message == "Cancelled."

    def test_a_running_run_is_asked(self) -> None:
        run = a_run(state="running", heartbeat_at=timezone.now())
        self.post(client_with("view_run", "start_run"), run)
        run.refresh_from_db()
        assert (run.state, run.cancel_requested) == ("running", True)

    def test_an_ended_run_stays(self) -> None:
        run = a_run()
        response = self.post(client_with("view_run", "start_run"), run)
        assert "had ended already" in response.content.decode()
        assert not LogEntry.objects.exists()

    def test_only_by_post_with_permission_and_csrf(self) -> None:
        run = a_run(state="queued")
        url = reverse("admin:ecomai_runs_run_cancel", args=[run.pk])
        client = client_with("view_run")
        assert client.get(url).status_code == 405
        assert client.post(url).status_code == 403
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(User.objects.create_superuser("root"))
        assert strict.post(url).status_code == 403
        run.refresh_from_db()
        assert run.state == "queued"


class TestModels:
    def test_the_list_says_what_serves_and_offers_the_way_back(
        self, boss: Client, django_assert_max_num_queries
    ) -> None:
        one, two = save(1.0), save(2.0)
        artifact_go_live(artifact=one)
        artifact_go_live(artifact=two)
        with django_assert_max_num_queries(14):
            html = page(boss, MODELS)
        assert reverse("admin:ecomai_runs_artifact_live", args=[one.pk]) in html
        assert two.sha256[:8] in html

    def test_nothing_is_live(self, boss: Client) -> None:
        assert "No model is live yet." in page(boss, MODELS)

    def test_no_way_back_without_permission_or_an_earlier_model(self, boss: Client) -> None:
        artifact_go_live(artifact=save(1.0))
        assert "Roll back" not in page(boss, MODELS)
        artifact_go_live(artifact=save(2.0))
        assert "Roll back" in page(boss, MODELS)
        assert "Roll back" not in page(client_with("view_artifact"), MODELS)

    def test_a_model_with_its_run_and_arrays(self, boss: Client) -> None:
        run = a_run(metrics={"evaluation": ROWS, "gate": {"passed": False, "reason": "The one in use stays."}})
        artifact = save(1.0, run=run, metrics={"recall@20": 0.5})
        html = page(boss, "admin:ecomai_runs_artifact_change", artifact.pk)
        assert "This model is not live." in html
        assert "The one in use stays." in html
        assert artifact.sha256 in html
        assert "float32" in html
        artifact_go_live(artifact=artifact)
        assert "Live since" in page(boss, "admin:ecomai_runs_artifact_change", artifact.pk)

    def test_a_damaged_model_says_so_and_offers_nothing(self, boss: Client) -> None:
        artifact = save(1.0)
        shutil.rmtree(storage.local_path(artifact.path))
        html = page(boss, "admin:ecomai_runs_artifact_change", artifact.pk)
        assert "train first, or check the artifact folder" in html
        assert "Put this model live" not in html

    def test_an_unknown_model_is_not_found_and_a_foreign_one_forbidden(self, boss: Client) -> None:
        assert boss.get(reverse("admin:ecomai_runs_artifact_change", args=["4711"])).status_code == 404
        artifact = save()
        assert client_with("view_run").get(
            reverse("admin:ecomai_runs_artifact_change", args=[artifact.pk])
        ).status_code == 403  # fmt: skip


class TestPutLive:
    @pytest.fixture
    def two(self) -> tuple[Artifact, Artifact]:
        one, two = save(1.0), save(2.0)
        artifact_go_live(artifact=one)
        artifact_go_live(artifact=two)
        return one, two

    def url(self, artifact: Artifact) -> str:
        return reverse("admin:ecomai_runs_artifact_live", args=[artifact.pk])

    def test_asks_then_does_then_can_be_undone(self, two: tuple[Artifact, Artifact]) -> None:
        client = client_with("view_artifact", "rollback_artifact")
        html = client.get(self.url(two[0])).content.decode()
        assert "Yes, put it live" in html
        assert live_artifact(kind="toy") == two[1]
        response = client.post(self.url(two[0]), follow=True)
        assert live_artifact(kind="toy") == two[0]
        assert f'<a href="{self.url(two[1])}">Undo</a>' in response.content.decode()
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.change_message) == (str(two[0].pk), f"Put live instead of {two[1]}.")
        client.post(self.url(two[1]))
        assert live_artifact(kind="toy") == two[1]

    def test_the_run_of_the_live_model_leads_back(self) -> None:
        runs = [a_run(kind="toy"), a_run(kind="toy")]
        one, two = (save(float(number), run=run) for number, run in enumerate(runs))
        shown = lambda client, run: self.url(one) in page(client, "admin:ecomai_runs_run_change", run.pk)  # noqa: E731
        client = client_with("view_run", "view_artifact", "rollback_artifact")
        artifact_go_live(artifact=one)
        assert not shown(client, runs[0]), "there is nothing before it"
        artifact_go_live(artifact=two)
        assert [shown(client, run) for run in runs] == [False, True]
        assert "Roll back…</a>" in page(client, "admin:ecomai_runs_run_change", runs[1].pk)
        for less in ({"view_run", "view_artifact"}, {"view_run", "rollback_artifact"}):
            assert not shown(client_with(*less), runs[1])
        assert client.get(self.url(one)).status_code == 200

    def test_a_model_that_failed_the_gate_is_warned_of(self, boss: Client) -> None:
        assert "did not pass the quality gate" in boss.get(self.url(save(passed_gate=False))).content.decode()

    def test_the_first_one_has_nothing_to_undo(self, boss: Client) -> None:
        response = boss.post(self.url(save()), follow=True)
        assert "is live. Pages use it within seconds." in response.content.decode()
        assert "Undo" not in response.content.decode()

    def test_the_live_one_is_left(self, boss: Client, two: tuple[Artifact, Artifact]) -> None:
        assert "is live already" in boss.post(self.url(two[1]), follow=True).content.decode()
        assert not LogEntry.objects.exists()

    def test_a_damaged_one_changes_nothing(self, boss: Client, two: tuple[Artifact, Artifact]) -> None:
        shutil.rmtree(storage.local_path(two[0].path))
        response = boss.post(self.url(two[0]), follow=True)
        assert "Nothing was changed" in response.content.decode()
        assert LiveArtifact.objects.get().artifact == two[1]

    def test_only_with_permission_and_csrf(self, two: tuple[Artifact, Artifact]) -> None:
        client = client_with("view_artifact")
        assert client.get(self.url(two[0])).status_code == 403
        assert client.post(self.url(two[0])).status_code == 403
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(User.objects.create_superuser("root"))
        assert strict.post(self.url(two[0])).status_code == 403
        assert live_artifact(kind="toy") == two[1]


class TestPresenting:
    def test_measures_and_models_have_names(self) -> None:
        row = {"model": "live", "split": "all", "metrics": {"hit_rate@10": 0.5, "recall@20": 0.1, "odd": 1.0}}
        table = evaluation_tables({"evaluation": [row]})[0]
        assert table.headings == ["Recall @20", "Hit rate @10"]
        assert table.more is not None and table.more.headings[-1] == "odd"
        assert table.rows[0]["model"] == "in use"

    def test_tables_best_first_with_the_best_marked(self) -> None:
        new, again = evaluation_tables({"evaluation": [*ROWS[::-1], {"model": "x", "split": "odd", "metrics": {}}]})[:2]
        assert (new.title, again.title) == ("Products new to the customer", "Products bought again")
        assert [(row["model"], row["ours"]) for row in new.rows] == [
            ("chosen blend", True),
            ("popular (30 days)", False),
        ]
        assert [cell["best"] for cell in new.rows[0]["cells"]] == [True, True]
        assert [name for name, _text in new.legend] == ["Recall", "NDCG"]
        assert new.more is None

    def test_headlines_first_and_every_measure_behind_them(self) -> None:
        metrics = {"map@10": 0.1, "precision@10": 0.2, "recall@20": 0.3}
        [table] = evaluation_tables({"evaluation": [{"model": "x", "split": "all", "metrics": metrics}]})
        assert table.columns == ["recall@20", "precision@10"]
        assert table.more is not None
        assert table.more.columns == ["map@10", "precision@10", "recall@20"]
        assert [cell["text"] for cell in table.more.rows[0]["cells"]] == ["0.1000", "0.2000", "0.3000"]

    def test_less_is_better_of_errors_and_nothing_is_best_of_what_only_describes(self) -> None:
        rows = [
            {"model": "global mean", "ours": False, "split": "ratings", "metrics": {"mae": 0.9, "novelty@20": 1.0}},
            {"model": "biases only", "ours": True, "split": "ratings", "metrics": {"mae": 0.7, "novelty@20": 9.0}},
        ]
        [table] = evaluation_tables({"evaluation": rows})
        assert table.title == "Star ratings"
        assert [row["model"] for row in table.rows] == [
            "mean of the product and of the customer",
            "the mean of all ratings",
        ]
        assert [[cell["best"] for cell in row["cells"]] for row in table.rows] == [[True, False], [False, False]]
        assert [name for name, _text in table.legend] == ["Mean error", "Novelty"]

    def test_every_model_that_was_tried_best_first(self) -> None:
        tried = [
            {
                "part": "new_items",
                "name": name,
                "chosen": name == "b",
                "metrics": {"ndcg@20": ndcg, "recall@20": recall},
            }
            for name, ndcg, recall in (("a", 0.9, 0.1), ("b", 0.2, 0.3))
        ]
        [table] = tried_tables({"tried": [*tried, "odd", {"part": "all"}]})
        assert (table.title, table.headings) == ("Products new to the customer", ["NDCG @20", "Recall @20"])
        assert [(row["model"], row["ours"]) for row in table.rows] == [("b", True), ("a", False)]
        assert tried_tables({"tried": 3}) == tried_tables(None) == []

    def test_the_learned_order_in_words(self) -> None:
        found = {
            "passed": True,
            "code": "measured",
            "gain": 0.0214,
            "learner": "LambdaRank (LightGBM)",
            "blend": {"recall@20": 0.1},
            "ranked": {"recall@20": 0.2},
        }
        shown = learned_order({"learned_order": found})
        assert (shown["passed"], shown["reason"]) == (True, "On newer months it does +2.1% against the mix.")
        assert [(row["model"], row["ours"]) for row in shown["table"].rows] == [
            ("both, with the learned order (hybrid)", True),
            ("both, without the learned order (hybrid)", False),
        ]
        few = learned_order({"learned_order": {"passed": False, "code": "few", "customers": 7, "least": 500}})
        assert few["reason"] == "Too few customers came back for something new: 7; at least 500 are needed."
        assert few["table"] is None
        assert learned_order({"learned_order": {"reason": "why?", "code": "of another version"}})["reason"] == "why?"
        assert learned_order({"learned_order": {}}) == learned_order(None) == {}

    def test_an_unknown_split_keeps_its_name(self) -> None:
        [table] = evaluation_tables({"evaluation": [{"model": "x", "split": "odd", "metrics": {"r": None}}]})
        assert (table.title, table.rows[0]["cells"]) == ("odd", [{"text": "–", "best": False}])

    def test_facts_are_flat_and_bounded(self) -> None:
        metrics = {
            "gate": {},
            "counts": {"order_lines": 1234},
            "deep": {"a": {"b": 1}},
            "seconds": {"read_all": 1.5},
            "missing": ["One.", "Two.", 3],
            "numbers": [1],
            "ok": True,
            "none": None,
            "share": 0.09748,
            "big": 1234.56,
        }
        assert facts(metrics) == [
            ("Seconds: read all", "1.5000"),
            ("Ok", "yes"),
            ("None", "–"),
            ("Share", "0.0975"),
            ("Big", "1,234.6"),
        ]
        assert counts(metrics) == [("Order lines", "1,234")]
        assert notes(metrics) == ["One.", "Two."]
        assert (counts({"counts": 3}), notes({"missing": 3}), counts(None), notes(None)) == ([], [], [], [])
        assert parameters({"evaluate_from": "2011-10-01"}) == [("Evaluate from", "2011-10-01")]
        assert parameters([1]) == []
        assert len(facts({str(number): number for number in range(100)})) == 40
        assert facts(None) == []

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0, "0 s"), (59.9, "59 s"), (60, "1:00"), (3909, "1:05:09"), (-5, "0 s")]
    )
    def test_duration(self, seconds: float, text: str) -> None:
        assert duration(timedelta(seconds=seconds)) == text
        assert duration(None) == ""

    def test_a_kind_of_an_app_that_is_gone_keeps_its_name(self) -> None:
        assert kind_label("gone.train") == "gone.train"
        assert model_label("gone") == "gone"
        assert model_label("recommend") == "Recommendations"


class TestResult:
    """A finished job leads to the page that shows what came of it."""

    def link(self, client: Client, **values: Any) -> bool:
        return "See what came of it" in page(client, "admin:ecomai_runs_run_change", a_run(**values).pk)

    def test_a_finished_run_of_a_kind_with_a_page(self, boss: Client) -> None:
        with job(lambda context: None, page=MODELS):
            html = page(boss, "admin:ecomai_runs_run_change", a_run().pk)
            assert f'href="{reverse(MODELS)}">See what came of it' in html
            html = page(boss, "admin:ecomai_runs_run_change", a_run(channel="uk").pk)
            assert f'href="{reverse(MODELS)}?channel=uk">See what came of it' in html
            assert not self.link(boss, state="queued", kind="test.job")

    def test_no_page_an_unknown_one_or_one_that_is_not_for_this_user(self, boss: Client) -> None:
        for name in ("", "admin:nothing"):
            with job(lambda context: None, page=name):
                assert not self.link(boss)
        with job(lambda context: None, page=MODELS):
            assert not self.link(client_with("view_run"))
