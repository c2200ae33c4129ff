"""Ids of system checks: one meaning each, and in the reference."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import django_ecomai

PACKAGE = Path(django_ecomai.__file__).parent
REFERENCE = PACKAGE.parent / "docs" / "reference" / "checks.md"


def ids() -> dict[str, set[str]]:
    """Every id with the apps that use it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for name in re.findall(r'\bid="(ecomai\.[A-Z]\d+)"', path.read_text()):
            found[name].add(path.relative_to(PACKAGE).parts[0])
    return found


def test_an_id_belongs_to_one_app() -> None:
    assert len(ids()) > 20
    assert {name: apps for name, apps in ids().items() if len(apps) > 1} == {}


def test_every_id_is_in_the_reference() -> None:
    documented = set(re.findall(r"`(ecomai\.[A-Z]\d+)`", REFERENCE.read_text()))
    assert documented >= set(ids())
