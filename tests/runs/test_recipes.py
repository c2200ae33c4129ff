"""Recipes in a merchant's words."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from django_ecomai.ml.recommend.recipe import SOURCES as KINDS
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.runs.presenting import facts, tried_tables
from django_ecomai.runs.recipes import PARAMETERS, SOURCES, recipe_words

BLEND = Recipe(
    sources=(Source("ease", {"half_life_days": 60.0, "regularisation": 10.0}, 0.4), Source("content")),
    trend_power=0.5,
    repeat_trend_power=0.25,
    repeat_half_life_days=120.0,
    repeat_share=0.5,
).to_dict()


def test_a_blend_says_what_it_looks_at_and_how() -> None:
    name, details = recipe_words(BLEND, "new_items")
    assert name == "71 % titles, categories and attributes (content) + 29 % same customers, linear weights (EASE)"
    assert details == (
        "same customers, linear weights (EASE): data fade by half in 60 days, regularisation 10; a visitor's past "
        "fades by half in 180 days; what sells now, to the power of 0.5"
    )


def test_the_other_parts_say_what_was_judged() -> None:
    assert recipe_words(BLEND, "repeat_items") == (
        "the customer's own habit",
        "purchases fade by half in 120 days; what sells now, to the power of 0.25",
    )
    name, details = recipe_words(BLEND, "all")
    assert name.endswith("(EASE), and the customer's own habit × 0.5")
    assert details.endswith("purchases fade by half in 120 days; what sells now, to the power of 0.25")


def test_single_models_and_popularity() -> None:
    single = Recipe(sources=(Source("sequential", {"half_life_days": None, "window": 10}),), history_step_decay=0.8)
    assert recipe_words(single.to_dict()) == (
        "What came soon after (sequential rules)",
        "old data count in full, steps apart at most 10; a visitor's past fades by half in 180 days; "
        "each step back counts × 0.8",
    )
    assert recipe_words(Recipe(trending_days=1.0).to_dict()) == ("popular (1 day)", "")
    assert recipe_words(Recipe(trending_days=None).to_dict()) == ("popular (all time)", "")


def test_in_german_nothing_stays_english() -> None:
    with override("de"):
        name, details = recipe_words(BLEND, "all")
    assert "gleiche Kunden" in name and "eigene Gewohnheit" in name
    assert "verblassen in 60 Tagen zur Hälfte" in details and "0,25" in details


@pytest.mark.parametrize("kind", [*KINDS, "session_knn"])
def test_every_kind_and_every_parameter_that_is_tried_has_words(kind: str) -> None:
    assert kind in SOURCES
    for name in ("regularisation", "item_power", "backward", "window", "rank", "gram", "damping", "neighbours"):
        assert name in PARAMETERS


@pytest.mark.parametrize(
    "strange",
    [
        None,
        3,
        {},
        {"sources": 3},
        {"sources": [3]},
        {"sources": [{"kind": "ease"}]},
        {"sources": [], "trending_days": "x"},
    ],
)
def test_what_is_no_recipe_has_no_words(strange: object) -> None:
    assert recipe_words(strange) == ("", "")


def test_the_run_page_names_what_was_tried_and_what_serves() -> None:
    named = {"part": "new_items", "name": "raw"}
    tried = [
        {**named, "recipe": BLEND, "rough": True, "chosen": False, "metrics": {"recall@20": 1.0}},
        {**named, "recipe": {"of": "another version"}, "metrics": {"recall@20": 0.5}},
    ]
    rows = tried_tables({"tried": tried})[0].rows
    assert rows[0]["model"].startswith("71 % titles")
    assert rows[0]["details"].endswith("; first look, on a third of the customers")
    assert (rows[1]["model"], rows[1]["details"]) == ("raw", "")
    shown = dict(facts({"recipe": BLEND, "recipe_name": "content() + 0.4 x ease()"}))
    assert list(shown) == ["Model"] and shown["Model"].startswith("71 % titles")
    assert dict(facts({"recipe_name": "ease()"})) == {"Recipe name": "ease()"}
