"""``ecomai_sync``, the job kinds, the doctor's line and the personal data declaration."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from django_ecomai.adapters.base import AdapterError
from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import doctor_checks, job_kinds, personal_data, prunes
from django_ecomai.mirror.models import Customer, Order, Product, ReturnLine, SyncReport
from django_ecomai.runs.models import Run
from django_ecomai.runs.services.state import worker_name
from django_ecomai.testing import FakeAdapter, customer_make, line_row, order_make, order_row, product_make, product_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def adapter(monkeypatch):
    made = FakeAdapter(
        product=[product_row(id="p1", title="Lantern", price=0)],
        order=[order_row(line_row("p1"), id="o1", customer_id="")],
    )
    for module in ("django_ecomai.adapters.base", "django_ecomai.mirror.services.sync"):
        monkeypatch.setattr(f"{module}.get_adapter", lambda channel="": made)
    return made


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("ecomai_sync", *args, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_it_prints_counts_and_findings_with_examples(adapter):
    text = run()
    assert "product" in text and "created" in text
    assert "order.customer_id: Order without customer (guest) — kept as it is" in text
    assert "e.g. p1 0" in text
    assert Product.objects.count() == 1


def test_json(adapter):
    data = json.loads(run("--json"))
    assert data["counts"]["product"] == {"seen": 1, "created": 1}
    assert {
        "table": "order",
        "code": "missing_customer",
        "column": "customer_id",
        "action": "kept",
        "count": 1,
    }.items() <= next(f for f in data["findings"] if f["code"] == "missing_customer").items()
    assert data["seconds"] >= 0


def test_dry_run(adapter):
    text = run("--dry-run")
    assert text.rstrip().endswith("Dry run: nothing was written.")
    assert not Product.objects.exists() and not SyncReport.objects.exists()


def test_since_and_reconcile(adapter):
    run("--since", "2026-01-01")
    assert SyncReport.objects.get().mode == "since"
    assert "drifted" not in run("--reconcile")
    adapter.data["product"].append(product_row(id="p2"))
    assert "In the shop but not in the copy — repaired" in run("--reconcile")


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", ""])
def test_a_since_that_is_no_date(adapter, text):
    if text:
        with pytest.raises(CommandError, match="is no date"):
            run("--since", text)
    with pytest.raises(CommandError, match="leave --since out"):
        run("--reconcile", "--since", "2026-01-01")


@override_settings(ECOMAI={})
@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--reconcile",)])
def test_without_an_adapter(options):
    with pytest.raises(CommandError, match=r"^No adapter is set.*ecomai_adapter"):
        run(*options)


def test_each_sync_is_a_run_of_its_own_kind(adapter):
    run("--no-resume")
    run("--reconcile")
    run("--since", "2026-01-01")
    run("--dry-run")
    runs = list(Run.objects.order_by("id"))
    assert [(r.kind, r.state, sorted(r.parameters)) for r in runs] == [
        ("mirror.sync", "done", ["resume"]), ("mirror.reconcile", "done", []), ("mirror.sync", "done", ["since"]),
    ]  # fmt: skip
    assert list(SyncReport.objects.order_by("id").values_list("run", "mode")) == [
        (runs[0].pk, "full"), (runs[1].pk, "reconcile"), (runs[2].pk, "since"),
    ]  # fmt: skip


def test_no_resume_starts_afresh(adapter):
    at = timezone.now().isoformat()
    old = SyncReport.objects.create(resume={"done": ["product"], "since": "", "finished": {"product": at}})
    run("--no-resume")
    assert SyncReport.objects.latest("id").pk != old.pk and Product.objects.count() == 1


def test_a_second_sync_is_refused_while_one_is_under_way(adapter):
    other = Run.objects.create(
        kind="mirror.sync",
        state="running",
        worker=worker_name(),
        started_at=timezone.now(),
        heartbeat_at=timezone.now(),
    )
    with pytest.raises(CommandError, match=f"run #{other.pk} of the same job is still running"):
        run()
    assert not SyncReport.objects.exists() and adapter.read == {}
    run("--channel", "other")
    assert Product.objects.get().channel == "other"


def test_an_error_of_the_adapter_is_told_in_full(adapter, monkeypatch):
    long = "The column 'Price' is missing. " * 20

    def broken(self, since=None):
        raise AdapterError(long)

    monkeypatch.setattr(FakeAdapter, "products", broken)
    monkeypatch.setattr(FakeAdapter, "rows", lambda self, table, since=None: self.products(since))
    err = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("ecomai_sync", stdout=io.StringIO(), stderr=err)
    assert str(caught.value) == long
    assert "Traceback" not in err.getvalue()
    assert Run.objects.get().message.startswith("The column 'Price' is missing.")


def test_an_unexpected_error_comes_with_its_traceback(adapter, monkeypatch):
    def broken(self, table, since=None):
        raise ZeroDivisionError("in the shop's own code")

    monkeypatch.setattr(FakeAdapter, "rows", broken)
    err = io.StringIO()
    with pytest.raises(CommandError, match=r"^ZeroDivisionError: in the shop's own code"):
        call_command("ecomai_sync", stdout=io.StringIO(), stderr=err)
    assert "Traceback" in err.getvalue() and "in broken" in err.getvalue()


class Context:
    """What ``runs`` hands to a job."""

    def __init__(self, **parameters):
        self.parameters, self.channel, self.run = parameters, "", None
        self.lines, self.values, self.fractions = [], {}, []

    def progress(self, fraction, message=""):
        self.fractions.append(fraction)

    def log(self, text):
        self.lines.append(text)

    def metrics(self, **values):
        self.values.update(values)


def test_job_kinds(adapter):
    context = Context()
    job_kinds.get("mirror.sync").execute(context)
    assert context.fractions[-1] == 1.0
    assert "product: 1 seen, 1 created" in context.lines
    assert context.values["report"] == SyncReport.objects.get().pk
    json.dumps(context.values)
    context = Context(dry_run=True)
    job_kinds.get("mirror.reconcile").execute(context)
    assert context.values["counts"]["product"] == {"seen": 1, "unchanged": 1}
    context = Context(since="2026-01-01T00:00:00+00:00")
    job_kinds.get("mirror.sync").execute(context)
    assert SyncReport.objects.latest("id").mode == "since"


def doctor():
    (finding,) = doctor_checks.get("mirror")()
    return finding


def test_the_doctor_names_the_next_step(adapter):
    assert (doctor().level, doctor().title) == ("warning", "The shop has not been copied yet")
    SyncReport.objects.create()
    assert doctor().title == "The first copy of the shop was interrupted"
    run()
    assert (doctor().level, doctor().data["counts"]["products"]) == ("ok", 1)
    SyncReport.objects.update(finished_at=timezone.now() - timedelta(days=5))
    assert "5 days old" in doctor().title
    Product.objects.all().delete()
    assert doctor().title == "The copy holds no products"


@override_settings(ECOMAI={})
def test_the_doctor_without_an_adapter():
    assert (doctor().level, doctor().title) == ("error", "No adapter is set")


@override_settings(ECOMAI={"ADAPTER": "nowhere.Adapter"})
def test_the_doctor_with_a_broken_adapter():
    assert doctor().title == "The adapter cannot be loaded"


def test_personal_data_is_exported_and_erased():
    customer = customer_make(external_id="k", attributes={"vip": True}, country="UK")
    other = order_make(customer="x", lines=[product_make()])
    order = order_make(customer=customer, lines=[product_make(title="Lantern")], email_hash="e" * 32, country="UK")
    guest = order_make(lines=[product_make()], email_hash="e" * 32)
    back = ReturnLine.objects.create(
        external_id="r", customer=customer, quantity=1, returned_at=timezone.now(), reason="Ann says: torn"
    )
    subject = Subject(customer_ids=frozenset({"k"}), email_hashes=frozenset({"e" * 32}))
    orders, person = personal_data.get("mirror.orders"), personal_data.get("mirror.customer")
    exported = json.loads(json.dumps([*person.export(subject), *orders.export(subject)]))
    assert exported[0]["customer"] == "k" and exported[0]["attributes"] == {"vip": True}
    assert exported[1]["lines"][0]["title"] == "Lantern" and exported[1]["hashes"] == {"email_hash": "e" * 32}
    assert exported[2]["order"] == guest.external_id  # the same e-mail address
    assert (exported[3]["return"], exported[3]["reason"]) == ("r", "Ann says: torn")
    assert orders.erase(subject) == 3
    assert person.erase(subject) == 1
    for row in (order, guest, back, other):
        row.refresh_from_db()
    assert (order.customer, order.email_hash, order.country, order.lines.count()) == (None, "", "", 1)
    assert (guest.email_hash, back.customer, back.reason) == ("", None, "")
    assert other.customer.external_id == "x"
    assert list(Customer.objects.values_list("external_id", flat=True)) == ["x"] and Order.objects.count() == 3


def test_examples_in_reports_are_personal_data_too():
    report = SyncReport.objects.create()
    examples = [{"id": "k", "value": ""}, {"id": "x", "value": ""}]
    issue = report.issues.create(table="customer", code="unknown_user", count=2, examples=examples)
    named = report.issues.create(
        table="order", code="unknown_customer", column="customer_id", count=1, examples=[{"id": "o1", "value": "k"}]
    )
    product = report.issues.create(table="product", code="price_zero", count=1, examples=[{"id": "k", "value": ""}])
    subject, declared = Subject(customer_ids=frozenset({"k"})), personal_data.get("mirror.findings")
    assert [row["id"] for row in declared.export(subject)] == ["k", "o1"]
    assert declared.erase(subject) == 2
    assert list(declared.search(subject)) == []
    for one in (issue, named, product):
        one.refresh_from_db()
    assert (issue.examples, issue.count, named.examples) == ([{"id": "x", "value": ""}], 2, [])
    assert product.examples == [{"id": "k", "value": ""}]  # a product of that id is nobody


def test_hashes_and_customers_that_the_shop_deleted_do_not_stay(adapter, settings):
    settings.ECOMAI = {**settings.ECOMAI, "SECURITY_RETENTION_DAYS": 100, "GONE_CUSTOMER_DAYS": 30}
    now = timezone.now()
    old = order_make(customer="k", placed_at=now - timedelta(days=101), email_hash="e" * 32, ip_hash="i" * 32)
    new = order_make(customer="k", placed_at=now - timedelta(days=99), email_hash="e" * 32)
    gone = order_make(customer="gone", placed_at=now)
    Customer.objects.filter(external_id="gone").update(removed_at=now - timedelta(days=31))
    assert (prunes.get("order hashes")(), prunes.get("customers gone")()) == (1, 1)
    for row in (old, new, gone):
        row.refresh_from_db()
    assert (old.email_hash, old.ip_hash, new.email_hash) == ("", "", "e" * 32)
    assert (gone.customer, old.customer.external_id) == (None, "k")


@pytest.mark.skipif(not apps.is_installed("example_project.shop"), reason="needs the example shop's models")
def test_the_example_shop_end_to_end(django_capture_on_commit_callbacks):
    from example_project.shop import models

    product = models.Product.objects.create(sku="L1", name="Lantern", price="4.50")
    order = models.Order.objects.create(number="C1", status="cancelled")
    models.Line.objects.create(order=order, product=product, sku="L1", title="Lantern", quantity=-2, unit_price="4.50")
    assert (
        json.loads(run("--json"))["counts"]["return_line"] == {"seen": 1, "created": 1}
        or ReturnLine.objects.count() == 0
    )
    assert Product.objects.get().external_id == "L1"


def test_as_a_run_the_report_is_linked_even_when_it_is_dry(adapter, django_capture_on_commit_callbacks):
    from django_ecomai.runs.services import run_start

    for parameters in ({"dry_run": True}, {}):
        with django_capture_on_commit_callbacks(execute=True):
            run_ = run_start(kind="mirror.sync", parameters=parameters, via="inline")
        run_.refresh_from_db()
        assert (run_.state, run_.progress) == ("done", 1.0)
        report = SyncReport.objects.get(run=run_)
        assert report.dry_run is bool(parameters)
        assert report.issues.filter(code="missing_customer").exists()
        assert run_.metrics["counts"]["product"]["seen"] == 1
    assert Product.objects.count() == 1
