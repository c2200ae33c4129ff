"""What a price does to the sales of other products: learned, counted in the gain, and said."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from math import expm1, log
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.forecast.days import day_date, midnight, period_days
from django_ecomai.forecast.models import Forecast
from django_ecomai.mirror.models import Order, OrderLine, PricePoint, Product
from django_ecomai.pricing import cross_effects
from django_ecomai.pricing.cross_effects import Effect, effects_store, rivals_weekly
from django_ecomai.pricing.cross_words import cross_lines, effect_words
from django_ecomai.pricing.models import CrossEffect, PriceProposal, ProductElasticity
from django_ecomai.pricing.services.propose import proposals_make
from django_ecomai.testing import category_make

from .factories import elasticity_make, priced_product, proposal_make
from .market import competitor_make, match_make, offer_make, point_make
from .shop import FIRST, NOW
from .test_propose import known, proposed

pytestmark = pytest.mark.django_db
LONG = 104
#: Competitors of the factories are seen now, so this shop's last week is the one before.
MONDAY = timezone.localdate() - timedelta(days=timezone.localdate().weekday())
START = datetime(MONDAY.year, MONDAY.month, MONDAY.day, 10, tzinfo=FIRST.tzinfo) - timedelta(weeks=LONG)


def effect_make(product: Product, other: Product | None, **fields: Any) -> CrossEffect:
    """Half a per cent per per cent, known well."""
    values = {"elasticity": 0.5, "sd": 0.1, "low": 0.3, "high": 0.7, "made_at": NOW, **fields}
    return CrossEffect.objects.create(channel=product.channel, product=product, other=other, **values)


def pair(**fields: Any) -> tuple[Product, Product]:
    """A product with a proposal, and a neighbour at 10.00 that costs 4.00 and sells ten a week."""
    product, neighbour = known(title="Tea"), priced_product(title="Coffee", **fields)
    elasticity_make(neighbour)
    return product, neighbour


class TestCounted:
    def test_what_the_other_product_loses_is_in_the_gain(self) -> None:
        product, neighbour = pair()
        alone = proposed(product)
        effect_make(neighbour, product)
        row = proposed(product)
        assert alone.cross == {} and alone.new_price is not None and row.new_price is not None
        ratio = float(row.new_price) / 10
        # 40 pieces in four weeks that leave 6 each
        units = 40 * (ratio**0.5 - 1)
        (told,) = row.cross["products"]
        assert told == {
            "product": neighbour.pk, "elasticity": 0.5, "low": 0.3, "high": 0.7, "units": round(units, 3),
            "profit": round(6 * units, 4),
        }  # fmt: skip
        assert row.cross["profit"] == told["profit"]
        wide = 1.96 * 6 * 40 * ratio**0.5 * abs(log(ratio)) * 0.1
        assert row.cross["high"] - row.cross["profit"] == pytest.approx(wide, abs=1e-3)
        assert row.profit_new is not None and row.profit_old is not None and row.gain is not None
        assert row.gain == pytest.approx(row.profit_new - row.profit_old + row.cross["profit"], abs=1e-3)
        # a higher price sends buyers to the neighbour, so it is worth more
        assert row.new_price > alone.new_price

    def test_a_forecast_says_how_many_pieces_and_tax_is_nobodys_profit(self, settings: Any) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_TAX_RATE": 0.25}
        product, neighbour = pair()
        effect_make(neighbour, product)
        Forecast.objects.create(
            key="1", product=neighbour, starts_on=NOW.date(), mean=[20.0] * 13, made_on=NOW.date(), frequency="W"
        )
        row = proposed(product)
        assert row.new_price is not None and row.new_price != 10
        # 80 pieces that leave 10 / 1.25 - 4
        units = 80 * ((float(row.new_price) / 10) ** 0.5 - 1)
        assert row.cross["profit"] == pytest.approx(4 * units, rel=1e-3)
        assert row.profit_new is not None and row.profit_old is not None
        assert row.gain == pytest.approx(row.profit_new - row.profit_old + row.cross["profit"], abs=1e-2)

    @pytest.mark.parametrize(
        "fields",
        [{"cost": None}, {"currency": "USD"}, {"is_active": False}, {"stock": Decimal(40)}, {"price": None}],
    )
    def test_who_cannot_gain_or_is_not_known_counts_for_nothing(self, fields: dict[str, Any]) -> None:
        product, neighbour = pair()
        effect_make(neighbour, product)
        Product.objects.filter(pk=neighbour.pk).update(**fields)
        assert proposed(product).cross == {}

    def test_what_is_not_certain_enough_counts_for_nothing(self) -> None:
        product, neighbour = pair()
        effect_make(neighbour, product, low=-0.2, reason="not_told_from_none")
        effect_make(neighbour, None, kind="competitor")
        assert proposed(product).cross == {}

    def test_other_goals_tell_it_and_do_not_count_it(self) -> None:
        from .factories import rule_make

        product, neighbour = pair()
        effect_make(neighbour, product)
        rule_make(product=product, action="revenue")
        row = proposed(product)
        assert row.revenue_new is not None and row.revenue_old is not None and row.gain is not None
        assert row.cross["profit"] != 0
        assert row.gain == pytest.approx(row.revenue_new - row.revenue_old, abs=1e-2)


def shop_with(effect: float, rivals: np.ndarray | None = None) -> list[Product]:
    """Nine products of one category for two years; the first answers to the second's price, or all to ``rivals``."""
    draw = np.random.default_rng(4)
    category = category_make(external_id="c")
    logs = draw.choice([-0.2, -0.1, 0.0, 0.1], (9, LONG))
    logs[:, -2:] = 0.0
    products, orders, lines, points = [], [], [], []
    for number in range(9):
        product = priced_product(external_id=f"p{number}", title=f"Tea {number}", categories=[category])
        expected = (84 - 6 * number) * np.exp(-2 * logs[number])
        if rivals is not None:
            expected = expected * np.exp(effect * rivals)
        elif number == 0:
            expected = expected * np.exp(effect * logs[1])
        products.append(product)
        for week, pieces in enumerate(draw.poisson(expected).tolist()):
            at, price = START + timedelta(weeks=week), Decimal(str(round(10 * float(np.exp(logs[number, week])), 2)))
            orders.append(Order(external_id=f"{number}-{week}", status="delivered", placed_at=at, currency="EUR"))
            lines.append((product, pieces, price, at))
            points.append(PricePoint(product=product, valid_from=at - timedelta(hours=9), price=price, currency="EUR",
                                     source="shop"))  # fmt: skip
    Order.objects.bulk_create(orders)
    OrderLine.objects.bulk_create(
        OrderLine(external_id=order.external_id, order=order, product=product, product_external_id=product.external_id,
                  quantity=pieces, unit_price=price, placed_at=at)
        for order, (product, pieces, price, at) in zip(orders, lines, strict=True) if pieces
    )  # fmt: skip
    PricePoint.objects.bulk_create(points)
    return products


