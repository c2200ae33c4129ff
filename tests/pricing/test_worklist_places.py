"""The worklist keeps its place: filters, pages and ticks; times, high risk, and prices that wait for their time."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.pricing import apply_now
from django_ecomai.pricing.admin import worklist_decide
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceProposal, PriceSelection
from django_ecomai.pricing.services import PricingError, proposals_approve, proposals_reopen, proposals_reschedule
from django_ecomai.runs.models import Run
from tests.clients import clerk, read

from .adapters import PricedShop
from .factories import priced_product, proposal_make, rule_make
from .pages import LIST, approve, choose, decide, page, states

pytestmark = pytest.mark.django_db
APPROVE = f"{LIST[:-11]}_approve"
API = "/ecomai/api/pricing/"
DETAIL = "admin:ecomai_pricing_priceproposal_change"


def moment(days: float = 1.0, name: str = "apply_at") -> dict[str, str]:
    at = timezone.localtime() + timedelta(days=days)
    return {f"{name}_0": at.strftime("%Y-%m-%d"), f"{name}_1": at.strftime("%H:%M")}


class TestWhen:
    def test_a_time_that_was_typed_is_never_ignored(self, boss: Client, shop: PricedShop) -> None:
        row = proposal_make()
        typed = moment()
        html = approve(boss, row, when="now", **typed)
        assert "You gave a time, but “now” is chosen" in html and states() == ["open"] and shop.written == []
        assert typed["apply_at_0"] in html  # what was typed is still there
        approve(boss, row, when="later", **moment())
        assert states() == ["scheduled"] and shop.written == []

    @pytest.mark.parametrize(("days", "told"), [(-1.0, "This moment has passed"), (400.0, "more than a year ahead")])
    def test_a_time_lies_ahead_and_within_a_year(self, boss: Client, shop: PricedShop, days: float, told: str) -> None:
        row = proposal_make()
        assert told in approve(boss, row, when="later", **moment(days)) and states() == ["open"]
        with pytest.raises(PricingError, match=told):
            proposals_approve(proposals=[row], apply_at=timezone.now() + timedelta(days=days), canary_share=0.5)

    def test_the_page_says_the_time_zone_and_that_nobody_would_do_it(
        self, boss: Client, shop: PricedShop, settings: Any
    ) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        row = proposal_make()
        html = read(decide(boss, row, "approve"))
        assert "Times are those of Europe/Berlin." in html and "ecomai/pricing/approve.js" in html
        assert "“pricing.watch” has not run lately" in html
        # At noon: in the hours when clocks change there may be no such time.
        html = approve(boss, row, when="later", **moment(2) | {"apply_at_1": "12:00"})
        assert "1 is approved for later." in html and "“pricing.watch” has not run lately" in html
        Run.objects.create(kind="pricing.watch", state=Run.State.DONE)
        assert "has not run lately" not in read(decide(boss, proposal_make(), "approve"))


class TestHighRiskOfManyPrices:
    @pytest.fixture
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worklist_decide, "MOST", 1)

    def test_a_stored_choice_asks_as_the_page_for_few_does(self, boss: Client, shop: PricedShop, few: None) -> None:
        for gain in (-0.5, -0.41):
            proposal_make(risk="high", gain=gain)
        proposal_make(risk="low", gain=20.0)
        html = choose(boss, "approve_all")
        told = "2 prices are of high risk: expected gain of these together −0.91 EUR."
        assert told in html
        key = PriceSelection.objects.get().pk
        html = read(boss.post(reverse(APPROVE), {"selection": key, "when": "now"}, follow=True))
        assert told in html and "Some of these prices are of high risk: tick" in html
        assert PriceSelection.objects.get().confirmed_at is None
        boss.post(reverse(APPROVE), {"selection": key, "when": "now", "high_risk_seen": "on"})
        assert PriceSelection.objects.get().confirmed_at is not None

    def test_so_does_the_api(self, boss: Client, shop: PricedShop) -> None:
        row = proposal_make(risk="high", gain=-0.5)
        chosen = boss.post(f"{API}proposals/selections/", {}, content_type="application/json").json()
        assert chosen["sums"]["risks"] == {"high": 1} and chosen["sums"]["high_gains"] == {"EUR": -0.5}
        url = f"{API}proposals/selections/{chosen['id']}/confirm/"
        refused = boss.post(url, {"number": 1}, content_type="application/json")
        assert refused.status_code == 400 and "1 price is of high risk" in refused.json()["high_risk"]
        row.refresh_from_db()
        assert row.state == "open"
        assert boss.post(url, {"number": 1, "high_risk": True}, content_type="application/json").status_code == 200
        row.refresh_from_db()
        assert row.state != "open"


class TestPlace:
    def test_approving_leads_back_to_the_same_filters_and_page(self, boss: Client, shop: PricedShop) -> None:
        rows = [proposal_make(risk="low") for _ in range(32)]
        html = choose(boss, "approve", rows[0], query="?risk__exact=low&p=2")
        back = re.search(r'name="back" value="([^"]+)"', html)
        assert back is not None and 'href="/admin/ecomai_pricing/priceproposal/?risk__exact=low&amp;p=2"' in html
        ids = ",".join(str(row.pk) for row in rows[:3])
        data = {"ids": ids, "when": "now", "back": back[1].replace("&amp;", "&")}
        answer = boss.post(reverse(APPROVE), data)
        assert answer["Location"] == f"{reverse(LIST)}?risk__exact=low&p=2"
        # 29 are left: the second page is none any more, the last one comes in its place, with the filters
        html = page(boss, query="?risk__exact=low&p=2")
        assert html.count("action-select") == 29

    @pytest.mark.parametrize("back", ["//evil.example/", "x\r\nSet-Cookie: a=b", "https://evil.example"])
    def test_the_way_back_never_leaves_the_list(self, boss: Client, shop: PricedShop, back: str) -> None:
        data = {"ids": str(proposal_make().pk), "when": "now", "back": back}
        answer = boss.post(reverse(APPROVE), data)
        assert answer["Location"].startswith(f"{reverse(LIST)}?") and "\n" not in answer["Location"]

    def test_the_sums_follow_the_filters_and_say_so(self, boss: Client) -> None:
        for number in range(65):
            proposal_make(priced_product(title=f"one {number}"), risk="low" if number < 35 else "high", gain=10.0)
        html = page(boss, query="?risk__exact=low")
        assert "With these filters: <strong>35 prices</strong>, 350 EUR expected more" in html
        assert "All together: <strong>65</strong> to decide, 650 EUR expected more" in html
        assert "Page 1 of 2" in html and "more follow" not in html
        html = page(boss)
        assert "With these filters" not in html and "Page 1 of 3" in html and 'href="?p=3">Last page' in html

    def test_rejecting_without_a_reason_asks_for_it_and_keeps_what_was_ticked(self, boss: Client) -> None:
        rows = [proposal_make(priced_product(title=f"Lamp {number}")) for number in range(3)]
        html = choose(boss, "reject", *rows[:2], query="?risk__exact=medium")
        assert "Reject 2 prices" in html and "Lamp 0" in html and "Lamp 2" not in html
        assert re.findall(r'name="_selected_action" value="(\d+)"', html) == [str(row.pk) for row in rows[:2]]
        assert 'action="/admin/ecomai_pricing/priceproposal/?risk__exact=medium"' in html
        choose(boss, "reject", *rows[:2], reason="too dear")
        assert states() == ["rejected", "rejected", "open"]


class TestWaiting:
    def scheduled(self, **fields: Any) -> PriceProposal:
        at = timezone.now() + timedelta(days=3)
        return proposal_make(**{"state": "scheduled", "apply_at": at, "batch": "b1", **fields})

    def test_the_list_shows_when_and_offers_what_can_be_done(self, boss: Client, shop: PricedShop) -> None:
        row = self.scheduled()
        html = page(boss, query="?show=waiting")
        assert timezone.localtime(row.apply_at).strftime("%m/%d/%Y") in html
        assert re.findall(r'name="action" value="(\w+)"', html) == ["put", "move", "reopen", "reject"]
        assert "at the earliest" not in html
        # A field that the browser wants filled would keep the other buttons from working.
        for text in (html, page(boss, DETAIL, row.pk)):
            assert re.search(r'<input type="date" name="moment_0"(?![^>]*required)', text)
        self.scheduled(is_canary=True)
        assert "at the earliest, if those that go first do well" in page(boss, query="?show=waiting")

    def test_a_price_for_later_is_moved_from_the_list_and_the_page(self, boss: Client, shop: PricedShop) -> None:
        row, other = self.scheduled(), self.scheduled()
        choose(boss, "move", row, query="?show=waiting", **moment(5, "moment"))
        decide(boss, other, "move", **moment(6, "moment"))
        days = []
        for one in (row, other):
            one.refresh_from_db()
            days.append((one.apply_at - timezone.now()).total_seconds() / 86400)
        assert states() == ["scheduled"] * 2 and [round(day) for day in days] == [5, 6] and shop.written == []
        assert "approved for another time: " in log_text(LogEntry.objects.latest("pk").change_message)
        html = choose(boss, "move", row, query="?show=waiting")
        assert "Say when the prices are to change." in html

    def test_now_after_all(self, boss: Client, shop: PricedShop) -> None:
        row, other = self.scheduled(), self.scheduled()
        html = choose(boss, "put", row, query="?show=waiting")
        assert "1 price is in the shop now." in html and states() == ["applied", "scheduled"]
        assert "Put it into the shop now" in page(boss, DETAIL, other.pk)
        decide(boss, other, "apply")
        assert states() == ["applied", "applied"] and len(shop.written) == 2

    def test_many_go_by_a_job_that_leaves_others_of_their_batch_alone(
        self, boss: Client, shop: PricedShop, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        rows = [proposal_make(state="approved", batch="b1") for _ in range(3)]
        monkeypatch.setattr(apply_now, "AT_ONCE", 1)
        with django_capture_on_commit_callbacks(execute=True):
            choose(boss, "put", *rows[:2], query="?show=waiting")
        assert Run.objects.get().parameters["proposals"] == [row.pk for row in rows[:2]]
        assert states() == ["applied", "applied", "approved"]

    def test_why_it_waited_says_nothing_when_it_is_moved_or_opened(self) -> None:
        for change in (proposals_reopen, lambda **rows: proposals_reschedule(**rows, apply_at=None)):
            row = self.scheduled(held_code="changed_today")
            change(proposals=[row])
            assert PriceProposal.objects.get(pk=row.pk).held_code == ""

    def test_opened_again_it_may_be_decided_and_proposed_as_before(self, boss: Client, shop: PricedShop) -> None:
        row, other = self.scheduled(), self.scheduled()
        assert "1 is open again." in choose(boss, "reopen", row, query="?show=waiting")
        decide(boss, other, "reopen")
        assert states() == ["open", "open"]
        row.refresh_from_db()
        assert (row.undecided, row.apply_at, row.decided_at) == (row.product_id, None, None)
        assert "1 price is in the shop now." in approve(boss, row)

    def test_a_proposal_that_came_meanwhile_gives_way(self) -> None:
        row = self.scheduled()
        proposal_make(row.product, new_price=Decimal("10.20"))
        proposals_reopen(proposals=[row])
        assert list(PriceProposal.objects.values_list("pk", "state")) == [(row.pk, "open")]

    def test_those_that_go_first_stay_while_others_follow_them(self) -> None:
        first, follower = self.scheduled(is_canary=True), self.scheduled()
        with pytest.raises(PricingError, match="Others follow"):
            proposals_reopen(proposals=[first])
        assert states() == ["scheduled", "scheduled"]
        proposals_reopen(proposals=[first, follower])
        assert states() == ["open", "open"]

    @pytest.mark.parametrize("state", ["open", "writing", "applied", "rejected"])
    def test_what_does_not_wait_is_left_alone(self, state: str) -> None:
        row = proposal_make(state=state)
        for change in (proposals_reopen, proposals_reschedule):
            named = {"apply_at": None} if change is proposals_reschedule else {}
            with pytest.raises(PricingError, match="does not wait to go into the shop"):
                change(proposals=[row], **named)
        assert states() == [state]

    def test_who_may_only_decide_opens_again_and_sets_no_time(self, shop: PricedShop) -> None:
        row, client = self.scheduled(), clerk("view_priceproposal", "decide_priceproposal")
        html = page(client, query="?show=waiting")
        assert re.findall(r'name="action" value="(\w+)"', html) == ["reopen", "reject"]
        assert decide(client, row, "move", **moment(5, "moment")).status_code == 403
        user = client.get(reverse(LIST)).wsgi_request.user
        with pytest.raises(PermissionDenied):
            proposals_reschedule(proposals=[row], user=user, apply_at=None)
        choose(client, "put", row, query="?show=waiting")
        assert states() == ["scheduled"] and shop.written == []

    def test_by_the_api(self, boss: Client, shop: PricedShop) -> None:
        row = self.scheduled()
        url = f"{API}proposals/decision/"

        def post(**data: Any) -> Any:
            return boss.post(url, {"proposals": [row.pk], **data}, content_type="application/json")

        at = timezone.now() + timedelta(days=9)
        answer = post(action="reschedule", apply_at=at.isoformat()).json()
        assert answer[0]["state"] == "scheduled" and answer[0]["risk"] == "medium" and answer[0]["gain"] == 0.5
        row.refresh_from_db()
        assert row.apply_at == at
        assert post(action="reschedule", apply_at="9999-12-31T00:00:00Z").status_code == 400
        assert post(action="reschedule").json()[0]["state"] == "approved"
        assert post(action="reopen").json()[0]["state"] == "open"
        assert post(action="reopen").status_code == 400


class TestGone:
    def test_a_proposal_that_a_run_has_renewed_is_told_in_the_list(self, boss: Client) -> None:
        for url in (reverse(DETAIL, args=[999999]), reverse(f"{LIST[:-11]}_decide", args=[999999])):
            answer = boss.get(url, follow=True)
            assert answer.redirect_chain == [(reverse(LIST), 302)] and "a later run may have renewed it" in read(answer)

    def test_a_kept_address_of_a_decision_leads_to_the_page(self, boss: Client) -> None:
        row = proposal_make()
        answer = boss.get(reverse(f"{LIST[:-11]}_decide", args=[row.pk]))
        assert answer["Location"] == reverse(DETAIL, args=[row.pk]) and states() == ["open"]

    def test_no_link_leads_to_what_one_may_not_see(self) -> None:
        row = proposal_make(rule=rule_make())
        html = page(clerk("view_priceproposal"), DETAIL, row.pk)
        assert "/ecomai_mirror/product/" not in html and "/pricingrule/" not in html
