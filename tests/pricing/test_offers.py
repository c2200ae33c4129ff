"""Volume prices: from order lines to suggestions with their sums, and what is dismissed stays so."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from django_ecomai.mirror.models import Order, OrderLine, Product
from django_ecomai.pricing.models import VolumeOffer
from django_ecomai.pricing.services import offers_dismiss, offers_make, offers_restore
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import product_make

from .factories import MOMENT, elasticity_make, offer_make, priced_product, rule_make

pytestmark = pytest.mark.django_db
#: A Sunday, the last day of the week before the run's.
SOLD = MOMENT - timedelta(days=8)


def sell(
    *baskets: tuple[tuple[Product, float], ...], times: int = 1, currency: str = "EUR", price: str = "", tag: str = ""
) -> None:
    """Each basket ``times`` times, at the products' prices of today unless ``price`` says another."""
    count = Order.objects.count()
    orders = Order.objects.bulk_create(
        [
            Order(external_id=f"o{tag}{count + number}", status="delivered", placed_at=SOLD, currency=currency)
            for number in range(times * len(baskets))
        ]
    )  # fmt: skip
    OrderLine.objects.bulk_create(
        [
            OrderLine(
                external_id=f"{order.external_id}:{at}", order=order, product=product, quantity=Decimal(str(pieces)),
                product_external_id=product.external_id, placed_at=SOLD,
                unit_price=Decimal(price) if price else product.price,
            )
            for number, order in enumerate(orders)
            for at, (product, pieces) in enumerate(baskets[number % len(baskets)])
        ]
    )  # fmt: skip


def known(slope: float = -2.0, sd: float = 1e-9, **fields: Any) -> Product:
    """10.00, costs 4.00, with an elasticity that leaves no doubt."""
    product = priced_product(**fields)
    elasticity_make(product, elasticity=slope, sd=sd, low=slope - 2 * sd, high=slope + 2 * sd)
    return product


def ten_or_one(product: Product, **fields: Any) -> None:
    """Three of four orders hold one piece, one holds ten."""
    one, ten = ((product, 1),), ((product, 10),)
    sell(one, one, one, ten, times=25, **fields)


def pair() -> tuple[Product, Product]:
    """100 orders of both, 1000 of each alone."""
    one, other = known(-3.0), known(-3.0)
    sell(((one, 1), (other, 1)), times=100)
    sell(((one, 1),), ((other, 1),), times=1000)
    return one, other


# -- quantity breaks -------------------------------------------------------------------------------------------------
def test_elastic_large_lines_get_a_lower_price_from_their_quantity_on() -> None:
    product = known()
    ten_or_one(product)
    report = offers_make(now=MOMENT, run_number=7)
    assert (report.products, report.breaks, report.bundles, report.decided) == (1, 1, 0, 0)
    row = VolumeOffer.objects.get()
    # The markup rule at an elasticity of -2: twice the cost. 250 pieces become 250 * 0.8 ** -2 that leave 4 each.
    assert (row.kind, row.product, row.other, row.quantity) == ("break", product, None, 10)
    assert (row.price, row.old_price, row.discount, row.currency) == (8, 10, pytest.approx(0.2), "EUR")
    assert row.gain == pytest.approx(250 * (0.8**-2 * 4 - 6), abs=0.01)
    assert 0 < row.gain_low < row.gain < row.gain_high  # which orders come is chance
    assert (row.gain_chance, row.lines, row.run_number) == (1.0, 100, 7)
    assert row.weeks == 1  # the week of the orders is the last whole one of the data


def test_an_unsure_elasticity_widens_the_interval() -> None:
    product = known(sd=0.5)
    ten_or_one(product)
    offers_make(now=MOMENT)
    row = VolumeOffer.objects.get()
    assert row.gain_low < row.gain < row.gain_high
    assert row.gain - row.gain_low < row.gain_high - row.gain  # a demand that answers more gains more than less loses
    assert 0.5 < row.gain_chance < 1


def test_caution_takes_doubtful_offers_off_the_list(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_CAUTION": 5.0}
    product = known(sd=0.5)
    ten_or_one(product)
    assert offers_make(now=MOMENT).reasons == {"no_gain": 1}


@pytest.mark.parametrize(
    ("limits", "attributes", "lowest"),
    [
        ({"min_margin": Decimal("0.55")}, {}, "8.9"),  # 4.00 is 45 % of 8.89
        ({"map_attribute": "map"}, {"map": "9.50"}, "9.5"),
        ({"corridor_low": Decimal("0.9")}, {}, "9"),
        ({"max_change_day": Decimal("0.01")}, {}, "8"),  # the price of one piece stays
    ],
)
def test_no_break_leaves_the_limits_of_the_rules(
    limits: dict[str, Any], attributes: dict[str, Any], lowest: str
) -> None:
    rule_make(action="limits", **limits)
    product = known(attributes=attributes)
    ten_or_one(product)
    offers_make(now=MOMENT)
    assert VolumeOffer.objects.get().price == Decimal(lowest)


def test_prices_are_multiples_of_the_currencys_step(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_STEPS": {"EUR": "1.5"}}
    product = known()
    ten_or_one(product)
    offers_make(now=MOMENT)
    assert VolumeOffer.objects.get().price == Decimal("7.5")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cost": None}, "cost_missing"),
        ({"price": "0", "cost": Decimal(0)}, "price_missing"),
        ({"price": None}, "price_missing"),
        ({"cost": Decimal("10.00")}, "no_margin"),
        ({"attributes": {"map": "ask us"}}, "map_unreadable"),
    ],
)
def test_what_is_wrong_with_a_product_is_counted_and_no_offer_made(fields: dict[str, Any], reason: str) -> None:
    rule_make(action="limits", map_attribute="map")
    product = known(**fields)
    sell(((product, 1),), ((product, 10),), times=50, price="10")
    report = offers_make(now=MOMENT)
    assert report.reasons == {reason: 1}
    assert not VolumeOffer.objects.exists()