class TestLearned:
    def test_from_sales_to_the_page_the_product_and_rest(self, client: Client, admin_user: User) -> None:
        first, second, *_others = shop_with(0.8)
        proposals_make()
        rows = CrossEffect.objects.filter(kind="product")
        assert rows.count() == 20  # the five that sell most, by the prices of the four others
        effect = rows.get(product=first, other=second)
        assert effect.reason == "" and effect.low is not None and effect.high is not None
        assert effect.low < 0.8 < effect.high
        assert rows.get(product=second, other=first).reason == "not_told_from_none"
        row = PriceProposal.objects.get(product=second)
        assert [one["product"] for one in row.cross["products"]] == [first.pk]
        client.force_login(admin_user)
        page = client.get(reverse("admin:ecomai_pricing_priceproposal_change", args=[row.pk])).content.decode()
        assert "Profit of other products" in page and "“Tea 0”: about " in page and "part of the gain" in page
        page = client.get(reverse("admin:ecomai_mirror_product_change", args=[first.pk])).content.decode()
        assert "If “Tea 1” cost 10 % less, “Tea 0” sells about −" in page
        answer = client.get("/ecomai/api/pricing/elasticities/", {"product": "p0"}).json()["results"][0]["others"]
        assert [one["other_id"] for one in answer if not one["reason"]] == ["p1"]
        answer = client.get(f"/ecomai/api/pricing/proposals/{row.pk}/").json()
        assert answer["cross"] == row.cross
        # the next night nothing is learned, and the same is known
        proposals_make()
        assert rows.get(product=first, other=second).pk == effect.pk

    def test_many_are_replaced_some_products_at_a_time_each_with_all_of_its_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cross_effects, "WRITE", 2)
        one, two, three, four = (priced_product() for _number in range(4))
        elsewhere = effect_make(priced_product(channel="b2b"), None)
        for product in (one, two, three, four):
            effect_make(product, None)
        parts: list[list[int]] = []
        upsert = cross_effects.rows_upsert

        def spy(model: Any, columns: Any) -> None:
            parts.append(columns["product"])
            upsert(model, columns)

        monkeypatch.setattr(cross_effects, "rows_upsert", spy)
        pairs = [(three, one), (one, two), (one, three), (one, four), (three, None)]
        effects: list[Effect] = [
            (product.pk, "product", other and other.pk, 0.2, 0.1, 0.0, 0.4, "") for product, other in pairs
        ]
        effects_store(channel="", effects=effects, now=NOW)
        found = list(CrossEffect.objects.filter(channel="").order_by("pk").values_list("product", "other"))
        assert found == [(one.pk, two.pk), (one.pk, three.pk), (one.pk, four.pk), (three.pk, one.pk), (three.pk, None)]
        assert parts == [[one.pk] * 3, [three.pk] * 2]
        effects_store(channel="", effects=[], now=NOW)
        assert list(CrossEffect.objects.all()) == [elsewhere]

    def test_in_place_of_those_of_the_last_run_and_none_of_a_dry_one(self) -> None:
        products = shop_with(0.0)
        old = effect_make(products[0], products[1])
        proposals_make(dry_run=True)
        assert CrossEffect.objects.get() == old
        proposals_make()
        assert CrossEffect.objects.count() == 20
        assert set(CrossEffect.objects.values_list("reason", flat=True)) == {"not_told_from_none"}

    def test_competitors_prices_where_their_history_is_known(self) -> None:
        draw = np.random.default_rng(9)
        rivals = draw.choice([-0.2, -0.1, 0.0, 0.1, 0.2], LONG)
        product = shop_with(0.6, rivals)[0]
        offer = offer_make(competitor_make())
        match_make(product, offer)
        for week, price in enumerate(10 * np.exp(rivals)):
            ago = timezone.now() - (START - timedelta(hours=9) + timedelta(weeks=week))
            point_make(offer, ago / timedelta(days=1), round(float(price), 4))
        proposals_make()
        effect = CrossEffect.objects.get(kind="competitor")
        assert (effect.product, effect.other, effect.reason) == (product, None, "")
        assert effect.low is not None and effect.high is not None and effect.low < 0.6 < effect.high
        assert effect_words(effect).startswith("If competitors cost 10 % less, “Tea 0” sells about −")
        # it tells what a competitor does to us; our price does nothing to his
        assert PriceProposal.objects.filter(product=product).exclude(cross={}).count() == 0

    def test_a_short_history_is_refused_with_the_reason(self) -> None:
        product = shop_with(0.0)[0]
        offer = offer_make(competitor_make())
        match_make(product, offer)
        point_make(offer, 20, 9)
        proposals_make()
        effect = CrossEffect.objects.get(kind="competitor")
        assert (effect.elasticity, effect.reason) == (None, "too_few_rows")
        assert effect_words(effect) == (
            "What the prices of competitors do to sales of “Tea 0” is not known: too few weeks in which competitors' "
            "prices were known."
        )


