"""The merchant's pages of many prices, and of prices that limits forbid to come back."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import translation

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.admin import changes as changes_admin
from django_ecomai.pricing.admin import worklist_decide
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceSelection
from django_ecomai.pricing.services import changes_apply, proposals_approve, selections
from tests.clients import clerk

from .adapters import PricedShop
from .factories import priced_product, proposal_make

pytestmark = pytest.mark.django_db
LIST = "admin:ecomai_pricing_priceproposal_changelist"
APPROVE = "admin:ecomai_pricing_priceproposal_approve"
CHANGES = "admin:ecomai_pricing_pricechange_changelist"
TEN, NEW = Decimal("10"), Decimal("10.5")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist_decide, "MOST", 3)
    monkeypatch.setattr(changes_admin, "AT_ONCE", 3)
    monkeypatch.setattr(selections, "PART", {"approve": 2, "undo": 2})


def rows_make(number: int, **fields: Any) -> list[PriceProposal]:
    return [proposal_make(priced_product(external_id=f"a{at}", title=f"A{at}"), **fields) for at in range(number)]


def applied(number: int) -> list[PriceChange]:
    rows_make(number, state="approved", batch="b")
    changes_apply()
    return list(PriceChange.objects.order_by("pk"))


def choose_all(client: Client, query: str = "") -> str:
    return client.post(reverse(LIST) + query, {"action": "approve_all", "index": 0}, follow=True).content.decode()


def take_back(client: Client, changes: list[PriceChange], **values: Any) -> str:
    data = {"action": "take_back", "index": 0, "_selected_action": [one.pk for one in changes], **values}
    return client.post(reverse(CHANGES), data, follow=True).content.decode()


def hidden(html: str) -> dict[str, list[str]]:
    """Hidden fields of the form that is asked last."""
    form = html.rsplit("<form", 1)[1]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(value)
    return found


class TestApproving:
    def test_more_than_a_page_bears_are_approved_by_a_job_exactly_as_chosen(
        self, boss: Client, shop: PricedShop, django_capture_on_commit_callbacks: Any
    ) -> None:
        rows = rows_make(6, gain=2.0, gain_low=1.0, gain_high=3.0)
        PriceProposal.objects.filter(pk=rows[5].pk).update(risk="high")
        html = choose_all(boss, "?risk__exact=medium")
        assert "Approve 5 prices" in html and "+10.00 EUR (+5.00 to +15.00)" in html and "A job approves them" in html
        selection = PriceSelection.objects.get()
        assert f'name="selection" value="{selection.pk}"' in html
        assert selection.filters == {"risk__exact": ["medium"]} and selection.number == 5
        proposal_make(priced_product(title="Late"))
        Product.objects.filter(external_id="a0").update(price="12.00")
        with django_capture_on_commit_callbacks(execute=True):
            boss.post(reverse(APPROVE), {"selection": selection.pk, "when": "now"})
        page = boss.get(reverse("admin:ecomai_pricing_priceproposal_selection", args=[selection.pk])).content.decode()
        assert "4 approved, 1 were left out." in page
        assert "The shop has changed the price since it was worked out." in page
        assert "The shop has changed the price to 12 since it was worked out." in page
        assert "These prices in the shop, to take them back" in page and f"?batch={selection.batch}" in page
        states = dict(PriceProposal.objects.values_list("product__title", "state"))
        assert states == {"A0": "stale", **{f"A{n}": "applied" for n in range(1, 5)}, "A5": "open", "Late": "open"}
        page = boss.get(reverse("admin:ecomai_pricing_priceproposal_selections")).content.decode()
        assert "Approve 5 prices" in page and "4 approved, 1 were left out." in page

    def test_it_is_confirmed_once(self, boss: Client, shop: PricedShop) -> None:
        rows_make(4)
        choose_all(boss)
        selection = PriceSelection.objects.get()
        data = {"selection": selection.pk, "when": "now"}
        boss.post(reverse(APPROVE), data)
        html = boss.post(reverse(APPROVE), data, follow=True).content.decode()
        assert "This was confirmed before" in html
        html = boss.post(reverse(APPROVE), {**data, "selection": 999}, follow=True).content.decode()
        assert "choose again" in html

    def test_a_wrong_time_asks_again_with_the_same_choice(self, boss: Client, shop: PricedShop) -> None:
        rows_make(4)
        choose_all(boss)
        selection = PriceSelection.objects.get()
        html = boss.post(reverse(APPROVE), {"selection": selection.pk, "when": "later"}).content.decode()
        assert "Say when the prices are to change." in html and f'value="{selection.pk}"' in html
        assert PriceSelection.objects.get().confirmed_at is None

    def test_few_are_decided_at_once_as_before(self, boss: Client, shop: PricedShop) -> None:
        rows_make(3)
        assert "A job approves them" not in choose_all(boss) and not PriceSelection.objects.exists()

    def test_only_who_may_see_and_go_on(self, boss: Client, shop: PricedShop) -> None:
        rows_make(4)
        choose_all(boss)
        selection = PriceSelection.objects.get()
        boss.post(reverse(APPROVE), {"selection": selection.pk, "when": "now"})
        url = reverse("admin:ecomai_pricing_priceproposal_selection", args=[selection.pk])
        reader = clerk("view_priceproposal")
        assert reader.get(url).status_code == 200
        assert reader.post(f"{url}again/").status_code == 403
        assert reader.post(reverse(APPROVE), {"selection": selection.pk, "when": "now"}).status_code == 403
        assert boss.post(f"{url}again/").status_code == 302
        User.objects.get(username="clerk").user_permissions.clear()
        assert reader.get(url).status_code == 403
        assert boss.get(url.replace(f"/{selection.pk}/", "/999/")).status_code == 404


class TestTakingBack:
    def test_many_go_back_by_a_job(
        self, boss: Client, shop: PricedShop, django_capture_on_commit_callbacks: Any
    ) -> None:
        applied(5)
        Product.objects.filter(external_id="a1").update(cost="10.20")
        data = {"action": "take_back_all", "index": 0}
        html = boss.post(reverse(CHANGES) + "?batch=b", data, follow=True).content.decode()
        assert "Take back 5 prices" in html and "A job does it" in html and len(shop.written) == 5
        (key,) = hidden(html)["selection"]
        with django_capture_on_commit_callbacks(execute=True):
            page = boss.post(reverse("admin:ecomai_pricing_pricechange_take_back"), {"selection": key}, follow=True)
        page = boss.get(page.request["PATH_INFO"])
        html = page.content.decode()
        assert "4 prices were taken back, 1 were left out." in html
        assert "A limit of now forbids the price before." in html and "10.20 EUR (its cost)" in html
        # what the limit forbids has a question of its own, which names it
        url = f"{page.request['PATH_INFO']}against/"
        html = boss.post(url).content.decode()
        assert "1 price would come back against a limit" in html and "A1" in html and "10.20 EUR (its cost)" in html
        assert 'role="alert"' in html and len(shop.written) == 9
        with django_capture_on_commit_callbacks(execute=True):
            boss.post(url, {"confirmed": "1"})
        assert shop.written[-1] == ("a1", TEN) and PriceSelection.objects.filter(against_limits=True).count() == 1

    def test_the_list_is_narrowed_to_an_approval_and_to_a_run(self, boss: Client, shop: PricedShop) -> None:
        rows = rows_make(2, run_number=7)
        proposals_approve(proposals=rows[:1])
        proposals_approve(proposals=rows[1:])
        changes_apply()
        batch = PriceProposal.objects.get(pk=rows[0].pk).batch
        html = boss.get(reverse(CHANGES)).content.decode()
        assert f"?batch={batch}" in html and "approved together" in html
        html = boss.get(reverse(CHANGES), {"batch": batch}).content.decode().split("result_list")[-1]
        assert ">A0<" in html and ">A1<" not in html
        assert ">A0<" in boss.get(reverse(CHANGES), {"run": "7"}).content.decode()
        html = boss.get(reverse(CHANGES), {"run": "8", "batch": "none"}).content.decode()
        assert ">A0<" not in html and boss.get(reverse(CHANGES), {"run": "x"}).status_code == 200

    def test_each_price_that_a_limit_forbids_is_named_and_asked_about(self, boss: Client, shop: PricedShop) -> None:
        changes = applied(3)
        Product.objects.filter(external_id__in=["a1", "a2"]).update(cost="10.20")
        html = take_back(boss, changes, confirmed="1")
        assert "1 price was taken back." in html and "2 prices would come back against a limit" in html
        table = html.split("<tbody>")[1]
        assert (
            re.findall(r'<th scope="row">(A\d)</th>', table) == ["A2", "A1"]
            and table.count("10.20 EUR (its cost)") == 2
        )
        assert 'id="ecomai-against" tabindex="-1" autofocus' in html and 'aria-describedby="ecomai-against"' in html
        fields = hidden(html)
        assert fields["_selected_action"] == [str(one.pk) for one in changes[:0:-1]] and fields["against"] == ["1"]
        html = take_back(boss, changes[1:], confirmed="1", against="1")
        assert "2 prices were taken back." in html and sorted(shop.written[-2:]) == [("a1", TEN), ("a2", TEN)]

    def test_the_page_of_one_price_asks_too(self, boss: Client, shop: PricedShop) -> None:
        (change,) = applied(1)
        Product.objects.update(cost="10.20")
        url = reverse("admin:ecomai_pricing_priceproposal_decide", args=[change.proposal_id])
        html = boss.post(url, {"action": "undo", "change": change.pk}).content.decode()
        assert "1 price would come back against a limit" in html and shop.written == [("a0", NEW)]
        data = {name: value[0] for name, value in hidden(html).items() if name != "csrfmiddlewaretoken"}
        assert data == {"action": "undo", "change": str(change.pk), "against": "1"}
        html = boss.post(url, data, follow=True).content.decode()
        assert "The price before is in the shop again." in html and shop.written[-1] == ("a0", TEN)

    def test_nobody_else_takes_back(self, shop: PricedShop) -> None:
        changes = applied(5)
        reader = clerk("view_pricechange", "view_priceproposal")
        take_back(reader, changes[:1], confirmed="1", against="1")
        reader.post(reverse(CHANGES), {"action": "take_back_all", "index": 0})
        assert reader.post(reverse("admin:ecomai_pricing_pricechange_take_back"), {"selection": 1}).status_code == 403
        assert len(shop.written) == 5 and not PriceSelection.objects.exists()

    def test_nothing_left_is_said(self, boss: Client, shop: PricedShop) -> None:
        applied(4)
        PriceChange.objects.update(undone_at="2026-03-01T00:00Z")
        html = boss.post(reverse(CHANGES), {"action": "take_back_all", "index": 0}, follow=True).content.decode()
        assert "None of these is in the shop any more." in html


def test_decisions_are_read_in_the_language_of_the_reader(boss: Client, shop: PricedShop, settings: Any) -> None:
    """Written by a German, read in English; and the other way round."""
    user = User.objects.get(username="boss")
    (row,) = rows_make(1)
    with translation.override("de"):
        proposals_approve(proposals=[row], user=user)
        Product.objects.update(price="12.00")
        changes_apply(user=user)
    pages = [
        reverse("admin:ecomai_pricing_priceproposal_change", args=[row.pk]),
        reverse("admin:ecomai_pricing_priceproposal_history", args=[row.pk]),
    ]
    for url in pages:
        html = boss.get(url).content.decode()
        assert "approved: 10 → 10.5" in html, url
        assert "The shop has changed the price to 12 since it was worked out." in html, url
    settings.LANGUAGE_CODE = "de"
    with translation.override("de"):
        for url in pages:
            html = boss.get(url).content.decode()
            assert "freigegeben: 10 → 10.5" in html and "Der Shop hat den Preis" in html, url
