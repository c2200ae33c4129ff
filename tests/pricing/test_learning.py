"""When elasticities are learned again, and what a run does without it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from django_ecomai.pricing import learning
from django_ecomai.pricing.held import NONE
from django_ecomai.pricing.models import PriceProposal, ProductElasticity
from django_ecomai.pricing.price_test_pages import Plan, plan_suggested, plan_warned
from django_ecomai.pricing.services.price_test_limits import price_test_problems
from django_ecomai.pricing.services.propose import proposals_make
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import product_make

from .adapters import PricedShop
from .factories import priced_product
from .shop import NOW, sales_make, shop_make

pytestmark = pytest.mark.django_db
KEPT = (
    "product_id", "old_price", "new_price", "gain", "gain_low", "gain_chance", "units_new", "elasticity", "curve",
    "daily", "history", "trail", "risk",
)  # fmt: skip


def learned_days() -> set[int]:
    """How many days after NOW what is stored was learned."""
    return {
        round((one - NOW) / timedelta(days=1)) for one in ProductElasticity.objects.values_list("made_at", flat=True)
    }


def test_elasticities_are_learned_again_after_a_week() -> None:
    shop_make()
    first = proposals_make(now=NOW)
    rows = list(PriceProposal.objects.order_by("product_id").values(*KEPT))
    assert first.learned_at == NOW and first.learned == 3
    later = proposals_make(now=NOW + timedelta(days=6))
    assert (later.learned_at, later.learned, later.reasons, later.tests) == (NOW, 3, {}, first.tests)
    assert learned_days() == {0}
    # what is worked out from stored elasticities is what was worked out from those just learned, to the last digit
    assert list(PriceProposal.objects.order_by("product_id").values(*KEPT)) == rows
    # a little earlier in the day than a week ago
    assert proposals_make(now=NOW + timedelta(days=6, hours=23)).learned_at == NOW + timedelta(days=6, hours=23)
    assert learned_days() == {7}


def test_as_often_as_the_setting_says_or_when_it_is_asked_for(settings: Any) -> None:
    shop_make((-3.0,))
    proposals_make(now=NOW)
    proposals_make(now=NOW + timedelta(days=1), learn_again=True)
    assert learned_days() == {1}
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_LEARN_DAYS": 0}
    proposals_make(now=NOW + timedelta(days=2))
    assert learned_days() == {2}


def test_a_dry_run_that_learns_stores_nothing() -> None:
    shop_make((-3.0,))
    proposals_make(now=NOW)
    assert proposals_make(now=NOW + timedelta(days=9), dry_run=True).learned_at == NOW + timedelta(days=9)
    assert learned_days() == {0}


def test_a_product_that_came_since_has_no_row_until_then() -> None:
    shop_make((-3.0,))
    proposals_make(now=NOW)
    product_make(external_id="new", price="5.00", cost=2)
    report = proposals_make(now=NOW + timedelta(days=1))
    assert (report.products, report.learned, report.reasons) == (2, 1, {"no_rows": 1})
    assert report.held == {"no_elasticity": 1}


def test_the_job_and_the_command_learn_again_when_they_are_told() -> None:
    shop_make((-3.0,))
    run_now(kind="pricing.propose")
    first = ProductElasticity.objects.get().made_at
    run = run_now(kind="pricing.propose")
    assert ProductElasticity.objects.get().made_at == first and "was learned last" in run.log
    assert run.metrics["pricing"]["learned_at"] == first.isoformat()
    run_now(kind="pricing.propose", parameters={"learn": True})
    second = ProductElasticity.objects.get().made_at
    assert second > first
    call_command("ecomai_price", stdout=StringIO())
    assert ProductElasticity.objects.get().made_at == second
    call_command("ecomai_price", "--learn", stdout=StringIO())
    assert ProductElasticity.objects.get().made_at > second


def test_the_button_learns_again(client: Client, admin_user: User) -> None:
    shop_make((-3.0,))
    proposals_make(now=NOW)
    client.force_login(admin_user)
    page = client.get(reverse("admin:ecomai_pricing_productelasticity_changelist")).content.decode()
    url = reverse("admin:ecomai_pricing_productelasticity_learn")
    assert "Learned last: " in page and f'action="{url}"' in page and "learned again after 7 days" in page
    assert client.get(url).status_code == 405
    answer = client.post(url, {"channel": ""})
    run = Run.objects.get(kind="pricing.propose")
    assert run.parameters == {"learn": True} and run.started_by == admin_user
    assert answer.headers["Location"].endswith(f"/{run.pk}/change/")
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_productelasticity"))
    client.force_login(reader)
    assert client.post(url).status_code == 403
    assert url not in client.get(reverse("admin:ecomai_pricing_productelasticity_changelist")).content.decode()


def test_categories_are_fitted_whole_and_as_many_at_once_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "FIT", 5)
    category = np.array([2, 0, 1, 0, 1, 2, 2, 2, 2, 0, 1])
    found = [one.tolist() for one in learning._groups(category, np.arange(100, 111))]
    # 0 and 1 have three products each: together too many; 2 has five
    assert found == [[1, 3, 9], [2, 4, 10], [0, 5, 6, 7, 8]]
    assert [one.tolist() for one in learning._groups(np.zeros(5, dtype=int), np.arange(5))] == [[0, 1, 2, 3, 4]]


def test_a_category_of_more_products_is_fitted_in_parts_and_each_product_stays_in_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learning, "FIT", 1000)
    keys = np.arange(5, 30_005, 10)  # a step in the keys is none in the parts
    category = np.r_[np.zeros(10, dtype=int), np.ones(len(keys), dtype=int)]
    small, *parts = learning._groups(category, np.r_[np.arange(40_000, 40_010), keys])
    assert small.tolist() == list(range(10))
    assert [len(part) for part in parts] == [774, 759, 744, 723]
    assert np.sort(np.concatenate(parts)).tolist() == list(range(10, len(category)))
    # of half as many products there are half as many parts, each of them out of two
    pair, other = ({keys[at] for at in part} for part in learning._groups(category[10:1510], keys[:1500]))
    whole = [{keys[at - 10] for at in part} for part in parts]
    assert pair <= whole[0] | whole[1] and other <= whole[2] | whole[3]


def test_in_parts_products_learn_what_they_learn_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = slopes_learned(fit=800, monkeypatch=monkeypatch)
    parts, slopes = slopes_learned(fit=200, monkeypatch=monkeypatch)
    difference = np.abs(parts.values["elasticity"] - whole.values["elasticity"])
    assert np.isfinite(difference).all()
    # a part of 200 has another mean of its category: little beside the doubt that is left about each product
    assert difference.mean() < 0.1 * whole.values["sd"].mean()
    error = [np.abs(one.values["elasticity"] - slopes).mean() for one in (whole, parts)]
    assert error[1] < 1.02 * error[0]


def slopes_learned(*, fit: int, monkeypatch: pytest.MonkeyPatch) -> tuple[learning.Learned, Any]:
    """Elasticities of 800 simulated products of one category, and the true ones."""
    monkeypatch.setattr(learning, "FIT", fit)
    draw, n, weeks = np.random.default_rng(1), 800, 52
    slopes, rate = draw.normal(-2.0, 0.6, n), draw.lognormal(2.0, 0.7, n)
    level = draw.choice([0.85, 0.95, 1.0, 1.1], (n, weeks // 4)).repeat(4, axis=1)
    units = draw.poisson(rate[:, None] * level ** slopes[:, None])
    keys = np.arange(1, n + 1)
    catalogue = learning.Catalogue(keys, ["EUR"] * n, np.zeros(n, np.int64), np.full(n, 10.0), np.ones(n, bool))
    found = learning.Learned.empty(keys)
    for members in learning._groups(catalogue.category, keys):
        rows = np.empty(len(members) * weeks, learning._ROW)
        rows["product"], rows["period"] = np.arange(len(members)).repeat(weeks), np.tile(np.arange(weeks), len(members))
        rows["units"], rows["price"] = units[members].ravel(), 10 * level[members].ravel()
        rows["promotion"], rows["in_stock"], rows["rivals"] = 0.0, 1.0, np.nan
        learning._fit(found, catalogue, rows, members)
    return found, slopes


def test_in_groups_of_one_category_products_learn_what_they_learn_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shop_make((-3.0, -2.5))
    proposals_make(now=NOW)
    columns = ("product_id", "elasticity", "sd", "own", "rho", "levels", "periods", "reason", "source")
    whole = list(ProductElasticity.objects.order_by("product_id").values(*columns))
    monkeypatch.setattr(learning, "READ", 1)
    proposals_make(now=NOW, learn_again=True)
    assert list(ProductElasticity.objects.order_by("product_id").values(*columns)) == whole


@pytest.mark.parametrize("limits", [{}, {"max_change_day": 0.04}, {"max_change_day": None, "max_change_week": None}])
def test_the_test_that_is_suggested_is_the_one_that_is_offered_and_can_be_started(
    settings: Any, shop: PricedShop, limits: dict[str, Any]
) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_LIMITS": limits}
    # what has had one price only is known by its category, which is not the same everywhere
    for product in shop_make((-6.0, -1.0, -3.5), rate=30.0):
        product.list_price = None
        product.save()
    sales_make(priced_product(external_id="still", cost=Decimal(4)), levels=(10.0,), rate=400.0)
    proposals_make(now=NOW)
    suggested = list(ProductElasticity.objects.filter(test_low__isnull=False).select_related("product"))
    assert suggested
    for row in suggested:
        offered = plan_suggested(product=row.product)
        assert offered == Plan(row.test_low, row.test_high, row.test_weeks)
        assert price_test_problems(product=row.product, pairs=[(offered.low, offered.high)]) == [NONE]
        assert plan_warned(product=row.product, plan=offered) == ""
