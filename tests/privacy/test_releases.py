"""Lists that leave the shop: noisy, bounded, and within the budget of the ledger."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_ecomai.ml import private
from django_ecomai.privacy import releasing
from django_ecomai.privacy.models import ListRelease
from django_ecomai.privacy.releasing import BudgetSpent, budget_left, list_release
from django_ecomai.testing import order_make, product_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No noise: what is counted can be seen."""
    monkeypatch.setattr(private, "discrete_laplace", lambda scale, draw=None: 0)


def sales() -> None:
    """A lamp and a candle, bought together by 40 customers; one of them bought the vase as well."""
    lamp, candle, vase, _unsold = (product_make(external_id=name) for name in ("lamp", "candle", "vase", "unsold"))
    now = timezone.now()
    for number in range(40):
        order_make(customer=f"c{number}", lines=[lamp, candle], placed_at=now)
    order_make(customer="c0", lines=[lamp], placed_at=now)  # again: a customer counts once
    order_make(customer="c0", lines=[vase, lamp], placed_at=now)
    order_make(lines=[candle], placed_at=now)  # a guest
    order_make(customer="c1", lines=[vase], placed_at=now, status="cancelled")
    order_make(customer="c2", lines=[vase], placed_at=now - timedelta(days=400))


def test_products_are_counted_by_customers_and_unsold_ones_are_there(silent: None) -> None:
    sales()
    made = list_release(kind="popular", epsilon=Decimal("0.5"))
    assert made.rows == [(("candle",), 41), (("lamp",), 40), (("vase",), 1), (("unsold",), 0)]


def test_pairs_of_few_are_left_out(silent: None) -> None:
    sales()
    made = list_release(kind="together", epsilon=Decimal(2), most=2)
    assert made.rows == [(("candle", "lamp"), 40)]  # the threshold is above one customer, and above ten


def test_the_ledger_counts_and_the_budget_ends(ecomai: Any) -> None:
    ecomai(RELEASE_EPSILON=1.0)
    sales()
    list_release(kind="popular", epsilon=Decimal("0.6"))
    list_release(kind="together", epsilon=Decimal("0.4"))
    assert list(ListRelease.objects.order_by("number").values_list("number", "epsilon", "delta", "most")) == [
        (1, Decimal("0.6"), 0.0, 10), (2, Decimal("0.4"), 1e-6, 10),
    ]  # fmt: skip
    with pytest.raises(BudgetSpent, match=r"Only 0(\.0+)? of the budget of 1\.0 is left"):
        list_release(kind="popular", epsilon=Decimal("0.1"))
    assert ListRelease.objects.count() == 2
    ListRelease.objects.filter(number=1).update(at=timezone.now() - timedelta(days=366))
    assert budget_left() == Decimal("0.6")
    assert budget_left(channel="uk") == Decimal("1.0")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "names"}, "Unknown list"),
        ({"epsilon": Decimal(0)}, "above zero"),
        ({"most": 0}, "above zero"),
        ({"delta": 1.0}, "between 0 and 1"),
    ],
)
def test_nonsense_costs_nothing(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list_release(**{"kind": "popular", "epsilon": Decimal(1), **wrong})
    assert not ListRelease.objects.exists()


def test_the_command_writes_a_file(tmp_path: Path, silent: None) -> None:
    sales()
    out = StringIO()
    call_command("ecomai_release_list", "popular", "--output", str(tmp_path / "list.json"), stdout=out)
    written = json.loads((tmp_path / "list.json").read_text())
    assert written["rows"][0] == {"products": ["candle"], "customers": 41}
    assert (written["epsilon"], written["most_per_customer"]) == (0.5, 10)
    assert "4 rows" in out.getvalue() and "1.5" in out.getvalue()


def test_a_list_that_cannot_be_written_is_not_lost(tmp_path: Path, silent: None) -> None:
    sales()
    out = StringIO()
    with pytest.raises(CommandError, match="the list is above"):
        call_command("ecomai_release_list", "popular", "--output", str(tmp_path / "no" / "list.json"), stdout=out)
    assert json.loads(out.getvalue())["rows"]


def test_the_command_says_what_is_wrong(ecomai: Any) -> None:
    with pytest.raises(CommandError, match="is not a number"):
        call_command("ecomai_release_list", "popular", "--epsilon", "much")
    ecomai(RELEASE_EPSILON=0.1)
    with pytest.raises(CommandError, match="of the budget"):
        call_command("ecomai_release_list", "popular")


def test_of_a_huge_order_a_random_choice_of_pairs_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert releasing._pairs([["a", "b", "c"], ["b", "c"], ["d"]], most=1) == {("a", "b"), ("a", "c"), ("b", "c")}
    monkeypatch.setattr(releasing, "_PAIRS", 5)
    basket = [f"p{number:04}" for number in range(2000)]
    chosen = releasing._pairs([["one"], basket, basket], most=10)
    assert len(chosen) == 10
    assert all(first < second and {first, second} <= set(basket) for first, second in chosen)


def test_customers_are_counted_one_after_another(silent: None, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def told(*arguments: Any, **options: Any) -> Any:
        for person, cells in contributions(*arguments, **options):
            read.append(person)
            yield person, cells

    contributions = releasing._contributions
    monkeypatch.setattr(releasing, "_contributions", told)
    sales()
    assert list_release(kind="together", epsilon=Decimal(2), most=2).rows == [(("candle", "lamp"), 40)]
    assert len(read) == len(set(read)) == 41
