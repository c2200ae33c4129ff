"""Places for trying out, the most valuable carousel first, products that rest, sets, rules for the whole shop."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.core.registry import Strategy, strategies
from django_ecomai.events.models import Event
from django_ecomai.events.services import event_track
from django_ecomai.events.tokens import token_read
from django_ecomai.mirror.models import Product
from django_ecomai.recommend import serving
from django_ecomai.recommend.catalogue import Card, Page
from django_ecomai.recommend.config import SlotConfig, kept
from django_ecomai.recommend.drafts import Ask, Draft, Planned
from django_ecomai.recommend.models import Bundle, BundleItem, Placement, ShopRule, SlotStat
from django_ecomai.recommend.planning import by_value, chances_shown, plan
from django_ecomai.recommend.query import Behaviour, Candidate
from django_ecomai.recommend.rules import Ranked
from django_ecomai.recommend.serving import carousels, recommendations
from django_ecomai.recommend.values import slot_counts, slot_values
from django_ecomai.recommend.viewer import Past, Viewer
from django_ecomai.runs.services import run_now
from tests.recommend.factories import category, event, order, placement, product, products, rule
from tests.recommend.helpers import ids, queries, train

VISITOR = "v" * 32
NOW = 1_800_000_000.0


@pytest.fixture
def tell(django_capture_on_commit_callbacks: Any) -> Any:
    """An event as the beacon sends it, written at once."""

    def told(name: str, product_id: str = "", **fields: Any) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            event_track(name=name, visitor_id=VISITOR, product=product_id or None, **fields)

    return told


@pytest.fixture
def fixed_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried out depends on the hour; in this test it is always the same one."""
    monkeypatch.setattr(serving, "time", SimpleNamespace(time=lambda: NOW, perf_counter=time.perf_counter))


STRATEGY = Strategy(label="", help="", candidates=lambda query, n: [])


def draft(*product_ids: str, limit: int = 4, pinned: int = 0, **slot: Any) -> Draft:
    found = Draft(SlotConfig("trending", id=7, **slot), STRATEGY, [], limit, 40)
    found.ranked = Ranked(
        kept=[Candidate(one, 1.0) for one in product_ids],
        weights={one: 1 / (10 + rank) for rank, one in enumerate(product_ids)},
        pinned=pinned,
    )
    return found


def page(*product_ids: str, **card: Any) -> Page:
    return Page({one: Card(one, **card) for one in product_ids})


def planned(found: Draft, known: Page, ask: Ask, unwanted: set[str] | None = None) -> list[Planned]:
    plan([found], known, ask, key="home", shown=unwanted or set())
    return found.plan[: found.limit]


P = [f"p{i}" for i in range(12)]


def test_the_last_places_try_products_from_further_down_with_their_chance() -> None:
    made = planned(draft(*P, explore=2), page(*P), Ask(Viewer(visitor_id="v"), now=NOW))

    assert [one.candidate.product_id for one in made[:2]] == ["p0", "p1"]
    assert [one.propensity for one in made[:2]] == [1.0, 1.0]
    assert {one.candidate.product_id for one in made[2:]} <= set(P[2:])
    weights = {one: 1 / (10 + rank) for rank, one in enumerate(P)}
    pool = P[2:]
    for tried in made[2:]:
        chance = 0.8 * weights[tried.candidate.product_id] / sum(weights[one] for one in pool) + 0.2 / len(pool)
        assert tried.propensity == pytest.approx(chance)
        pool.remove(tried.candidate.product_id)


def test_trying_out_is_the_same_within_the_hour_and_not_for_ever() -> None:
    def tried(visitor: str, now: float) -> list[str]:
        made = planned(draft(*P, explore=3), page(*P), Ask(Viewer(visitor_id=visitor), now=now))
        return [one.candidate.product_id for one in made]

    hour = NOW - NOW % 3600
    assert tried("v", hour) == tried("v", hour + 3599)
    assert len({tuple(tried("v", hour + 3600 * passed)) for passed in range(20)}) > 1
    assert len({tuple(tried(f"v{number}", hour)) for number in range(20)}) > 1


def test_what_is_pinned_is_never_drawn_for() -> None:
    made = planned(draft(*P, explore=4, pinned=3), page(*P), Ask(Viewer(), now=NOW))

    assert [one.candidate.product_id for one in made[:3]] == ["p0", "p1", "p2"]
    assert made[3].propensity < 1


