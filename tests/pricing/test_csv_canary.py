"""Shops whose adapter cannot write: what follows stands in no file before those that go first have done well."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import (
    PricingError,
    approval_select,
    prices_watch,
    proposals_approve,
    proposals_reject,
    proposals_reopen,
    proposals_reschedule,
    selection_confirm,
    selection_execute,
)
from django_ecomai.pricing.services.adopt import prices_overdue
from django_ecomai.testing import order_make
from tests.clients import clerk, read

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make
from .pages import LIST, approve, choose, decide, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reading_shop")]
#: A Monday morning.
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TEN, NEW = Decimal("10"), Decimal("10.5")
FEW = "Of those that went first too few are still in the shop."
BELOW = "Those that went first earned less than expected."


@pytest.fixture(autouse=True)
def a_week(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_CANARY_DAYS": 7, "PRICING_LEARN_DAYS": 7}


def make(ident: str, **fields: Any) -> PriceProposal:
    """Approved at START; ten pieces a day are expected of it."""
    product = priced_product(external_id=ident)
    elasticity_make(product)
    given = {"batch": "b", "decided_at": START, "units_old": 280.0, "units_new": 280.0, "profit_new": 1820.0}
    return proposal_make(product, **{**given, **fields})


def parted(first: int = 2, then: int = 2) -> tuple[list[PriceProposal], list[PriceProposal]]:
    """So many that go first, and so many that follow after a week."""
    return (
        [make(f"c{number}", state="approved", is_canary=True) for number in range(first)],
        [make(f"f{number}", state="scheduled", apply_at=START + 7 * DAY) for number in range(then)],
    )


def imported(rows: Iterable[PriceProposal], price: Decimal = NEW, at: datetime = START) -> None:
    """The merchant sets prices in his shop, and the copy hears of it."""
    for row in rows:
        Product.objects.filter(pk=row.product_id).update(price=price)
        PricePoint.objects.create(product_id=row.product_id, valid_from=at, price=price, currency="EUR")


def sell(rows: Iterable[PriceProposal], days: int, pieces: int) -> None:
    """So many pieces on each day after START; the copy of the shop reaches to the day after."""
    for row in rows:
        for day in range(1, days + 1):
            order_make(lines=[(row.product, pieces)], placed_at=START + day * DAY, currency="EUR")
    order_make(lines=[priced_product()], placed_at=START + (days + 1) * DAY + timedelta(hours=1), currency="EUR")


def lines(text: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader((text or "".join(proposals_csv())).splitlines()))


def in_file(text: str = "") -> list[tuple[str, str]]:
    return [(line["product_id"], line["state"]) for line in lines(text)]


def fetched(client: Client, url: str) -> list[tuple[str, str]]:
    answer: Any = client.get(url)
    return in_file(answer.getvalue().decode())


def states() -> dict[str, str]:
    return dict(PriceProposal.objects.order_by("pk").values_list("product__external_id", "state"))


def words(row: PriceProposal) -> tuple[str, str]:
    row.refresh_from_db()
    return row.state, row.held_words


class TestFile:
    def test_what_follows_is_in_no_file(self, boss: Client) -> None:
        parted()
        make("plain", state="scheduled", batch="other", apply_at=START + 7 * DAY)
        first = [("c0", "approved"), ("c1", "approved")]
        everything = [*first, ("plain", "scheduled")]
        address = "/ecomai/api/pricing/proposals/csv/"
        assert in_file() == fetched(boss, address) == everything
        assert fetched(boss, reverse("admin:ecomai_pricing_priceproposal_csv")) == everything
        assert fetched(boss, f"{address}?state=scheduled") == [("plain", "scheduled")]
        assert fetched(boss, f"{address}?state=approved") == first

    def test_nor_does_the_command_name_it(self) -> None:
        first, followers = parted()
        out = StringIO()
        call_command("ecomai_price", "--json", stdout=out)
        told = json.loads(out.getvalue())
        products = {row.product.external_id for row in [*first, *followers]}
        assert told["waiting"] == 4 and not products & {row["product_id"] for row in told["proposals"]}

    def test_another_shop_of_the_installation_says_nothing_about_this_one(self) -> None:
        product = priced_product(external_id="there", channel="b2b")
        proposal_make(product, state="approved", batch="b", is_canary=True)
        make("here", state="scheduled", apply_at=START)
        assert in_file() == [("here", "scheduled")]

    def test_where_the_adapter_writes_the_file_names_all(self, shop: PricedShop) -> None:
        parted(1, 1)
        assert in_file() == [("c0", "approved"), ("f0", "scheduled")]

    def test_so_many_queries_however_many_follow(self, django_assert_num_queries: Any) -> None:
        parted(3, 9)
        with django_assert_num_queries(3):  # the list, the prices to be taken back, whether the costs are simulated
            assert len(lines()) == 3

    @pytest.mark.parametrize("many", [False, True], ids=["a few", "thousands at once"])
    def test_an_approval_of_which_a_part_goes_first(self, many: bool) -> None:
        user = User.objects.create_superuser("anna")
        rows = [proposal_make(priced_product(external_id=f"p{number}")) for number in range(8)]
        if many:
            selection = approval_select(rows=PriceProposal.objects.all(), user=user)
            selection_execute(selection=selection_confirm(selection=selection, user=user, canary_share=0.25))
        else:
            proposals_approve(proposals=rows, user=user, canary_share=0.25)
        first = PriceProposal.objects.filter(is_canary=True).order_by("pk")
        assert sorted(states().values()) == ["approved"] * 2 + ["scheduled"] * 6
        assert in_file() == [(ident, "approved") for ident in first.values_list("product__external_id", flat=True)]


class TestReleased:
    def test_first_imported_then_watched_then_followed(self) -> None:
        user = User.objects.create_user("anna")
        first, followers = parted()
        PriceProposal.objects.update(decided_by=user)
        imported(first, at=START + DAY)
        found = prices_watch(now=START + DAY + timedelta(hours=1))
        assert (found.applied, found.released, found.messages) == (2, 0, []) and in_file() == []
        sell(first, 8, 10)
        found = prices_watch(now=START + 7 * DAY)  # due, but the first have been there for six days
        assert (found.released, found.postponed, found.stopped) == (0, 2, 0)
        assert set(PriceProposal.objects.filter(state="scheduled").values_list("apply_at", flat=True)) == {
            START + 8 * DAY
        }
        assert prices_watch(now=START + 8 * DAY - timedelta(minutes=1)).released == 0 and in_file() == []
        found = prices_watch(now=START + 8 * DAY)
        assert (found.released, found.stopped) == (2, 0)
        assert [str(one) for one in found.messages] == [
            "Those that went first have done well: the prices that follow are in the CSV file now (2)."
        ]
        assert [(line["product_id"], line["state"], line["new_price"], line["apply_at"]) for line in lines()] == [
            ("f0", "approved", "10.5", "2026-03-10T08:00:00+00:00"),
            ("f1", "approved", "10.5", "2026-03-10T08:00:00+00:00"),
        ]
        last = LogEntry.objects.order_by("-pk")[0]
        assert (log_text(last.change_message), last.user_id) == (
            "in the CSV file, since those that went first did well",
            user.pk,
        )
        imported(followers, at=START + 9 * DAY)
        found = prices_watch(now=START + 9 * DAY)
        assert (found.applied, found.released, found.messages) == (2, 0, [])
        assert set(states().values()) == {"applied"} and in_file() == []
        changes = PriceChange.objects.order_by("pk").values_list("product__external_id", "at", "is_canary", "verdict")
        assert list(changes) == [
            ("c0", START + DAY, True, ""), ("c1", START + DAY, True, ""),
            ("f0", START + 9 * DAY, False, ""), ("f1", START + 9 * DAY, False, ""),
        ]  # fmt: skip

    def test_only_half_of_the_first_imported_lets_nothing_go(self) -> None:
        first, _followers = parted()
        imported(first[:1])
        sell(first, 20, 10)
        for day in (7, 8, 9):
            found = prices_watch(now=START + day * DAY)
            assert (found.released, found.stopped, found.postponed) == (0, 0, 2)
            assert set(PriceProposal.objects.filter(state="scheduled").values_list("apply_at", flat=True)) == {
                START + (day + 1) * DAY
            }
        assert in_file() == [("c1", "approved")]
        imported(first[1:], at=START + 10 * DAY)  # the other half: watched as long as the first
        prices_watch(now=START + 10 * DAY)
        assert prices_watch(now=START + 17 * DAY - timedelta(minutes=1)).released == 0
        assert prices_watch(now=START + 17 * DAY).released == 2
        assert in_file() == [("f0", "approved"), ("f1", "approved")]

    def test_the_half_that_will_never_be_imported_is_rejected_and_the_other_counts(self) -> None:
        first, _followers = parted()
        imported(first[:1])
        sell(first[:1], 9, 10)
        assert prices_watch(now=START + 8 * DAY).released == 0
        proposals_reject(proposals=first[1:], reason="not this one")
        assert prices_watch(now=START + 9 * DAY).released == 2

    def test_another_price_of_half_of_the_first_is_overtaken_and_the_other_counts(self) -> None:
        first, _followers = parted()
        imported(first[:1])
        imported(first[1:], Decimal("10.40"))
        sell(first[:1], 8, 10)
        found = prices_watch(now=START + 7 * DAY)
        assert (found.applied, found.stale, found.released) == (1, 1, 2)
        assert words(first[1]) == ("stale", "The shop has changed the price to 10.4 since it was worked out.")

    def test_families_follow_whole(self) -> None:
        first, _followers = parted(1, 0)
        for number in range(2):
            make(f"f{number}", state="scheduled", apply_at=START + 7 * DAY, family="p9")
        imported(first)
        sell(first, 8, 10)
        assert prices_watch(now=START + 8 * DAY).released == 2
        assert in_file() == [("f0", "approved"), ("f1", "approved")]

    def test_what_the_merchant_has_imported_unasked_is_in_the_shop_and_not_let_go_again(self) -> None:
        first, followers = parted()
        imported([*first, followers[0]])
        imported(followers[1:], Decimal("9"))
        sell(first, 8, 10)
        found = prices_watch(now=START + 8 * DAY)
        assert (found.applied, found.stale, found.released) == (3, 1, 0)
        assert states() == {"c0": "applied", "c1": "applied", "f0": "applied", "f1": "stale"}

    def test_what_people_decide_while_it_is_let_go_stays_decided(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from django_ecomai.pricing.services import watch as room

        first, followers = parted()
        imported(first)
        sell(first, 8, 10)
        real = room.followers_release

        def late(pks: Iterable[int], *, now: datetime) -> int:
            proposals_reject(proposals=followers[:1], reason="no")
            return real(pks, now=now)

        monkeypatch.setattr(room, "followers_release", late)
        assert prices_watch(now=START + 8 * DAY).released == 1
        assert (states()["f0"], states()["f1"]) == ("rejected", "approved")


class TestLetGo:
    """The first did not do well, or are not in the shop any more: the others are not followed, and say why."""

    def test_the_first_earned_too_little(self) -> None:
        first, followers = parted()
        imported(first)
        prices_watch(now=START + timedelta(hours=1))
        sell(first, 7, 3)
        found = prices_watch(now=START + 8 * DAY + timedelta(hours=1))
        assert (found.released, found.stopped) == (0, 2)
        assert [str(one) for one in found.messages][-1] == BELOW
        assert [words(row) for row in followers] == [("rejected", BELOW)] * 2
        assert in_file() == [("c0", "take_back"), ("c1", "take_back")]
        back = START + 9 * DAY
        imported(first, TEN, at=back)  # the merchant takes them back
        assert prices_watch(now=back).rolled_back == 2
        assert states() == {"c0": "undone", "c1": "undone", "f0": "rejected", "f1": "rejected"} and in_file() == []

    @pytest.mark.parametrize("number", [1, 2])
    def test_the_merchant_undoes_half_of_the_first_or_all(self, number: int) -> None:
        first, followers = parted()
        imported(first)
        prices_watch(now=START + timedelta(hours=1))
        back = START + 3 * DAY
        imported(first[:number], TEN, at=back)
        sell(first[number:], 8, 10)
        assert prices_watch(now=START + 4 * DAY).rolled_back == 0
        undone = PriceChange.objects.filter(kind="undo").values_list("at", "old_price", "new_price", "batch")
        assert list(undone) == [(back, NEW, TEN, "b")] * number
        assert PriceChange.objects.filter(kind="apply", undone_at=START + 4 * DAY).count() == number
        assert [states()[f"c{at}"] for at in range(number)] == ["undone"] * number
        found = prices_watch(now=START + 7 * DAY)
        assert (found.released, found.stopped) == (0, 2)
        assert [words(row) for row in followers] == [("rejected", FEW)] * 2 and in_file() == []

    def test_one_of_three_undone_is_not_half(self) -> None:
        first, _followers = parted(3)
        imported(first)
        prices_watch(now=START)
        imported(first[:1], TEN, at=START + DAY)
        sell(first[1:], 8, 10)
        assert prices_watch(now=START + 8 * DAY).released == 2

    def test_the_merchant_sets_other_prices_over_the_first(self) -> None:
        first, followers = parted()
        imported(first)
        prices_watch(now=START)
        imported(first, Decimal("10.20"), at=START + DAY)
        sell(first, 8, 10)
        assert prices_watch(now=START + 7 * DAY).stopped == 2
        assert words(followers[0]) == ("rejected", FEW)
        assert states()["c0"] == "applied" and not PriceChange.objects.exclude(kind="apply").exists()

    def test_the_shop_has_other_prices_than_all_of_the_first(self) -> None:
        first, followers = parted()
        imported(first, Decimal("10.40"))
        found = prices_watch(now=START + 7 * DAY)
        assert (found.stale, found.stopped) == (2, 2)
        assert [words(row) for row in followers] == [("rejected", FEW)] * 2

    def test_the_first_are_cancelled(self) -> None:
        first, followers = parted()
        proposals_reject(proposals=first, reason="a mistake")
        assert in_file() == []
        assert prices_watch(now=START + 7 * DAY).stopped == 2
        assert words(followers[0]) == ("rejected", FEW)


class TestPeople:
    def test_nobody_imports_anything(self) -> None:
        """The first are overdue as any other approved price; what follows is not: nobody could have imported it."""
        parted()
        assert set(prices_overdue(now=START + 8 * DAY).values_list("product__external_id", flat=True)) == {"c0", "c1"}
        assert not prices_overdue(now=START + 7 * DAY).exists()
        for day in (7, 8, 60):
            found = prices_watch(now=START + day * DAY)
            assert (found.released, found.stopped, found.postponed, found.messages) == (0, 0, 2, [])
        assert in_file() == [("c0", "approved"), ("c1", "approved")]
        late = START + 99 * DAY  # the hourly job has stopped: still nothing to import
        assert prices_overdue(now=late).count() == 2

    def test_what_was_let_go_is_overdue_from_then_on(self) -> None:
        first, _followers = parted()
        imported(first)
        sell(first, 8, 10)
        prices_watch(now=START + 8 * DAY)
        assert not prices_overdue(now=START + 15 * DAY).exists()
        assert prices_overdue(now=START + 15 * DAY + timedelta(minutes=1)).count() == 2

    def test_followers_are_rejected(self) -> None:
        _first, followers = parted()
        proposals_reject(proposals=followers, reason="no")
        assert prices_watch(now=START + 7 * DAY).as_dict()["stopped"] == 0
        assert words(followers[0])[0] == "rejected" and in_file() == [("c0", "approved"), ("c1", "approved")]

    def test_opened_again_only_with_those_that_follow(self) -> None:
        first, followers = parted()
        with pytest.raises(PricingError, match="Others follow when those that go first do well"):
            proposals_reopen(proposals=first)
        proposals_reopen(proposals=[*first, *followers])
        assert set(states().values()) == {"open"} and in_file() == []

    def test_followers_alone_are_opened_again_and_approved_without_the_others(self) -> None:
        _first, followers = parted()
        proposals_reopen(proposals=followers)
        proposals_approve(proposals=followers)
        assert in_file() == [(ident, "approved") for ident in ("c0", "c1", "f0", "f1")]

    def test_without_waiting_any_longer(self) -> None:
        _first, followers = parted()
        proposals_reschedule(proposals=followers[:1], apply_at=None)
        assert in_file() == [("c0", "approved"), ("c1", "approved"), ("f0", "approved")]
        proposals_reschedule(proposals=followers[1:], apply_at=timezone.now() + DAY)  # later, and still only after them
        assert len(in_file()) == 3

    def test_the_pages_tell_what_waits_and_what_has_come(self, boss: Client) -> None:
        first, followers = parted()
        pages = [reverse(LIST), reverse("admin:ecomai_dashboard_start_changelist")]
        waits = (
            "2 prices follow when those that go first have done well in your shop: until then they are not in the CSV"
        )
        came = "Those that went first have done well: 2 prices that follow are in the CSV file now."
        for url in pages:
            html = read(boss.get(url))
            assert waits in html and came not in html
        html = page(boss, query="?show=waiting")
        assert html.count("at the earliest, if those that go first do well") == 2
        html = page(boss, "admin:ecomai_pricing_priceproposal_change", followers[0].pk)
        assert "at the earliest, if those that go first do well" in html and "It goes into the shop" not in html
        imported(first)
        sell(first, 8, 10)
        prices_watch(now=START + 8 * DAY)
        for url in pages:
            html = read(boss.get(url))
            assert came in html and "follow when those" not in html
        imported(followers, at=START + 9 * DAY)
        prices_watch(now=START + 9 * DAY)
        assert came not in read(boss.get(pages[0]))

    def test_who_may_lets_them_into_the_file_by_hand(self, boss: Client) -> None:
        first, followers = parted()
        html = page(boss, query="?show=waiting")
        assert ">Into the CSV file now</button>" in html and "Put into the shop now</button>" not in html
        assert "1 is in the CSV file now." in choose(boss, "put", followers[0], query="?show=waiting")
        assert in_file() == [("c0", "approved"), ("c1", "approved"), ("f0", "approved")]
        name = "admin:ecomai_pricing_priceproposal_change"
        assert "Into the CSV file now" not in page(boss, name, first[0].pk)  # it is there already
        assert "Into the CSV file now" in page(boss, name, followers[1].pk)
        assert "1 is in the CSV file now." in read(decide(boss, followers[1], "apply"))
        assert len(in_file()) == 4 and prices_watch(now=START + 7 * DAY).stopped == 0

    def test_who_may_only_decide_does_not(self) -> None:
        _first, followers = parted()
        client = clerk("view_priceproposal", "decide_priceproposal")
        assert "Into the CSV file now" not in page(client, query="?show=waiting")
        assert decide(client, followers[0], "apply").status_code == 403 and len(in_file()) == 2

    def test_the_page_of_an_approval_asks_for_a_part_but_for_no_time(self, boss: Client) -> None:
        rows = [proposal_make(priced_product(external_id=f"p{number}")) for number in range(4)]
        html = choose(boss, "approve", *rows)
        assert 'name="canary"' in html and 'name="apply_at_0"' not in html
        assert "when those that go first have been in your shop for 7 days and have earned what was expected" in html
        html = approve(boss, *rows, canary="0.5")
        assert "2 are approved for later." in html and "2 are approved and wait to be put into the shop." in html
        assert sorted(states().values()) == ["approved", "approved", "scheduled", "scheduled"]
        assert len(in_file()) == 2
