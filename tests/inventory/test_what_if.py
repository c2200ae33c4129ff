"""What if: the same luck twice, sliders, and values that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from django_ecomai.core.registry import price_elasticities
from django_ecomai.inventory import what_if
from django_ecomai.inventory.admin.what_if_page import _rows, _sentence
from django_ecomai.inventory.models import Suggestion, SupplierProduct
from django_ecomai.inventory.services import substitution_declare
from django_ecomai.inventory.services.replenish import suggestions_make
from django_ecomai.mirror.models import Product

from .shop import shop_make

pytestmark = pytest.mark.django_db
URL = "admin:ecomai_inventory_suggestion_what_if"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(what_if, "PATHS", 16)
    shop_make()
    suggestions_make()
    return what_if.products_that_sell_most()


def played(pks: list[int], **change: Any) -> what_if.Comparison:
    found = what_if.play(product_ids=pks, change=what_if.Change(**change))
    assert found is not None
    return found.futures


def test_nothing_changed_differs_by_nothing(shop: list[int]) -> None:
    assert set(played(shop).difference().values()) == {0.0}


def test_effects_have_their_sign(shop: list[int]) -> None:
    slower = played(shop, lead_days=20)
    assert slower.changed.fill_rate < slower.base.fill_rate
    assert slower.changed.lost_margin > slower.base.lost_margin
    assert played(shop, demand=50).changed.bought > slower.base.bought
    assert played(shop, promotion=100).changed.replay.demand.sum() > slower.base.replay.demand.sum()
    assert played(shop, service=0.6).changed.holding <= slower.base.holding
    dear, stiff = played(shop, price=20), played(shop, price=20, elasticity=0.0)
    assert stiff.changed.lost_margin > stiff.base.lost_margin
    assert stiff.changed.replay.demand.sum() == stiff.base.replay.demand.sum()
    # Another price moves demand: 1.2 to the power of the elasticity.
    for found, elasticity in ((dear, what_if.DEFAULT_ELASTICITY), (played(shop, price=20, elasticity=-3.0), -3.0)):
        moved = found.changed.replay.demand.sum() / found.base.replay.demand.sum()
        assert moved == pytest.approx(1.2**elasticity, rel=0.06)
    poor = played(shop, budget=30.0)
    assert poor.changed.bought < poor.base.bought


@pytest.mark.parametrize(
    ("values", "wrong"),
    [({"demand": "x"}, "demand"), ({"lead_days": "999"}, "lead_days"), ({"service": "nan"}, "service"),
     ({"budget": "-5"}, "budget")],
)  # fmt: skip
def test_what_cannot_be_is_said(values: dict[str, str], wrong: str) -> None:
    with pytest.raises(what_if.BadChange, match=wrong):
        what_if.change_read(values)


def test_products_of_other_currencies_are_not_added(shop: list[int]) -> None:
    row = Suggestion.objects.get(product__external_id="low")
    assert row.product_id in shop
    Suggestion.objects.filter(pk=row.pk).update(currency="USD")
    assert set(what_if.products_that_sell_most()) == set(shop) - {row.product_id}


def test_several_currencies_are_an_error_that_names_them(client: Client, shop: list[int]) -> None:
    Product.objects.filter(external_id="low").update(currency="USD")
    SupplierProduct.objects.filter(product__external_id="low").update(currency="USD")
    with pytest.raises(what_if.BadChange, match="USD: low"):
        what_if.play(product_ids=shop, change=what_if.Change())
    client.force_login(User.objects.create_superuser("boss"))
    asked = client.get("/ecomai/api/inventory/what-if/", {"product": ["low", "fine"]})
    assert asked.status_code == 400 and "USD: low" in asked.json()["product"]
    assert client.get("/ecomai/api/inventory/what-if/", {"product": "low"}).json()["currency"] == "USD"


def test_elasticities_are_taken_from_an_app_that_knows(shop: list[int]) -> None:
    known = {shop[0]: -3.0, shop[1]: 2.0}  # above 0 nobody believes
    price_elasticities.register("test", lambda channel, pks: {pk: known[pk] for pk in pks if pk in known})
    try:
        found = what_if.play(product_ids=shop, change=what_if.Change(price=10))
    finally:
        price_elasticities.unregister("test")
    assert found is not None and found.elasticity_known == 1
    mean = (-3 + (len(shop) - 1) * what_if.DEFAULT_ELASTICITY) / len(shop)
    assert found.elasticity == pytest.approx(mean)


def test_levels_are_those_of_the_worklist(shop: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the worklist learned from many products about their spread is stored with it, and used here too."""
    row = Suggestion.objects.get(product__external_id="low")
    own = played([row.product_id]).base.reorder_point[0]
    monkeypatch.setattr("django_ecomai.ml.inventory.pooling.FEWEST", 3)
    suggestions_make()
    pooled = Suggestion.objects.get(product__external_id="low")
    assert pooled.reorder_point != row.reorder_point
    intercept, slope = pooled.notes["spread"]
    levels = [own]
    for wider in (0, 1, 2):
        Suggestion.objects.filter(pk=pooled.pk).update(notes={"spread": [intercept + wider, slope]})
        levels.append(played([row.product_id]).base.reorder_point[0])
    assert levels[0] != levels[1] < levels[2] < levels[3]
    # Drawn with other luck than the worklist's.
    assert levels[1] == pytest.approx(pooled.reorder_point, rel=0.25)