def test_the_lowest_price_of_competitors_by_week() -> None:
    product, nobodys = priced_product(), priced_product()
    weeks = np.array([2900, 2901, 2902, 2903])
    end = midnight(day_date(int(period_days(weeks[:1], "W")[0])))  # the first Monday
    cheap, dear = offer_make(competitor_make(), observed_at=end + timedelta(days=16)), offer_make(
        competitor_make(), observed_at=end + timedelta(days=60)
    )  # fmt: skip
    simulated = offer_make(competitor_make(is_simulated=True), observed_at=end + timedelta(days=60))
    for offer in (cheap, dear, simulated):
        match_make(product, offer)
    now = timezone.now()
    for offer, days, price in ((dear, 1, 12), (cheap, 8, 9), (dear, 15, 11), (simulated, 1, 1)):
        point_make(offer, (now - end - timedelta(days=days)) / timedelta(days=1), price)
    found = rivals_weekly(
        channel="", products=np.array([product.pk, nobodys.pk]), currencies=["EUR", "EUR"], periods=weeks
    )
    assert found is not None
    # what nobody has looked at since counts no more in the last week
    assert np.exp(found[0]) == pytest.approx([12, 9, 9, 11])
    assert np.isnan(found[1]).all()
    assert rivals_weekly(channel="", products=np.array([nobodys.pk]), currencies=["EUR"], periods=weeks) is None


