"""The start page: what a merchant reads, may do, and what cannot break it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.core.registry import Card, Finding, JobKind, dashboard_cards, doctor_checks, job_kinds
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Customer, Order, OrderLine, Product, SyncIssue, SyncReport
from django_ecomai.runs.models import Artifact, LiveArtifact, Run

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def merchant(client: Client) -> Client:
    user = User.objects.create_user("merchant", is_staff=True)
    user.groups.add(Group.objects.get(name="Merchant"))
    client.force_login(user)
    return client


@pytest.fixture
def jobs() -> Iterator[list[str]]:
    """Only a harmless sync and training exist; returns what ran."""
    ran: list[str] = []
    before = dict(job_kinds.items())
    for name in before:
        job_kinds.unregister(name)

    def fail(context: Any) -> None:
        raise RuntimeError("no <b>space</b>")

    job_kinds.register("mirror.sync", JobKind(lambda context: ran.append(f"sync:{context.channel}"), "Copy the data"))
    job_kinds.register("recommend.train", JobKind(lambda context: ran.append("train"), "Learn"))
    job_kinds.register("broken.train", JobKind(fail, "Break"))
    yield ran
    for name in list(job_kinds.names()):
        job_kinds.unregister(name)
    for name, kind in before.items():
        job_kinds.register(name, kind)


@pytest.fixture
def only_findings() -> Iterator[list[Finding]]:
    """The doctor says exactly what the test puts into the list."""
    before = dict(doctor_checks.items())
    for name in before:
        doctor_checks.unregister(name)
    said: list[Finding] = []
    doctor_checks.register("test", lambda: said)
    yield said
    doctor_checks.unregister("test")
    for name, check in before.items():
        doctor_checks.register(name, check)


def page(client: Client, query: str = "") -> str:
    response = client.get(reverse("admin:ecomai_dashboard_start_changelist") + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def filled(*, channel: str = "") -> None:
    """A shop that is set up completely."""
    product = Product.objects.create(channel=channel, external_id="85123A", title="Heart holder")
    Product.objects.create(channel=channel, external_id="POST", title="Postage", is_service=True)
    Product.objects.create(channel=channel, external_id="OLD", title="Gone", removed_at=NOW)
    customer = Customer.objects.create(channel=channel, external_id="17850")
    for days, total in [(0, 10), (0, 20), (3, 30), (40, 40)]:
        order = Order.objects.create(
            channel=channel,
            external_id=f"{days}-{total}",
            customer=customer,
            placed_at=timezone.now() - timedelta(days=days),
            total=Decimal(total),
            currency="GBP",
        )
        OrderLine.objects.create(
            channel=channel, external_id=f"{days}-{total}", order=order, quantity=1, placed_at=order.placed_at
        )
    Order.objects.create(
        channel=channel, external_id="c", placed_at=timezone.now(), total=99, currency="GBP", status="cancelled"
    )
    for name in ("view_item_list", "view_item"):
        Event.objects.create(
            id=uuid7(), channel=channel, name=name, product_id=product.external_id, received_at=timezone.now()
        )
    artifact = Artifact.objects.create(
        kind="recommend",
        channel=channel,
        path=f"a{channel}",
        sha256="0" * 64,
        data_until=datetime(2011, 12, 9, tzinfo=UTC),
    )
    LiveArtifact.objects.create(kind="recommend", channel=channel, artifact=artifact)


# -- a fresh installation ---------------------------------------------------------------------------------------------


@override_settings(ECOMAI={})
def test_a_fresh_installation_is_led_through_five_steps(boss: Client, jobs: list[str]) -> None:
    html = page(boss)
    assert "0 of 5 steps done" in html and html.count('class="ecomai-open"') == 5
    titles = ["Connect your shop", "Copy the shop&#x27;s data", "Train the first model", "Show recommendations"]
    places = [html.index(title) for title in [*titles, "Let visits arrive"]]
    assert places == sorted(places)
    for code in ("python manage.py ecomai_adapter", "{% recommend_carousel &quot;home&quot; %}", "{% ecomai_beacon %}"):
        assert code in html
    assert 'value="sync"' not in html and 'value="train"' not in html  # nothing to read from yet
    assert "No orders have been copied yet." in html and "Nothing has run yet." in html


@override_settings(ECOMAI={"ADAPTER": "shop.ecomai.ShopAdapter"})
def test_steps_are_ticked_one_by_one(boss: Client, jobs: list[str]) -> None:
    html = page(boss)
    assert "1 of 5 steps done" in html and html.count('value="sync"') == 2 and 'value="train"' not in html
    Product.objects.create(external_id="1", title="Mug")
    html = page(boss)
    assert html.index('id="ecomai-steps"') < html.index('id="ecomai-data"') and "Show the steps" not in html
    assert "2 of 5 steps done" in html and html.count('value="train"') == 2
    artifact = Artifact.objects.create(kind="recommend", path="a", sha256="0" * 64)
    LiveArtifact.objects.create(kind="recommend", artifact=artifact)
    html = page(boss)
    assert "3 of 5 steps done" in html
    # A model serves: what the shop brings comes first, the steps are folded away below it.
    assert html.index('id="ecomai-data"') < html.index('id="ecomai-steps"') and "Show the steps" in html
    Event.objects.create(id=uuid7(), name="view_item_list", received_at=NOW)
    assert "4 of 5 steps done" in page(boss)
    Event.objects.create(id=uuid7(), name="view_item", received_at=NOW)
    html = page(boss)
    assert "steps done" not in html and html.count('value="sync"') == 1


# -- a shop at work ---------------------------------------------------------------------------------------------------


def test_it_says_what_is_known(boss: Client) -> None:
    filled()
    response = boss.get(reverse("admin:ecomai_dashboard_start_changelist"))
    tiles = {str(tile["label"]): tile for tile in response.context["tiles"]}
    assert [tiles[name]["value"] for name in ("Products", "Customers", "Orders")] == ["1", "1", "4"]
    assert tiles["Model trained"]["value"] == "just now"
    assert tiles["Model trained"]["detail"] == "with data until 12/09/2011"
    assert tiles["Last visit recorded"]["value"] == "just now"
    for name, url in [("Products", "product"), ("Orders", "order")]:
        assert tiles[name]["url"] == reverse(f"admin:ecomai_mirror_{url}_changelist")


def test_counts_are_asked_once_in_a_while_and_anew_after_a_button(boss: Client, jobs: list[str]) -> None:
    filled()
    url = reverse("admin:ecomai_dashboard_start_changelist")
    boss.get(url)
    Product.objects.create(external_id="2", title="New")
    assert boss.get(url).context["tiles"][0]["value"] == "1"
    boss.post(reverse("admin:ecomai_dashboard_start_run"), {"job": "sync"})
    assert boss.get(url).context["tiles"][0]["value"] == "2"


@pytest.mark.parametrize(
    ("query", "count", "revenue", "bars"),
    [("?period=7", 3, 60, 7), ("", 3, 60, 28), ("?period=90", 4, 100, 90), ("?period=x", 3, 60, 28)],
)
def test_the_period_switch(boss: Client, query: str, count: int, revenue: int, bars: int) -> None:
    filled()
    response = boss.get(reverse("admin:ecomai_dashboard_start_changelist") + query)
    sales = response.context["sales"]
    assert (sales["count"], sales["revenue"]) == (count, [(Decimal(revenue), "GBP")])
    assert (len(sales["labels"]), sum(sales["orders"]), sales["orders"][-1]) == (bars, count, 2)
    html = response.content.decode()
    assert html.count('aria-current="true"') == 1
    assert f"{count} orders · {revenue} GBP" in html


def test_all_data_are_shown_by_month_with_empty_months_but_not_empty_years(boss: Client) -> None:
    for year, month, number in [(2009, 11, 3), (2010, 12, 2), (2011, 2, 1)]:
        for index in range(number):
            at = datetime(year, month, 3, 12, tzinfo=UTC)
            order = Order.objects.create(external_id=f"{month}{index}", placed_at=at)
            OrderLine.objects.create(external_id=f"{month}{index}", order=order, quantity=1, placed_at=at)
    response = boss.get(reverse("admin:ecomai_dashboard_start_changelist") + "?period=all")
    sales = response.context["sales"]
    assert sales["labels"] == ["November 2009", "…", "December 2010", "January 2011", "February 2011"]
    assert (sales["orders"], sales["revenue"]) == ([3, None, 2, 0, 1], [])
    assert "Orders per month" in response.content.decode()
    html = page(boss)
    assert "No orders in this period. The last one is from Feb. 3, 2011." in html


def test_runs_are_listed_with_their_progress(boss: Client, jobs: list[str]) -> None:
    Run.objects.create(
        kind="recommend.train",
        state="running",
        progress=0.4,
        message="Step <2>",
        started_at=NOW,
        heartbeat_at=timezone.now(),
    )
    Run.objects.create(kind="unknown.kind", state="failed", started_at=NOW, finished_at=NOW + timedelta(seconds=7))
    html = page(boss)
    assert '<progress max="100" value="40" aria-label="Learn">40 %</progress>' in html
    assert "Step &lt;2&gt;" in html and "unknown.kind" in html and "took 7 s" in html
    assert html.count("data-ecomai-active") == 1


def test_the_cleaning_report_is_told_in_words(boss: Client) -> None:
    older = SyncReport.objects.create(mode="since", finished_at=NOW)
    SyncIssue.objects.create(report=older, table="order", code="no_words_for_this", action="skipped", count=5)
    report = SyncReport.objects.create(mode="full", finished_at=NOW, counts={"product": {"seen": 10, "created": 10}})
    SyncReport.objects.create(mode="full", finished_at=NOW, dry_run=True)
    SyncReport.objects.create(mode="full")  # killed
    for number in range(9):
        SyncIssue.objects.create(report=report, table="order", code=f"odd_{number}", action="skipped", count=number)
    SyncIssue.objects.create(
        report=report,
        table="order",
        code="missing_customer",
        action="kept",
        count=135080,
        examples=[{"id": "<i>7</i>"}],
    )
    response = boss.get(reverse("admin:ecomai_dashboard_start_changelist"))
    found = response.context["report"]
    assert found["report"] == report and found["more"] and len(found["issues"]) == 8
    html = response.content.decode()
    assert "Order without customer (guest)" in html and "135,080" in html and "&lt;i&gt;7&lt;/i&gt;" in html
    assert "odd_8" in html and "left out" in html and "no_words" not in html
    assert found["tables"] == [{"label": "Products", "seen": 10, "created": 10, "updated": 0, "skipped": 0}]


@pytest.mark.parametrize("examples", [None, {}, [], [3], ["x"], [{"value": "y" * 900}]])
def test_odd_examples_do_no_harm(boss: Client, examples: Any) -> None:
    report = SyncReport.objects.create(mode="full", finished_at=timezone.now(), counts={"x": None, "y": {"seen": 0}})
    SyncIssue.objects.create(report=report, table="t", code="c", action="a", count=1, examples=examples or [])
    assert "From the last full sync, just now." in page(boss)


def test_each_shop_of_several_has_its_own_page(boss: Client) -> None:
    filled()
    assert 'aria-label="Shop"' not in page(boss)
    Product.objects.create(channel="outlet", external_id="1", title="Mug")
    html = page(boss, "?channel=outlet&period=7")
    assert 'aria-label="Shop"' in html and '<span aria-current="true">outlet</span>' in html
    assert '<a href="?channel=&amp;period=7">main shop</a>' in html
    assert '<a href="?period=90&amp;channel=outlet">' in html
    assert '<span aria-current="true">main shop</span>' in page(boss, "?channel=nowhere")


# -- findings ---------------------------------------------------------------------------------------------------------


def test_the_worst_finding_is_the_next_step(boss: Client, only_findings: list[Finding]) -> None:
    filled()
    only_findings += [
        Finding("ok", "All fine here"),
        Finding("warning", "Getting old", next_step="Type: python manage.py ecomai_train"),
        Finding("strange", "Unknown level"),
    ]
    html = page(boss)
    banner = html.split('aria-labelledby="ecomai-next"')[1].split("</section>")[0]
    assert "Getting old" in banner and "<code>python manage.py ecomai_train</code>" in banner and "Warning" in banner
    Run.objects.create(kind="any", state="done")  # whatever is cached is asked anew when a job begins or ends
    only_findings.append(Finding("error", "Folder gone <x>", "/srv", "Make it", url_name="admin:index"))
    html = page(boss)
    banner = html.split('aria-labelledby="ecomai-next"')[1].split("</section>")[0]
    assert "Folder gone &lt;x&gt;" in banner and 'href="/admin/"' in banner
    assert "All 4 checks" in html


def test_a_finding_links_only_what_the_user_may_open(merchant: Client, only_findings: list[Finding]) -> None:
    filled()
    only_findings += [
        Finding("error", "No visits", url_name="admin:ecomai_events_event_changelist"),
        Finding("warning", "A job failed", url_name="admin:ecomai_runs_run_changelist"),
        Finding("info", "The shop", url_name="admin:index"),
    ]
    html = page(merchant)
    assert "<strong>No visits</strong>" in html
    assert reverse("admin:ecomai_events_event_changelist") not in html
    assert f'<a href="{reverse("admin:ecomai_runs_run_changelist")}">A job failed</a>' in html
    assert '<a href="/admin/">The shop</a>' in html


def test_nothing_to_do_is_said(boss: Client, only_findings: list[Finding]) -> None:
    filled()
    only_findings.append(Finding("ok", "All fine here", url_name="no:such:url"))
    html = page(boss)
    assert "Nothing needs your attention." in html and 'id="ecomai-next"' not in html


def test_a_broken_check_is_shown_and_breaks_nothing(boss: Client, only_findings: list[Finding]) -> None:
    filled()

    def broken() -> list[Finding]:
        raise ValueError("bad check")

    doctor_checks.register("broken", broken)
    try:
        assert "ValueError: bad check" in page(boss)
    finally:
        doctor_checks.unregister("broken")


# -- cards ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cards() -> Iterator[None]:
    before = dict(dashboard_cards.items())
    for name in before:
        dashboard_cards.unregister(name)
    yield
    for name in dashboard_cards.names():
        dashboard_cards.unregister(name)
    for name, card in before.items():
        dashboard_cards.register(name, card)


CARD = "ecomai/dashboard/_button.html"


def test_cards_come_in_order_for_those_who_may_see_them(merchant: Client, cards: None) -> None:
    seen: list[Any] = []
    dashboard_cards.register("b", Card("Second", CARD, lambda request: {"label": "b-body"}, order=20))
    dashboard_cards.register(
        "a", Card("First", CARD, lambda request: seen.append(request.ecomai_period) or {}, order=10)
    )
    dashboard_cards.register("c", Card("Secret", CARD, lambda request: {}, permission="auth.view_user", order=1))
    html = page(merchant, "?period=7")
    assert html.index(">First ") < html.index(">Second ") and "b-body" in html and "Secret" not in html
    assert (seen[0].channel, seen[0].days, seen[0].until - seen[0].since) == ("", 7, timedelta(days=7))


def test_a_card_that_fails_says_so_in_its_place(boss: Client, cards: None, caplog: pytest.LogCaptureFixture) -> None:
    def database_error(request: Any) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
        return {}

    dashboard_cards.register("x.bad", Card("Bad", CARD, database_error))
    dashboard_cards.register("x.none", Card("None", "no/such/template.html", lambda request: {}))
    html = page(boss)
    assert html.count("This part could not be read") == 2
    assert "card x.bad failed" in caplog.text and "card x.none failed" in caplog.text


# -- who may ----------------------------------------------------------------------------------------------------------


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    url = reverse("admin:ecomai_dashboard_start_changelist")
    response = client.get(url)
    assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={url}")


def test_staff_without_the_permission_is_refused(client: Client) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    for name in ("changelist", "progress"):
        assert client.get(reverse(f"admin:ecomai_dashboard_start_{name}")).status_code == 403
    assert client.post(reverse("admin:ecomai_dashboard_start_run"), {"job": "sync"}).status_code == 403
    assert "ecomai_dashboard" not in client.get("/admin/").content.decode()


def test_a_merchant_sees_few_sections_and_no_machinery(merchant: Client) -> None:
    index = merchant.get("/admin/").content.decode()
    assert reverse("admin:ecomai_dashboard_start_changelist") in index
    assert reverse("admin:ecomai_mirror_order_changelist") in index
    for model in ("artifact", "liveartifact", "heartbeat", "event", "visitoridentity", "pricepoint", "syncissue"):
        assert f"/{model}/" not in index
    labels = [app["app_label"] for app in merchant.get("/admin/").context["app_list"]]
    assert set(labels) <= {
            "ecomai_dashboard", "ecomai_forecast", "ecomai_inventory", "ecomai_mirror", "ecomai_recommend",
            "ecomai_ingest", "ecomai_pricing", "ecomai_privacy", "ecomai_runs",
        }  # fmt: skip
    filled()
    tiles = {str(tile["label"]): tile["url"] for tile in merchant.get(
        reverse("admin:ecomai_dashboard_start_changelist")).context["tiles"]}  # fmt: skip
    assert tiles["Orders"] and not tiles["Last visit recorded"] and not tiles["Model trained"]


def test_buttons_are_for_those_who_may_start_jobs(merchant: Client, jobs: list[str]) -> None:
    filled()
    assert page(merchant).count('value="sync"') == 1
    Group.objects.get(name="Merchant").permissions.remove(Permission.objects.get(codename="start_run"))
    assert 'value="sync"' not in page(merchant)
    assert merchant.post(reverse("admin:ecomai_dashboard_start_run"), {"job": "sync"}).status_code == 403
    assert not Run.objects.exists()


def test_the_page_adds_changes_and_deletes_nothing(boss: Client) -> None:
    html = page(boss)
    assert "Add start page" not in html
    assert boss.get("/admin/ecomai_dashboard/start/add/").status_code == 404
    assert boss.get("/admin/ecomai_dashboard/start/1/change/").status_code == 404


# -- buttons ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_buttons_start_jobs_and_tell_how_it_went(boss: Client, jobs: list[str]) -> None:
    filled()
    url = reverse("admin:ecomai_dashboard_start_run")
    response = boss.post(url, {"job": "sync", "period": "7"}, follow=True)
    assert response.redirect_chain == [(reverse("admin:ecomai_dashboard_start_changelist") + "?period=7", 302)]
    assert "“Copy the data” is done." in response.content.decode()
    assert jobs == ["sync:"]
    html = boss.post(url, {"job": "train"}, follow=True).content.decode()
    assert "“Learn” is done." in html and "“Break” failed: " in html and "<b>space" not in html
    assert jobs == ["sync:", "train"]
    assert list(Run.objects.order_by("id").values_list("started_by__username", "state")) == [
        ("boss", "done"),
        ("boss", "done"),
        ("boss", "failed"),
    ]


def test_a_job_for_another_shop_and_back_to_its_page(boss: Client, jobs: list[str]) -> None:
    Product.objects.create(channel="out let", external_id="1", title="Mug")
    url = reverse("admin:ecomai_dashboard_start_run")
    response = boss.post(url, {"job": "sync", "period": "all", "channel": "out let"})
    assert response["Location"].endswith("?period=all&channel=out%20let")
    assert Run.objects.get().channel == "out let"
    boss.post(url, {"job": "sync", "channel": "nowhere", "period": "<x>"})
    assert Run.objects.latest("id").channel == ""


@pytest.mark.parametrize("job", ["", "x", "mirror.sync"])
def test_an_unknown_job_starts_nothing(boss: Client, jobs: list[str], job: str) -> None:
    response = boss.post(reverse("admin:ecomai_dashboard_start_run"), {"job": job}, follow=True)
    assert "There is no such job here." in response.content.decode() and not Run.objects.exists()


def test_a_link_starts_nothing(boss: Client, jobs: list[str]) -> None:
    assert boss.get(reverse("admin:ecomai_dashboard_start_run"), {"job": "sync"}).status_code == 302
    assert not Run.objects.exists()


def test_a_forged_post_starts_nothing(jobs: list[str]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("boss"))
    assert strict.post(reverse("admin:ecomai_dashboard_start_run"), {"job": "sync"}).status_code == 403
    assert not Run.objects.exists()


def test_progress_is_json(boss: Client) -> None:
    run = Run.objects.create(kind="a", state="running", progress=0.256, message="half", log="secret " * 9)
    answer = boss.get(reverse("admin:ecomai_dashboard_start_progress"))
    state = {"id": run.pk, "state": "running", "state_label": "running", "percent": 26, "message": "half"}
    assert json.loads(answer.content) == {"runs": [{**state, "finished": False}]}


# -- robustness and looks ---------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_shop(
    boss: Client, only_findings: list[Finding], cards: None, django_assert_max_num_queries: Any
) -> None:
    filled()
    url = reverse("admin:ecomai_dashboard_start_changelist")
    with django_assert_max_num_queries(40) as first:
        boss.get(url)
    for number in range(8):
        Run.objects.create(kind="recommend.train", state="done", started_at=NOW, finished_at=NOW)
        report = SyncReport.objects.create(mode="full", finished_at=NOW)
        SyncIssue.objects.create(report=report, table="t", code=f"c{number}", action="a", count=1)
        Order.objects.create(external_id=f"n{number}", placed_at=timezone.now(), total=1, currency="EUR")
    from django.core.cache import cache

    cache.clear()
    with django_assert_max_num_queries(len(first) + 1):  # the report has findings now
        boss.get(url)


def test_the_page_works_when_the_cache_is_gone(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    filled()
    from django_ecomai.dashboard import selectors

    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise ConnectionError("no cache")

    monkeypatch.setattr(selectors, "cache", Gone())
    assert "3 orders" in page(boss)


class Outline(HTMLParser):
    """Headings, ids, references to ids, and forbidden inline code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.inline: list[str] = []
        self.tables = self.captions = 0
        self.cells_without_scope = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if values.get("id"):
            self.ids.append(str(values["id"]))
        self.references += (values.get("aria-labelledby") or "").split()
        if tag == "style" or (tag == "script" and "src" not in values):
            self.inline.append(tag)
        self.inline += [name for name in values if name == "style" or name.startswith("on")]
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.cells_without_scope += tag == "th" and "scope" not in values


