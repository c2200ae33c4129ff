"""What is expected and its range, who asks what, and simulated costs: on the page, by REST, as CSV, in the command."""

from __future__ import annotations

import csv
import io
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from django_ecomai.inventory.models import Supplier
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.models import PriceProposal

from .factories import priced_product, proposal_make
from .market import competitor_make, match_make, offer_make
from .pages import page
from .shop import shop_make

pytestmark = pytest.mark.django_db
BASE = "/ecomai/api/pricing/"
#: 40 pieces at 10.00, of which 4.00 are cost; at 10.50 40 * 1.05 ** -2.723 to 40 * 1.05 ** -1.277
MADE = {"low": 8.0, "high": 12.0, "path": 40.0, "stock": None, "left": 4.0, "elasticity": -2.0, "sd": 0.36888}
RANGES = {"units": (35.02, 37.58), "revenue": (367.75, 394.63), "profit": (227.66, 244.30)}
PAGE = "admin:ecomai_pricing_priceproposal_change"


def row_make(**fields: Any) -> PriceProposal:
    return proposal_make(curve=MADE, units_new=36.3, revenue_new=381.2, profit_new=236.0, **fields)


def simulate() -> None:
    Supplier.objects.create(channel="", name="S", is_simulated=True)


def test_rest_has_the_range_of_what_is_expected(boss: Client) -> None:
    row = row_make()
    (listed,) = boss.get(f"{BASE}proposals/").json()["results"]
    one = boss.get(f"{BASE}proposals/{row.pk}/").json()
    for name, mean in (("units", 36.3), ("revenue", 381.2), ("profit", 236.0)):
        assert listed["expected"][name] == one["expected"][name] == pytest.approx([mean, *RANGES[name]], abs=0.02)


def test_the_csv_has_it_too() -> None:
    row_make(state="approved")
    proposal_make(priced_product(external_id="old"), state="approved", curve={})
    found, old = csv.DictReader(io.StringIO("".join(proposals_csv())))
    for name, (low, high) in RANGES.items():
        assert float(found[f"{name}_low"]) == pytest.approx(low, abs=0.02)
        assert float(found[f"{name}_high"]) == pytest.approx(high, abs=0.02)
        assert (old[f"{name}_low"], old[f"{name}_high"]) == ("", "")
    assert (found["revenue_new"], found["costs_simulated"]) == ("381.2", "no")


def test_the_page_has_it_too(boss: Client) -> None:
    row = row_make()
    html = page(boss, PAGE, row.pk)
    for text in (
        "35.02 to 37.58, in 28 days",
        "368 to 395, in 28 days",
        "228 to 244, in 28 days",
        "How wrong the forecast",
    ):
        assert text in html, text
    with translation.override("de"):
        html = read_german(boss, row)
    for text in ("35,02 bis 37,58", "heute 10,00", "vorgeschlagen 10,50"):
        assert text in html, text


def read_german(boss: Client, row: PriceProposal) -> str:
    from django_ecomai.pricing.proposal_page import proposal_page

    found = proposal_page(row=row)
    return f"{found['figures']} {found['profit_picture']}"


def test_the_page_says_who_asks_what(boss: Client) -> None:
    product = priced_product(currency="EUR")
    row = row_make(product=product, market={"lowest": 9.5, "median": 10.2, "offers": 2, "position": "average"})
    for name, price in (("Dear", "10.90"), ("Cheap", "9.50"), ("Gone", "9.00")):
        match_make(
            product, offer_make(competitor_make(name=name), price=price, currency="EUR", available=name != "Gone")
        )
    html = page(boss, PAGE, row.pk)
    assert html.index(">Cheap</a>") < html.index(">Dear</a>") and ">Gone</a>" not in html
    assert "9.50 EUR</td>" in html and "At the proposed price: average." in html
    assert "/competitoroffer/" in html


def test_simulated_costs_are_said_wherever_a_gain_is(boss: Client) -> None:
    shop_make((-3.0,))
    for told in (False, True):
        if told:
            simulate()
        out, machine = StringIO(), StringIO()
        call_command("ecomai_price", "--dry-run", stdout=out)
        call_command("ecomai_price", "--dry-run", "--json", stdout=machine)
        row = row_make(product=priced_product(external_id=f"{told}"), state="approved")
        assert ("The costs of this shop are simulated" in out.getvalue()) is told
        found = json.loads(machine.getvalue())
        assert found["costs_simulated"] is told and found["proposals"][0]["expected"]["units"][1] > 0
        assert boss.get(f"{BASE}proposals/").json()["costs_simulated"] is told
        assert boss.get(f"{BASE}proposals/{row.pk}/").json()["costs_simulated"] is told
        assert next(csv.DictReader(io.StringIO("".join(proposals_csv()))))["costs_simulated"] == (
            "yes" if told else "no"
        )