def test_mistakes_and_offers_nobody_is_sure_of_teach_nothing() -> None:
    """A slipped comma of long ago, a price that cannot be of this product at all, and a match of the search below
    ``PRICING_MATCH_ACCEPT``."""
    product = priced_product()  # at 10.00
    weeks = np.array([2900, 2901, 2902])
    end = midnight(day_date(int(period_days(weeks[:1], "W")[0])))
    later = end + timedelta(days=60)
    slipped, other, unsure = (offer_make(competitor_make(), observed_at=later) for _ in range(3))
    match_make(product, slipped)
    match_make(product, other, method="manual", confidence=0.2)
    match_make(product, unsure, method="title", confidence=0.4)
    now = timezone.now()
    for offer, day, price in (
        (slipped, 1, 9), (slipped, 8, "0.09"), (slipped, 15, "9.50"), (other, 1, 120), (unsure, 1, 7),
    ):  # fmt: skip
        point_make(offer, (now - end - timedelta(days=day)) / timedelta(days=1), price)
    found = rivals_weekly(channel="", products=np.array([product.pk]), currencies=["EUR"], periods=weeks)
    assert found is not None
    assert np.exp(found[0]) == pytest.approx([9, np.nan, 9.5], nan_ok=True)


def test_in_words() -> None:
    other = priced_product(title="Coffee")
    row = proposal_make(
        priced_product(title="Tea"), new_price=Decimal(9),
        cross={"profit": -12.5, "low": -20.0, "high": -5.0, "products": [
            {"product": other.pk, "elasticity": 0.5, "low": 0.3, "high": 0.7, "units": -2.1, "profit": -12.5},
        ]},
    )  # fmt: skip
    change = 100 * expm1(0.5 * log(0.9))
    assert round(change, 1) == -5.1
    assert cross_lines(row) == ["“Coffee”: about −5.1 % of its pieces (−7.1 % to −3.1 %), −12.50 EUR"]
    assert cross_lines(proposal_make()) == []
    effect = effect_make(other, row.product)
    assert effect_words(effect) == "If “Tea” cost 10 % less, “Coffee” sells about −5.1 % pieces (−7.1 % to −3.1 %)."
    silent = effect_make(other, None, elasticity=None, sd=None, low=None, high=None, reason="too_few_sales")
    assert effect_words(silent) == (
        "What the prices of other products of its category do to sales of “Coffee” is not known: fewer than 40 weeks "
        "with sales, or than three pieces a week."
    )
    assert ProductElasticity.objects.count() == 0
