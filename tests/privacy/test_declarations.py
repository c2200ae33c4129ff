"""Every column that can name a person is declared, so that it is exported, erased and searched."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

import django_ecomai
from django_ecomai.core.persons import Subject, rows_of
from django_ecomai.core.registry import personal_data
from django_ecomai.privacy.scanning import declared_lookups

from .factories import ANN, PHONE, Shop, email_hash

PACKAGE = Path(django_ecomai.__file__).parent
# How columns that name persons are called; whoever adds one under another name teaches this pattern.
NAMES = re.compile(
    r"(^|_)(customers?|visitors?|users?|session|email|e_mail|phone|ip|device|address|author|shopper|person|member)(_|$)"
)
# Names that match and are of no person.
INNOCENT = {
    "ecomai_inventory.Supplier.email",  # a company's
    "ecomai_mirror.Customer.external_id",
}
#: Refusals and the ledger hold digests only, under purposes of their own.
KEYED = {"ecomai_privacy.Refusal"}


def columns() -> list[tuple[str, models.Field[Any, Any]]]:
    """Table and column of everything that may name a person."""
    user = apps.get_model(settings.AUTH_USER_MODEL)
    customer = apps.get_model("ecomai_mirror.Customer")
    found = []
    for config in apps.get_app_configs():
        if not config.name.startswith("django_ecomai."):
            continue
        for model in config.get_models():
            if model._meta.proxy or model._meta.label in KEYED:
                continue
            for field in model._meta.concrete_fields:
                label = f"{model._meta.label}.{field.name}"
                names_person = field.related_model in (user, customer) or NAMES.search(field.name)
                if names_person and label not in INNOCENT and not field.primary_key:
                    found.append((model._meta.label, field))
    return found


def test_there_are_such_columns() -> None:
    named = {f"{table}.{field.name}" for table, field in columns()}
    assert {"ecomai_events.Event.visitor_id", "ecomai_mirror.Order.customer", "ecomai_runs.Run.started_by"} <= named


@pytest.mark.parametrize(("table", "column"), [(table, field.name) for table, field in columns()])
def test_every_column_of_a_person_is_declared(table: str, column: str) -> None:
    declared = {lookup.split("__")[0] for lookup in declared_lookups().get(table, {})}
    assert column in declared, (
        f"{table}.{column} may name a person. Add it to the columns of a PersonalData "
        "(core/registry.py) so that it is exported, erased and searched."
    )


def test_every_declaration_can_be_searched_and_explained() -> None:
    for name, declared in personal_data.items():
        assert declared.columns or declared.search, name
        assert declared.staff or (declared.explanation and declared.kept), name


def test_the_factory_fills_every_declared_table(shop: Shop) -> None:
    """Whoever adds a capability with personal data adds its rows to ``factories.shop_fill``."""
    who = Subject(
        customer_ids=frozenset({ANN}),
        visitor_ids=frozenset({PHONE}),
        user_ids=frozenset({str(shop.user.pk)}),
        email_hashes=frozenset({email_hash("ann@example.org")}),
    )
    empty = set()
    for table, lookups in declared_lookups().items():
        rows = rows_of(who, table, lookups)
        if rows is not None and not rows.exists():
            empty.add(table)
    assert empty == {"ecomai_privacy.SubjectRequest"}  # made by the tests themselves


# Who is old, male or from the north must not pay more, be refused, or be ranked by it.
FORBIDDEN = {"birth_year", "gender", "region"}
PLANNED = {"pricing", "fraud"}
NEVER = ("pricing", "fraud", "forecast", "inventory", "ml")
# Parts of the trade are described by the country of the order, and no price reads them; and names that are refused.
NAMED = {
    "pricing/admin/offers.py: region",
    "ml/pricing/segments.py: region",
    "pricing/offer_words.py: region",
    "pricing/segments.py: region",
    "pricing/tiers.py: birth_year",
    "pricing/tiers.py: gender",
}


@pytest.mark.parametrize("folder", NEVER)
def test_demographics_reach_neither_prices_nor_fraud(folder: str) -> None:
    used = set()
    if not (PACKAGE / folder).exists():
        assert folder in PLANNED
        pytest.skip(f"{folder} does not exist yet")
    for path in (PACKAGE / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = (
                node.attr if isinstance(node, ast.Attribute) else node.value if isinstance(node, ast.Constant) else ""
            )
            if isinstance(name, str) and set(name.split("__")) & FORBIDDEN:
                used.add(f"{path.relative_to(PACKAGE)}: {name}")
    assert used <= NAMED
