"""What the sliders cost: measured by a training, kept on its run, shown beside the sliders."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.urls import reverse

from django_ecomai.recommend import serving
from django_ecomai.recommend.models import Placement
from django_ecomai.recommend.selectors import SliderCost, slider_costs
from django_ecomai.recommend.viewer import Viewer, circumstances_of
from django_ecomai.recommend.widgets import SliderInput
from tests.recommend.factories import lantern_shop, page
from tests.recommend.helpers import train
from tests.recommend.test_admin import merchant

pytestmark = pytest.mark.django_db
__all__ = ["merchant"]


def test_a_training_measures_them_and_the_placement_shows_them(merchant: Any) -> None:
    home = Placement.objects.get(key="home")
    url = reverse("admin:ecomai_recommend_placement_change", args=[home.pk])
    assert slider_costs() == []
    unknown = "What this costs is not known yet"
    assert unknown in merchant.get(url).content.decode()
    lantern_shop()

    run = train()

    assert run.metrics["tradeoffs"]["users"] > 0
    costs = slider_costs()
    assert [cost.slider for cost in costs] == ["diversity", "novelty", "taste"]
    assert [[step[0] for step in cost.steps] for cost in costs] == [[0.0, 0.25, 0.5, 0.75, 1.0]] * 3
    assert [cost.steps[0][2] for cost in costs] == [0.0, 0.0, 0.0]
    ours = next(
        row for row in run.metrics["evaluation"] if row["ours"] and row["split"] == run.metrics["tradeoffs"]["view"]
    )
    assert costs[0].steps[0][1] == pytest.approx(ours["metrics"]["ndcg@20"])
    form = merchant.get(url).content.decode()
    assert unknown not in form
    # Each strength beside its slider, which it describes.
    told = SliderInput({"id": "s"})
    told.cost = costs[0]
    assert 'aria-describedby="s_cost"' in told.render("diversity", 0.5, {"id": "s"})
    for value in ("0.25", "0.5", "0.75", "1"):
        assert f"At {value}: hits " in form


def test_what_a_slider_does_is_told_in_whole_percents() -> None:
    widget = SliderInput()
    steps = [(0.0, 0.2, 0.0), (0.5, 0.19, -5.0)]
    widget.cost = SliderCost("diversity", "variety", steps, [(0.0, 0.0, 0.0), (0.5, -3.4, 12.4), (1.0, 0.2, 30.0)])

    html = widget.render("diversity", 0.5, {"id": "id_diversity", "aria-describedby": "id_diversity_helptext"})

    assert '<li data-value="0.5">At 0.5: hits −3 %, variety +12 %</li>' in html
    assert '<li data-value="1.0">At 1: hits ±0 %, variety +30 %</li>' in html
    assert "At 0:" not in html
    assert 'aria-describedby="id_diversity_helptext id_diversity_cost"' in html
    assert '<output class="ecomai-range__value" for="id_diversity" hidden></output>' in html


@pytest.mark.parametrize("names", ["color", [1], None, [""]])
def test_a_list_of_attributes_that_is_none_is_an_error(names: Any, ecomai: Any) -> None:
    ecomai(FILTER_ATTRIBUTES=names)

    assert "ecomai.E034" in [message.id for message in run_checks(tags=["ecomai"])]


def test_where_a_visitor_comes_from_is_asked_for_where_events_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known, unknown = Viewer(visitor_id="v"), Viewer()
    told = {"country": "DE", "device": "mobile", "other": "x"}
    monkeypatch.setattr("django_ecomai.events.circumstances.circumstances", lambda request: told)

    assert circumstances_of(page(), known) == {"country": "DE", "device": "mobile"}
    # Nobody knows who else will see the page of somebody unknown.
    assert circumstances_of(page(), unknown) == {}
    assert circumstances_of(None, known) == {}


def test_a_strategy_learns_where_the_visitor_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_ecomai.core.registry import Strategy, strategies

    asked: list[Any] = []
    spy = Strategy(label="Spy", help="", candidates=lambda query, n: asked.append(query) or [])
    monkeypatch.setitem(strategies._items, "spy", spy)
    monkeypatch.setattr(serving, "circumstances_of", lambda request, viewer: {"country": "DE"})

    serving.recommendations("spy", words="red lantern")

    assert (asked[0].country, asked[0].referrer, asked[0].words) == ("DE", "", "red lantern")