@pytest.mark.parametrize("full", [False, True])
def test_the_page_reads_well_without_eyes(boss: Client, full: bool) -> None:
    if full:
        filled()
        Run.objects.create(kind="recommend.train", state="running", started_at=NOW, heartbeat_at=timezone.now())
        report = SyncReport.objects.create(mode="full", finished_at=NOW)
        SyncIssue.objects.create(report=report, table="order", code="price_zero", action="kept", count=3)
    html = boss.get(reverse("admin:ecomai_dashboard_start_changelist")).content.decode()
    outline = Outline(html.split('<div id="content"')[1].split('<footer id="footer"')[0])
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    for above, below in zip(outline.headings, outline.headings[1:], strict=False):
        assert below <= above + 1
    assert set(outline.references) <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.inline == [] and outline.cells_without_scope == 0
    assert outline.tables == outline.captions


def test_it_speaks_the_users_language_and_writes_numbers_his_way(boss: Client) -> None:
    filled()
    with translation.override("de"):
        response = boss.get(reverse("admin:ecomai_dashboard_start_changelist"), headers={"accept-language": "de"})
    assert response.status_code == 200


def test_the_short_address_leads_into_the_admin(client: Client) -> None:
    response = client.get("/ecomai/dashboard/")
    assert (response.status_code, response["Location"]) == (302, reverse("admin:ecomai_dashboard_start_changelist"))