def test_under_a_cap_the_chance_is_the_one_with_which_visitors_are_shown_it() -> None:
    shelf = {"p0": "a", "p1": "b", "p2": "a", "p3": "a", "p4": "b", "p5": "b", "p6": "c"}
    known = Page({one: Card(one, categories=((name, ""),)) for one, name in shelf.items()})
    visitors = 3000
    first: Counter[str] = Counter()
    weighed: dict[tuple[str, str], float] = {}
    chances: dict[str, set[float]] = {}
    for number in range(visitors):
        one, other = planned(
            draft(*shelf, limit=4, explore=2, category_cap=2), known, Ask(Viewer(visitor_id=f"v{number}"), now=NOW)
        )[2:]
        first[one.candidate.product_id] += 1
        chances.setdefault(one.candidate.product_id, set()).add(one.propensity)
        pair = (one.candidate.product_id, other.candidate.product_id)
        weighed[pair] = weighed.get(pair, 0.0) + 1 / (one.propensity * other.propensity)

    assert all(len(said) == 1 for said in chances.values())
    assert sum(next(iter(said)) for said in chances.values()) == pytest.approx(1.0)
    for product_id, said in chances.items():
        assert first[product_id] / visitors == pytest.approx(next(iter(said)), abs=0.035)
    # Every pair that the cap allows (p0 and p1 take one place of a and b each) is worth 1 however rare it is.
    allowed = {(x, y) for x in P[2:7] for y in P[2:7] if shelf[x] != shelf[y]}
    assert set(weighed) == allowed
    assert all(total / visitors == pytest.approx(1.0, abs=0.4) for total in weighed.values())


def test_behind_a_drawn_product_that_is_gone_no_chance_is_said() -> None:
    plan_made = [Planned(Candidate("p0", 1.0)), Planned(Candidate("p1", 1.0)), Planned(Candidate("p2", 1.0), 0.5),
                 Planned(Candidate("p3", 1.0), 0.25), Planned(Candidate("p4", 1.0))]  # fmt: skip

    assert chances_shown(plan_made, ["p0", "p1", "p2", "p3"]) == {"p0": 1.0, "p1": 1.0, "p2": 0.5, "p3": 0.25}
    assert chances_shown(plan_made, ["p1", "p2", "p3", "p4"]) == {"p1": 1.0, "p2": 0.5, "p3": 0.25, "p4": 1.0}
    assert chances_shown(plan_made, ["p0", "p1", "p3", "p4"]) == {"p0": 1.0, "p1": 1.0, "p3": None, "p4": None}


@given(
    st.lists(st.sampled_from(P), unique=True), st.integers(0, 6), st.integers(0, 8), st.none() | st.integers(1, 3),
    st.sets(st.sampled_from(P)), st.integers(0, 3), st.text(max_size=4), st.dictionaries(st.sampled_from(P),
    st.sampled_from(["a", "b"])),
)  # fmt: skip
def test_a_plan_holds_what_may_be_shown_once(
    ranked: list[str], limit: int, explore: int, cap: int | None, unwanted: set[str], pinned: int, who: str,
    shelves: dict[str, str],
) -> None:  # fmt: skip
    known = Page({one: Card(one, categories=((shelves[one], ""),) if one in shelves else ()) for one in P})
    ask = Ask(Viewer(visitor_id=who), now=NOW)
    pins = min(pinned, len(ranked))

    def make() -> Draft:
        return draft(*ranked, limit=limit, explore=explore, category_cap=cap, pinned=pins)

    made, again = planned(make(), known, ask, unwanted), planned(make(), known, ask, unwanted)
    chosen = [one.candidate.product_id for one in made]

    assert made == again
    assert len(chosen) == len(set(chosen)) <= limit
    assert not set(chosen) & unwanted
    assert all(0 < one.propensity <= 1 for one in made)
    if cap is not None:
        assert all(sum(shelves.get(one) == shelf for one in chosen) <= cap for shelf in "ab")
    if cap is None:
        assert len(chosen) == min(limit, len(set(ranked) - unwanted))