def test_only_lines_at_about_todays_price_in_its_currency_count() -> None:
    product = known()
    ten_or_one(product, price="11.01", tag="dear")
    ten_or_one(product, price="8.99", tag="cheap")
    ten_or_one(product, currency="GBP", tag="pounds")
    sell(((product, 1),), times=24, price="9.00", tag="near")
    sell(((product, 10),), times=5, price="9.00", tag="nearby")
    report = offers_make(now=MOMENT)
    assert report.reasons == {"too_few_lines": 1}
    sell(((product, 10),), times=1, price="11.00", tag="last")
    offers_make(now=MOMENT)
    assert VolumeOffer.objects.get().lines == 30


def test_one_large_order_is_no_reason_for_a_break() -> None:
    product = known()
    sell(((product, 1),), times=40)
    sell(((product, 10),), tag="once")
    assert offers_make(now=MOMENT).reasons == {"no_gain": 1}  # whether such an order comes again is a coin's toss
    sell(((product, 10),), times=5, tag="again")
    offers_make(now=MOMENT)
    assert VolumeOffer.objects.get().gain_chance == pytest.approx(
        0.984, abs=0.01
    )  # none of six comes again with (1 / 2) ** 6


def test_orders_that_were_cancelled_or_are_too_old_do_not_count(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_HISTORY_WEEKS": 8}
    product = known()
    ten_or_one(product)
    Order.objects.update(status="cancelled")
    assert offers_make(now=MOMENT).reasons == {"too_few_lines": 1}
    Order.objects.update(status="delivered", placed_at=SOLD - timedelta(weeks=9))
    OrderLine.objects.update(placed_at=SOLD - timedelta(weeks=9))
    sell(((product, 1),), tag="new")
    assert offers_make(now=MOMENT).reasons == {"too_few_lines": 1}


def test_a_product_without_an_accepted_elasticity_is_not_looked_at() -> None:
    product = priced_product()
    elasticity_make(product, reason="price_never_varied", elasticity=None, sd=None)
    ten_or_one(product)
    assert offers_make(now=MOMENT).as_dict() == {
        "products": 0, "breaks": 0, "bundles": 0, "decided": 0, "reasons": {},
    }  # fmt: skip


# -- bundles ---------------------------------------------------------------------------------------------------------
def test_a_bundle_pays_where_many_buy_only_one_of_both() -> None:
    one, other = pair()
    report = offers_make(now=MOMENT)
    row = VolumeOffer.objects.get(kind="bundle")

    def by_hand(price: float) -> float:
        """Each of 100 pays less, and more of those who bought one add the other for the price less 10."""
        more = min(100 * (((price - 10) / 10) ** -3 - 1), 1000)
        return 100 * (price - 20) + 2 * more * (price - 8 - 6)

    assert report.bundles == 1
    assert (row.product, row.other, row.quantity, row.lines, row.old_price) == (one, other, 1, 100, 20)
    assert row.gain == pytest.approx(by_hand(float(row.price)), abs=0.01)
    assert row.gain >= max(by_hand(20 * (1 - share / 100)) for share in range(2, 31)) - 0.01


def test_a_product_twice_in_an_order_is_no_pair_with_itself() -> None:
    product = known()
    sell(((product, 1), (product, 1)), times=40)
    other = known()
    sell(((other, 1),), times=40)
    offers_make(now=MOMENT)
    assert not VolumeOffer.objects.filter(kind="bundle").exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        offer_make(product, kind="bundle", other=product)


def test_fewer_than_thirty_orders_of_both_and_large_orders_say_nothing() -> None:
    one, other = known(-3.0), known(-3.0)
    filler = [product_make(price="1.00") for _number in range(49)]
    sell(((one, 1), (other, 1)), times=29)
    sell(((one, 1),), ((other, 1),), times=500)
    sell(((one, 1), (other, 1), *((product, 1) for product in filler)), times=5)
    offers_make(now=MOMENT)
    assert not VolumeOffer.objects.filter(kind="bundle").exists()
    sell(((one, 1), (other, 1), *((product, 1) for product in filler[:48])))
    offers_make(now=MOMENT)
    assert VolumeOffer.objects.get(kind="bundle").lines == 30


def test_an_order_at_another_price_of_the_second_is_neither_of_both_nor_of_the_first_alone() -> None:
    one, other = pair()
    offers_make(now=MOMENT)
    before = VolumeOffer.objects.get(kind="bundle").gain
    sell(((one, 1), (other, 1)), times=300, tag="dear")
    OrderLine.objects.filter(external_id__contains="dear", product=other).update(unit_price=Decimal("15.00"))
    offers_make(now=MOMENT)
    assert VolumeOffer.objects.get(kind="bundle").gain == pytest.approx(before)


def test_products_in_two_currencies_are_no_bundle() -> None:
    one, other = known(-3.0), known(-3.0, currency="GBP")
    sell(((one, 1), (other, 1)), times=100, currency="")
    sell(((one, 1),), ((other, 1),), times=500, currency="")
    report = offers_make(now=MOMENT)
    assert report.reasons["mixed_currency"] == 1 and report.bundles == 0


def test_a_product_is_in_its_three_best_bundles_and_a_dismissed_one_makes_room_for_the_next() -> None:
    hub, partners = known(-3.0), [known(-3.0) for _number in range(4)]
    for number, partner in enumerate(partners):
        sell(((hub, 1), (partner, 1)), times=100 - 10 * number)
    sell(((hub, 1),), *(((partner, 1),) for partner in partners), times=500)
    assert offers_make(now=MOMENT).reasons["better_bundles"] == 1
    bundles = VolumeOffer.objects.filter(kind="bundle")
    assert [row.other for row in bundles] == partners[:3]
    offers_dismiss(offers=bundles.filter(other=partners[0]))
    assert offers_make(now=MOMENT + timedelta(days=7)).bundles == 3
    assert [row.other for row in bundles.filter(dismissed_at=None)] == partners[1:]


def test_a_quantity_that_most_lines_reach_is_a_lower_price_and_no_break() -> None:
    product = known()
    sell(((product, 10),), times=50)
    assert offers_make(now=MOMENT).reasons == {"no_gain": 1}


# -- runs ------------------------------------------------------------------------------------------------------------
def test_a_run_replaces_rows_and_leaves_dismissed_ones() -> None:
    one, two = known(), known()
    for product in (one, two):
        ten_or_one(product)
    offers_make(now=MOMENT)
    offers_dismiss(offers=VolumeOffer.objects.filter(product=one))
    kept = VolumeOffer.objects.get(product=one)
    later = MOMENT + timedelta(days=7)
    report = offers_make(now=later)
    assert (report.breaks, report.decided) == (1, 1)
    assert VolumeOffer.objects.get(product=one) == kept
    assert VolumeOffer.objects.get(product=one).made_at == MOMENT
    assert VolumeOffer.objects.get(product=two).made_at == later
    offers_restore(offers=[kept])
    assert offers_make(now=later + timedelta(days=7)).breaks == 2
    assert VolumeOffer.objects.get(product=one).made_at == later + timedelta(days=7)


def test_offers_that_nothing_speaks_for_any_more_go() -> None:
    product = known()
    ten_or_one(product)
    offers_make(now=MOMENT)
    Product.objects.filter(pk=product.pk).update(cost=Decimal("9.99"))
    report = offers_make(now=MOMENT + timedelta(days=7))
    assert report.reasons == {"no_gain": 1}
    assert not VolumeOffer.objects.exists()


def test_a_part_of_the_catalogue_takes_the_same_queries_however_many_products_it_has(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(12):
        product = known()
        ten_or_one(product, tag=f"p{number}-")
    with django_assert_max_num_queries(32):
        report = offers_make(now=MOMENT)
    assert report.breaks == 12


def test_the_job_tells_what_it_found() -> None:
    run = run_now(kind="pricing.offers")
    assert (run.state, run.message) == (
        Run.State.DONE, "No product has a price elasticity yet: work out prices first.",
    )  # fmt: skip
    product = known()
    ten_or_one(product)
    run = run_now(kind="pricing.offers")
    assert run.message == "1 quantity breaks and 0 bundles are suggested."
    assert run.metrics["offers"]["breaks"] == 1
    assert VolumeOffer.objects.get().run_number == run.pk
    assert "segments" in run.metrics
    assert "segments" not in run_now(kind="pricing.offers", parameters={"segments": False}).metrics


# -- decisions -------------------------------------------------------------------------------------------------------
def test_dismissing_is_logged_and_taken_back() -> None:
    user, row = User.objects.create_user("merchant"), offer_make()
    (dismissed,) = offers_dismiss(offers=[row], user=user)
    assert (dismissed.dismissed_by, dismissed.dismissed_at is not None) == (user, True)
    assert offers_dismiss(offers=[row], user=user) == []
    (back,) = offers_restore(offers=[row], user=user)
    assert (back.dismissed_by, back.dismissed_at) == (None, None)
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == ["Dismissed", "Brought back"]
