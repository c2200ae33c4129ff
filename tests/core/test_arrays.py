"""Whole columns as arrays: PostgreSQL only."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db.models import Value

from django_ecomai.core.arrays import arrays_available, arrays_read

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def postgres() -> None:
    if not arrays_available(User.objects.all()):
        pytest.skip("only PostgreSQL reads arrays")


def test_numbers_come_in_order() -> None:
    keys = [User.objects.create(username=f"u{number}").pk for number in range(5)]
    found, half = arrays_read(User.objects.order_by("-pk").values_list("pk", Value(0.5)), ["int", "float"])
    assert (found.dtype, found.tolist(), half.tolist()) == (np.int64, keys[::-1], [0.5] * 5)


def test_no_rows() -> None:
    numbers, ids = arrays_read(User.objects.values_list("pk", "pk")[:0], ["int", "uuid"])
    assert (numbers.shape, ids.shape) == ((0,), (0, 2))
    assert [one.shape for one in arrays_read(User.objects.none().values_list("pk"), ["float"])] == [(0,)]


def test_a_null_is_refused() -> None:
    User.objects.create(username="a")
    with pytest.raises(ValueError, match="coalesce it"):
        arrays_read(User.objects.values_list("last_login__year"), ["int"])
