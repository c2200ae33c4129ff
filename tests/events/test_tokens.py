"""Signed tokens of recommended items."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core import signing
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.events import tokens
from django_ecomai.events.tokens import token_make, token_read

FACTS: dict[str, Any] = {
    "run": "abc", "placement": "home", "slot": 3, "position": 2, "product_id": "größe,10", "recommendation_id": "r1"
}  # fmt: skip


def test_what_is_signed_is_read_again() -> None:
    assert token_read(token_make(**FACTS, propensity=None)).propensity is None
    data = token_read(token_make(**FACTS, propensity=0.25))

    assert data is not None
    assert (data.run, data.slot, data.position, data.product_id) == ("abc", "3", 2, "größe,10")
    assert data.propensity == 0.25


@given(st.text(max_size=80))
def test_the_signature_is_djangos(value: str) -> None:
    kept, plain = tokens._signer("k" * 50), signing.TimestampSigner(key="k" * 50, salt="django_ecomai.item")
    assert kept.signature(value) == plain.signature(value)
    assert kept.signature(value, "another") == plain.signature(value, "another")
    assert plain.unsign(kept.sign(value)) == value


def test_a_forged_token_is_none() -> None:
    body, stamp, signature = token_make(**FACTS).split(":")
    other = signing.b64_encode(json.dumps(["x", "home", "3", 2, "p", "r1", 1.0]).encode()).decode()

    assert token_read(f"{other}:{stamp}:{signature}") is None
    assert token_read(f"{body}:{stamp}:{signature[:-1]}") is None


def test_a_changed_key_counts_at_once_and_the_old_one_as_a_fallback(settings: Any) -> None:
    old = token_make(**FACTS)
    settings.SECRET_KEY, before = "new" * 20, settings.SECRET_KEY

    assert token_read(old) is None
    assert token_read(token_make(**FACTS)) is not None
    settings.SECRET_KEY_FALLBACKS = [before]
    assert token_read(old) is not None


@pytest.mark.parametrize("bad", [None, 7, "", ":", "x" * 2000, "a:b:c"])
def test_rubbish_is_none(bad: object) -> None:
    assert token_read(bad) is None
