"""Properties that hold for every catalogue, rule and ranking."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.recommend.catalogue import Card
from django_ecomai.recommend.config import Rule, SlotConfig
from django_ecomai.recommend.query import Candidate
from django_ecomai.recommend.rules import DROPPED, rules_apply, rules_in_force, take

IDS = [f"p{i}" for i in range(8)]
CATEGORIES = ["a", "b", "c"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.none() | st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@st.composite
def cards(draw: st.DrawFn) -> dict[str, Card]:
    found = {}
    for product_id in draw(st.lists(st.sampled_from(IDS), unique=True)):
        main = draw(st.none() | st.sampled_from(CATEGORIES))
        above = draw(st.sets(st.sampled_from(CATEGORIES), max_size=2))
        found[product_id] = Card(
            product_id,
            title=product_id,
            in_stock=draw(st.booleans()),
            available=draw(st.integers(0, 5)) > 0,
            categories=((main, main),) if main else (),
            lineage=frozenset({main, *above}) if main else frozenset(),
        )
    return found


rules = st.lists(
    st.builds(
        lambda action, target, factor, start, end: Rule(
            action,
            product_id=target if target in IDS else "",
            category_id=target if target in CATEGORIES else "",
            factor=factor,
            starts_at=start,
            ends_at=end,
        ),
        st.sampled_from(["pin", "boost", "bury", "hide"]),
        st.sampled_from(IDS + CATEGORIES),
        st.floats(1, 100),
        moments,
        moments,
    ),
    max_size=6,
)
slots = st.builds(
    SlotConfig,
    st.just("trending"),
    size=st.integers(1, 8),
    only_in_stock=st.booleans(),
    exclude_bought=st.booleans(),
    category_cap=st.none() | st.integers(1, 3),
)
rankings = st.lists(st.builds(Candidate, st.sampled_from(IDS), st.floats(-10, 10), st.just("popular")), max_size=20)
subsets = st.sets(st.sampled_from(IDS))


@given(cards(), slots, rules, rankings, subsets, subsets, subsets)
def test_what_is_forbidden_never_comes(
    known: dict[str, Card],
    slot: SlotConfig,
    decided: list[Rule],
    ranking: list[Candidate],
    exclude: set[str],
    bought: set[str],
    shown: set[str],
) -> None:
    force = [rule for rule in decided if rule.holds(NOW)]
    ranked = rules_apply(ranking, known, slot, force, exclude=exclude, bought=bought)
    chosen = [one.product_id for one in take(ranked, known, limit=slot.size, category_cap=slot.category_cap,
                                             unwanted=shown)]  # fmt: skip

    assert len(chosen) <= slot.size
    assert len(chosen) == len(set(chosen))
    assert not set(chosen) & (exclude | shown)
    per_category = Counter(known[one].main_category for one in chosen if known[one].main_category)
    for one in chosen:
        card = known[one]
        assert card.available
        assert card.in_stock or not slot.only_in_stock
        assert one not in bought or not slot.exclude_bought
        for rule in force:
            if rule.action == "hide":
                assert one != rule.product_id
                assert rule.category_id not in card.lineage
    if slot.category_cap is not None:
        assert all(number <= slot.category_cap for number in per_category.values())
    assert set(ranked.dropped.values()) <= set(DROPPED)
    assert not set(ranked.dropped) & set(chosen)


@given(cards(), slots, rules, rankings)
def test_the_same_question_has_the_same_answer(
    known: dict[str, Card], slot: SlotConfig, decided: list[Rule], ranking: list[Candidate]
) -> None:
    first = rules_apply(ranking, known, slot, decided)
    second = rules_apply(list(ranking), dict(reversed(known.items())), slot, list(decided))

    assert first.kept == second.kept
    assert first.dropped == second.dropped


@given(cards(), slots, rankings)
def test_without_rules_the_order_of_the_strategy_stays(
    known: dict[str, Card], slot: SlotConfig, ranking: list[Candidate]
) -> None:
    kept = [one.product_id for one in rules_apply(ranking, known, slot, []).kept]

    assert kept == [one for one in dict.fromkeys(c.product_id for c in ranking) if one in kept]


@given(cards(), slots, rules, rankings)
def test_pinned_products_lead_in_the_order_of_the_rules(
    known: dict[str, Card], slot: SlotConfig, decided: list[Rule], ranking: list[Candidate]
) -> None:
    kept = [one.product_id for one in rules_apply(ranking, known, slot, decided).kept]
    pins = [rule for rule in decided if rule.action == "pin" and rule.product_id in kept]
    if any(rule.action == "pin" and rule.category_id for rule in decided):
        return
    wanted = list(dict.fromkeys(rule.product_id for rule in pins))

    assert kept[: len(wanted)] == wanted


@given(cards(), rankings, st.sampled_from(IDS), st.floats(1, 100))
def test_more_never_moves_down_and_less_never_moves_up(
    known: dict[str, Card], ranking: list[Candidate], product_id: str, factor: float
) -> None:
    slot = SlotConfig("trending", only_in_stock=False)

    def place(*decided: Rule) -> int | None:
        kept = [one.product_id for one in rules_apply(ranking, known, slot, decided).kept]
        return kept.index(product_id) if product_id in kept else None

    plain = place()
    if plain is None:
        return
    more, less = place(Rule("boost", product_id, "", factor)), place(Rule("bury", product_id, "", factor))

    assert more is not None and more <= plain
    assert less is not None and less >= plain


@given(rules)
def test_rules_outside_their_dates_do_nothing(decided: list[Rule]) -> None:
    slot = SlotConfig("trending", rules=tuple(decided))

    for rule in rules_in_force(slot, NOW):
        assert rule.starts_at is None or rule.starts_at <= NOW
        assert rule.ends_at is None or rule.ends_at > NOW
