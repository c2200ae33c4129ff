"""A sync and the shop's live changes write the same rows at once: all of them lock rows in one order.

Two transactions that lock the same rows in different orders wait for each other until PostgreSQL ends one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from django_ecomai.mirror.models import Category, Customer, Product
from django_ecomai.mirror.selectors import locked
from django_ecomai.mirror.services.bulk import column_update, links_set, rows_upsert

pytestmark = pytest.mark.django_db
COLUMNS = ("channel", "external_id", "synced_at")


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, list(params) if params is not None else None))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def test_upserts_go_by_the_shops_id() -> None:
    now = timezone.now()
    rows_upsert(Customer, COLUMNS, [("", name, now) for name in ("b", "c", "a")])
    assert list(Customer.objects.order_by("pk").values_list("external_id", flat=True)) == ["a", "b", "c"]
    with statements() as seen:
        rows_upsert(Customer, COLUMNS, [("", name, now) for name in ("c", "a", "b")])
    ((_sql, params),) = [found for found in seen if found[0].startswith("INSERT")]
    flat = [value for part in params for value in (part if isinstance(part, list) else [part])]
    assert [value for value in flat if value in ("a", "b", "c")] == ["a", "b", "c"]


def test_rows_are_locked_in_that_order_too_whatever_language_the_database_sorts_by() -> None:
    names = ["b", "A", "_", "a", "é", "B", "10", "9"]
    for name in names:
        Product.objects.create(external_id=name, title=name, synced_at=timezone.now())
    with transaction.atomic(), statements() as seen:
        assert [one.external_id for one in locked(Product.objects.all())] == sorted(names)
    assert connection.vendor != "postgresql" or ('COLLATE "C"' in seen[0][0] and "FOR UPDATE" in seen[0][0])


def test_updates_go_by_the_key() -> None:
    keys = [Customer.objects.create(external_id=name, synced_at=timezone.now()).pk for name in ("x", "y", "z")]
    moment = timezone.now()
    with statements() as seen:
        column_update(Customer, "first_seen", [(moment, key) for key in reversed(keys)])
    ((_sql, params),) = seen
    assert [part[-1] for part in params] == keys


def test_links_go_by_the_left_key() -> None:
    now = timezone.now()
    category = Category.objects.create(external_id="c", synced_at=now)
    first, second = (Product.objects.create(external_id=name, title=name, synced_at=now) for name in ("p", "q"))
    through = Product.categories.through
    wanted = {second.pk: {category.pk}, first.pk: {category.pk}}
    links_set(through, "product_id", "category_id", wanted, fresh={first.pk, second.pk})
    assert list(through._base_manager.order_by("pk").values_list("product_id", flat=True)) == [first.pk, second.pk]
