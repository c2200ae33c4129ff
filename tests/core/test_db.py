"""``shielded``: the shop's transaction outlives our errors."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, OperationalError, connection, connections, transaction
from django.db.utils import InterfaceError

from django_ecomai.core.db import shielded


def names() -> list[str]:
    """The groups of this test, without the one that migrations make."""
    return sorted(Group.objects.exclude(name="Merchant").values_list("name", flat=True))


@pytest.mark.django_db
def test_the_shops_transaction_goes_on_after_our_error(caplog: pytest.LogCaptureFixture) -> None:
    with transaction.atomic():
        Group.objects.create(name="shop")
        with caplog.at_level(logging.ERROR, "django_ecomai"), shielded("read the history"):
            Group.objects.create(name="ours")
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM no_such_table")
        assert Group.objects.filter(name="shop").exists()
        Group.objects.create(name="after")
    assert names() == ["after", "shop"]
    assert "EcomAI could not read the history" in caplog.text
    assert caplog.records[0].exc_info is not None


@pytest.mark.django_db(transaction=True)
def test_it_works_without_a_transaction_around_it() -> None:
    Group.objects.create(name="one")
    with shielded("write"):
        Group.objects.create(name="two")
        Group.objects.create(name="one")
    assert names() == ["one"]


@pytest.mark.django_db
def test_what_works_is_kept() -> None:
    with shielded("write"):
        Group.objects.create(name="kept")
    assert names() == ["kept"]


@pytest.mark.django_db
@pytest.mark.parametrize("error", [DatabaseError, IntegrityError, InterfaceError])
def test_every_database_error_is_swallowed(error: type[Exception]) -> None:
    with shielded("write"):
        raise error("gone")


@pytest.mark.django_db
@pytest.mark.parametrize("error", [ValueError, KeyError, KeyboardInterrupt])
def test_mistakes_of_ours_are_not_hidden(error: type[BaseException]) -> None:
    with pytest.raises(error), shielded("write"):
        raise error("bug")


@pytest.mark.django_db(transaction=True)
def test_it_says_whether_what_was_written_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise DatabaseError("disk full")

    with shielded("write") as kept:
        Group.objects.create(name="one")
        assert not kept.done, "nothing is kept before the commit"
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "_commit", full)
        with shielded("write") as lost:
            Group.objects.create(name="two")
    assert (kept.done, lost.done) == (True, False)
    assert names() == ["one"]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_one_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> None:
        raise OperationalError("connection refused")

    connection.close()
    monkeypatch.setattr(connections["default"], "connect", refused)
    with caplog.at_level(logging.ERROR, "django_ecomai"), shielded("read the history") as outcome:
        Group.objects.create(name="ours")
    assert not outcome.done
    assert [record.getMessage() for record in caplog.records] == [
        "EcomAI could not read the history; the shop's page goes on without it."
    ]


@pytest.mark.django_db(transaction=True)
def test_what_needs_no_database_runs_but_is_not_called_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OperationalError("connection refused")

    ran = []
    connection.close()
    monkeypatch.setattr(connections["default"], "connect", refused)
    with shielded("write") as outcome:
        ran.append(True)
    assert (ran, outcome.done) == ([True], False)
