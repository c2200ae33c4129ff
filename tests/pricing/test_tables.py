"""What the tables of prices are found by, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction

from django_ecomai.pricing.models import PriceChange, PriceProposal, VolumeOffer

from .factories import offer_make, priced_product

TABLES = list(apps.get_app_config("ecomai_pricing").get_models())


def prefixes(model: type[models.Model]) -> list[tuple[str, ...]]:
    """Columns of its indexes and unconditional constraints, in order."""
    found = [tuple(name.lstrip("-") for name in index.fields) for index in model._meta.indexes]
    return found + [tuple(one.fields) for one in model._meta.constraints if isinstance(one, models.UniqueConstraint)]


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (PriceProposal, ("channel", "family")),
        (PriceProposal, ("channel", "run_number")),
        (PriceProposal, ("batch",)),
        (PriceChange, ("batch",)),
    ],
)
def test_what_is_looked_up_has_an_index(model: type[models.Model], columns: tuple[str, ...]) -> None:
    assert any(one[: len(columns)] == columns for one in prefixes(model))


@pytest.mark.parametrize("model", TABLES)
def test_no_unique_constraint_has_a_condition(model: type[models.Model]) -> None:
    """MySQL and MariaDB leave those out."""
    assert [one.name for one in uniques(model) if one.condition is not None] == []


@pytest.mark.parametrize("model", TABLES)
def test_no_column_has_an_index_twice(model: type[models.Model]) -> None:
    """A foreign key with which a constraint begins needs no index of its own."""
    first = {one.fields[0] for one in uniques(model) if len(one.fields) > 1}
    keys: list[Any] = [one for one in model._meta.concrete_fields if isinstance(one, models.ForeignKey)]
    assert [one.name for one in keys if one.db_index and one.name in first] == []


def uniques(model: type[models.Model]) -> list[models.UniqueConstraint]:
    return [one for one in model._meta.constraints if isinstance(one, models.UniqueConstraint)]


@pytest.mark.django_db
def test_a_product_has_one_quantity_break_and_bundles_beside_it() -> None:
    product = priced_product()
    offer_make(product)
    offer_make(product, kind="bundle", other=priced_product(external_id="a"))
    offer_make(product, kind="bundle", other=priced_product(external_id="b"))
    with pytest.raises(IntegrityError), transaction.atomic():
        offer_make(product)
    assert VolumeOffer.objects.filter(product=product).count() == 3
