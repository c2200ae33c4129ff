"""Which products have one price with others: looked for by the database, not by reading the whole catalogue."""

from __future__ import annotations

from typing import Any

import pytest

from django_ecomai.pricing.models import PricingRule
from django_ecomai.pricing.services import propose
from django_ecomai.testing import product_make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("name", "read"), [("series", 3), ("size (cm)", 3), ("a.b", 3), ('say "hi"', 23)])
def test_a_family_is_looked_for_among_products_that_have_its_attribute(
    monkeypatch: pytest.MonkeyPatch, name: str, read: int
) -> None:
    twins = [product_make(attributes={name: "A"}), product_make(attributes={name: ["A", "B"]})]
    for number in range(20):
        product_make(attributes={"colour": number})
    looked: list[Any] = []
    values = propose._values

    def counted(parent: Any, own: Any, attribute: str) -> set[str]:
        looked.append(own)
        return values(parent, own, attribute)

    monkeypatch.setattr(propose, "_values", counted)
    rule = PricingRule(family_attribute=name)
    found = propose.family_members(channel="", product_ids=[twins[0].pk], rules=[rule])
    assert found == [one.pk for one in twins] and len(looked) == read
