"""Keyed hashes: stable, unlinkable, and never the value."""

from __future__ import annotations

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.core.hashing import keyed_hash


@override_settings(SECRET_KEY="s", ECOMAI={})
def test_the_hash_of_a_value_stays_what_it_was() -> None:
    # Changing it would cut every visitor's history off.
    assert keyed_hash("17850", purpose="visitor") == "5ceb44d5831dfda772ddb3c59cc803ae"
    with override_settings(ECOMAI={"HASH_KEY": "k"}):
        assert keyed_hash("17850", purpose="visitor") == "aeeb3cdf046e365d824fa30e2a009030"


def test_empty_stays_empty() -> None:
    assert keyed_hash("", purpose="visitor") == ""


@given(st.text(min_size=1), st.text(min_size=1))
def test_equal_only_for_equal_values_and_purposes(value: str, other: str) -> None:
    hashed = keyed_hash(value, purpose="a")
    assert len(hashed) == 32 and set(hashed) <= set("0123456789abcdef")
    assert hashed == keyed_hash(value, purpose="a") != keyed_hash(value, purpose="b")
    assert (hashed == keyed_hash(other, purpose="a")) is (value == other)


def test_the_border_between_purpose_and_value_counts() -> None:
    assert keyed_hash("bc", purpose="a") != keyed_hash("c", purpose="ab")


@pytest.mark.parametrize("changed", [{"SECRET_KEY": "another"}, {"ECOMAI": {"HASH_KEY": "own"}}])
def test_another_key_gives_another_hash(changed: dict[str, object]) -> None:
    before = keyed_hash("x", purpose="visitor")
    with override_settings(**changed):
        assert keyed_hash("x", purpose="visitor") != before


def test_an_own_key_outlives_a_new_secret_key() -> None:
    with override_settings(ECOMAI={"HASH_KEY": "own"}, SECRET_KEY="one"):
        before = keyed_hash("x", purpose="visitor")
    with override_settings(ECOMAI={"HASH_KEY": "own"}, SECRET_KEY="two"):
        assert keyed_hash("x", purpose="visitor") == before
