"""The strategies of one intent each, over a model that is written down here, and on a page without a model."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from django_ecomai.ml.recommend.serving import Scored
from django_ecomai.recommend import reasons
from django_ecomai.recommend.catalogue import Card, word_stems
from django_ecomai.recommend.query import DAY, Behaviour, Offer, Query
from django_ecomai.recommend.serving import carousels, recommendations
from django_ecomai.recommend.strategies import builtin, intents
from tests.recommend.factories import START, category, event, order, placement, product, products
from tests.recommend.helpers import ids

IDS = [f"p{i}" for i in range(12)]
NOW = 1_800_000_000.0
VISITOR = "v" * 32


class WrittenScorer:
    """Lists per product; p0..p11 are its products."""

    recipe: dict[str, Any] = {}
    prices = np.array([1, 1, 2, 3, np.nan, *[9] * 7], dtype=np.float32)

    def __init__(self, **lists: dict[str, list[str]]) -> None:
        self.lists = lists

    def encode(self, wanted: Any) -> np.ndarray:
        return np.array([IDS.index(one) if one in IDS else -1 for one in wanted], dtype=np.int32)

    def decode(self, items: Any) -> list[str]:
        return [IDS[int(item)] for item in items]

    def category_of(self, item: int) -> str:
        return "lamps" if item < 6 else ""

    def _answer(self, name: str, about: Any, n: int, exclude: Any) -> Scored:
        found: dict[int, int] = {}
        for item in np.atleast_1d(about).tolist():
            for one in self.lists.get(name, {}).get(IDS[item], []):
                if IDS.index(one) not in list(exclude):
                    found.setdefault(IDS.index(one), item)
        items = list(found)[:n]
        return Scored(np.array(items, np.int32), np.arange(len(items), 0, -1).astype(np.float32),
                      np.array([found[one] for one in items], np.int32))  # fmt: skip

    def similar(self, item: int, *, n: int = 20, exclude: Any = ()) -> Scored:
        return self._answer("similar", item, n, exclude)

    def bought_together(self, items: Any, *, n: int = 20, exclude: Any = ()) -> Scored:
        return self._answer("together", items, n, exclude)

    def beside(self, items: Any, *, history: Any = (), n: int = 20, exclude: Any = (), **said: Any) -> Any:
        self.said = {**said, "history": self.decode(history)}
        together = self._answer("together", items, n, exclude)
        fitting = self._answer("fitting", [*items, *history], n, exclude)
        scored = Scored(
            np.concatenate([together.items, fitting.items]),
            np.concatenate([together.scores, fitting.scores]),
            np.concatenate([together.because, fitting.because]),
        )
        return scored, np.arange(len(scored)) < len(together)

    def trending(self, *, n: int = 20, category: Any = None, country: str = "", exclude: Any = ()) -> Scored:
        self.asked_category, self.asked_country = category, country
        return Scored()

    def cross_sell(self, items: Any, *, n: int = 20, exclude: Any = ()) -> Scored:
        return self._answer("cross", items, n, exclude)

    def upsell(self, item: int, *, n: int = 20, exclude: Any = ()) -> Scored:
        return self._answer("better", item, n, exclude)

    def for_context(self, **said: Any) -> Scored:
        self.said = said
        item = {"DE": [3]}.get(said["country"], [])
        return Scored(np.array(item, np.int32), np.ones(len(item), np.float32), np.full(len(item), -1, np.int32))

    def bundles(self, item: int, *, n: int = 3) -> tuple[Any, ...]:
        others = self.lists.get("sets", {}).get(IDS[item], [])
        return tuple(type("Set", (), {"items": (item, IDS.index(one))})() for one in others)


def query(*steps: Behaviour, scorer: Any = None, **more: Any) -> Query:
    return Query(behaviour=steps, scorer=scorer, now=NOW, **more)


def said(found: list[Any]) -> list[tuple[str, str, str]]:
    return [(one.product_id, one.reason, one.because) for one in found]


def test_complements_are_what_is_bought_with_it_and_not_instead_of_it() -> None:
    old = WrittenScorer(together={"p0": ["p1", "p2"]}, similar={"p0": ["p1"]})  # has learned no complements
    new = WrittenScorer(cross={"p0": ["p4"]})

    assert said(intents.cross_sell(query(scorer=old, product_ids=("p0",)), 5)) == [("p2", reasons.COMPLEMENT, "p0")]
    assert said(intents.cross_sell(query(scorer=new, product_ids=("p0",)), 5)) == [("p4", reasons.COMPLEMENT, "p0")]
    assert intents.cross_sell(query(scorer=old, product_ids=("unknown",)), 5) == []


def test_one_more_of_its_kind_comes_last_and_each_product_of_a_cart_brings_its_own() -> None:
    # p0..p5 are lamps: p1 is the likest lamp of p0, p3 less than half as like; p6 and later are of no category.
    scorer = WrittenScorer(
        cross={"p0": ["p1", "p3", "p6", "p7"], "p5": ["p8"]}, similar={"p0": ["p1", "p6", "p7", "p8", "p3"]}
    )

    found = intents.cross_sell(query(scorer=scorer, product_ids=("p0", "p5")), 10)

    assert [(one.product_id, one.because) for one in found] == [
        ("p3", "p0"), ("p8", "p5"), ("p6", "p0"), ("p7", "p0"), ("p1", "p0"),
    ]  # fmt: skip
    assert ids(intents.cross_sell(query(scorer=scorer, product_ids=("p0", "p5")), 2)) == ["p3", "p8"]


def test_a_step_up_asks_the_model_and_judges_the_price_of_today() -> None:
    old = WrittenScorer(similar={"p0": ["p1", "p2", "p3", "p4"]})  # p0 and p1 cost 1, p2 costs 2, ..., p4 is unknown
    new = WrittenScorer(better={"p0": ["p2"]})
    about = [Card("p0", price=Decimal(10), currency="EUR")]

    assert ids(intents.upsell(query(scorer=old, product_ids=("p0",)), 5)) == ["p2", "p3"]
    assert said(intents.upsell(query(scorer=new, product_ids=("p0",)), 5)) == [("p2", reasons.UPGRADE, "p0")]
    judged = {
        price: intents.is_step_up(Card("x", price=price and Decimal(price), currency="EUR"), about)
        for price in ["9.99", "10", "10.01", "16", "16.01", "-3", None]
    }
    assert judged == {"9.99": False, "10": True, "10.01": True, "16": True, "16.01": False, "-3": False, None: False}
    assert not intents.is_step_up(Card("x", price=Decimal(12), currency="GBP"), about)


def test_a_small_extra_costs_at_most_half_of_the_carts_median_and_is_in_stock() -> None:
    cart = [Card(f"c{i}", price=Decimal(price), currency="EUR") for i, price in enumerate([10, 20, 300])]

    def fits(price: str, **more: Any) -> bool:
        return intents.is_small_extra(Card("x", price=Decimal(price), currency="EUR", **more), cart)

    assert (fits("10"), fits("10.01"), fits("5", in_stock=False), fits("-1"), fits("0")) == (True, False, False, False,
                                                                                             False)  # fmt: skip
    assert not intents.is_small_extra(Card("x", price=Decimal(1), currency="EUR"), [])


def test_the_last_small_extra_goes_with_the_cart_that_is_on_the_page_or_in_mind() -> None:
    scorer = WrittenScorer(together={"p0": ["p1", "p2"]})

    on_page = intents.last_minute(query(scorer=scorer, product_ids=("p0",)), 5)
    in_mind = intents.last_minute(query(scorer=scorer, in_cart=frozenset({"p0"})), 5)

    assert said(on_page) == said(in_mind) == [("p1", reasons.LAST_MINUTE, "p0"), ("p2", reasons.LAST_MINUTE, "p0")]
    assert intents.last_minute(query(scorer=scorer), 5) == []


def test_because_you_viewed_is_about_the_last_view_that_was_not_bought() -> None:
    scorer = WrittenScorer(similar={"p1": ["p4"], "p2": ["p5", "p3"]})
    steps = [Behaviour("p1", "view_item", NOW - 1), Behaviour("p2", "view_item", NOW - 2),
             Behaviour("p1", "purchase", NOW - 3)]  # fmt: skip

    found = intents.because_you_viewed(query(*steps, scorer=scorer, bought=frozenset({"p1"})), 5)

    assert said(found) == [("p5", reasons.VIEWED, "p2"), ("p3", reasons.VIEWED, "p2")]


def test_because_you_bought_is_about_the_last_purchase_with_a_neighbour() -> None:
    scorer = WrittenScorer(similar={"p2": ["p5"]}, together={"p2": ["p6"]})
    steps = [Behaviour("p1", "purchase", NOW - 1), Behaviour("p2", "purchase", NOW - 2)]

    found = intents.because_you_bought(query(*steps, scorer=scorer, bought=frozenset({"p1", "p2"})), 5)

    assert said(found) == [("p6", reasons.BOUGHT, "p2"), ("p5", reasons.BOUGHT, "p2")]


def test_continue_shopping_starts_with_the_cart_and_ends_with_a_purchase() -> None:
    steps = [
        Behaviour("p0", "view_item", NOW - 1),
        Behaviour("p1", "remove_from_cart", NOW - 2),
        Behaviour("p2", "add_to_cart", NOW - 3),
        Behaviour("p3", "purchase", NOW - 4),
        Behaviour("p1", "add_to_cart", NOW - 5),
        Behaviour("p1", "view_item", NOW - 6),
        Behaviour("p3", "view_item", NOW - 7),
        Behaviour("p4", "view_item", NOW - 15 * DAY),
    ]

    found = intents.continue_shopping(query(*steps), 5)

    assert said(found) == [("p2", reasons.CONTINUE_CART, ""), ("p0", reasons.CONTINUE, "")]


def test_trending_in_category_takes_the_category_of_the_product_or_of_the_last_view() -> None:
    scorer = WrittenScorer()

    intents.trending_in_category(query(scorer=scorer, product_ids=("p1",), country="DE"), 5)
    assert (scorer.asked_category, scorer.asked_country) == (["lamps"], "DE")
    scorer.asked_category = None
    assert intents.trending_in_category(query(scorer=scorer, product_ids=("p8",)), 5) == []
    assert scorer.asked_category is None


def test_somebody_unknown_gets_what_others_wanted_in_his_circumstances() -> None:
    scorer = WrittenScorer()

    found = builtin.for_you(query(scorer=scorer, country="DE", device="mobile"), 5)

    assert said(found) == [("p3", reasons.CONTEXT, "")]
    assert (scorer.said["country"], scorer.said["device"]) == ("DE", "mobile")
    assert builtin.for_you(query(scorer=scorer, country="FR"), 5) == []
    assert builtin.for_you(query(scorer=scorer), 5) == []


def test_beside_a_product_each_says_what_speaks_for_it() -> None:
    scorer = WrittenScorer(
        together={"p0": ["p1"]}, fitting={"p0": ["p2"], "p5": ["p3"], "p6": ["p4", "p7"]}, similar={"p0": ["p8"]}
    )
    bought = [Behaviour(one, "purchase", NOW - 9 * DAY) for one in ("p6", "p7")]
    steps = (Behaviour("p5", "view_item", NOW - DAY), *bought)

    found = builtin.bought_together(query(*steps, scorer=scorer, product_ids=("p0",)), 9)

    assert said(found) == [
        ("p1", reasons.TOGETHER, "p0"),
        ("p2", reasons.FITS, "p0"),
        ("p3", reasons.VIEWED, "p5"),
        ("p4", reasons.BOUGHT, "p6"),
        ("p7", reasons.AGAIN, ""),
        ("p8", reasons.SIMILAR, "p0"),
    ]
    assert scorer.said == {"history": ["p5", "p6", "p7"], "weights": [0.1, 1.0, 1.0], "ages_days": [1.0, 9.0, 9.0]}
    assert builtin.bought_together(query(*steps, scorer=scorer), 9) == []


def test_sets_of_the_merchant_come_before_those_of_the_model() -> None:
    offer = Offer(1, "Evening", "Save 10 %", ("p7", "p0", "p8"))
    asked = query(
        scorer=WrittenScorer(sets={"p0": ["p5"]}), product_ids=("p0",), offers=(offer,), exclude=frozenset({"p8"})
    )

    found = intents.bundle(asked, 5)

    assert said(found) == [("p7", reasons.BUNDLE, "p0"), ("p5", reasons.TOGETHER, "p0")]
    assert found[0].note == "Save 10 %"
    assert intents.bundle(query(product_ids=("p1",), offers=(offer,)), 5) == []


def test_words_are_looked_for_by_their_beginnings() -> None:
    assert word_stems("Red LANTERNS, of tin") == ["red", "lante", "tin"]
    assert word_stems("a of") == []


# -- on a page ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_reduced_products_say_by_how_much_the_deepest_first() -> None:
    product("p0", price=8, list_price=10)
    product("p1", price=5, list_price=10)
    product("p2", price=10, list_price=10)
    product("p3", price=-1, list_price=10)

    items = recommendations("on_sale")

    assert [(one.product_id, one.reason, one.reason_code) for one in items] == [
        ("p1", "Reduced by 50 %", "reduced"),
        ("p0", "Reduced by 20 %", "reduced"),
    ]


@pytest.mark.django_db
def test_a_search_that_found_nothing_shows_close_titles_then_what_is_popular() -> None:
    product("p0", title="Garden lantern")
    product("p1", title="Red metal lantern")
    product("p2", title="Mug")
    order("c0", ["p2"])

    items = recommendations("empty_search", words="metal lanterns red")

    assert [(one.product_id, one.reason_code) for one in items] == [("p1", "words"), ("p0", "words"), ("p2", "popular")]


@pytest.mark.django_db
def test_a_title_with_more_of_the_words_is_found_behind_hundreds_with_one() -> None:
    product("old", title="Lantern of red tin", created_at=START)
    products(250, title="Red mug")

    assert recommendations("empty_search", words="red lanterns", limit=3)[0].product_id == "old"


@pytest.mark.django_db
def test_a_word_that_begins_so_comes_before_one_that_only_holds_it() -> None:
    product("p0", title="Cream gazebo lantern of wrought iron")
    product("p1", title="Plant ladder")

    assert [one.product_id for one in recommendations("empty_search", words="lantren", limit=2)] == ["p0", "p1"]


@pytest.mark.django_db
def test_bestsellers_without_a_model_are_what_sold() -> None:
    products(3)
    order("c0", ["p1"])

    assert recommendations("bestsellers")[0].reason_code == "bestseller"
    assert ids(recommendations("bestsellers"))[0] == "p1"


@pytest.mark.django_db
def test_continue_shopping_shows_what_lies_in_the_cart_and_others_do_not() -> None:
    products(3)
    event("add_to_cart", "p1", visitor_id=VISITOR, at=timezone.now() - timedelta(hours=1))

    assert ids(recommendations("continue_shopping", visitor_id=VISITOR)) == ["p1"]
    assert "p1" not in ids(recommendations("trending", visitor_id=VISITOR))
    assert recommendations("continue_shopping", visitor_id=VISITOR, exclude=["p1"]) == []


@pytest.mark.django_db
def test_without_a_model_a_step_up_is_a_dearer_product_of_the_same_shelf() -> None:
    lamps = category("lamps")
    for number, price in enumerate([10, 12, 30, 9]):
        product(f"p{number}", price=price, categories=[lamps])

    items = recommendations("upsell", product="p0")

    assert [(one.product_id, one.reason_code) for one in items] == [("p1", "beside")]


@pytest.mark.django_db
def test_the_heading_names_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    products(3)
    placement("home", "because_you_viewed")
    event("view_item", "p0", visitor_id=VISITOR)
    from django_ecomai.core.registry import strategies
    from django_ecomai.recommend.query import Candidate

    found = strategies.get("because_you_viewed")
    monkeypatch.setitem(
        strategies._items,
        "because_you_viewed",
        type(found)(**{**found.__dict__, "candidates": lambda q, n: [Candidate("p1", 1, reasons.VIEWED, "p0")]}),
    )

    (named,) = carousels("home", visitor_id=VISITOR)
    (alone,) = carousels("because_you_viewed", visitor_id=VISITOR)

    assert named.title == "Because_You_Viewed: Product p0"
    assert alone.title == "Because you viewed Product p0"
    assert (named.items[0].reason, named.items[0].because_id) == ("Because you viewed Product p0", "p0")
