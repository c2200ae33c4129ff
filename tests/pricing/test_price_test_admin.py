"""Price tests in the admin: what one would cost and teach, starting it, its page, stopping it."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceProposal, PriceTest, PriceTestWeek, ProductElasticity
from django_ecomai.pricing.price_test_pages import Plan, plan_suggested, plan_told
from django_ecomai.pricing.services import price_test_start, prices_watch
from django_ecomai.testing import order_make
from tests.clients import clerk, read

from .adapters import LiveShop, PricedShop
from .factories import elasticity_make, priced_product, proposal_make, rule_make

pytestmark = pytest.mark.django_db
PRICES = {"low": "9.80", "high": "10.20", "weeks": "4"}


def start_url(product: Product) -> str:
    return reverse("admin:ecomai_pricing_pricetest_start", args=[product.pk])


def page_of(test: PriceTest) -> str:
    return reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk])


def running(product: Product | None = None, **fields: Any) -> PriceTest:
    """Four weeks, the first of them eight weeks ago: three have ended, the last one never came into the shop."""
    product = product or priced_product(title="Lamp")
    test = price_test_start(product=product, low=Decimal("9.80"), high=Decimal("10.20"), weeks=4, seed=1)
    back = timedelta(weeks=8)
    for number, week in enumerate(test.weeks.all()):
        week.week -= back
        week.applied_at = timezone.now() - back if number < 3 else None
        week.save()
    PriceTest.objects.filter(pk=test.pk).update(starts_on=test.starts_on - back, **fields)
    test.refresh_from_db()
    return test


# -- the suggestion --------------------------------------------------------------------------------------------------
def test_the_suggested_prices_are_taken_and_weeks_made_even(shop: PricedShop) -> None:
    product = priced_product()
    elasticity_make(product, test_low=Decimal("9.71"), test_high=Decimal("10.30"), test_weeks=7)
    assert plan_suggested(product=product) == Plan(Decimal("9.71"), Decimal("10.30"), 8)


def test_prices_that_limits_forbid_are_drawn_together_and_tried_for_longer(shop: PricedShop) -> None:
    product = priced_product()
    elasticity_make(product, test_low=Decimal("8.70"), test_high=Decimal("11.50"), test_weeks=6)
    rule_make(action="limits", max_change_day=0.07, max_change_week=0.07)
    # from one to the other it is 6.93 %; a cent further on either side it would be more than 7 %
    assert plan_suggested(product=product) == Plan(Decimal("9.67"), Decimal("10.34"), 26)
    told = dict(plan_told(product=product, plan=Plan(Decimal("9.67"), Decimal("10.34"), 26)))["What it teaches"]
    assert told[-2:] == [
        "The prices cannot be further apart: the largest change per day (7 %) of the rule “A rule”.",
        "It also counts for the step from one price to the other.",
    ]


def test_a_suggestion_for_another_price_than_that_of_now_is_not_taken(shop: PricedShop) -> None:
    product = priced_product()
    elasticity_make(product, test_low=Decimal("12.00"), test_high=Decimal("13.00"), test_weeks=6)
    assert plan_suggested(product=product) == Plan(Decimal("9.54"), Decimal("10.48"), 12)


def test_without_a_suggestion_the_widest_allowed_prices_are_taken() -> None:
    assert plan_suggested(product=priced_product()) == Plan(Decimal("9.54"), Decimal("10.48"), 12)
    assert plan_suggested(product=priced_product(price=None)) is None
    assert plan_suggested(product=priced_product(price="0.01", cost=Decimal("0.001"))) is None


def test_a_plan_tells_what_happens_what_it_costs_and_what_it_teaches() -> None:
    product = priced_product()
    # demand falls as 10 / price: 10 pieces per week at 10.00
    elasticity_make(product, elasticity=-1.0, sd=0.5, low=-2.0, high=0.0, rate=10.0)
    told = plan_told(product=product, plan=Plan(Decimal(8), Decimal("12.50"), 4))
    assert [heading for heading, _lines in told] == ["What happens", "What it costs", "What it teaches"]
    happens, costs, teaches = (" ".join(lines) for _heading, lines in told)
    assert "the price is 8.00 or 12.50 EUR" in happens and "In 2 of the 4 weeks it is the lower one" in happens
    # per week 60 today; 12.5 * 4 = 50 at the lower, 8 * 8.5 = 68 at the higher price: 2 * (50 + 68 - 120) = -4 at an
    # elasticity of -1. At others it is more: -1.35 at -0.5, +2.08 at -1.5; the mean of what is known is -2.47.
    assert "About −2.47 EUR of profit in 4 weeks, against leaving the price at 10.00 EUR." in costs
    assert "between −6.75 and +9.79 EUR" in costs
    assert "demand changes by −2.0 to 0.0 %" in teaches and "instead of 2.00" in teaches
    with translation.override("de"):
        told = plan_told(product=product, plan=Plan(Decimal(8), Decimal("12.50"), 4))
        assert "Etwa −2,47 EUR Gewinn in 4 Wochen" in told[1][1][0]


def test_what_is_not_known_is_not_told() -> None:
    told = dict(plan_told(product=priced_product(), plan=Plan(Decimal(9), Decimal(11), 4)))
    assert told["What it costs"] == ["That cannot be told: it takes sales of this product and its cost."]
    assert told["What it teaches"][:1] == ["How far it narrows the doubt cannot be told before it has sold."]


# -- starting --------------------------------------------------------------------------------------------------------
def test_a_test_begins_on_the_elasticities_page(boss: Client, shop: PricedShop) -> None:
    product = priced_product(title="<b>Lamp</b>")
    elasticity_make(
        product,
        test_low=Decimal("9.71"),
        test_high=Decimal("10.30"),
        test_weeks=7,
        test_worth=3.0,
        sd=0.8,
        low=-3.2,
        high=0.0,
        rate=400.0,
    )
    elasticity_make(priced_product(title="Without a test"))
    html = read(boss.get(reverse("admin:ecomai_pricing_productelasticity_changelist")))
    assert html.count(">Price test …<") == 1 and start_url(product) in html
    assert html.index("&lt;b&gt;Lamp") < html.index("Without a test")
    html = read(boss.get(start_url(product)))
    assert 'value="9.71"' in html and 'value="10.30"' in html and "<b>Lamp" not in html
    assert "What it costs" in html and "Yes, start the test on Monday" in html and "<script>" not in html
    assert not PriceTest.objects.exists()
    html = read(boss.post(start_url(product), PRICES, follow=True))
    assert "The test begins on Monday" in html and "No week of the test has ended yet" in html
    test = PriceTest.objects.get()
    assert (test.low, test.high, test.weeks.count()) == (Decimal("9.80"), Decimal("10.20"), 4)
    assert test.started_by == User.objects.get(username="boss")
    assert log_text(LogEntry.objects.get().change_message) == "started"
    # whoever comes again is led to the one that runs
    assert "is in a price test already" in read(boss.get(start_url(product), follow=True))


def test_prices_can_be_changed_before_the_test_is_started(boss: Client, shop: PricedShop) -> None:
    product = priced_product()
    html = read(boss.get(start_url(product), {"low": "9.9", "high": "10.1", "weeks": "6"}))
    assert "In 3 of the 6 weeks it is the lower one" in html
    html = read(boss.get(start_url(product), {"low": "2", "high": "10.1", "weeks": "6"}))
    assert "Its limits do not allow 2" in html and "Yes, start the test" not in html


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"low": "11"}, "The lower price must be above 0 and below the higher one."),
        ({"low": "2"}, "Its limits do not allow 2"),
        ({"low": "x"}, "Enter a number."),
        ({"weeks": "3"}, "step size"),
    ],
)
def test_a_test_that_cannot_be_starts_nothing_and_says_why(
    boss: Client, shop: PricedShop, values: dict[str, str], said: str
) -> None:
    html = read(boss.post(start_url(priced_product()), {**PRICES, **values}))
    assert said in html and not PriceTest.objects.exists()


def test_who_may_not_put_prices_into_the_shop_starts_and_stops_none(shop: PricedShop) -> None:
    test = running()
    client = clerk("view_pricetest", "view_productelasticity", "decide_priceproposal")
    product = priced_product()
    elasticity_make(product, test_low=Decimal("9.71"), test_high=Decimal("10.30"), test_weeks=7)
    assert client.get(start_url(product)).status_code == client.post(start_url(product), PRICES).status_code == 403
    stop = client.post(reverse("admin:ecomai_pricing_pricetest_stop", args=[test.pk]), {"reason": "no"})
    assert stop.status_code == 403 and PriceTest.objects.filter(state="running").count() == 1
    listed = read(client.get(reverse("admin:ecomai_pricing_productelasticity_changelist")))
    assert "9.71 and 10.30 EUR in turn" in listed and "Price test …" not in listed
    html = read(client.get(page_of(test)))
    assert "Result so far" in html and "Stop and restore" not in html
    User.objects.all().delete()
    assert clerk("view_priceproposal").get(page_of(test)).status_code == 403


def test_a_shop_that_takes_no_prices_has_no_button(boss: Client, reading_shop: None) -> None:
    product = priced_product()
    row = proposal_make(product)
    html = read(boss.get(reverse("admin:ecomai_pricing_priceproposal_change", args=[row.pk])))
    assert "Price test …" not in html
    html = read(boss.get(start_url(product)))
    assert "no test can run by itself" in html and "Yes, start the test" not in html
    assert boss.get(start_url(product).replace(str(product.pk), "999999")).status_code == 404


def test_the_page_of_a_proposal_leads_to_the_test(boss: Client, shop: PricedShop) -> None:
    row: PriceProposal = proposal_make(propensity=0.25)
    url = reverse("admin:ecomai_pricing_priceproposal_change", args=[row.pk])
    html = read(boss.get(url))
    assert f'href="{start_url(row.product)}">Price test …' in html
    assert "Tried to learn: this price was drawn with a probability of 25 %." in html
    test = running(row.product)
    html = read(boss.get(url))
    assert page_of(test) in html and "Two prices are being tried" in html and start_url(row.product) not in html


# -- its page --------------------------------------------------------------------------------------------------------
def test_the_page_tells_weeks_and_what_was_sold_at_each_price(boss: Client, shop: PricedShop) -> None:
    test = running()
    for week in test.weeks.all():
        pieces = 14 if week.price == test.low else 7
        moment = timezone.make_aware(datetime.combine(week.week, time()))
        order_make(placed_at=moment + timedelta(hours=36), lines=[(test.product, pieces)])
    html = read(boss.get(page_of(test)))
    assert "3 of 4 weeks have ended and count." in html
    assert html.count("was in the shop") == 3 and html.count("left out") == 1
    # 14 pieces per week at 9.80 that cost 4.00, 7 at 10.20
    assert ">81.20 EUR<" in html and ">43.40 EUR<" in html
    assert PriceTestWeek.objects.filter(test=test, applied_at=None).count() == 1


def test_a_test_is_stopped_with_a_reason_only(boss: Client, shop: PricedShop) -> None:
    test = running()
    url = reverse("admin:ecomai_pricing_pricetest_stop", args=[test.pk])
    assert boss.get(url).status_code == 405
    assert "Say why the test is stopped." in read(boss.post(url, {"reason": " "}, follow=True))
    html = read(boss.post(url, {"reason": "Christmas <b>"}, follow=True))
    assert (
        "The test is over; the shop has the price 10.00 EUR." in html
        and "Reason: Christmas &lt;b&gt;" in html
        and "Stop and restore" not in html
    )
    test.refresh_from_db()
    assert (test.state, test.reason) == ("stopped", "Christmas <b>")
    assert "The test is over already." in read(boss.post(url, {"reason": "again"}, follow=True))
    assert boss.get(page_of(test).replace(str(test.pk), "999999")).status_code == 404


def test_the_second_of_two_people_lets_it_begin(boss: Client, shop: PricedShop, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    product = priced_product()
    html = read(boss.post(start_url(product), PRICES, follow=True))
    assert "The test waits for a second person" in html and "begins on Monday" not in html
    test = PriceTest.objects.get()
    url = reverse("admin:ecomai_pricing_pricetest_approve", args=[test.pk])
    assert "Stop and restore" in html and "Approve the test" not in html and boss.get(url).status_code == 405
    assert "somebody else must do so too" in read(boss.post(url, follow=True))
    assert page_of(test) in boss.get(start_url(product), follow=True).redirect_chain[0][0]
    other = clerk("view_pricetest")
    assert "Approve the test" not in read(other.get(page_of(test)))
    assert other.post(url).status_code == 403 and PriceTest.objects.get().state == "asked"
    user = User.objects.get(username="clerk")
    user.user_permissions.add(Permission.objects.get(codename="apply_priceproposal"))
    assert f'action="{url}"' in read(other.get(page_of(test)))
    html = read(other.post(url, follow=True))
    test.refresh_from_db()
    assert "The test begins on Monday" in html and "Approve the test" not in html
    assert (test.state, test.approved_by) == ("running", user)
    assert "does not wait for a second person" in read(other.post(url, follow=True))


def test_a_price_that_cannot_be_restored_is_told(boss: Client, shop: PricedShop) -> None:
    test = running()
    last = test.weeks.filter(applied_at__isnull=False).order_by("week").last()
    assert last is not None
    Product.objects.filter(pk=test.product_id).update(price=last.price)
    shop.broken.add(test.product.external_id)
    url = reverse("admin:ecomai_pricing_pricetest_stop", args=[test.pk])
    html = read(boss.post(url, {"reason": "sale"}, follow=True))
    assert "the till is closed" in html and "the price before is in the shop" not in html


# -- ways between the pages ------------------------------------------------------------------------------------------
def test_each_page_leads_to_those_that_one_may_open(boss: Client) -> None:
    everything = ("productelasticity", "pricetest", "volumeoffer", "pricechange", "pricereduction", "pricingrule")
    for name in ("priceproposal", *everything):
        html = read(boss.get(reverse(f"admin:ecomai_pricing_{name}_changelist")))
        for page in ("competitoroffer_market", "competitormatch_changelist", "volumeoffer_segments"):
            assert f'href="{reverse(f"admin:ecomai_pricing_{page}")}"' in html, (name, page)
    for page in ("competitoroffer_market", "competitormatch_changelist"):
        html = read(boss.get(reverse(f"admin:ecomai_pricing_{page}")))
        assert f'href="{reverse("admin:ecomai_pricing_priceproposal_changelist")}"' in html
    User.objects.all().delete()
    html = read(clerk("view_priceproposal").get(reverse("admin:ecomai_pricing_priceproposal_changelist")))
    assert "Volume prices" not in html and "Market position" not in html


def test_simulated_competitors_are_called_so_beside_the_price(boss: Client) -> None:
    market: dict[str, Any] = {"lowest": 9.5, "median": 10.2, "offers": 3, "position": "average"}
    row = proposal_make(market=market)
    url = reverse("admin:ecomai_pricing_priceproposal_change", args=[row.pk])
    for simulated in (False, True):
        PriceProposal.objects.update(market={**market, "simulated": True} if simulated else market)
        html = read(boss.get(url))
        assert "ecomai-strip" in html and ("nobody asks these prices" in html) is simulated
        listed = read(boss.get(reverse("admin:ecomai_pricing_priceproposal_changelist")))
        assert ("ecomai-badge-simulated" in listed) is simulated


def test_the_rule_form_explains_what_trying_means(boss: Client) -> None:
    html = read(boss.get(reverse("admin:ecomai_pricing_pricingrule_add")))
    assert "Learn by trying" in html and 'name="explore"' in html and "Everybody sees the same price." in html


# -- what limits leave of it -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("weeks", ["4", "26"])
@pytest.mark.parametrize(("low", "high"), [("9.80", "10.20"), ("9.00", "10.48"), ("9.54", "10.48")])
def test_the_cost_that_is_told_lies_inside_of_its_range(low: str, high: str, weeks: str) -> None:
    for elasticity in (-4.0, -2.0, -1.6, -0.5):
        for sd in (0.1, 0.8):
            product = priced_product()
            half = 1.96 * sd
            elasticity_make(
                product, elasticity=elasticity, sd=sd, low=elasticity - half, high=elasticity + half, rate=30.0
            )
            plan = Plan(Decimal(low), Decimal(high), int(weeks))
            said, between = dict(plan_told(product=product, plan=plan))["What it costs"]
            number = r"[−+]?[\d.]+"
            (told,), (least, most) = re.findall(number, said)[:1], re.findall(number, between)[:2]
            value, lowest, highest = (float(one.replace("−", "-")) for one in (told, least, most))
            assert lowest <= value <= highest
            assert said.startswith("About −" if value < 0 else "Probably nothing: about ")


def test_a_test_that_teaches_nothing_is_warned_of(boss: Client, shop: PricedShop) -> None:
    product = priced_product()
    elasticity_make(product, elasticity=-2.0, sd=0.4, low=-2.784, high=-1.216, rate=4.0)
    html = read(boss.get(start_url(product)))
    assert "becomes only 1 % more exact" in html and "Start it all the same" in html
    assert "The prices cannot be further apart: the largest change per day (10 %)." in html
    assert "Yes, start the test on Monday" not in html
    ProductElasticity.objects.update(rate=4000.0)
    html = read(boss.get(start_url(product)))
    assert "more exact" not in html and "Yes, start the test on Monday" in html


def test_the_state_tells_that_it_has_not_begun_and_that_it_waits(boss: Client, live_shop: LiveShop) -> None:
    product = priced_product(external_id="t")
    live_shop.now["t"] = Decimal(10)
    test = price_test_start(product=product, low=Decimal("9.80"), high=Decimal("10.20"), weeks=4, seed=1)
    listed = reverse("admin:ecomai_pricing_pricetest_changelist")
    for url in (page_of(test), listed):
        assert "begins on its first Monday" in read(boss.get(url))
    began = timezone.make_aware(datetime.combine(test.starts_on, time(1)))
    prices_watch(now=began)
    live_shop.broken.add("t")
    stop = reverse("admin:ecomai_pricing_pricetest_stop", args=[test.pk])
    html = read(boss.post(stop, {"reason": "Christmas"}, follow=True))
    assert "The test ends as soon as the shop takes the price back" in html and "the till is closed" in html
    assert "The price before is not in the shop yet." in html and "Stop and restore" in html
    live_shop.broken = set()
    html = read(boss.post(stop, {"reason": "again"}, follow=True))
    assert "Reason: Christmas" in html and live_shop.now["t"] == 10


def test_a_price_that_the_shop_rounded_stands_beside_the_one_that_was_drawn(boss: Client, live_shop: LiveShop) -> None:
    live_shop.now["t"], live_shop.cent = Decimal(10), Decimal("0.1")
    product = priced_product(external_id="t")
    test = price_test_start(product=product, low=Decimal("9.85"), high=Decimal("10.15"), weeks=2, seed=1)
    prices_watch(now=timezone.make_aware(datetime.combine(test.starts_on, time(1))))
    first = test.weeks.all()[0]
    made = "9.80" if first.price == test.low else "10.10"
    assert f"{first.price:.2f} EUR (in the shop: {made} EUR)" in read(boss.get(page_of(test)))