def test_the_most_valuable_carousel_comes_first_and_ties_keep_their_order() -> None:
    known = Page({"p0": Card("p0", price=Decimal(10)), "p1": Card("p1", price=Decimal(30)),
                  "p2": Card("p2", price=Decimal(-99)), "p3": Card("p3")})  # fmt: skip
    cheap, dear, odd = draft("p0"), draft("p1"), draft("p2", "p3")
    dear.slot = replace(dear.slot, id=8)
    odd.slot = replace(odd.slot, id=9)
    plan([cheap, dear, odd], known, Ask(Viewer()), key="home", shown=set())

    def order_of(values: Any) -> list[Draft]:
        return by_value([odd, cheap, dear], known, values, key="home")

    assert order_of({("", ""): 0.01}) == [dear, cheap, odd]
    assert order_of({("", ""): 0.01, ("home", "7"): 0.04}) == [cheap, dear, odd]
    assert order_of({}) == order_of(None) == [odd, cheap, dear]
    assert by_value([cheap, replace(cheap)], known, {("", ""): 1.0}, key="home")[0] is cheap


def test_values_are_shrunk_towards_the_shop() -> None:
    counts = {("home", "1"): (1000, 100, 10), ("home", "2"): (1, 1, 1), ("home", "3"): (0, 0, 0)}
    values = slot_values(counts)
    ctr, cvr = (101 + 1) / (1001 + 100), (11 + 1) / (101 + 50)

    assert values["", ""] == pytest.approx(ctr * cvr)
    assert values["home", "3"] == pytest.approx(ctr * cvr)
    assert values["home", "1"] == pytest.approx((100 + 200 * ctr) / 1200 * (10 + 20 * cvr) / 120)
    # one lucky click is not worth a thousand times the shop
    assert values["home", "2"] < 2 * ctr * cvr


def test_a_product_rests_after_so_many_views_until_it_is_touched() -> None:
    def views(*days: float) -> tuple[Behaviour, ...]:
        return tuple(Behaviour("p0", "view_item_list", NOW - 86_400 * day) for day in days)

    def rests(past: Past) -> bool:
        return "p0" in past.resting(cap=3, days=7, now=NOW)

    assert rests(Past(shown=views(1, 2, 3)))
    assert not rests(Past(shown=views(1, 2)))
    assert not rests(Past(shown=views(1, 2, 8)))
    assert not rests(Past(shown=(Behaviour("p0", "select_item", NOW - 1), *views(1, 2, 3))))
    assert not rests(Past(behaviour=(Behaviour("p0", "add_to_cart", NOW - 86_400 * 1.5),), shown=views(1, 2, 3)))
    assert rests(Past(shown=(*views(1, 2, 3), Behaviour("p0", "select_item", NOW - 86_400 * 5))))


# -- on a page ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("fixed_hour")
def test_the_chance_travels_with_the_token_onto_the_event(tell: Any) -> None:
    products(30)
    placement("home", "new_arrivals", size=4, explore=2)

    items = recommendations("home", visitor_id=VISITOR)
    read = [token_read(item.token) for item in items]
    tell("select_item", token=items[3].token)

    assert [one.propensity for one in read if one][:2] == [1.0, 1.0]
    assert all(0 < one.propensity < 1 for one in read[2:] if one)
    assert Event.objects.get().properties["propensity"] == read[3].propensity  # type: ignore[union-attr]
    assert ids(recommendations("home", visitor_id=VISITOR)) == ids(items)


@pytest.mark.django_db
@pytest.mark.parametrize("shared", [True, False], ids=["cached", "uncached"])
def test_a_product_that_is_passed_over_rests_without_another_query(
    settings: Any, tmp_path: Any, tell: Any, shared: bool
) -> None:
    if shared:
        backend = "django.core.cache.backends.filebased.FileBasedCache"
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path / "cache")}}
    cache.clear()
    products(4)
    placement("home", "new_arrivals", size=2, frequency_cap=2)
    for minutes in (1, 2):
        event("view_item_list", "p3", visitor_id=VISITOR, at=timezone.now() - timedelta(minutes=minutes))

    assert ids(recommendations("home", visitor_id=VISITOR)) == ["p2", "p1"]
    assert len(queries(lambda: recommendations("home", visitor_id=VISITOR))) <= 3
    tell("select_item", "p3")
    assert ids(recommendations("home", visitor_id=VISITOR)) == ["p3", "p2"]
    for _ in range(2):
        tell("view_item_list", "p2")
    assert ids(recommendations("home", visitor_id=VISITOR)) == ["p3", "p1"]
    assert ids(recommendations("new_arrivals", visitor_id=VISITOR))[0] == "p3"


