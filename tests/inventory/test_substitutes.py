"""Substitutes: declared by admin, file and REST, found in the data, and what they do to suggestions and what-if."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.forecast.selectors import demand_days
from django_ecomai.inventory import what_if
from django_ecomai.inventory.models import Substitution, Suggestion
from django_ecomai.inventory.positions import Facts
from django_ecomai.inventory.services import (
    SubstitutionError,
    substitution_declare,
    substitutions,
    substitutions_decide,
    substitutions_find,
)
from django_ecomai.inventory.services.replenish import suggestions_make
from django_ecomai.inventory.substitutes import links_between, parts, with_substitutes
from django_ecomai.inventory.tables_in import table_import
from django_ecomai.inventory.tables_out import table_csv
from django_ecomai.mirror.models import Product, StockPoint
from django_ecomai.testing import product_make

from .factories import suggestion_make
from .shop import DAYS, FIRST, sales_make, shop_make

pytestmark = pytest.mark.django_db
URL = "/ecomai/api/inventory/substitutions/"


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def pairs() -> list[tuple[str, str, float, str]]:
    rows = Substitution.objects.order_by("pk")
    return list(rows.values_list("product__external_id", "substitute__external_id", "share", "state"))


def made() -> dict[str, Suggestion]:
    suggestions_make()
    return {row.product.external_id: row for row in Suggestion.objects.select_related("product")}


def test_a_substitute_takes_demand_and_saves_margin() -> None:
    products = shop_make()
    before = made()
    substitution_declare(product=products["out"], substitute=products["surplus"], share=0.5)
    substitution_declare(product=products["out"], substitute=products["fine"], share=0.25)
    after = made()
    out, fine = after["out"], after["fine"]
    # The surplus one has enough for half of what is missed and earns as much a piece.
    assert before["out"].lost_margin and out.lost_margin
    saved = out.notes["saved"]
    assert float(before["out"].lost_margin) == pytest.approx(float(out.lost_margin) + saved, abs=0.01)
    assert saved >= 0.5 * float(before["out"].lost_margin) - 0.01
    surplus = out.notes["substitutes"][0]
    assert (surplus["product"], surplus["share"], surplus["hand"]) == ("surplus", 0.5, 4000)
    assert out.substitutes[1]["product"] == "fine" and fine.substitutes == []
    # Spare at 2 of the first's 4 a day.
    assert surplus["days"] == pytest.approx(surplus["spare"] / 2, rel=0.05)
    # Sold out for some 14 days: a quarter of 4 a day comes to the other, which is stocked for it.
    assert fine.notes["moved_in"] == pytest.approx(14, rel=0.2)
    assert fine.p50 > before["fine"].p50 and fine.order_up_to > before["fine"].order_up_to
    assert out.quantity == before["out"].quantity
    with translation.override("en"):
        assert "“Surplus” stands in for 50 %" in out.why and "substitutes save" in out.why
        assert "of the demand come from what is sold out" in fine.why


def test_only_pairs_in_use_count() -> None:
    products = shop_make()
    row = substitution_declare(product=products["out"], substitute=products["surplus"], share=0.5)
    substitutions_decide(substitutions=[row], use=False)
    assert "saved" not in made()["out"].notes
    substitutions_decide(substitutions=[row], use=True)
    assert made()["out"].notes["saved"] > 0


def test_products_that_are_tied_are_planned_together_and_others_change_nothing() -> None:
    facts = [Facts(pk, f"p{pk}", "", 1, 1, 1, "EUR", None) for pk in range(1, 9)]
    found = [[one.pk for one in part] for part in parts(facts, [(1, 8, 0.5), (8, 4, 0.5)], 2)]
    assert found == [[1, 4, 8], [2, 3], [5, 6], [7]]
    assert [[one.pk for one in part] for part in parts(facts, [], 5)] == [[1, 2, 3, 4, 5], [6, 7, 8]]
    assert list(parts([], [], 5)) == []


def test_substitutes_have_room_beside_however_many_products() -> None:
    a, b, c, d = (product_make() for _ in range(4))
    substitution_declare(product=a, substitute=c, share=0.2)
    substitution_declare(product=b, substitute=d, share=0.5)
    asked = [a.pk, b.pk]
    assert with_substitutes(channel="", product_ids=asked, most=1) == [*asked, d.pk]
    assert with_substitutes(channel="", product_ids=asked, most=2) == [*asked, d.pk, c.pk]


def test_another_currency_is_no_substitute() -> None:
    facts = [Facts(pk, f"p{pk}", "", 1, 1, 1, money, None) for pk, money in ((1, "EUR"), (2, "USD"), (3, "EUR"))]
    links = links_between(facts, [(1, 2, 0.5), (1, 3, 0.4), (1, 99, 0.4)])
    assert (links.product.tolist(), links.substitute.tolist(), links.share.tolist()) == ([0], [2], [0.4])


def test_what_cannot_be_declared_is_said() -> None:
    one, other = product_make(), product_make()
    abroad = product_make(channel="de")
    for product, substitute, share, message in (
        (one, one, 0.5, "itself"), (one, abroad, 0.5, "same shop"), (one, other, 0, "above 0"),
        (one, other, 1.5, "at most 1"),
    ):  # fmt: skip
        with translation.override("en"), pytest.raises(SubstitutionError, match=message):
            substitution_declare(product=product, substitute=substitute, share=share)
    for product, substitute in ((one, one), (one, abroad)):
        with pytest.raises(ValidationError):
            Substitution(product=product, substitute=substitute).full_clean()
    assert pairs() == []


def test_a_file_declares_them_and_comes_out_again() -> None:
    for name in ("a", "b", "c"):
        product_make(external_id=name)
    found = table_import(
        table="substitutions",
        content=lines(
            "product_id,substitute_id,share,both_ways,note",
            "a,b,0.5,yes,same mug",
            "a,c,0.25,,",
            "b,a,0.9,,",
            "a,a,0.5,,",
            "a,nothing,0.5,,",
            "b,c,1.5,,",
            "c,b,,,",
            "c,a,-1,,",
            "c,b,0.5,perhaps,",
            "c,b,0.005,,",
        ),
    )
    assert (found.created, found.updated, found.failed) == (2, 0, 8)
    assert [(p.line, p.column) for p in found.problems] == [
        (4, "substitute_id"), (5, "substitute_id"), (6, "substitute_id"), (7, "share"), (8, "share"), (9, "share"),
        (10, "both_ways"), (11, "share"),
    ]  # fmt: skip
    assert pairs() == [("a", "b", 0.5, "used"), ("a", "c", 0.25, "used"), ("b", "a", 0.5, "used")]
    out = table_csv(table="substitutions")
    again = table_import(table="substitutions", content=out)
    assert (again.created, again.updated, again.failed) == (0, 3, 0) and "same mug" in out


def test_rest_declares_uses_and_dismisses(client: Client) -> None:
    product_make(external_id="a")
    product_make(external_id="b")
    client.force_login(User.objects.create_superuser("boss"))
    pair = {"product_id": "a", "substitute_id": "b"}

    def post(**more: Any) -> Any:
        return client.post(URL, {**pair, **more}, content_type="application/json")

    assert post().status_code == 400
    assert post(share=2).status_code == 400 and post(share=0.5, substitute_id="a").status_code == 400
    assert post(share=0.5, substitute_id="x").status_code == 400
    assert post(share=0.5, note="alike", both_ways=True).json()["state"] == "used"
    assert post(dismiss=True).json()["state"] == "dismissed"
    assert [row["product_id"] for row in client.get(URL, {"state": "used"}).json()] == ["b"]
    assert client.get(URL, {"state": "odd"}).status_code == 400
    assert post().json()["state"] == "used"
    assert client.get(URL, {"product": "a"}).json()[0]["share"] == 0.5
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_substitution"))
    client.force_login(clerk)
    assert client.get(URL).status_code == 200 and post(share=0.4).status_code == 403


@pytest.fixture
def mugs() -> dict[str, Product]:
    """Two mugs that sell 4 a day; the blue one is sold out for 20 days, on which the red one sells 7."""
    gone = range(100, 120)
    products = {
        name: product_make(external_id=name, title=f"{name.title()} ceramic mug", stock=Decimal(50), price="5")
        for name in ("blue", "red")
    }
    sales_make(products["blue"], {day: 4 for day in range(DAYS) if day not in gone})
    sales_make(products["red"], {day: 7 if day in gone else 4 for day in range(DAYS)})
    for day, quantity in ((0, 50), (gone.start, 0), (gone.stop, 50)):
        at = FIRST + timedelta(days=day) - timedelta(hours=10)
        StockPoint.objects.create(product=products["blue"], quantity=Decimal(quantity), valid_from=at)
    return products


def test_they_are_found_in_the_data_and_wait_for_a_decision(mugs: dict[str, Product]) -> None:
    found = substitutions_find()
    assert found.as_dict() == {"products": 2, "new": 1, "open": 1, "gone": 0}
    assert pairs() == [("blue", "red", 0.75, "open")]
    row = Substitution.objects.get()
    assert (row.source, row.evidence["days"], row.evidence["with"], row.evidence["without"]) == ("suggested", 20, 4, 7)
    # Open ones are renewed; what was decided stays; what nothing speaks for any more goes.
    Substitution.objects.update(share=0.1)
    assert substitutions_find().as_dict()["new"] == 0 and pairs() == [("blue", "red", 0.75, "open")]
    substitutions_decide(substitutions=[row], use=False)
    Substitution.objects.update(share=0.1)
    substitutions_find()
    assert pairs() == [("blue", "red", 0.1, "dismissed")]
    stale = Substitution.objects.create(product=mugs["red"], substitute=mugs["blue"], state="open", source="suggested")
    assert substitutions_find().gone == 1 and not Substitution.objects.filter(pk=stale.pk).exists()


def test_every_change_says_when(mugs: dict[str, Product], monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago, now = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    row = Substitution.objects.create(
        product=mugs["blue"], substitute=mugs["red"], state=Substitution.State.OPEN, source="suggested"
    )

    def changed_by(change: Callable[[], object]) -> datetime:
        Substitution.objects.update(updated_at=long_ago)
        change()
        return Substitution.objects.values_list("updated_at", flat=True).get()

    def found_again() -> None:
        substitutions._store("", {(row.product_id, row.substitute_id): Substitution(share=0.3)}, substitutions.Found())

    file = lines("product_id,substitute_id,share", "blue,red,0.4")
    assert changed_by(found_again) == now
    assert changed_by(lambda: substitutions_decide(substitutions=[row], use=True)) == now
    assert changed_by(lambda: table_import(table="substitutions", content=file)) == now
    # A decision that changes nothing leaves the moment alone.
    assert changed_by(lambda: substitutions_decide(substitutions=[row], use=True)) == long_ago


def test_a_search_reads_the_days_of_some_products_at_a_time(
    mugs: dict[str, Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product_make(title="Garden hose", stock=Decimal(9), price="20")
    sizes: list[int] = []

    def counted(**asked: Any) -> Any:
        sizes.append(len(asked["product_ids"]))
        return demand_days(**asked)

    monkeypatch.setattr(substitutions, "demand_days", counted)
    monkeypatch.setattr(substitutions, "CHUNK", 1)
    assert substitutions_find().new == 1 and pairs() == [("blue", "red", 0.75, "open")]
    # One by one, then the blue mug with the red one.
    assert sizes == [1, 1, 1, 2]


def test_nothing_to_look_at() -> None:
    assert substitutions_find().as_dict() == {"products": 0, "new": 0, "open": 0, "gone": 0}


def test_the_page_uses_dismisses_and_turns_round(client: Client, mugs: dict[str, Product]) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    url = reverse("admin:ecomai_inventory_substitution_changelist")
    substitutions_find()
    html = client.get(url).content.decode()
    assert "7 a day on 20 days without the product, 4 with it" in html and "Look for substitutes" in html
    (row,) = Substitution.objects.all()
    for action, state in (("use", "used"), ("dismiss", "dismissed")):
        client.post(url, {"action": action, "_selected_action": [row.pk]})
        row.refresh_from_db()
        assert row.state == state
    client.post(url, {"action": "both_ways", "_selected_action": [row.pk]})
    assert pairs() == [("blue", "red", 0.75, "used"), ("red", "blue", 0.75, "used")]
    bad = client.post(
        reverse("admin:ecomai_inventory_substitution_add"),
        {"product": mugs["red"].pk, "substitute": mugs["red"].pk, "share": "0.5", "state": "used"},
    )
    assert "does not stand in for itself" in bad.content.decode()


def test_what_if_plays_substitutes_along(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    monkeypatch.setattr(what_if, "PATHS", 8)
    products = shop_make()
    alone = what_if.play(product_ids=[products["out"].pk], change=what_if.Change())
    substitution_declare(product=products["out"], substitute=products["surplus"], share=0.5)
    suggestions_make()
    both = what_if.play(product_ids=[products["out"].pk], change=what_if.Change())
    assert alone is not None and both is not None
    assert (alone.products, alone.substitutes, both.products, both.substitutes) == (1, 0, 2, 1)
    assert alone.futures.base.moved == 0 < both.futures.base.moved
    # Half of what the first misses is sold by the other, which earns as much: half of the margin is kept.
    missed = (both.futures.base.replay.demand - both.futures.base.replay.sold).sum(axis=1).mean()
    assert both.futures.base.moved == pytest.approx(missed / 2)
    assert both.futures.base.lost_margin == pytest.approx(missed * 3 / 2)
    client.force_login(User.objects.create_superuser("boss"))
    row = Suggestion.objects.get(product=products["out"])
    html = client.get(reverse("admin:ecomai_inventory_suggestion_what_if"), {"product": row.pk}).content.decode()
    assert "Out and what stands in for it" in html and "Pieces that moved to substitutes" in html


def test_words_without_anything_to_spare() -> None:
    facts = {"product": "b", "title": "B", "share": 0.5, "hand": 3, "spare": 0.0, "days": 0.0}
    row = suggestion_make(notes={"codes": [], "substitutes": [facts]})
    with translation.override("en"):
        assert "“B” stands in for 50 %, but has nothing to spare" in row.why
