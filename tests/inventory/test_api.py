"""``ecomai/api/inventory/``: staff with the right permission, the same rules as in the admin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_ecomai.inventory.models import PurchaseOrder, Supplier
from django_ecomai.testing import product_make
from tests.clients import clerk

from .factories import offer_make, suggestion_make, supplier_make

pytestmark = pytest.mark.django_db
BASE = "/ecomai/api/inventory/"


def post(client: Client, path: str, data: Any) -> Any:
    return client.post(BASE + path, data, content_type="application/json")


def test_nobody_else_reads_costs(client: Client) -> None:
    assert client.get(f"{BASE}suggestions/").status_code in (401, 403)
    shopper = Client()
    shopper.force_login(User.objects.create_user("shopper"))
    assert shopper.get(f"{BASE}suggestions/").status_code == 403
    assert clerk("view_purchaseorder").get(f"{BASE}suggestions/").status_code == 403


def test_the_worklist_in_few_queries(boss: Client, django_assert_max_num_queries: Any) -> None:
    supplier = supplier_make(code="S")
    for number in range(5):
        suggestion_make(product_make(external_id=f"p{number}"), supplier, status="ok" if number else "stocked_out")
    boss.get(f"{BASE}suggestions/")
    with django_assert_max_num_queries(4):
        found = boss.get(f"{BASE}suggestions/", {"limit": 3}).json()
    assert len(found["results"]) == 3 and found["next_offset"] == 3
    (row,) = boss.get(f"{BASE}suggestions/", {"status": "stocked_out"}).json()["results"]
    assert (row["product_id"], row["supplier"], row["purchase_order"]) == ("p0", "S", None)
    assert row["why"].startswith("Target level 24")
    for query in ({"status": "gone"}, {"state": "x"}, {"limit": "0"}, {"offset": "-1"}):
        assert boss.get(f"{BASE}suggestions/", query).status_code == 400


def test_decide_draft_and_approve(boss: Client) -> None:
    supplier = supplier_make(code="S")
    row = suggestion_make(product_make(external_id="p1"), supplier)
    offer_make(row.product, supplier)
    done = post(boss, "suggestions/p1/decision/", {"action": "edit", "quantity": "36"})
    assert (done.status_code, done.json()["state"], done.json()["decided_quantity"]) == (200, "edited", "36.000")
    assert post(boss, "suggestions/p1/decision/", {"action": "reject"}).status_code == 400
    assert post(boss, "suggestions/p9/decision/", {"action": "accept"}).status_code == 404
    assert post(boss, "orders/", {"products": ["p1", "p9"]}).status_code == 400
    (order,) = post(boss, "orders/", {"products": ["p1"]}).json()
    assert (order["status"], order["lines"][0]["quantity"]) == ("draft", "36.000")
    assert post(boss, "orders/", {"products": ["p1"]}).status_code == 400
    number = order["number"]
    assert post(boss, f"orders/{number}/stage/", {"to": "ordered"}).status_code == 400
    assert post(boss, f"orders/{number}/stage/", {"to": "approved"}).json()["status"] == "approved"
    assert [one["number"] for one in boss.get(f"{BASE}orders/", {"status": "approved"}).json()] == [number]
    assert boss.get(f"{BASE}orders/", {"status": "lost"}).status_code == 400
    assert post(boss, "orders/PO-0/stage/", {"to": "approved"}).status_code == 404
    assert post(boss, f"orders/{number}/stage/", {"to": "received"}).status_code == 400
    for to in ("ordered", "received"):
        assert post(boss, f"orders/{number}/stage/", {"to": to}).json()["status"] == to


def test_approving_has_a_permission_of_its_own() -> None:
    order = PurchaseOrder.objects.create(number="PO-1", supplier=supplier_make(), created_at=suggestion_make().made_at)
    client = clerk("change_purchaseorder")
    assert post(client, "orders/PO-1/stage/", {"to": "approved"}).status_code == 403
    assert post(client, "orders/PO-1/stage/", {"to": "cancelled"}).status_code == 200
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_tables_come_and_go_as_csv(boss: Client) -> None:
    body = "code,name\nS1,One\n,Nobody\n"
    url = f"{BASE}tables/suppliers/"
    dry = boss.post(f"{url}?check_only=1", body, content_type="text/csv").json()
    assert (dry["created"], dry["failed"], Supplier.objects.count()) == (1, 1, 0)
    assert dry["problems"][0]["column"] == "code" and dry["problems"][0]["line"] == 3
    assert boss.post(url, body, content_type="text/csv").json()["created"] == 1
    assert boss.get(url).content.decode().splitlines()[1].startswith("S1,One")
    assert boss.post(url, "name\n", content_type="text/csv").status_code == 400
    assert boss.get(f"{BASE}tables/prices/").status_code == 404
    assert clerk("view_receipt").post(url, body, content_type="text/csv").status_code == 403
    assert Decimal(1) == Supplier.objects.count()
