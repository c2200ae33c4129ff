"""Which rule counts, which limits win, and what contradicts itself."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.mirror.models import StockPoint
from django_ecomai.ml.pricing.guardrails import violations
from django_ecomai.pricing.facts import Facts, product_facts
from django_ecomai.pricing.limits import limits_build
from django_ecomai.pricing.models import PriceProposal, PricingRule, ProductElasticity
from django_ecomai.pricing.proposing import endings_in_steps
from django_ecomai.pricing.rulebook import Choice, RuleBook, has_attribute, is_on
from django_ecomai.pricing.services.propose import proposals_make, proposals_preview
from django_ecomai.testing import category_make

from .factories import elasticity_make, priced_product, rule_make
from .shop import NOW, sales_make

DAY = NOW.date()


def known(slope: float = -1.6, **fields: Any) -> Any:
    product = priced_product(**fields)
    sales_make(product, rate=70.0, levels=(float(product.price or 10),))
    elasticity_make(product, elasticity=slope, low=slope - 0.4, high=slope + 0.4)
    return product


def proposed(product: Any) -> PriceProposal:
    rules = list(PricingRule.objects.filter(is_active=True))
    found = proposals_preview(rules=rules, product_ids=[product.pk], now=NOW)
    return next(row for row in found if row.product_id == product.pk)


def chosen(product: Any) -> Choice:
    (facts,) = product_facts(channel="", product_ids=[product.pk], at=NOW, horizon_days=28, stock_ages=True)
    return RuleBook(on=DAY).of(facts)


@pytest.mark.django_db
class TestWhichCounts:
    def test_the_most_specific_then_the_order(self) -> None:
        trees = category_make(external_id="trees")
        firs = category_make(external_id="firs", parent=trees)
        product = priced_product(categories=[firs], brand="Elf", attributes={"tags": ["green", "tall"]})
        everything = rule_make(name="everything", order=1)
        assert chosen(product).rule == everything
        rule_make(name="trees", category=trees)
        assert chosen(product).rule == PricingRule.objects.get(name="trees")
        rule_make(name="firs", category=firs)
        assert str(chosen(product).rule) == "firs"
        rule_make(name="elf firs", category=trees, brand="elf")
        assert str(chosen(product).rule) == "elf firs"
        rule_make(name="earlier", category=trees, attribute="tags", attribute_value="Tall", order=5)
        assert str(chosen(product).rule) == "earlier"
        rule_make(name="itself", product=product, order=900)
        assert str(chosen(product).rule) == "itself"
        rule_make(name="only limits", product=product, action="limits", min_margin=0.3, order=1)
        assert str(chosen(product).rule) == "itself"

    def test_brand_before_category_and_deep_before_shallow_whatever_the_order(self) -> None:
        trees = category_make(external_id="trees")
        firs = category_make(external_id="firs", parent=trees)
        product = priced_product(categories=[firs], brand="Elf", attributes={"tags": ["green"]})
        rule_make(name="trees", category=trees, order=1)
        rule_make(name="firs", category=firs, order=90)
        assert str(chosen(product).rule) == "firs"
        # Conditions of the moment count only among equals.
        rule_make(name="trees this winter", category=trees, starts_on=DAY, order=1)
        assert str(chosen(product).rule) == "firs"
        rule_make(name="firs this winter", category=firs, starts_on=DAY, order=99)
        assert str(chosen(product).rule) == "firs this winter"
        rule_make(name="elf", brand="Elf", order=99)
        assert str(chosen(product).rule) == "elf"
        rule_make(name="green", attribute="tags", attribute_value="green", order=99)
        assert str(chosen(product).rule) == "green"
        rule_make(name="green too", attribute="tags", order=98)
        assert str(chosen(product).rule) == "green too"

    def test_a_clearance_is_over_after_its_end_date_and_its_limits_with_it(self) -> None:
        product = priced_product()
        rule = rule_make(action="sell_through", sell_until=DAY, min_margin=0.3)
        assert chosen(product).rule == rule
        rule.sell_until = DAY - timedelta(days=1)
        rule.save()
        found = chosen(product)
        assert found.rule is None and found.limits["min_margin"] == (0.0, None)
        rule.action, rule.sell_until_attribute = "profit", ""
        rule.save()
        assert chosen(product).rule is None
        # The date of a fixed price says nothing, nor does that of a rule whose products have dates of their own.
        for action, name in (("markup", ""), ("profit", "best_before")):
            rule.action, rule.sell_until_attribute = action, name
            rule.save()
            assert chosen(product).rule == rule

    def test_a_variant_is_what_its_parent_is(self) -> None:
        trees = category_make(external_id="trees")
        parent = priced_product(categories=[trees], brand="Elf")
        variant = priced_product(parent=parent)
        rule_make(name="elf trees", category=trees, brand="Elf")
        assert str(chosen(variant).rule) == "elf trees"
        rule_make(name="the parent", product=parent)
        assert str(chosen(variant).rule) == "the parent"

    @pytest.mark.parametrize(
        ("conditions", "fits"),
        [
            ({"margin_from": 0.6}, True),
            ({"margin_from": 0.5, "margin_to": 0.6}, False),
            ({"stock_days_min": 30}, True),
            ({"stock_days_min": 31}, False),
            ({"stock_days_max": 30}, True),
            ({"stock_days_max": 29}, False),
            ({"position": "cheapest"}, False),
            ({"attribute": "color"}, True),
            ({"attribute": "color", "attribute_value": "RED"}, True),
            ({"attribute": "color", "attribute_value": "blue"}, False),
            ({"attribute": "size"}, False),
            ({"brand": "ELF"}, True),
            ({"brand": "Gnome"}, False),
        ],
    )
    def test_conditions(self, conditions: dict[str, Any], fits: bool) -> None:
        product = priced_product(
            brand="Elf", attributes={"color": "red", "size": ""}, created_at=NOW - timedelta(days=30)
        )
        rule_make(**conditions)
        assert (chosen(product).rule is not None) is fits

    def test_days_on_sale_count_from_the_last_time_it_was_sold_out(self) -> None:
        product = priced_product(created_at=NOW - timedelta(days=300))
        StockPoint.objects.create(product=product, valid_from=NOW - timedelta(days=20), quantity=0)
        StockPoint.objects.create(product=product, valid_from=NOW - timedelta(days=10), quantity=50)
        rule_make(stock_days_min=21)
        assert chosen(product).rule is None
        rule_make(name="fresh", stock_days_max=20)
        assert str(chosen(product).rule) == "fresh"

    def test_the_position_among_competitors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        product = known()
        competitors(monkeypatch, product, lowest="8.00", median="9.50", position="premium")
        rule_make(name="premium", position="premium", action="relative", offset=-0.02)
        row = proposed(product)
        # 2 % below 8.00 is 7.84; no price falls by more than 10 % a day.
        assert (row.new_price, row.binding, row.goal) == (9, "max_fall_day", "relative")
        assert row.trail == [["max_fall_day", 7.84, 9.0]]
        assert row.market == {"lowest": 8.0, "median": 9.5, "offers": 3, "position": "premium"}
        assert "3 offers of competitors from 8" in row.why
        PricingRule.objects.update(reference="median")
        assert proposed(product).new_price == Decimal("9.31")
        PricingRule.objects.update(position="")
        monkeypatch.undo()
        row = proposed(product)
        assert row.held_code == "no_market" and "premium" in row.held_words


def competitors(monkeypatch: pytest.MonkeyPatch, product: Any, *, lowest: str, median: str, position: str) -> None:
    """Three offers of competitors."""
    from django_ecomai.pricing import facts
    from django_ecomai.pricing.market import MarketPosition

    found = MarketPosition("EUR", Decimal(lowest), Decimal(median), Decimal("12"), 3, Decimal("10"), position, NOW)
    monkeypatch.setattr(facts, "market_positions", lambda *, channel, product_ids: {product.pk: found})


def test_dates_and_weekdays() -> None:
    monday = date(2026, 3, 2)
    rule = PricingRule(starts_on=monday, ends_on=monday + timedelta(days=6), weekdays="17")
    days = [monday + timedelta(days=number) for number in range(-1, 8)]
    assert [is_on(rule, day) for day in days] == [False, True, False, False, False, False, False, True, False]


def test_attributes_and_tags() -> None:
    attributes = {"tags": ["Sale", "new"], "off": False, "empty": []}
    assert has_attribute(attributes, "tags", "sale") and has_attribute(attributes, "tags", "")
    assert not has_attribute(attributes, "tags", "old") and not has_attribute(attributes, "off", "")
    assert not has_attribute(attributes, "empty", "") and not has_attribute(attributes, "gone", "")


@pytest.mark.django_db
class TestWhatItDoes:
    def test_a_markup_over_cost(self) -> None:
        rule_make(action="markup", markup=1.6)
        row = proposed(known())
        assert (row.new_price, row.binding, row.trail) == (Decimal("10.40"), "", [])

    def test_a_price_that_is_left_stays_unless_it_is_against_a_limit(self) -> None:
        rule_make(action="hold")
        assert proposed(known(price="9.993")).new_price == Decimal("9.993")
        rule_make(action="limits", min_margin=0.62)
        row = proposed(known())
        assert (row.new_price, row.binding) == (Decimal("10.53"), "min_margin")

    def test_a_price_follows_another_product(self) -> None:
        leader = priced_product(price="10.50")
        rule_make(name="follow", action="follow", follows=leader, offset=-0.02)
        row = proposed(known())
        assert row.new_price == Decimal("10.29")
        leader.currency = "USD"
        leader.save()
        row = proposed(known())
        assert row.held_code == "no_followed" and "follow" in row.held_words

    def test_the_most_revenue(self) -> None:
        # Above 1 in size a lower price always brings more revenue, below 1 a higher one.
        rule_make(action="revenue")
        assert proposed(known(-1.6)).new_price == 9
        assert proposed(known(-0.5)).new_price == 11

    def test_prices_are_tried_with_a_probability_that_is_kept(self) -> None:
        rule_make(action="profit", explore=True)
        products = [known(-1.6) for _number in range(40)]
        ProductElasticity.objects.update(sd=0.6)
        rules = list(PricingRule.objects.all())
        pks = [product.pk for product in products]
        first = proposals_preview(rules=rules, product_ids=pks, now=NOW)
        assert [row.new_price for row in proposals_preview(rules=rules, product_ids=pks, now=NOW)] == [
            row.new_price for row in first
        ]
        prices = {row.new_price for row in first}
        assert len(prices) > 2 and prices <= {Decimal(cents) / 100 for cents in range(900, 1101)}
        assert all(row.propensity is not None and 1 / 32 <= row.propensity <= 1 for row in first)
        # The products are alike: each price has one probability, and those of all prices seen are no more than 1.
        chances = {(row.new_price, row.propensity or 0.0) for row in first}
        assert len(chances) == len(prices) and 0.8 < sum(chance for _price, chance in chances) <= 1
        assert "to learn" in first[0].why
        PricingRule.objects.update(explore=False)
        best = proposals_preview(rules=list(PricingRule.objects.all()), product_ids=pks, now=NOW)
        assert {row.propensity for row in best} == {None}

    def test_a_family_tries_prices_as_a_whole_or_not_at_all(self) -> None:
        """Its one price is the mean of what all ask for: drawn by one of two, its probability would not be known."""
        parent = priced_product(external_id="shirt")
        pks = [known(-1.6, parent=parent, brand=brand).pk for brand in ("Ours", "Theirs")]
        ProductElasticity.objects.update(sd=0.6)
        tries = rule_make(action="profit", explore=True, brand="Ours")
        best = rule_make(action="profit")

        def chances(*rules: PricingRule) -> tuple[set[Any], set[Any]]:
            found = proposals_preview(rules=list(rules), product_ids=pks, now=NOW)
            rows = [row for row in found if row.product_id in pks]
            assert {row.family for row in rows} == {f"p{parent.pk}"} and len(rows) == 2
            return {row.new_price for row in rows}, {row.propensity for row in rows}

        assert chances(tries, best) == chances(best) and chances(best)[1] == {None}
        best.explore = True
        (price,), (chance,) = chances(best)
        assert price is not None and 1 / 32 <= chance <= 1
        # profit and revenue draw by themselves
        tries.action = "revenue"
        assert chances(tries, best)[1] == {None}

    def test_endings_are_wishes(self) -> None:
        rule_make(action="markup", markup=1.7, endings="99, 95")
        row = proposed(known())
        assert row.new_price == Decimal("10.95") and row.trail == [["ending", 10.8, 10.95]]
        # 10.95 is above the limit now, and 9.99 further away than half a euro.
        rule_make(name="narrow", action="limits", max_change_day=0.05)
        row = proposed(known())
        assert (row.new_price, row.binding) == (Decimal("10.50"), "max_rise_day")

    @pytest.mark.parametrize(
        ("endings", "step", "found"),
        [
            ((99, 95), 0.01, ((99, 95), 100)),
            ((99, 95), 0.05, ((19,), 20)),
            ((99,), 0.05, ((), 100)),
            ((80, 8), 1.0, ((80, 8), 100)),
            ((80, 8), 10.0, ((8,), 10)),
            ((99,), 0.03, ((), 100)),
            ((), 0.01, ((), 100)),
        ],
    )
    def test_endings_in_steps(self, endings: Any, step: float, found: Any) -> None:
        assert endings_in_steps(endings, step) == found

    def test_endings_in_swiss_francs_and_yen(self) -> None:
        rule_make(action="markup", markup=1.7, endings="99, 95")
        assert proposed(known(currency="CHF")).new_price == Decimal("10.95")
        PricingRule.objects.update(endings="80")
        dear: dict[str, Any] = {"price": "1000", "list_price": Decimal(1000), "cost": Decimal(380), "currency": "JPY"}
        assert proposed(known(**dear)).new_price == Decimal("980")

    @pytest.mark.parametrize(("currency", "price"), [("CHF", "10.40"), ("JPY", "10"), ("EUR", "10.39")])
    def test_steps_of_the_currency(self, currency: str, price: str) -> None:
        rule_make(action="markup", markup=1.5975)
        assert proposed(known(currency=currency)).new_price == Decimal(price)


@pytest.mark.django_db
class TestLimits:
    def test_the_strictest_of_all_rules_that_fit(self) -> None:
        product = known(attributes={"map": "9.40", "agreed": 9.6})
        a = rule_make(action="limits", min_margin=0.1, max_change_day=0.2, map_attribute="map")
        b = rule_make(action="limits", min_margin=0.3, corridor_high=1.2, map_attribute="agreed", step=Decimal("0.05"))
        found = chosen(product)
        assert found.limits["min_margin"] == (0.3, b)
        # The settings' 10 % a day are stricter than the rule's 20 %.
        assert found.limits["max_change_day"] == (0.1, None)
        assert found.limits["corridor_high"] == (1.2, b) and found.limits["step"] == (0.05, b)
        assert found.map_price == (Decimal("9.6"), b)
        rule_make(action="markup", markup=0.5)
        row = proposed(product)
        assert (row.new_price, row.binding) == (Decimal("9.60"), "map")
        assert a.pk != b.pk

    def test_limits_of_two_rules_that_leave_no_price_are_named(self) -> None:
        rule_make(name="Never dear", action="limits", corridor_high=0.95)
        rule_make(name="Always well paid", action="limits", min_margin=0.6)
        row = proposed(known())
        assert row.held_code == "limits_contradict"
        assert "Never dear" in row.held_words and "Always well paid" in row.held_words

    def test_two_rules_that_want_different_things(self) -> None:
        rule_make(name="Up", action="markup", markup=2.0)
        second = rule_make(name="Stay", action="hold")
        row = proposed(known())
        assert (row.held_code, row.state, row.new_price) == ("rules_contradict", "held", None)
        assert "“Up”" in row.held_words and "“Stay”" in row.held_words
        second.order = 5
        second.save()
        assert proposed(known()).held_code == ""

    def test_two_rules_that_want_the_same_are_no_contradiction(self) -> None:
        rule_make(name="One", action="markup", markup=1.6)
        rule_make(name="Two", action="markup", markup=1.6)
        assert proposed(known()).new_price == Decimal("10.40")

    def test_a_week_of_changes(self) -> None:
        from django_ecomai.mirror.models import PricePoint

        product = known(price="11.50", list_price=None)
        PricePoint.objects.filter(product=product).delete()
        for days, price in ((30, "10.00"), (3, "11.50")):
            PricePoint.objects.create(
                product=product, valid_from=NOW - timedelta(days=days), price=Decimal(price), currency="EUR"
            )
        rule_make(action="markup", markup=9.0)
        row = proposed(product)
        # 20 % above the 10.00 of a week ago, though 10 % above today's would be 12.65.
        assert (row.new_price, row.binding) == (12, "max_rise_week")


@pytest.mark.django_db
class TestFamilies:
    def test_variants_have_one_price_and_one_that_is_held_holds_all(self) -> None:
        parent = priced_product(external_id="parent")
        small, large = known(external_id="s", parent=parent), known(external_id="l", parent=parent)
        rule_make(name="s", product=small, action="markup", markup=1.55)
        rule_make(name="l", product=large, action="markup", markup=1.65)
        rows = {row.product_id: row for row in proposals_preview(
            rules=list(PricingRule.objects.all()), product_ids=[small.pk], now=NOW
        )}  # fmt: skip
        # The mean of 10.20 and 10.60.
        assert rows[small.pk].new_price == rows[large.pk].new_price == Decimal("10.40")
        assert rows[small.pk].family == rows[large.pk].family == f"p{parent.pk}"
        large.cost = None
        large.save()
        rows = {row.product_id: row for row in proposals_preview(
            rules=list(PricingRule.objects.all()), product_ids=[small.pk], now=NOW
        )}  # fmt: skip
        assert rows[large.pk].held_code == "cost_missing"
        assert rows[small.pk].held_code == "family_contradicts"

    def test_a_member_that_nothing_is_known_of_goes_with_the_others(self) -> None:
        parent = priced_product(external_id="parent")
        seen, new = known(parent=parent), priced_product(parent=parent)
        rows = {row.product_id: row for row in proposals_preview(rules=[], product_ids=[new.pk], now=NOW)}
        assert rows[new.pk].new_price == rows[seen.pk].new_price == Decimal("10.67")
        assert rows[new.pk].gain is None and rows[new.pk].risk == "high"

    def test_a_product_in_two_families_is_held_with_both_named(self) -> None:
        product = known(attributes={"line": ["A", "B"]})
        rule_make(action="limits", family_attribute="line")
        row = proposed(product)
        assert row.held_code == "two_families" and "line=A, line=B" in row.held_words


@pytest.mark.django_db
class TestValidation:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"action": "markup"}, "markup"),
            ({"action": "sell_through"}, "sell_until"),
            ({"action": "sell_through", "sell_until": DAY, "starts_on": DAY}, "sell_until"),
            ({"action": "follow"}, "follows"),
            ({"attribute_value": "red"}, "attribute"),
            ({"action": "hold", "explore": True}, "explore"),
            ({"corridor_low": 1.2, "corridor_high": 1.1}, "corridor_high"),
            ({"margin_from": 0.5, "margin_to": 0.5}, "margin_to"),
            ({"starts_on": DAY, "ends_on": DAY - timedelta(days=1)}, "ends_on"),
            ({"stock_days_min": 9, "stock_days_max": 8}, "stock_days_max"),
            ({"weekdays": "8"}, "weekdays"),
            ({"endings": "99;95"}, "endings"),
            ({"min_margin": 1.0}, "min_margin"),
            ({"step": Decimal(0)}, "step"),
            ({"left_worth": 2.0}, "left_worth"),
        ],
    )
    def test_what_cannot_be_saved(self, fields: dict[str, Any], field: str) -> None:
        rule = PricingRule(**{"name": "A rule", **fields})
        with pytest.raises(ValidationError) as caught:
            rule.full_clean()
        assert field in caught.value.message_dict

    def test_a_circle_of_two_is_refused_and_named(self) -> None:
        a, b = priced_product(title="Lamp"), priced_product(title="Shade")
        rule_make(name="one", product=a, action="follow", follows=b)
        rule = PricingRule(name="two", product=b, action="follow", follows=a)
        with pytest.raises(ValidationError, match="Lamp → Shade → Lamp"):
            rule.full_clean()
        rule.product = None
        rule.brand = "Nobody"
        rule.full_clean()

    def test_a_circle_over_a_category_is_refused(self) -> None:
        shelf = category_make(external_id="shelf")
        lamp, cord = priced_product(title="Lamp", categories=[shelf]), priced_product(title="Cord")
        rule_make(name="one", category=shelf, action="follow", follows=cord)
        with pytest.raises(ValidationError, match="Lamp → Cord → Lamp"):
            PricingRule(name="two", product=cord, action="follow", follows=lamp).full_clean()

    def test_a_product_cannot_follow_itself_but_its_category_can_follow_it(self) -> None:
        shelf = category_make(external_id="shelf")
        lamp = priced_product(categories=[shelf])
        with pytest.raises(ValidationError, match="in a circle"):
            PricingRule(name="itself", product=lamp, action="follow", follows=lamp).full_clean()
        PricingRule(name="shelf", category=shelf, action="follow", follows=lamp).full_clean()

    def test_a_circle_that_came_about_unseen_holds_the_prices(self) -> None:
        a, b = known(), known()
        rule_make(name="one", product=a, action="follow", follows=b)
        rule_make(name="two", product=b, action="follow", follows=a)
        row = proposed(a)
        assert row.held_code == "rule_cycle" and "“one”" in row.held_words


shares = st.floats(0.0, 0.9)
amounts = st.decimals("0.01", "5000", places=2)


@given(
    price=amounts,
    cost=st.none() | amounts,
    list_price=st.none() | amounts,
    week=st.none() | amounts,
    limits=st.fixed_dictionaries(
        {
            "min_margin": shares,
            "corridor_low": shares,
            "corridor_high": st.floats(0.9, 3.0),
            "max_change_day": shares,
            "max_change_week": shares,
            "step": st.sampled_from([0.01, 0.05, 1.0]),
        }
    ),
    target=st.floats(0.001, 1e5),
    endings=st.sampled_from([(), (99,), (95, 99), (0,)]),
)
@settings(max_examples=300, deadline=None)
def test_no_target_leaves_the_limits(
    price: Decimal, cost: Any, list_price: Any, week: Any, limits: dict[str, float], target: float, endings: Any
) -> None:
    from django_ecomai.ml.pricing.guardrails import guard

    facts = Facts(1, "p", "P", None, price, list_price, cost, "EUR", None, (), "", {}, None, None, week)
    choice = Choice(limits={name: (value, None) for name, value in limits.items()})
    built = limits_build([facts], [choice])
    found = guard(np.array([target]), built, endings=endings)
    if found.held[0]:
        assert found.price[0] == float(price)
    else:
        assert not violations(found.price, built)[0]
        assert cost is not None and found.price[0] >= float(cost) - 1e-9


@pytest.mark.django_db
def test_a_run_holds_and_names_and_goes_on_with_the_others() -> None:
    parent = priced_product(external_id="parent", is_active=False)
    for number in range(2):
        product = priced_product(external_id=f"v{number}", parent=parent)
        sales_make(product, slope=-3.0, seed=number)
    broken = priced_product(external_id="broken", cost=Decimal("20.00"))
    sales_make(broken, slope=-3.0, seed=7)
    report = proposals_make(now=NOW)
    assert (report.proposals, dict(report.held)) == (2, {"limits_contradict": 1})
    assert len(set(PriceProposal.objects.filter(state="open").values_list("new_price", flat=True))) == 1
