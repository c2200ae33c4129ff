"""From a suggestion to a purchase order and a receipt."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from django_ecomai.inventory.models import Decision, PurchaseOrder, Receipt, Suggestion
from django_ecomai.inventory.services import (
    DecisionError,
    OrderError,
    decision_undo,
    order_advance,
    order_cancel,
    order_line_change,
    order_receive,
    orders_draft,
    receipt_add,
    receipt_remove,
    suggestions_decide,
)
from django_ecomai.inventory.tables_out import order_csv

from .factories import DAY, offer_make, suggestion_make, supplier_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_superuser("buyer")


def test_accept_edit_snooze_reject_are_kept_and_logged(user: User) -> None:
    row = suggestion_make()
    (row,) = suggestions_decide(suggestions=[row], action="accept", user=user)
    assert (row.state, row.decided_quantity) == ("accepted", Decimal(24))
    (row,) = suggestions_decide(suggestions=[row], action="edit", quantity=Decimal(12), user=user)
    assert (row.state, row.decided_quantity) == ("edited", Decimal(12))
    (row,) = suggestions_decide(suggestions=[row], action="snooze", until=DAY + timedelta(days=7), user=user)
    assert (row.state, row.decided_quantity, row.snoozed_until) == ("snoozed", None, DAY + timedelta(days=7))
    (row,) = suggestions_decide(suggestions=[row], action="reject", reason="end of the line", user=user)
    assert (row.state, row.reason, row.snoozed_until) == ("rejected", "end of the line", None)
    assert list(Decision.objects.values_list("action", flat=True)) == ["reject", "snooze", "edit", "accept"]
    assert LogEntry.objects.filter(object_id=str(row.pk), user=user).count() == 4


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"action": "edit"}, "quantity"),
        ({"action": "edit", "quantity": Decimal("NaN")}, "quantity"),
        ({"action": "edit", "quantity": Decimal(-1)}, "quantity"),
        ({"action": "snooze"}, "day"),
        ({"action": "snooze", "until": DAY}, "after"),
        ({"action": "reject", "reason": " "}, "reason"),
        ({"action": "sell"}, "no decision"),
    ],
)
def test_a_decision_without_its_value_is_refused(values: dict[str, Any], complaint: str) -> None:
    row = suggestion_make()
    with pytest.raises(DecisionError, match=complaint):
        suggestions_decide(suggestions=[row], **values)
    row.refresh_from_db()
    assert row.state == "open"


def test_decisions_are_undone_last_first(user: User) -> None:
    row = suggestion_make()
    suggestions_decide(suggestions=[row], action="accept", user=user)
    suggestions_decide(suggestions=[row], action="edit", quantity=Decimal("12.5"), user=user)
    edit, accept = Decision.objects.all()
    with pytest.raises(DecisionError, match="later decision first"):
        decision_undo(decision=accept, user=user)
    row = decision_undo(decision=edit, user=user)
    assert (row.state, row.decided_quantity) == ("accepted", Decimal(24))
    row = decision_undo(decision=accept, user=user)
    assert (row.state, row.decided_quantity, row.decided_by) == ("open", None, None)
    with pytest.raises(DecisionError, match="undone before"):
        decision_undo(decision=edit, user=user)


def test_approving_makes_one_draft_per_supplier(user: User, django_assert_max_num_queries: Any) -> None:
    first, second = supplier_make(), supplier_make()
    rows = []
    for supplier in (first, first, second):
        row = suggestion_make(supplier=supplier)
        offer_make(row.product, supplier, supplier_sku="X1", price_breaks=[[20, 2.0]])
        rows.append(row)
    suggestions_decide(suggestions=rows[:1], action="edit", quantity=Decimal(10))
    with django_assert_max_num_queries(30):
        orders = orders_draft(suggestions=rows, user=user)
    assert [order.supplier for order in orders] == [first, second]
    assert [order.status for order in orders] == ["draft", "draft"]
    edited, whole = orders[0].lines.order_by("pk")
    assert (edited.quantity, edited.unit_cost) == (Decimal(10), Decimal("2.5"))
    assert (whole.quantity, whole.unit_cost, whole.supplier_sku) == (Decimal(24), Decimal(2), "X1")
    with pytest.raises(OrderError, match="stands in a purchase order already"):
        orders_draft(suggestions=rows[:1])
    with pytest.raises(DecisionError, match="cancel it there"):
        suggestions_decide(suggestions=rows[:1], action="accept")
    assert "X1" in order_csv(orders[0])


def test_no_supplier_or_no_quantity_is_said() -> None:
    with pytest.raises(OrderError, match="no supplier"):
        orders_draft(suggestions=[suggestion_make()])
    with pytest.raises(OrderError, match="no quantity"):
        orders_draft(suggestions=[suggestion_make(supplier=supplier_make(), quantity=0)])
    assert not PurchaseOrder.objects.exists()


def test_putting_into_an_order_can_be_undone_while_it_is_a_draft(user: User) -> None:
    row = suggestion_make(supplier=supplier_make())
    (order,) = orders_draft(suggestions=[row], user=user)
    row = decision_undo(decision=Decision.objects.get(), user=user)
    order.refresh_from_db()
    assert (row.state, row.order_line, order.status) == ("open", None, "cancelled")
    (order,) = orders_draft(suggestions=[row], user=user)
    order_advance(order=order, to="approved", user=user)
    with pytest.raises(DecisionError, match="no draft any more"):
        decision_undo(decision=Decision.objects.first(), user=user)  # type: ignore[arg-type]


def test_stages_go_forward_only(user: User) -> None:
    supplier = supplier_make(lead_time_days=10)
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier)])
    with pytest.raises(OrderError, match="approved first"):
        order_advance(order=order, to="ordered")
    order = order_advance(order=order, to="approved", user=user)
    assert order.approved_by == user
    order = order_advance(order=order, to="ordered")
    assert order.ordered_at is not None
    assert order.expected_on == timezone.localtime(order.ordered_at + timedelta(days=10)).date()
    with pytest.raises(OrderError, match="do not go back"):
        order_advance(order=order, to="approved")
    with pytest.raises(OrderError, match="no stage"):
        order_advance(order=order, to="lost")


def test_receipts_fill_an_order_and_know_their_lead_time() -> None:
    now = timezone.now()
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier_make())])
    line = order.lines.get()
    with pytest.raises(OrderError, match="nothing can arrive"):
        receipt_add(product=line.product, quantity=Decimal(4), line=line)
    order_advance(order=order, to="approved", at=now - timedelta(days=9))
    order_advance(order=order, to="ordered", at=now - timedelta(days=8))
    with pytest.raises(OrderError, match="before it was ordered"):
        receipt_add(product=line.product, quantity=Decimal(4), line=line, received_at=now - timedelta(days=20))
    receipt = receipt_add(product=line.product, quantity=Decimal(4), line=line, received_at=now)
    assert receipt.ordered_at is not None and (receipt.received_at - receipt.ordered_at).days == 8
    order.refresh_from_db()
    assert order.status == "ordered"
    with pytest.raises(OrderError, match="has arrived"):
        order_cancel(order=order)
    order = order_receive(order=order)
    assert order.status == "received"
    assert sum(Receipt.objects.values_list("quantity", flat=True)) == 24


def test_a_cancelled_order_opens_its_suggestions_again() -> None:
    row = suggestion_make(supplier=supplier_make())
    (order,) = orders_draft(suggestions=[row])
    order_cancel(order=order)
    row.refresh_from_db()
    assert (row.state, row.order_line_id, row.decided_quantity) == (Suggestion.State.OPEN, None, None)
    with pytest.raises(OrderError, match="cannot be cancelled"):
        order_cancel(order=order)


def test_a_draft_can_be_changed_and_takes_the_price_of_the_quantity() -> None:
    supplier = supplier_make()
    row = suggestion_make(supplier=supplier)
    offer_make(row.product, supplier, price_breaks=[[20, 2.0], [100, 1.5]])
    (order,) = orders_draft(suggestions=[row])
    line = order_line_change(line=order.lines.get(), quantity=Decimal(100))
    assert line.unit_cost == Decimal("1.5")
    with pytest.raises(OrderError, match="above 0"):
        order_line_change(line=line, quantity=Decimal(0))
    order_advance(order=order, to="approved")
    with pytest.raises(OrderError, match="Only a draft"):
        order_line_change(line=line, quantity=Decimal(5))


@pytest.mark.parametrize("to", ["ordered", "confirmed", "shipped", "received"])
def test_nothing_goes_further_that_was_not_approved(to: str) -> None:
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier_make())])
    with pytest.raises(OrderError, match="approved first"):
        order_advance(order=order, to=to)
    with pytest.raises(OrderError, match="approved first"):
        order_receive(order=order)
    order_advance(order=order, to="approved")
    for late in ("confirmed", "shipped", "received"):
        with pytest.raises(OrderError, match="does not come next"):
            order_advance(order=order, to=late)
    order_advance(order=order, to="ordered")
    with pytest.raises(OrderError, match="order_receive"):
        order_advance(order=order, to="received")
    order.lines.all().delete()
    with pytest.raises(OrderError, match="no lines"):
        order_advance(order=order, to="shipped")


def test_an_order_is_expected_with_its_slowest_product() -> None:
    supplier, now = supplier_make(lead_time_days=10), timezone.now()
    first, second = suggestion_make(supplier=supplier), suggestion_make(supplier=supplier)
    offer_make(first.product, supplier, lead_time_days=45)
    offer_make(second.product, supplier)
    (order,) = orders_draft(suggestions=[first, second])
    order_advance(order=order, to="approved", at=now)
    order = order_advance(order=order, to="ordered", at=now)
    assert order.expected_on == timezone.localtime(now + timedelta(days=45)).date()


def test_currencies_are_not_mixed_in_an_order() -> None:
    supplier = supplier_make(currency="EUR")
    dollars, euros = suggestion_make(supplier=supplier), suggestion_make(supplier=supplier)
    offer = offer_make(dollars.product, supplier, currency="USD")
    offer_make(euros.product, supplier)
    orders = orders_draft(suggestions=[dollars, euros])
    assert [(order.currency, order.lines.get().product) for order in orders] == [
        ("USD", dollars.product),
        ("EUR", euros.product),
    ]
    offer.currency = "CHF"
    offer.save()
    with pytest.raises(OrderError, match="priced in CHF now, the order in USD"):
        order_line_change(line=orders[0].lines.get(), quantity=Decimal(5))


def test_later_suggestions_fill_the_open_draft() -> None:
    supplier = supplier_make()
    rows = [suggestion_make(supplier=supplier) for _number in range(3)]
    (order,) = orders_draft(suggestions=rows[:1])
    assert orders_draft(suggestions=rows[1:2]) == [order]
    assert order.lines.count() == 2
    # A row that was forgotten and made anew while its product stands in the draft.
    Suggestion.objects.filter(pk=rows[0].pk).update(order_line=None)
    with pytest.raises(OrderError, match="stands in the draft"):
        orders_draft(suggestions=[rows[0], rows[2]])
    assert order.lines.count() == 2
    order_advance(order=order, to="approved")
    (other,) = orders_draft(suggestions=rows[2:])
    assert other != order


def test_numbers_of_orders_go_on_after_any_number() -> None:
    supplier, year = supplier_make(), f"{timezone.localtime():%Y}"
    for tail in ("99999", "100000", "7-old", "zzz"):
        PurchaseOrder.objects.create(
            number=f"PO-{year}-{tail}", supplier=supplier, created_at=timezone.now(), status="received"
        )
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier)])
    assert order.number == f"PO-{year}-100001"


def test_a_number_that_another_took_a_moment_before_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    supplier = supplier_make()
    PurchaseOrder.objects.create(number="PO-1", supplier=supplier, created_at=timezone.now(), status="received")
    numbers = iter(["PO-1", "PO-2"])
    monkeypatch.setattr("django_ecomai.inventory.services.orders._number", lambda *_args: next(numbers))
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier)])
    assert order.number == "PO-2"


def test_the_log_of_a_changed_line_tells_both_quantities(user: User) -> None:
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier_make())])
    line = order.lines.get()
    line.quantity = Decimal(100)  # as a form hands it over
    order_line_change(line=line, quantity=Decimal(100), user=user)
    assert LogEntry.objects.get(user=user).change_message == f"{line}: 24 → 100"


def test_what_has_arrived_does_not_arrive_twice() -> None:
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier_make())])
    order_advance(order=order, to="approved")
    order_advance(order=order, to="ordered")
    line = order.lines.get()  # as another request read it before
    with pytest.raises(OrderError, match="only 24 are missing"):
        receipt_add(product=line.product, quantity=Decimal(25), line=line)
    order_receive(order=order)
    with pytest.raises(OrderError, match="do not go back"):
        order_receive(order=order)
    with pytest.raises(OrderError, match="only 0 are missing"):
        receipt_add(product=line.product, quantity=Decimal(1), line=line)
    received = receipt_add(product=line.product, quantity=Decimal(1), line=line, more=True)
    line.refresh_from_db()
    assert (line.received, Receipt.objects.count()) == (25, 2)
    receipt_remove(receipt=received)
    order.refresh_from_db()
    assert order.status == "received"
    receipt_remove(receipt=Receipt.objects.get())
    order.refresh_from_db()
    line.refresh_from_db()
    assert (order.status, order.received_at, line.received) == ("ordered", None, 0)