def test_what_stands_in_is_not_changed(shop: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def keep(base: Any, changed: Any, **more: Any) -> Any:
        seen.update(base=base, changed=changed)
        return compare(base, changed, **more)

    compare = what_if.compare
    monkeypatch.setattr(what_if, "compare", keep)
    out, surplus = (Product.objects.get(external_id=name) for name in ("out", "surplus"))
    substitution_declare(product=out, substitute=surplus, share=0.5)
    change = what_if.Change(demand=50, promotion=100, price=20, elasticity=-1.0, lead_days=5, service=0.5)
    found = what_if.play(product_ids=[out.pk], change=change)
    assert found is not None and (found.products, found.substitutes, found.elasticity_known) == (2, 1, 1)
    base, changed = seen["base"], seen["changed"]
    at = int(base.stock.on_hand.argmax())  # the surplus one
    one = 1 - at
    assert changed.stock.unit_price[[one, at]] == pytest.approx(base.stock.unit_price[[one, at]] * [1.2, 1])
    assert (changed.stock.service_target[one], changed.stock.service_target[at]) == (0.5, base.stock.service_target[at])
    days = [0, what_if.PROMOTION_DAYS]
    assert changed.mean[one, days] == pytest.approx(base.mean[one, days] * [1.5 * 2 / 1.2, 1.5 / 1.2])
    assert changed.mean[at].tolist() == base.mean[at].tolist()
    longer = (changed.lead_time_samples - base.lead_time_samples).mean(axis=1)
    assert longer[[one, at]] == pytest.approx([5, 0])


def test_no_price_brings_more_than_ten_times_the_demand(shop: list[int]) -> None:
    cheap = played(shop, price=-90, elasticity=-10.0)
    times = cheap.changed.replay.demand.sum() / cheap.base.replay.demand.sum()
    assert times == pytest.approx(10, rel=0.06)


def test_less_demand_is_no_gain_because_it_costs_less(shop: list[int]) -> None:
    found = what_if.play(product_ids=shop, change=what_if.Change(demand=-50))
    assert found is not None
    today, changed = found.futures.base, found.futures.changed
    assert changed.sold < today.sold and changed.revenue < today.revenue
    assert changed.cost < today.cost and changed.profit < today.profit
    rows = {str(row["label"]): row["verdict"] for row in _rows(found, what_if.Change(demand=-50))}
    assert rows["Pieces sold"] == rows["Profit: margin less holding and ordering"] == "worse"
    assert rows["Cost of holding"] == rows["Margin lost to stock-outs"] == ""
    assert "less profit in twelve weeks" in _sentence(found, what_if.Change(demand=-50))


def test_a_query_is_read() -> None:
    assert what_if.change_read({"demand": "10,5", "service": "97", "price": ""}) == what_if.Change(
        demand=10.5, service=0.97
    )


def test_the_page(client: Client, shop: list[int], django_assert_max_num_queries: Any) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    url = reverse(URL)
    with django_assert_max_num_queries(32):
        html = client.get(url, {"lead_days": "20"}).content.decode()
    assert "Lead time +20 days: " in html and "profit in twelve weeks, and " in html and ">+20 days</output>" in html
    assert ">as planned</output>" in html
    assert "Today&#x27;s plan" in html or "Today's plan" in html
    assert " worse" in html and 'value="20"' in html and "Products without stock" in html
    row = Suggestion.objects.get(product__external_id="low")
    assert "Low" in client.get(url, {"product": row.pk}).content.decode()
    assert "give a number" in client.get(url, {"demand": "much"}).content.decode()


def test_it_is_there_by_rest(client: Client, shop: list[int]) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    url = "/ecomai/api/inventory/what-if/"
    found = client.get(url, {"lead_days": "20", "product": ["low", "fine"]}).json()
    assert (found["products"], found["days"], found["currency"]) == (2, 84, "EUR")
    assert found["changed"]["fill_rate"] < found["today"]["fill_rate"]
    assert client.get(url, {"demand": "much"}).status_code == 400
    assert client.get(url, {"product": "nothing"}).status_code == 404
    (card,) = client.get("/ecomai/api/inventory/suppliers/").json()
    assert (card["supplier"], card["orders"], card["lead_mean"], card["products"]) == ("S1", 0, None, 6)


def test_rest_tells_what_a_price_earns(client: Client, shop: list[int]) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    asked = {"price": "20", "elasticity": "-3", "product": ["low", "fine"]}
    found = client.get("/ecomai/api/inventory/what-if/", asked).json()
    pks = list(Product.objects.filter(external_id__in=asked["product"]).values_list("pk", flat=True))
    futures = played(pks, price=20, elasticity=-3.0)
    for name, future in (("today", futures.base), ("changed", futures.changed)):
        for field in ("sold", "revenue", "margin", "profit"):
            assert found[name][field] == pytest.approx(getattr(future, field)), field
        assert found[name]["profit"] == pytest.approx(
            found[name]["margin"] - found[name]["holding"] - found[name]["ordering"]
        )
    assert found["changed"]["sold"] < found["today"]["sold"]


def test_the_page_without_data_and_without_permission(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    assert "Nothing to play with yet" in client.get(reverse(URL)).content.decode()
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_receipt"))
    client.force_login(clerk)
    assert client.get(reverse(URL)).status_code == 403
