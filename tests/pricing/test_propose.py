"""From orders and prices to proposals, and what is wrong with a product told instead of guessed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import translation

from django_ecomai.core.registry import price_elasticities, product_weights
from django_ecomai.forecast.models import Forecast
from django_ecomai.forecast.selectors import forecast_days
from django_ecomai.mirror.models import Order, PricePoint, Product, Promotion, StockPoint
from django_ecomai.pricing.held import REASONS
from django_ecomai.pricing.learning import catalogue_read
from django_ecomai.pricing.models import PriceProposal, ProductElasticity
from django_ecomai.pricing.models.elasticities import Reason
from django_ecomai.pricing.reading import Reader
from django_ecomai.pricing.services.propose import family_parts, proposals_make, proposals_preview
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import category_make, product_make

from .factories import elasticity_make, priced_product, proposal_make, rule_make
from .shop import FIRST, NOW, WEEKS, sales_make, shop_make

pytestmark = pytest.mark.django_db


def rows() -> dict[str, PriceProposal]:
    return {row.product.external_id: row for row in PriceProposal.objects.select_related("product", "rule")}


def known(slope: float = -1.6, **fields: Any) -> Product:
    """A product whose elasticity an earlier run has learned, selling seven pieces a week."""
    product = priced_product(**fields)
    sales_make(product, rate=7.0, levels=(float(product.price or 10),))
    elasticity_make(product, elasticity=slope, low=slope - 0.4, high=slope + 0.4)
    return product


def proposed(product: Product) -> PriceProposal:
    """What the elasticities of the last run propose, unchanged and held prices among it."""
    everything = {row.product_id: row for row in proposals_preview(rules=_rules(), product_ids=[product.pk], now=NOW)}
    return everything[product.pk]


def _rules() -> list[Any]:
    from django_ecomai.pricing.rulebook import rules_in_use

    return rules_in_use()


def test_every_product_gets_a_price_with_its_arithmetic(django_assert_max_num_queries: Any) -> None:
    shop_make()
    with django_assert_max_num_queries(54):
        report = proposals_make(now=NOW)
    assert (report.products, report.learned, report.proposals) == (3, 3, 3)
    learned = {row.product.external_id: row for row in ProductElasticity.objects.select_related("product")}
    for name, true in (("p0", -3.0), ("p1", -2.5), ("p2", -2.0)):
        low, high = learned[name].low, learned[name].high
        assert low is not None and high is not None and low < true < high
        assert learned[name].source == "own" and learned[name].reason == ""
    row = rows()["p0"]
    # At an elasticity of -3 the best price is far below 10, but no price may fall by more than 10 % in a day.
    assert (row.state, row.old_price, row.new_price, row.binding) == ("open", 10, 9, "max_fall_day")
    assert (row.strength, row.goal, row.horizon_days) == ("strong", "profit", 28)
    assert row.risk == "low"
    assert row.units_new is not None and row.units_old is not None and row.units_new > row.units_old
    # 28 days at about 60 a week; profit is what a piece leaves times the pieces.
    assert 190 < row.units_old < 290
    assert row.profit_old == pytest.approx(6 * row.units_old) and row.profit_new == pytest.approx(5 * row.units_new)
    assert row.profit_old is not None and row.profit_new is not None and row.gain is not None
    assert row.gain == pytest.approx(row.profit_new - row.profit_old, abs=0.01)
    assert row.gain_low is not None and row.gain_high is not None and row.gain_low < row.gain < row.gain_high
    assert len(row.curve_shown["prices"]) == len(row.curve_shown["profit_low"]) == 21
    assert len(row.history["units"]) == len(row.history["prices"]) == 26
    assert row.history["prices"][-1] == 10.0
    assert row.why.startswith("10 → 9 EUR (−10 %); in 28 days")
    assert "it stands at the largest change per day" in row.why


def test_a_run_tells_what_it_found_and_a_dry_run_stores_nothing() -> None:
    shop_make()
    assert proposals_make(dry_run=True, now=NOW).proposals == 3
    assert not PriceProposal.objects.exists() and not ProductElasticity.objects.exists()
    run = run_now(kind="pricing.propose")
    assert run.state == Run.State.DONE, run.error
    assert run.metrics["pricing"]["proposals"] == 3
    # The log speaks in sentences, not in codes.
    assert not [code for code in (*REASONS, *Reason.values) if f"{code}:" in run.log or f" {code}" in run.log]
    assert set(PriceProposal.objects.values_list("run_number", flat=True)) == {run.pk}
    assert run_now(kind="pricing.propose", channel="other").state == Run.State.DONE


def test_the_log_says_in_words_what_is_held_back() -> None:
    shop_make()
    Product.objects.filter(external_id="p1").update(cost=None)
    run = run_now(kind="pricing.propose")
    assert "Held back, 1: Its cost is not known" in run.log


def test_the_same_data_gives_the_same_prices_over_the_open_ones_and_decided_ones_stay() -> None:
    shop_make()
    proposals_make(now=NOW)
    first = {row.pk: row.new_price for row in PriceProposal.objects.all()}
    decided = PriceProposal.objects.get(product__external_id="p1")
    PriceProposal.objects.filter(pk=decided.pk).update(state="approved", undecided=None)
    report = proposals_make(now=NOW + timedelta(hours=1))
    assert report.waiting == 1
    assert {row.pk: row.new_price for row in PriceProposal.objects.all()} == first
    # What was rejected is not proposed again while the price is the same.
    PriceProposal.objects.filter(pk=decided.pk).update(state="rejected", decided_at=NOW)
    assert proposals_make(now=NOW + timedelta(days=1)).proposals == 2
    assert proposals_make(now=NOW + timedelta(days=40)).proposals == 3


def test_proposals_of_products_that_are_gone_are_deleted() -> None:
    products = shop_make((-3.0, -2.5))
    proposals_make(now=NOW)
    Product.objects.filter(pk=products[0].pk).update(is_active=False)
    proposals_make(now=NOW + timedelta(hours=1))
    assert set(rows()) == {"p1"}
    assert ProductElasticity.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"cost": None}, "cost_missing", "map `cost` in your adapter"),
        ({"price": "0.00"}, "price_missing", "no price above 0"),
        ({"price": None}, "price_missing", "no price above 0"),
        (
            {"cost": Decimal("12.00")},
            "limits_contradict",
            "at least 12.00 EUR (its cost); at most 11.00 EUR (the largest change per day)",
        ),
        ({"attributes": {"map": "a lot"}}, "map_unreadable", "a lot, is no number"),
    ],
)
def test_what_is_wrong_with_a_product_is_said(
    fields: dict[str, Any], code: str, text: str, settings: LazySettings
) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_MAP_ATTRIBUTE": "map"}
    row = proposed(known(**fields))
    assert (row.state, row.held_code, row.new_price) == ("held", code, None)
    assert text in row.held_words and text in row.why


def test_why_it_is_held_back_is_worded_for_whoever_reads_it() -> None:
    rule_make(name="paid", action="limits", min_margin=0.7)
    product = known(cost=Decimal("4.00"))
    with translation.override("de"):  # the job's language
        proposals_make(now=NOW, product_ids=[product.pk])
    row = PriceProposal.objects.get()
    assert (row.held_code, row.held_named) == (
        "limits_contradict", {"limits": [["min_margin", "13.3333", "paid"], ["max_rise_day", "11", None]]}
    )  # fmt: skip
    assert row.why == (
        "Its limits contradict each other: at least 13.3333 EUR (the least margin, rule “paid”); at most 11.00 EUR "
        "(the largest change per day). Loosen one of them: in its rule, or on the page “Price limits”."
    )
    with translation.override("de"):
        assert row.why.startswith("Seine Grenzen widersprechen einander: ")
        assert "höchstens 11,00 EUR (die größte Änderung je Tag)" in row.why


def test_why_nothing_is_known_of_demand_is_worded_for_whoever_reads_it() -> None:
    product = priced_product()
    with translation.override("de"):
        row = proposed(product)
    assert (row.held_code, row.held_named) == ("no_elasticity", {"why": "no_rows"})
    assert row.held_words == f"How demand answers to its price is not known: {Reason('no_rows').label}."
    with translation.override("de"):
        assert row.held_words.endswith(f": {Reason('no_rows').label}.")


def test_one_price_ever_teaches_nothing() -> None:
    product = priced_product(external_id="one")
    sales_make(product, rate=30.0, levels=(10.0,))
    report = proposals_make(now=NOW, keep_rows=True)
    assert report.held == {"no_elasticity": 1} and report.reasons == {"price_never_varied": 1}
    assert ProductElasticity.objects.get().reason == "price_never_varied"
    (row,) = report.rows
    assert "its price has never varied" in row.held_words
    # The table holds what somebody can decide or repair; why nothing is known stands with the elasticity.
    assert not PriceProposal.objects.exists()


def test_what_was_sold_in_another_currency_says_nothing() -> None:
    foreign, mixed = priced_product(external_id="foreign"), priced_product(external_id="mixed")
    for product in (foreign, mixed):
        sales_make(product, slope=-2.5)
    sales_make(foreign, slope=-2.5, currency="USD", seed=1)
    PricePoint.objects.create(product=mixed, valid_from=FIRST, price=9, currency="USD", source="sync")
    own = priced_product(external_id="own")
    sales_make(own, slope=-2.5)
    Order.objects.filter(external_id="own-EUR-3").update(currency="USD")
    report = proposals_make(now=NOW, keep_rows=True)
    learned = {row.product.external_id: row.reason for row in ProductElasticity.objects.select_related("product")}
    # One order of fifty-two is left out; half of them are too many.
    assert learned == {"foreign": "mixed_currency", "mixed": "mixed_currency", "own": ""}
    assert {row.product.external_id: row.held_code for row in report.rows} == {
        "foreign": "mixed_currency", "mixed": "mixed_currency", "own": "",
    }  # fmt: skip


def test_a_cost_in_another_currency_is_no_cost() -> None:
    from tests.inventory.factories import offer_make, supplier_make

    product = known(cost=None)
    offer_make(product, supplier_make(currency="USD"), cost=Decimal("4.00"))
    assert proposed(product).held_code == "cost_currency"
    other = known(cost=None)
    offer_make(other, supplier_make(currency="EUR"), cost=Decimal("4.00"))
    row = proposed(other)
    assert (row.held_code, row.cost) == ("", 4)


def test_a_price_that_changed_today_waits() -> None:
    product = known()
    PricePoint.objects.create(
        product=product, valid_from=NOW - timedelta(hours=3), price=10, currency="EUR", source="sync"
    )
    PricePoint.objects.filter(product=product, source="shop").update(price=9)
    row = proposed(product)
    assert row.held_code == "changed_today"
    rule_make(action="limits", max_change_day=0.05)
    assert proposed(product).held_code == "changed_today"


def test_short_stock_raises_the_price_and_surplus_with_an_end_date_lowers_it(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_LIMITS": {"min_gain": 0}}
    # At -1.6 and a cost of 4 the best price is 10.67; 28 pieces are expected at 10.
    assert proposed(known()).new_price == Decimal("10.67")
    short = proposed(known(stock=Decimal(10)))
    assert (short.new_price, short.binding) == (11, "max_rise_day")
    rule_make(name="Clear", action="sell_through", sell_until=NOW.date() + timedelta(days=13), attribute="season")
    old = known(stock=Decimal(200), attributes={"season": "winter"})
    row = proposed(old)
    assert (row.new_price, row.goal, row.horizon_days) == (9, "sell_through", 14)
    assert row.rule is not None and row.rule.name == "Clear"
    assert "pieces more" in row.why
    uncounted = proposed(known(attributes={"season": "winter"}))
    assert uncounted.held_code == "no_stock" and "Clear" in uncounted.held_words


def test_the_forecast_is_what_is_expected_where_there_is_one() -> None:
    product = known()
    assert not proposed(product).has_forecast
    Forecast.objects.create(
        product=product, key=product.external_id, starts_on=NOW.date(), mean=[70.0] * 8, made_on=NOW.date()
    )
    row = proposed(product)
    assert row.has_forecast and row.units_old == pytest.approx(280.0, rel=1e-3)
    # The data end six days before the run, and with them the first six days of the horizon have passed.
    assert (NOW.date() - Reader().day).days == 6 and len(row.daily) == 22
    Forecast.objects.update(mean=[35.0, 70.0, 70.0, 105.0, 70.0, 70.0, 70.0, 70.0])
    ahead = forecast_days(product_ids=[product.pk], days=28, start=Reader().day).mean[0]
    daily = proposed(product).daily
    assert daily == pytest.approx((ahead / ahead.sum())[6:].tolist(), abs=1e-5)
    assert sum(daily[:7]) < sum(daily[14:21])


def test_rows_are_handed_over_part_by_part_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_ecomai.pricing.services.propose.PART", 1)
    shop_make((-3.0, -2.5))
    parts: list[list[PriceProposal]] = []
    report = proposals_make(dry_run=True, now=NOW, on_rows=parts.append)
    assert [[row.product.external_id for row in part] for part in parts] == [["p0"], ["p1"]]
    assert report.rows == [] and report.proposals == 2


def test_the_command_gives_those_that_gain_most_first_and_those_held_back_last() -> None:
    products = shop_make((-2.5, -3.0, -2.0))
    Product.objects.filter(pk=products[2].pk).update(cost=None)
    out = StringIO()
    call_command("ecomai_price", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert [(one["product_id"], one["state"]) for one in found["proposals"]] == [
        ("p1", "open"), ("p0", "open"), ("p2", "held"),
    ]  # fmt: skip
    assert (found["products"], found["dry_run"]) == (3, False)
    for arguments in ([], ["--dry-run"]):
        out = StringIO()
        call_command("ecomai_price", "--limit", "1", *arguments, stdout=out)
        assert "p1" in out.getvalue() and "p0" not in out.getvalue() and "and 2 more" in out.getvalue()


def test_the_command_of_an_empty_shop_is_json_too() -> None:
    out = StringIO()
    call_command("ecomai_price", "--dry-run", "--json", stdout=out)
    assert json.loads(out.getvalue())["proposals"] == []


def test_categories_of_parents_are_found_in_several_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_ecomai.pricing.facts.KEYS_CHUNK", 1)
    for number in range(3):
        parent = product_make(external_id=f"parent{number}", categories=[category_make(external_id=f"c{number}")])
        for size in "sl":
            priced_product(external_id=f"{size}{number}", parent=parent)
    Product.objects.filter(parent=None).update(is_active=False)
    found = catalogue_read()
    groups = dict(zip(found.products.tolist(), found.category.tolist(), strict=True))
    names = dict(Product.objects.filter(pk__in=found.products.tolist()).values_list("external_id", "pk"))
    assert found.named.all() and len(set(groups.values())) == 3
    assert all(groups[names[f"s{number}"]] == groups[names[f"l{number}"]] for number in range(3))


def test_the_command_prints_or_gives_json() -> None:
    shop_make((-3.0, -2.5))
    out = StringIO()
    call_command("ecomai_price", "--dry-run", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert (found["dry_run"], found["products"], found["proposals"][0]["product_id"]) == (True, 2, "p0")
    assert found["proposals"][0]["new_price"] == 9.0
    assert not PriceProposal.objects.exists()
    out = StringIO()
    call_command("ecomai_price", stdout=out)
    assert "2 products: 2 new prices" in out.getvalue() and "10 → 9 EUR" in out.getvalue()
    out = StringIO()
    call_command("ecomai_price", "--product", "p1", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert [one["product_id"] for one in found["proposals"]] == ["p1"] and found["dry_run"]
    with pytest.raises(CommandError, match="no product 'gone'"):
        call_command("ecomai_price", "--product", "gone")


def test_families_are_never_cut_into_two_parts() -> None:
    parent = priced_product(external_id="parent")
    sizes = [priced_product(external_id=f"s{number}", parent=parent) for number in range(3)]
    red = [priced_product(external_id=f"r{number}", attributes={"line": "A"}) for number in range(3)]
    rules = [rule_make(action="limits", family_attribute="line")]
    everything = sorted(one.pk for one in [parent, *sizes, *red])
    parts = list(family_parts(channel="", product_ids=everything, rules=rules, size=2))
    assert sorted(len(part) for part in parts) == [3, 4]
    assert sorted(pk for part in parts for pk in part) == everything


def test_others_hear_of_elasticities_and_margins(settings: LazySettings, django_assert_num_queries: Any) -> None:
    product = known(external_id="k")
    ask = price_elasticities.get("pricing")
    assert ask("", [product.pk, 0]) == {product.pk: -1.6}
    proposal_make(product, new_price=Decimal("10.00"), cost=Decimal("4.00"))
    proposal_make(priced_product(external_id="l"), new_price=Decimal("10.00"), cost=Decimal("8.00"))
    weights = product_weights.get("pricing")
    with django_assert_num_queries(0):
        assert weights("") == {}
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_STEERS": True}
    # Margins 60 % and 20 %, mean 40 %.
    assert weights("") == {"k": pytest.approx(1.2), "l": pytest.approx(0.8)}


class TestReading:
    """Weeks of sales, prices, promotions and stock."""

    def weeks(self, product: Product, weeks: int = 4) -> Any:
        return Reader(until=NOW.date()).weeks(product_ids=[product.pk], currencies=["EUR"], weeks=weeks)

    def test_units_and_prices_by_week(self) -> None:
        product = priced_product()
        sales_make(product, rate=30.0, levels=(8.0, 12.0), seed=3)
        found = self.weeks(product)
        assert found.units.shape == (1, 4) and found.since == NOW.date() - timedelta(days=28)
        sold = {
            line.placed_at.date(): (float(line.quantity), float(line.unit_price or 0))
            for line in product.order_lines.all()
        }
        mondays = [found.since + timedelta(days=7 * week) for week in range(4)]
        assert found.units[0].tolist() == [sold[day][0] for day in mondays]
        assert found.price[0].tolist() == [sold[day][1] for day in mondays]
        assert found.known.all() and found.in_stock[0].tolist() == [1.0] * 4

    def test_weeks_before_the_first_sale_are_unknown_and_unsold_ones_have_the_listed_price(self) -> None:
        product = product_make(price="5.00")
        other = product_make(external_id="other")
        sales_make(other)
        sales_make(product, rate=5.0, weeks=WEEKS - 3, levels=(5.0,))
        product.order_lines.filter(placed_at__lt=NOW - timedelta(weeks=6)).delete()
        found = self.weeks(product, 8)
        assert found.known[0].tolist() == [False, False, True, True, True, True, True, True]
        assert found.units[0, -3:].tolist() == [0.0] * 3 and found.price[0].tolist() == [5.0] * 8

    def test_a_week_that_was_sold_out_counts_for_what_was_left_of_it(self) -> None:
        product = priced_product()
        sales_make(product, rate=30.0)
        monday = NOW - timedelta(weeks=1, hours=10)
        StockPoint.objects.create(product=product, valid_from=FIRST, quantity=100)
        StockPoint.objects.create(product=product, valid_from=monday + timedelta(days=2), quantity=0)
        StockPoint.objects.create(product=product, valid_from=monday + timedelta(days=5), quantity=100)
        assert self.weeks(product).in_stock[0].tolist() == pytest.approx([1.0, 1.0, 1.0, 4 / 7])

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
    def test_a_promotion_over_midnight_and_the_change_of_clocks(self, zone: str, settings: LazySettings) -> None:
        """From 23:00 to 01:00 touches two days, in the night of 23 hours too."""
        settings.TIME_ZONE = zone
        product = priced_product()
        sales_make(product, rate=30.0)
        # 2025-03-30 is the night in which clocks go forward in Berlin; it is a Sunday.
        start = datetime(2025, 3, 29, 23, 0, tzinfo=UTC if zone == "UTC" else None)
        if zone != "UTC":
            from zoneinfo import ZoneInfo

            start = start.replace(tzinfo=ZoneInfo(zone))
        promotion = Promotion.objects.create(
            external_id="night", name="Night", starts_at=start, ends_at=start + timedelta(hours=2)
        )
        promotion.products.add(product)
        found = Reader(until=NOW.date()).weeks(product_ids=[product.pk], currencies=["EUR"], weeks=WEEKS)
        share = found.promotion[0]
        week = (start.date() - found.since).days // 7
        assert np.flatnonzero(share).tolist() == [week]
        assert share[week] == pytest.approx(2 / 7)

    def test_the_recent_average_is_that_of_todays_price(self) -> None:
        product = priced_product()
        sales_make(product, rate=60.0, slope=-2.0, levels=(8.0,))
        found = self.weeks(product, 8)
        today, slope = np.array([10.0]), np.array([-2.0])
        (as_sold,) = found.daily(today, np.array([np.nan]))
        (as_now,) = found.daily(today, slope)
        assert as_sold == pytest.approx(found.units.sum() / 56)
        factor = (10.0 / found.price[0]) ** -2.0
        assert as_now == pytest.approx((found.units[0] * factor).sum() / 56)

    def test_a_promotion_of_a_category_counts_for_what_is_below_it_alone(self) -> None:
        top = category_make(external_id="top")
        below, aside = category_make(external_id="below", parent=top), category_make(external_id="aside")
        product, other = priced_product(categories=[below]), priced_product(categories=[aside])
        sales_make(product)
        sales_make(other)
        promotion = Promotion.objects.create(
            external_id="week", name="Week", starts_at=NOW - timedelta(weeks=1, hours=10), ends_at=NOW
        )
        promotion.categories.add(top)
        assert self.weeks(product).promotion[0].tolist() == [0.0, 0.0, 0.0, 1.0]
        assert self.weeks(other).promotion[0].tolist() == [0.0] * 4
