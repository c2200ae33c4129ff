"""Which products have one price with others: looked for by the database, not by reading the whole catalogue; and what
happens where a product would be in two families."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceProposal, PricingRule
from django_ecomai.pricing.services import proposals_approve, propose
from django_ecomai.testing import product_make

from .factories import elasticity_make, priced_product, rule_make
from .shop import NOW, sales_make
from .test_propose import known

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


def worked_out(*products: Product) -> list[PriceProposal]:
    """What the rules propose for them, in their order."""
    everything = propose.proposals_preview(
        rules=list(PricingRule.objects.all()), product_ids=[one.pk for one in products], now=NOW
    )
    rows = {row.product_id: row for row in everything}
    return [rows[one.pk] for one in products]


def one_line() -> None:
    """Products of one line have one price."""
    rule_make(name="One line", action="limits", family_attribute="line")


def asks(product: Product, markup: float) -> None:
    """A price of 4 times one and ``markup``."""
    rule_make(name=product.external_id, product=product, action="markup", markup=markup)


class TestVariants:
    def test_what_they_inherit_makes_them_part_of_the_larger_family(self) -> None:
        parent = priced_product(external_id="shirt", title="Shirt", attributes={"line": "A"})
        small, large = known(external_id="s", parent=parent), known(external_id="l", parent=parent)
        trousers = known(external_id="t", attributes={"line": "A"})
        Product.objects.filter(pk=parent.pk).update(is_active=False)
        one_line()
        for product, markup in ((small, 1.55), (large, 1.65), (trousers, 1.75)):
            asks(product, markup)
        rows = worked_out(small, large, trousers)
        # the mean of 10.20, 10.60 and 11.00
        assert [row.new_price for row in rows] == [Decimal("10.60")] * 3
        assert [(row.state, row.family) for row in rows] == [("open", "line=A")] * 3
        # by whichever of them it is asked for
        for product in (small, trousers):
            found = propose.family_members(channel="", product_ids=[product.pk], rules=PricingRule.objects.all())
            assert found == [small.pk, large.pk, trousers.pk]

    def test_they_are_decided_together(self) -> None:
        parent = priced_product(external_id="shirt", attributes={"line": "A"})
        small, trousers = known(external_id="s", parent=parent), known(external_id="t", attributes={"line": "A"})
        Product.objects.filter(pk=parent.pk).update(is_active=False)
        one_line()
        for product in (small, trousers):
            asks(product, 1.6)
        propose.proposals_make(now=NOW)
        approved = proposals_approve(proposals=PriceProposal.objects.filter(product=small))
        assert {(row.product_id, row.new_price) for row in approved} == {
            (small.pk, Decimal("10.4")), (trousers.pk, Decimal("10.4")),
        }  # fmt: skip

    def test_of_the_same_value_each(self) -> None:
        parent = priced_product(external_id="shirt")
        rows = [known(parent=parent, attributes={"line": "A", "size": size}) for size in "sl"]
        one_line()
        assert [(row.held_code, row.family) for row in worked_out(*rows)] == [("", "line=A")] * 2

    def test_of_different_values_are_held_with_both_families_named(self) -> None:
        parent = priced_product(external_id="shirt", title="Shirt", attributes={"line": "A"})
        same, other = known(parent=parent), known(parent=parent, attributes={"line": "B"})
        one_line()
        for row in worked_out(same, other):
            assert (row.state, row.held_code) == ("held", "variants_apart")
            assert row.held_named == {"parent": "Shirt", "names": "line=A, line=B"}
            assert row.held_words.startswith(
                "The variants of “Shirt” have one price, but not all of them are in the price family line=A, line=B: "
            )
        # one that is not on sale any more contradicts nothing
        Product.objects.filter(pk=other.pk).update(is_active=False)
        (row,) = worked_out(same)
        assert (row.held_code, row.family) == ("", "line=A")

    def test_one_without_the_attribute_is_apart_too(self) -> None:
        parent = priced_product(external_id="shirt", title="Shirt")
        with_it, without = known(parent=parent, attributes={"line": "A"}), known(parent=parent)
        one_line()
        rows = worked_out(with_it, without)
        assert [row.held_named for row in rows] == [{"parent": "Shirt", "names": "line=A"}] * 2

    def test_a_rule_that_fits_only_some_of_them_puts_them_apart(self) -> None:
        parent = priced_product(external_id="shirt", title="Shirt", attributes={"line": "A"})
        fits, not_it = known(parent=parent, brand="Ours"), known(parent=parent, brand="Theirs")
        rule_make(action="limits", family_attribute="line", brand="Ours")
        rows = worked_out(fits, not_it)
        assert [(row.held_code, row.held_named["names"]) for row in rows] == [("variants_apart", "line=A")] * 2

    def test_two_attributes_are_two_families_still(self) -> None:
        parent = priced_product(external_id="shirt", attributes={"line": "A", "series": "X"})
        variant = known(parent=parent)
        one_line()
        rule_make(name="Series", action="limits", family_attribute="series")
        (row,) = worked_out(variant)
        assert (row.held_code, row.held_named) == ("two_families", {"names": "line=A, series=X"})


def test_a_family_gets_the_price_at_which_its_members_earn_most_together() -> None:
    """One size sells hundreds and would be dearer, two sell a few and would be cheaper: alone each has a proposal, and
    at the mean of the three nobody earns anything."""
    parent = product_make(external_id="P", price="10.00", cost=Decimal(5), list_price=Decimal(10))
    sizes = []
    for name, slope, rate in (("S", -1.2, 200.0), ("M", -5.0, 6.0), ("L", -5.0, 6.0)):
        sizes.append(priced_product(external_id=name, parent=parent, cost=Decimal(5), list_price=Decimal(10)))
        sales_make(sizes[-1], rate=rate, levels=(10.0,))
        elasticity_make(sizes[-1], elasticity=slope, low=slope - 0.2, high=slope + 0.2, sd=0.1)
    rows = worked_out(*sizes)
    assert [row.new_price for row in rows] == [Decimal("11.00")] * 3
    gains = [row.gain or 0.0 for row in rows]
    assert gains == pytest.approx([293.58, -27.40, -27.40], abs=0.01)
    assert {stage for row in rows for stage, _before, _after in row.trail} <= {"max_rise_day"}
