"""What is known of products when their prices are worked out: past prices, and what variants have from their parent."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.facts import Facts, attributes_merged, product_facts
from django_ecomai.pricing.models import PriceChange, PricingRule
from django_ecomai.pricing.rulebook import RuleBook
from django_ecomai.pricing.services.propose import family_members, family_parts
from django_ecomai.pricing.validation import circle, circles, followed_facts
from django_ecomai.testing import category_make

from .factories import priced_product, rule_make
from .shop import NOW

pytestmark = pytest.mark.django_db


def facts(product: Product) -> Facts:
    (found,) = product_facts(channel="", product_ids=[product.pk], at=NOW, horizon_days=28)
    return found


def choice(product: Product) -> Any:
    return RuleBook(channel="", on=NOW.date()).of(facts(product))


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def change_make(product: Product, at: datetime, old: str, new: str) -> None:
    PriceChange.objects.create(product=product, at=at, old_price=Decimal(old), new_price=Decimal(new), currency="EUR")


def point_make(product: Product, at: datetime, price: str) -> None:
    PricePoint.objects.create(product=product, valid_from=at, price=Decimal(price), currency="EUR", source="sync")


class TestPastPrices:
    def test_the_first_change_of_the_week_knows_the_price_before_it(self) -> None:
        """A tenth a day is a third in three days: the limit of the week is about the price at its beginning."""
        product = priced_product(price="13.31")
        for days, old, new in ((3, "10.00", "11.00"), (2, "11.00", "12.10"), (0.5, "12.10", "13.31")):
            change_make(product, ago(days=days), old, new)
            point_make(product, ago(days=days) + timedelta(seconds=2), new)
        found = facts(product)
        assert (found.price_week_ago, found.price_day_ago) == (10, Decimal("12.10"))

    def test_without_any_history_of_prices(self) -> None:
        product = priced_product(price="12.10")
        change_make(product, ago(days=2), "11.00", "12.10")
        change_make(product, ago(days=3), "10.00", "11.00")
        assert facts(product).price_week_ago == 10

    def test_a_price_from_before_the_week_counts_first(self) -> None:
        product = priced_product(price="11.00")
        point_make(product, ago(days=30), "9.00")
        change_make(product, ago(days=3), "10.00", "11.00")
        assert facts(product).price_week_ago == 9

    def test_a_history_that_begins_within_the_week_counts_from_its_beginning(self) -> None:
        product = priced_product(price="12.00")
        point_make(product, ago(days=5), "10.00")
        point_make(product, ago(days=2), "12.00")
        found = facts(product)
        assert (found.price_week_ago, found.price_day_ago) == (10, 12)
        change_make(product, ago(days=1.5), "11.00", "12.00")  # later than the oldest price
        assert facts(product).price_week_ago == 10

    def test_nothing_is_known_of_a_new_product(self) -> None:
        found = facts(priced_product())
        assert (found.price_week_ago, found.price_day_ago) == (None, None)


class TestVariants:
    def test_attributes_are_those_of_the_parent_unless_it_has_its_own(self) -> None:
        assert attributes_merged({"map": 9, "size": "L"}, {"size": "S"}) == {"map": 9, "size": "S"}
        assert attributes_merged({"map": 9, "tags": ["a"]}, {"map": "", "tags": [], "size": None}) == {
            "map": 9, "tags": ["a"], "size": None,
        }  # fmt: skip
        assert attributes_merged(None, {"map": 9}) == attributes_merged({"map": 9}, ["broken"]) == {"map": 9}

    def test_the_least_advertised_price_and_tags_of_the_parent_hold(self, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_MAP_ATTRIBUTE": "map"}
        rule = rule_make(action="hold", attribute="tags", attribute_value="fragile")
        parent = priced_product(external_id="parent", attributes={"map": "9.90", "tags": ["fragile"]})
        plain = priced_product(external_id="plain", parent=parent, brand="A", categories=[category_make()])
        found = choice(plain)
        assert (found.map_price, found.rule) == ((Decimal("9.90"), None), rule)
        own = priced_product(external_id="own", parent=parent, attributes={"map": "8.00", "tags": ["soft"]})
        found = choice(own)
        assert (found.map_price, found.rule) == ((Decimal("8.00"), None), None)

    def test_a_followed_variant_has_them_too(self) -> None:
        parent = priced_product(external_id="parent", attributes={"line": "A"})
        variant = priced_product(external_id="variant", parent=parent)
        rule = rule_make(action="follow", follows=variant)
        assert followed_facts([rule])[variant.pk].attributes == {"line": "A"}

    def test_families_are_whole_where_the_attribute_is_the_parents(self) -> None:
        rules = [rule_make(action="limits", family_attribute="line")]
        parents = [
            priced_product(external_id=f"parent{number}", is_active=False, attributes={"line": "A"})
            for number in range(2)
        ]
        one, other = (priced_product(external_id=f"v{number}", parent=parent) for number, parent in enumerate(parents))
        single = priced_product(external_id="single", attributes={"line": "A"})
        apart = priced_product(external_id="apart")
        members = sorted([one.pk, other.pk, single.pk])
        assert family_members(channel="", product_ids=[one.pk], rules=rules) == members
        assert family_members(channel="", product_ids=[single.pk], rules=rules) == members
        parts = list(family_parts(channel="", product_ids=[*members, apart.pk], rules=rules, size=1))
        assert sorted(sorted(part) for part in parts) == sorted([members, [apart.pk]])


class TestFollowing:
    """Rules that follow a product, some of them in a circle."""

    def rules(self, number: int) -> list[PricingRule]:
        """A chain of products, each following the next, whose last follows the first but one; and one that is not in
        the circle, for what is tagged like the first of the chain."""
        chain = [priced_product(external_id=f"c{at}", title=f"C{at}") for at in range(number)]
        found = [
            rule_make(name=f"r{at}", product=chain[at], action="follow", follows=chain[(at + 1) % number or 1])
            for at in range(number)
        ]
        aside = priced_product(external_id="aside")
        return [*found, rule_make(name="aside", brand="Nobody", action="follow", follows=aside)]

    def test_those_in_a_circle_are_found_as_one_by_one(self) -> None:
        rules = self.rules(6)
        found = {rule.name for rule in rules if id(rule) in circles("", rules)}
        assert found == {f"r{at}" for at in range(6)} == {rule.name for rule in rules if circle(rule, rules)}
        assert circle(rules[1], rules) == "C2 → C3 → C4 → C5 → C1 → C2"

    @pytest.mark.parametrize("number", [3, 30])
    def test_many_rules_take_the_queries_of_one(self, number: int, django_assert_num_queries: Any) -> None:
        rules = self.rules(number)
        with django_assert_num_queries(1):
            circles("", rules)
