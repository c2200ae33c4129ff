"""From the strategy to the tokens, whatever comes: what must never be shown never is, and the same asks the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ecomai.core.registry import Strategy, strategies
from django_ecomai.events.tokens import token_read
from django_ecomai.recommend import drafting, serving
from django_ecomai.recommend.catalogue import Card, Page
from django_ecomai.recommend.config import Config, PlacementConfig, Rule, SlotConfig
from django_ecomai.recommend.query import Behaviour, Candidate
from django_ecomai.recommend.serving import carousels
from django_ecomai.recommend.viewer import Past

pytestmark = pytest.mark.django_db
IDS = ["p,1", "ж✓", *(f"p{i}" for i in range(8))]
SHELVES = ["a", "b", "ü"]
NOW = 1_800_000_000.0
some = st.sampled_from(IDS)
unit = st.floats(0, 1)

cards = st.builds(
    lambda one, shelf, **more: Card(one, title=one, categories=((shelf, shelf),) if shelf else (),
                                    lineage=frozenset({shelf} if shelf else ()), currency="EUR", **more),
    some,
    st.none() | st.sampled_from(SHELVES),
    price=st.none() | st.decimals(-10, 1000, places=2),
    list_price=st.none() | st.decimals(-10, 1000, places=2),
    brand=st.sampled_from(["", "Acme", "ÄÖ"]),
    in_stock=st.booleans(),
    available=st.integers(0, 6).map(bool),
    attributes=st.dictionaries(st.sampled_from(["color"]), st.sampled_from(["red", math.nan, None, 1, ["red"]])),
)  # fmt: skip
slots = st.builds(
    SlotConfig,
    st.sampled_from(["drawn", "recently_viewed", "continue_shopping", "trending", "bundle", "nobody has this"]),
    title=st.sampled_from(["Plain", "Odd {product} {0} %s"]),
    id=st.integers(1, 9),
    size=st.integers(1, 6),
    only_in_stock=st.booleans(),
    exclude_bought=st.booleans(),
    category_cap=st.none() | st.integers(1, 2),
    diversity=unit,
    novelty=unit,
    taste=unit,
    explore=st.integers(0, 4),
    frequency_cap=st.none() | st.integers(1, 2),
    fill_filtered=st.booleans(),
    rules=st.lists(
        st.builds(Rule, st.sampled_from(["pin", "boost", "bury", "hide"]), some, factor=st.floats(1, 100)), max_size=2
    ).map(tuple),
)
steps = st.lists(
    st.builds(Behaviour, st.sampled_from([*IDS, "unknown"]),
              st.sampled_from(["view_item", "add_to_cart", "remove_from_cart", "purchase"]),
              st.floats(0, 20).map(lambda days: NOW - days * 86_400)), max_size=6,
).map(tuple)  # fmt: skip
pasts = st.builds(
    lambda behaviour, bought, dismissed, shown: Past(
        behaviour, frozenset(bought), frozenset(dismissed),
        tuple(Behaviour(one, "view_item_list", NOW - 60) for one in shown),
    ),
    steps, st.sets(some, max_size=3), st.sets(some, max_size=3), st.lists(some, max_size=6),
)  # fmt: skip
filters = st.fixed_dictionaries(
    {},
    optional={
        "in_category": st.sampled_from(SHELVES),
        "brand": st.sampled_from(["acme", "äö"]),
        "max_price": st.sampled_from([Decimal(0), 100]),
        "in_stock": st.booleans(),
        "attributes": st.just({"color": "red"}),
    },
)


@contextmanager
def world(known: list[Card], config: Config, past: Past, proposed: list[Candidate]) -> Iterator[None]:
    """A shop that is written down: nothing is read from the database."""
    page = Page({card.product_id: card for card in known})
    drawn = Strategy(label="Drawn", help="", candidates=lambda query, n: proposed[:n], fill=False)
    with (
        mock.patch.dict(strategies._items, {"drawn": drawn}),
        mock.patch.object(serving, "look_up", lambda viewer, request=None: (config, past)),
        mock.patch.object(serving, "model_get", lambda channel, config: None),
        # an error would be swallowed for the shop's page, and nothing shown breaks no promise
        mock.patch.object(serving.logger, "exception", side_effect=AssertionError("an error was swallowed")),
        mock.patch.object(serving.time, "time", lambda: NOW),
        mock.patch.object(drafting, "catalogue_page", lambda channel, ids, wanted: page),
    ):
        yield


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    known=st.lists(cards, unique_by=lambda card: card.product_id),
    carousel_slots=st.lists(slots, min_size=1, max_size=4, unique_by=lambda slot: slot.id),
    everywhere=st.lists(st.builds(Rule, st.just("hide"), some), max_size=1).map(tuple),
    past=pasts,
    proposed=st.lists(
        st.builds(Candidate, st.sampled_from([*IDS, "gone"]), st.floats(), st.just("popular")), max_size=15
    ),
    asked=filters,
    exclude=st.lists(some, max_size=2),
    limit=st.none() | st.integers(-1, 60),
    by_value=st.booleans(),
)
def test_through_the_whole_pipeline(
    known: list[Card], carousel_slots: list[SlotConfig], everywhere: tuple[Rule, ...], past: Past,
    proposed: list[Candidate], asked: dict[str, Any], exclude: list[str], limit: int | None, by_value: bool,
    ecomai: Any,
) -> None:  # fmt: skip
    ecomai(RESOLVE_OBJECTS=False, FILTER_ATTRIBUTES=["color"])
    placed = PlacementConfig("home", "Home", True, tuple(carousel_slots), by_value)
    config = Config({"home": placed}, rules=everywhere, values={("", ""): 0.1, ("home", "3"): 0.4})
    cards_by_id = {card.product_id: card for card in known}

    def answer() -> list[Any]:
        with world(known, config, past, proposed):
            return carousels("home", visitor_id="v", filters=asked, exclude=exclude, limit=limit)

    found = answer()
    shown = [item.product_id for one in found for item in one.items]

    assert [(one.slot.id, [(i.product_id, i.reason) for i in one.items]) for one in found] == [
        (one.slot.id, [(i.product_id, i.reason) for i in one.items]) for one in answer()
    ]
    assert len(shown) == len(set(shown))
    assert not set(shown) & (set(exclude) | past.dismissed)
    for one in found:
        slot = one.slot
        assert len(one.items) <= max(0, min(limit if limit is not None else slot.size, 48))
        hidden = {rule.product_id for rule in slot.rules if rule.action == "hide"}
        decided = {rule.product_id for rule in slot.rules}
        hidden |= {rule.product_id for rule in everywhere if rule.product_id not in decided}
        resting = past.resting(cap=slot.frequency_cap, days=7, now=NOW) if slot.frequency_cap else frozenset()
        for position, item in enumerate(one.items):
            card = cards_by_id[item.product_id]
            token = token_read(item.token)
            assert card.available
            assert card.in_stock or not slot.only_in_stock
            pinned = {rule.product_id for rule in slot.rules if rule.action == "pin"}
            assert item.product_id not in hidden | (resting - pinned)
            assert item.product_id not in past.bought or not slot.exclude_bought
            assert token is not None and 0 < token.propensity <= 1
            assert (item.position, token.position, token.product_id) == (position, position, item.product_id)
            if not slot.fill_filtered:
                assert card.in_stock or not asked.get("in_stock")
                assert "max_price" not in asked or (card.price is not None and 0 <= card.price <= asked["max_price"])
                assert "in_category" not in asked or asked["in_category"] in card.lineage


def test_the_written_world_shows_what_may_be_shown(ecomai: Any) -> None:
    ecomai(RESOLVE_OBJECTS=False)
    known = [Card(one, price=Decimal(1)) for one in IDS]
    config = Config({"home": PlacementConfig("home", "Home", True, (SlotConfig("drawn", id=1, size=20, explore=2),))})

    with world(known, config, Past(dismissed=frozenset({"p0"})), [Candidate(one, 1.0) for one in IDS]):
        (found,) = carousels("home", visitor_id="v", exclude=["p1"])

    assert sorted(item.product_id for item in found.items) == sorted(set(IDS) - {"p0", "p1"})