@pytest.mark.django_db
def test_not_interested_works_at_once_and_for_what_is_alike(tell: Any) -> None:
    lamps, mugs = category("lamps"), category("mugs")
    for number in range(6):
        product(f"p{number}", title=f"Red metal lantern {number}", description="a red lantern", categories=[lamps])
        product(f"q{number}", title=f"Blue china mug {number}", description="a blue mug", categories=[mugs])
    for number in range(12):
        order(f"c{number}", [f"p{number % 6}", f"q{number % 6}"], number=f"o{number}")
        order(f"c{number}", [f"p{number % 6}"], number=f"x{number}")
    assert train().state == "done"
    before = ids(recommendations("bestsellers", visitor_id=VISITOR, limit=12))
    assert before[0].startswith("p")

    tell("dismiss", "p0")
    after = ids(recommendations("bestsellers", visitor_id=VISITOR, limit=12))

    assert "p0" not in after
    places = [after.index(one) for one in after if one.startswith("p")]
    assert sum(places) / len(places) > sum(before.index(f"p{i}") for i in range(1, 6)) / 5


@pytest.mark.django_db
def test_a_set_leads_what_is_bought_together_while_it_runs() -> None:
    made = products(4)
    tea = Bundle.objects.create(title="Tea time", discount_text="Save 10 % together")
    for number, one in enumerate([made[2], made[0], made[3]]):
        BundleItem.objects.create(bundle=tea, product=one, order=number)

    items = recommendations("bought_together", product="p0")
    assert [(one.product_id, one.reason, one.reason_code, one.because_id) for one in items[:2]] == [
        ("p2", "Save 10 % together", "bundle", "p0"),
        ("p3", "Save 10 % together", "bundle", "p0"),
    ]
    assert ids(recommendations("bundle", product="p0")) == ["p2", "p3"]
    assert recommendations("bundle", product="p1") == []

    tea.discount_text = ""
    tea.save()
    assert recommendations("bundle", product="p0")[0].reason == "In one set with Product p0"
    tea.ends_at = timezone.now()
    tea.save()
    assert recommendations("bundle", product="p0") == []


@pytest.mark.django_db
def test_a_rule_for_all_carousels_holds_everywhere_unless_a_carousel_says_otherwise() -> None:
    made = products(4)
    ShopRule.objects.create(action="hide", product=made[3])
    ShopRule.objects.create(action="pin", product=made[0], ends_at=timezone.now() - timedelta(days=1))
    home = placement("home", "new_arrivals")

    assert ids(recommendations("home")) == ids(recommendations("new_arrivals")) == ["p2", "p1", "p0"]
    rule(home.slots.get(), "boost", made[3])
    assert ids(recommendations("home")) == ["p3", "p2", "p1", "p0"]
    assert ids(recommendations("new_arrivals")) == ["p2", "p1", "p0"]


@pytest.mark.django_db
def test_the_placement_puts_the_best_carousel_on_top_when_the_merchant_wants_it() -> None:
    products(4)
    Product.objects.filter(external_id__in=["p0", "p1"]).update(list_price=20)
    home = placement("home", "new_arrivals", "on_sale", size=2)
    on_sale = home.slots.get(strategy="on_sale")
    at = timezone.now()
    SlotStat.objects.create(placement="", slot="", value=0.01, counted_at=at)
    SlotStat.objects.create(placement="home", slot=str(on_sale.pk), value=0.05, counted_at=at)

    assert [one.strategy for one in carousels("home")] == ["new_arrivals", "on_sale"]
    Placement.objects.filter(pk=home.pk).update(order_by_value=True)
    home.refresh_from_db()
    home.save()
    assert [one.strategy for one in carousels("home")] == ["on_sale", "new_arrivals"]
    assert ids(recommendations("home")) == ids(carousels("home")[0].items)


