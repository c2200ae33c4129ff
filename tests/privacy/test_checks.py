"""System checks: declarations that cannot be searched, and a key that goes with SECRET_KEY."""

from __future__ import annotations

from typing import Any

from django.core.checks import run_checks

from django_ecomai.core.registry import PersonalData, personal_data
from django_ecomai.privacy.checks import check_hash_key, check_privacy


def test_a_declaration_that_cannot_be_searched_is_named() -> None:
    assert check_privacy(None) == []
    personal_data.register("shop.notes", PersonalData("Notes", "support", iter, len))
    try:
        [message] = check_privacy(None)
    finally:
        personal_data.unregister("shop.notes")
    assert message.id == "ecomai.W070" and "shop.notes" in message.msg and "columns=" in str(message.hint)


def test_a_key_of_its_own_is_asked_for_at_deployment_only(ecomai: Any) -> None:
    assert not any(message.id == "ecomai.W071" for message in run_checks())
    assert [message.id for message in check_hash_key(None)] == ["ecomai.W071"]
    ecomai(HASH_KEY="k" * 40)
    assert check_hash_key(None) == []
