"""Two people at once: goods arrive once, one draft takes both, numbers differ. Needs a database with row locks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from django_ecomai.inventory.models import PurchaseOrder, Receipt
from django_ecomai.inventory.services import OrderError, order_advance, order_receive, orders_draft

from .factories import suggestion_make, supplier_make

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one at a time"),
]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each gives, or the ``OrderError`` that it raises."""

    def one(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except OrderError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def test_two_people_at_once() -> None:
    supplier = supplier_make()
    rows = [suggestion_make(supplier=supplier) for _number in range(4)]
    drafts = at_once(*(lambda row=row: orders_draft(suggestions=[row])[0] for row in rows))
    assert {draft.number for draft in drafts} == {PurchaseOrder.objects.get().number}
    order = drafts[0]
    assert order.lines.count() == 4
    for to in ("approved", "ordered"):
        order_advance(order=order, to=to)
    found = at_once(*[lambda: order_receive(order=order)] * 4)
    assert sum(isinstance(one, OrderError) for one in found) == 3
    assert Receipt.objects.count() == 4
    others = [suggestion_make(supplier=supplier_make()) for _number in range(4)]
    made = at_once(*(lambda row=row: orders_draft(suggestions=[row])[0] for row in others))
    assert len({one.number for one in made}) == 4