@pytest.mark.django_db
def test_the_job_counts_per_carousel() -> None:
    products(2)
    home = placement("home", "new_arrivals")
    slot = str(home.slots.get().pk)
    now = timezone.now()
    for _ in range(3):
        event("view_item_list", "p0", placement="home", visitor_id="v1", properties={"slot": slot})
    event("select_item", "p0", placement="home", visitor_id="v1", customer_id="c0", properties={"slot": slot},
          at=now - timedelta(hours=1))  # fmt: skip
    event("view_item_list", "p0", placement="old", visitor_id="v1", at=now - timedelta(days=40))
    order("c0", ["p0"], at=now - timedelta(minutes=5))

    counts = slot_counts(channel="", since=now - timedelta(days=30), until=now + timedelta(minutes=1))
    run = run_now(kind="recommend.value")

    assert counts == {("home", slot): (3, 1, 1)}
    assert run.state == "done"
    stored = {(one.placement, one.slot): (one.impressions, one.clicks, one.purchases) for one in SlotStat.objects.all()}
    assert stored == {("", ""): (3, 1, 1), ("home", slot): (3, 1, 1)}
    assert carousels("home")
    config = kept("")
    assert config is not None and set(config.values) == set(stored)


@pytest.mark.django_db
def test_without_an_impression_there_is_nothing_to_order_by() -> None:
    SlotStat.objects.create(placement="home", slot="1", value=1, counted_at=timezone.now())

    assert run_now(kind="recommend.value").state == "done"
    assert not SlotStat.objects.exists()


@pytest.mark.django_db
def test_five_carousels_cost_what_one_does_and_never_repeat_a_product() -> None:
    products(40, list_price=30)
    order("c0", [f"p{i}" for i in range(10)])
    bundle = Bundle.objects.create(title="Set")
    BundleItem.objects.create(bundle=bundle, product=Product.objects.get(external_id="p0"))
    # What was looked at comes first: below the others it has a place of its own only where none of them tries it out.
    placement("home", "continue_shopping", "trending", "on_sale", "new_arrivals", "bestsellers", size=4, explore=1,
              diversity=0.5, taste=0.5, novelty=0.5, frequency_cap=3)  # fmt: skip
    event("view_item", "p7", visitor_id=VISITOR)

    sent = queries(lambda: carousels("home", visitor_id=VISITOR, filters={"min_price": 1}))
    shown = [item.product_id for one in carousels("home", visitor_id=VISITOR) for item in one.items]

    assert len(sent) <= 3
    assert len(shown) == len(set(shown)) == 17


@pytest.mark.django_db
@pytest.mark.usefixtures("fixed_hour")
def test_a_product_deleted_between_ranking_and_rendering_gives_way(ecomai: Any) -> None:
    ecomai(ADAPTER="tests.recommend.factories.ForgetfulShop")
    products(12)
    placement("home", "new_arrivals", size=11, explore=3)

    shown = ids(recommendations("home", visitor_id=VISITOR))

    assert "p1" not in shown
    assert len(shown) == len(set(shown)) == 11


@pytest.mark.django_db
def test_rules_for_all_carousels_bring_nothing_into_lists_that_make_a_claim() -> None:
    """ "Buy again" must not show what nobody bought, nor "Reduced" what is not, however much it is promoted."""
    made = products(6, price=10)
    Product.objects.filter(pk=made[1].pk).update(list_price=20)
    ShopRule.objects.create(action="boost", product=made[0], factor=10)
    ShopRule.objects.create(action="pin", product=made[2])
    placement("home", "continue_shopping", "buy_again", "on_sale", "trending")

    found = {one.strategy: ids(one.items) for one in carousels("home")}

    assert sorted(found) == ["on_sale", "trending"]
    assert found["on_sale"] == ["p1"]
    assert found["trending"][0] == "p2"


@pytest.mark.django_db
def test_a_carousels_own_rule_brings_its_product_in() -> None:
    made = products(4, price=10)
    home = placement("home", "on_sale")
    rule(home.slots.get(), "pin", made[0])

    assert ids(carousels("home")[0].items) == ["p0"]


@pytest.mark.django_db
def test_a_strategy_whose_judgement_fails_takes_only_its_own_carousel_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(card: Any, about: Any) -> bool:
        raise ZeroDivisionError

    products(4)
    spy = Strategy(label="", help="", candidates=lambda query, n: [Candidate("p0", 1.0)], accept=broken)
    monkeypatch.setitem(strategies._items, "broken", spy)
    placement("home", "broken", "trending")

    assert [one.strategy for one in carousels("home")] == ["trending"]
    assert "The carousel 'broken' failed" in caplog.text
