"""Category preferences: off unless asked for, replaced as a whole, exported, erased, and shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import customer_features, personal_data
from django_ecomai.events.models import VisitorIdentity
from django_ecomai.mirror.models import Customer, Order
from django_ecomai.recommend import dataset
from django_ecomai.recommend.models import CustomerPreference
from django_ecomai.recommend.preferences import preferences_of
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from tests.recommend.factories import category, event, lantern_shop, order

pytestmark = pytest.mark.django_db


def compute() -> Run:
    run = run_now(kind="recommend.preferences", parameters={})
    run.refresh_from_db()
    assert run.state == "done", run.log
    return run


@pytest.fixture
def switched_on(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CUSTOMER_PREFERENCES": True}


def prefer(customer: str, category_id: str, probability: float, *, channel: str = "") -> CustomerPreference:
    return CustomerPreference.objects.create(
        channel=channel, customer_id=customer, category_id=category_id, probability=probability
    )


def test_switched_off_nothing_is_worked_out_and_what_was_goes() -> None:
    lantern_shop(4)
    prefer("c1", "lanterns", 0.9)
    other = prefer("c1", "lanterns", 0.9, channel="b")
    run = compute()
    assert list(CustomerPreference.objects.all()) == [other]
    assert "1 stored preferences deleted" in run.log


@pytest.mark.usefixtures("switched_on")
def test_every_customer_gets_his_likeliest_categories() -> None:
    lantern_shop()
    order("", ["p0"], number="guest")
    prefer("c1", "gone", 0.9)

    run = compute()

    likes = preferences_of(channel="", customer_ids=[f"c{i}" for i in range(30)])
    assert {who: found[0][0] for who, found in likes.items()} == {
        f"c{i}": "lanterns" if i % 2 else "mugs" for i in range(30)
    }
    assert all(found[0][1] > 0.8 for found in likes.values())
    assert not CustomerPreference.objects.filter(category_id="gone").exists()
    assert not CustomerPreference.objects.filter(customer_id__startswith="order:").exists()
    assert set(CustomerPreference.objects.values_list("run", flat=True)) == {run.pk}
    tested = run.metrics["next_category"]
    assert tested["ours"]["accuracy"] == tested["habit"]["accuracy"] == 1.0
    assert tested["popular"]["accuracy"] == 0.5


@pytest.mark.usefixtures("switched_on")
def test_visits_that_began_long_after_the_orders_ended_change_nothing() -> None:
    lantern_shop()
    before = compute().metrics["next_category"]
    known = preferences_of(channel="", customer_ids=[f"c{i}" for i in range(30)])
    event("view_item", "p0", at=timezone.now(), visitor_id="v1")

    assert compute().metrics["next_category"] == before
    assert preferences_of(channel="", customer_ids=[f"c{i}" for i in range(30)]) == known


@pytest.mark.usefixtures("switched_on")
def test_without_orders_or_categories_there_is_nothing_to_know() -> None:
    category("lanterns")
    assert compute().progress == 1.0
    assert not CustomerPreference.objects.exists()


def test_the_likeliest_come_first_in_one_query(django_assert_num_queries: Any) -> None:
    prefer("c1", "a", 0.3)
    prefer("c1", "b", 0.6)
    prefer("c2", "a", 0.5)
    prefer("c9", "a", 0.9, channel="other")
    with django_assert_num_queries(1):
        assert preferences_of(channel="", customer_ids=["c1", "cX"]) == {"c1": [("b", 0.6), ("a", 0.3)]}


def test_personal_data_is_exported_and_erased_per_customer_and_shop() -> None:
    prefer("c1", "a", 0.3)
    kept = [prefer("c2", "a", 0.5), prefer("c1", "a", 0.3, channel="b")]
    subject = Subject(customer_ids=frozenset({"c1", ""}))
    declared = personal_data.get("recommend.preferences")
    assert list(declared.export(subject)) == [{"customer": "c1", "category": "a", "probability": 0.3}]
    assert declared.erase(subject) == 1
    assert list(CustomerPreference.objects.order_by("pk")) == kept


@pytest.mark.usefixtures("switched_on")
def test_who_is_erased_while_they_are_worked_out_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    lantern_shop(4)
    Order.objects.filter(customer__external_id="c3").update(customer=None)
    event("purchase", order_id="w1-3", visitor_id="v3")
    VisitorIdentity.objects.create(visitor_id="v3", customer_id="c3", linked_at=timezone.now())
    read = dataset.dataset_read

    def read_and_erase(*args: Any, **options: Any) -> Any:
        found = read(*args, **options)
        subject = Subject(customer_ids=frozenset({"c1"}))
        for name in personal_data.names():
            personal_data.get(name).erase(subject)
        return found

    monkeypatch.setattr(dataset, "dataset_read", read_and_erase)
    run = compute()

    known = set(CustomerPreference.objects.values_list("customer_id", flat=True))
    assert known == {f"c{number}" for number in range(30)} - {"c1"}
    assert run.message == "The preferences of 29 customers are known."
    assert not Customer.objects.filter(external_id="c1").exists()


def test_the_customers_page_shows_them(admin_client: Any) -> None:
    category("lamps", name="Lamps & <Lights>")
    customer = Customer.objects.create(external_id="c1")
    prefer("c1", "lamps", 0.42)
    prefer("c1", "gone", 0.1)
    page = admin_client.get(reverse("admin:ecomai_mirror_customer_change", args=[customer.pk])).content.decode()
    assert "Lamps &amp; &lt;Lights&gt; 42 %, gone 10 %" in page
    assert customer_features.get("recommend.preferences").values(channel="", customer_ids=["c1"])["c1"][0] == (
        "lamps",
        0.42,
    )
