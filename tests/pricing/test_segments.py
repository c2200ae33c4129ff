"""Price sensitivity of parts of the trade: who is compared, who never is, and what is told of it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.mirror.models import Customer, Order, OrderLine
from django_ecomai.pricing.checks import check_pricing
from django_ecomai.pricing.segments import segments_learn
from django_ecomai.pricing.segments_stored import segments_latest
from django_ecomai.pricing.tiers import is_of_the_trade, is_protected, tier_attribute, words_of
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now

from .factories import elasticity_make, priced_product
from .shop import FIRST, WEEKS

pytestmark = pytest.mark.django_db
PRODUCTS = 6


def trade(*parts: dict[str, Any], channel: str = "", weeks: int = WEEKS, products: int = PRODUCTS) -> None:
    """Per part of the trade and week an order of each product, at prices at random that are the same for all parts.

    A part: ``slope``, and what its orders have (``country``, ``customers``: attributes of forty customers each;
    ``beside``: pieces of another product).
    """
    draw = np.random.default_rng(3)
    filler = priced_product(channel=channel, external_id=f"filler{channel}")
    orders, lines = [], []
    buyers = [_customers(part.get("customers"), channel) for part in parts]
    for number in range(products):
        product = priced_product(channel=channel, external_id=f"{channel}{number}")
        elasticity_make(product)
        prices = 10 * draw.choice([0.8, 0.9, 1.0, 1.1], weeks)
        for at, part in enumerate(parts):
            pieces = draw.poisson(40 * (prices / 10) ** part["slope"]) + 1
            for week in range(weeks):
                ident = f"{channel}-{number}-{at}-{week}"
                moment = FIRST + timedelta(weeks=week, days=6)
                order = Order(
                    channel=channel, external_id=ident, status="delivered", placed_at=moment, currency="EUR",
                    country=part.get("country", ""), customer=buyers[at][week % 40] if buyers[at] else None,
                )  # fmt: skip
                orders.append(order)
                held = [(product, pieces[week], prices[week])]
                if part.get("beside"):
                    held.append((filler, part["beside"], 10))
                lines += [
                    OrderLine(
                        channel=channel, external_id=f"{ident}-{place}", order=order, product=what, placed_at=moment,
                        product_external_id=what.external_id, quantity=int(count), unit_price=Decimal(str(paid)),
                    )
                    for place, (what, count, paid) in enumerate(held)
                ]  # fmt: skip
    Order.objects.bulk_create(orders)
    OrderLine.objects.bulk_create(lines)


def _customers(attributes: dict[str, Any] | None, channel: str) -> list[Customer]:
    if attributes is None:
        return []
    count = Customer.objects.count()
    return Customer.objects.bulk_create(
        [
            Customer(channel=channel, external_id=f"k{count + number}", attributes=attributes)
            for number in range(40)
        ]
    )  # fmt: skip


def compared(channel: str = "") -> dict[str, dict[str, dict[str, Any]]]:
    """Parts by attribute and name."""
    found = segments_learn(channel=channel)
    return {one["attribute"]: {part["name"]: part for part in one["segments"]} for one in found}


def test_regions_have_the_elasticity_of_their_own_orders(django_assert_max_num_queries: Any) -> None:
    trade({"slope": -1.0, "country": "de"}, {"slope": -3.0, "country": "GB"}, {"slope": -2.0, "country": ""})
    with django_assert_max_num_queries(16):
        found = compared()
    assert set(found) == {"region"}  # one shop, no tiers, and no order holds anything else
    assert list(found["region"]) == ["DE", "GB"]  # orders that name no country are in none
    for name, true in (("DE", -1.0), ("GB", -3.0)):
        part = found["region"][name]
        assert part["low"] < true < part["high"]
        assert (part["products"], part["lines"], part["reason"]) == (PRODUCTS, PRODUCTS * WEEKS, "")
    assert found["region"]["DE"]["more_than_first"] is None
    assert found["region"]["GB"]["more_than_first"] > 0.6


def test_one_region_is_compared_with_nothing() -> None:
    trade({"slope": -2.0, "country": "DE"})
    assert compared() == {}


def test_a_region_with_few_products_has_none_and_says_why() -> None:
    trade({"slope": -2.0, "country": "DE"}, {"slope": -2.0, "country": "FR"}, products=4)
    for part in compared()["region"].values():
        assert (part["elasticity"], part["reason"]) == (None, "too_few_products")


def test_nobody_is_looked_at_singly(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_ATTRIBUTE": "group"}
    trade({"slope": -1.0, "customers": {"group": "retail"}}, {"slope": -3.0, "customers": {"group": "the only one"}})
    one = Customer.objects.filter(attributes__group="the only one").first()
    Order.objects.filter(customer__attributes__group="the only one").update(customer=one)
    found = compared()["customer_tier"]
    assert (found["the only one"]["elasticity"], found["the only one"]["reason"]) == (None, "too_few_buyers")
    assert found["retail"]["elasticity"] is not None


def test_tiers_are_compared_only_where_the_settings_name_their_attribute(settings: LazySettings) -> None:
    trade({"slope": -1.0, "customers": {"group": "retail"}}, {"slope": -3.0, "customers": {"group": "wholesale"}})
    assert compared() == {}
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_ATTRIBUTE": "group"}
    found = compared()["customer_tier"]
    assert found["retail"]["low"] < -1 < found["retail"]["high"]
    assert found["wholesale"]["low"] < -3 < found["wholesale"]["high"]


def test_what_has_a_value_for_nearly_everybody_is_no_tier(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_ATTRIBUTE": "group"}
    trade({"slope": -2.0, "customers": {"group": "x"}})
    for number, customer in enumerate(Customer.objects.all()):
        Customer.objects.filter(pk=customer.pk).update(attributes={"group": f"name {number}"})
    assert compared() == {}


@pytest.mark.parametrize("name", ["gender", "Age", "birth-year", "ZIP code", "email", "nationality"])
def test_an_attribute_of_a_person_is_refused_and_never_read(name: str, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_ATTRIBUTE": name}
    (error,) = check_pricing(None)
    assert error.id == "ecomai.E117" and name in error.msg
    trade({"slope": -1.0, "customers": {name: "a"}}, {"slope": -3.0, "customers": {name: "b"}}, weeks=10)
    assert compared() == {}


@pytest.mark.parametrize(
    "name",
    [
        "group", "tier", "customer_group", "customerGroup", "Kundengruppe", "customer-tier", "price list", "priceList",
        "Preisliste", "Rabattstufe", "b2b", "B2B-type", "sales.channel", "Vertriebskanal", "region", "Gebiet",
        "volume_class", "Umsatzklasse", "Großhandel", "Händler", "wholesale", "contract/type", "membership level",
        "user_group", "TIER_2", "GROUP",
    ],
)  # fmt: skip
def test_names_of_the_trade_pass(name: str, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_ATTRIBUTE": name}
    assert tier_attribute() == name and check_pricing(None) == []


@pytest.mark.parametrize(
    "name",
    [
        "customer_age", "customerAge", "age_group", "AgeGroup", "Alter", "Altersgruppe", "alters-gruppe", "Lebensalter",
        "customer_gender", "customergender", "genderGroup", "sex", "is_female", "Geschlecht", "kunden_geschlecht",
        "Kundengeschlecht", "Anrede", "salutation", "title", "Titel", "post_code", "PLZ", "plzGebiet", "Postleitzahl",
        "postleitzahl_gruppe", "zip/group", "income", "Einkommensklasse", "income_level", "Gehalt", "religion",
        "Religionszugehörigkeit", "Konfession", "nationality", "Nationalität", "Staatsangehörigkeit", "birth_date",
        "dateOfBirth", "Geburtsjahr", "birthYear", "date of birth", "ethnicGroup", "Herkunft", "first.name", "Vorname",
        "family status", "Familienstand", "Behinderung", "health_group", "marital-status", "customer_language",
        "Muttersprache", "city", "Wohnort", "e-mail group", "deviceType", "Schwangerschaft", "Beruf", "job type",
        "AGE", "GENDER_TYPE", "group_of_women", "Sexualität", "union_member",
    ],
)  # fmt: skip
def test_names_of_a_person_never_pass(name: str, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_ATTRIBUTE": name, "PRICING_TIER_CHECKED": name}
    assert tier_attribute() == ""
    (error,) = check_pricing(None)
    assert error.id == "ecomai.E117" and name in error.msg


@pytest.mark.parametrize(
    "name", ["favourite", "newsletter", "sales_rep", "x", "customer", "flag7", "Stammkunde", "…", "возраст"]
)
def test_other_names_need_a_second_setting(name: str, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_ATTRIBUTE": name}
    assert tier_attribute() == ""
    (error,) = check_pricing(None)
    assert error.id == "ecomai.E116" and "PRICING_TIER_CHECKED" in error.hint
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_CHECKED": "another"}
    assert tier_attribute() == ""
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_CHECKED": name}
    assert tier_attribute() == name and check_pricing(None) == []


def test_values_that_tell_a_person_are_not_compared(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TIER_ATTRIBUTE": "group"}
    trade({"slope": -1.0, "customers": {"group": "Herr"}}, {"slope": -3.0, "customers": {"group": "Frau"}}, weeks=10)
    assert compared() == {}


WORDS = st.lists(st.from_regex(r"[a-z]{2,9}", fullmatch=True), min_size=1, max_size=5)


@given(WORDS, st.lists(st.sampled_from(["_", "-", "/", " ", ".", "__", " - ", "7_"]), min_size=4, max_size=4))
def test_names_are_cut_at_what_is_no_letter(words: list[str], between: list[str]) -> None:
    name = words[0] + "".join(cut + word for cut, word in zip(between, words[1:], strict=False))
    assert words_of(name) == words_of(name.upper()) == tuple(words)


@given(WORDS)
def test_names_are_cut_where_camel_case_begins_a_word(words: list[str]) -> None:
    assert words_of(words[0] + "".join(word.title() for word in words[1:])) == tuple(words)
    assert words_of("HTML" + "".join(word.title() for word in words)) == ("html", *words)


@given(WORDS, st.sampled_from(["age", "gender", "Geschlecht", "plz", "income", "Geburtsjahr"]), st.integers(0, 5))
def test_no_words_around_it_let_a_word_of_a_person_pass(words: list[str], person: str, place: int) -> None:
    told = [*words[:place], person, *words[place:]]
    for name in ("_".join(told), "-".join(told).upper(), "".join(word.title() for word in told)):
        assert is_protected(name) and not is_of_the_trade(name)


@given(st.text(max_size=40))
def test_any_text_can_be_read(name: str) -> None:
    assert all(
        word and word == word.casefold() and not any(one.isdigit() for one in word.replace("b2", ""))
        for word in words_of(name)
    )
    assert not (is_protected(name) and is_of_the_trade(name))


def test_orders_are_divided_by_what_else_they_hold() -> None:
    trade({"slope": -1.0}, {"slope": -3.0, "beside": 5}, {"slope": -2.0, "beside": 10})
    found = compared()["volume"]
    assert set(found) == {"alone", "small", "large"}
    for name, true in (("alone", -1.0), ("small", -3.0), ("large", -2.0)):
        assert found[name]["low"] < true < found[name]["high"]


def test_shops_are_compared_where_there_are_several() -> None:
    trade({"slope": -1.0})
    trade({"slope": -3.0}, channel="b2b")
    found = compared()["channel"]
    assert found[""]["low"] < -1 < found[""]["high"]
    assert found["b2b"]["low"] < -3 < found["b2b"]["high"]


def test_a_rebate_on_large_orders_does_not_pass_for_an_elasticity() -> None:
    trade({"slope": 0.0}, {"slope": 0.0}, {"slope": 0.0, "beside": 5})
    # Beside another product large orders pay less for each piece, as price lists by quantity have it.
    large = OrderLine.objects.filter(external_id__contains="-2-", quantity__gt=45)
    large.exclude(product__external_id="filler").update(quantity=150, unit_price=Decimal("6.00"))
    assert compared()["volume"]["small"]["elasticity"] > -1.5


def test_products_of_which_a_part_bought_little_tell_nothing_about_it() -> None:
    trade({"slope": -2.0, "country": "DE"}, {"slope": -2.0, "country": "FR"}, weeks=29)
    for part in compared()["region"].values():
        assert (part["elasticity"], part["products"], part["reason"]) == (None, 0, "too_few_products")
        assert part["lines"] == PRODUCTS * 29


def test_orders_in_another_currency_are_left_out() -> None:
    trade({"slope": -1.0, "country": "DE"}, {"slope": -3.0, "country": "GB"})
    Order.objects.filter(country="GB").update(currency="GBP")
    assert compared() == {}


def test_a_shop_without_elasticities_compares_nothing() -> None:
    assert segments_learn() == []
    assert segments_latest() == (None, [])


def test_the_job_keeps_the_comparison_with_the_run() -> None:
    trade({"slope": -1.0, "country": "DE"}, {"slope": -3.0, "country": "GB"})
    run = run_now(kind="pricing.offers")
    assert run.state == Run.State.DONE
    latest, found = segments_latest()
    assert latest == run
    assert [(one["attribute"], one["products"]) for one in found] == [("region", PRODUCTS)]


def viewer() -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_volumeoffer"))
    client = Client()
    client.force_login(user)
    return client


def run_make(*segments: dict[str, Any], attribute: str = "region") -> Run:
    found = [{"attribute": attribute, "products": 40, "segments": list(segments)}]
    return Run.objects.create(kind="pricing.offers", state="done", metrics={"segments": found}, finished_at=FIRST)


DE = {
    "name": "DE", "lines": 1200, "elasticity": -1.25, "low": -1.5, "high": -1.0, "products": 38, "reason": "",
    "more_than_first": None,
}  # fmt: skip
FR = {**DE, "name": "FR", "elasticity": -2.5, "low": -3.5, "high": -1.5, "more_than_first": 0.98, "lines": 300}
AT = {**DE, "name": "<i>AT</i>", "elasticity": None, "low": None, "high": None, "reason": "too_few_buyers"}


def test_the_page_shows_a_picture_a_table_with_intervals_and_that_no_person_is_meant() -> None:
    run_make(DE, FR, AT)
    html = viewer().get(reverse("admin:ecomai_pricing_volumeoffer_segments")).content.decode()
    assert "No price is proposed for a person" in html
    assert '<svg class="ecomai-bars" role="img"' in html
    for cell in ("−1.25", "−1.50 to −1.00", "−2.50", "98 %", "38", "1,200", "fewer than 30 buyers"):
        assert cell in html, cell
    assert "<i>AT</i>" not in html and "&lt;i&gt;AT" in html


def test_the_page_says_what_is_missing_and_ignores_runs_that_failed() -> None:
    Run.objects.create(kind="pricing.offers", state="failed", metrics={"segments": [{"attribute": "region"}]})
    html = viewer().get(reverse("admin:ecomai_pricing_volumeoffer_segments")).content.decode()
    assert "Nothing to compare yet" in html


def test_the_comparison_as_json() -> None:
    run_make(DE, AT, attribute="volume")
    (found,) = viewer().get(reverse("ecomai_pricing:api-segments")).json()
    assert (found["attribute"], found["products"]) == ("volume", 40)
    assert [part["elasticity"] for part in found["segments"]] == [-1.25, None]
