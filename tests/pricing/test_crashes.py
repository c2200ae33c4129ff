"""What a worker that is killed, or another one, leaves behind: taking back, reopening, keeping a tested price."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing import ledger
from django_ecomai.pricing.models import Competitor, PriceChange, PriceProposal, PriceReduction
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    competitors_import,
    price_test_start,
    prices_watch,
    proposals_approve,
    proposals_make,
    proposals_reopen,
)
from django_ecomai.pricing.services import undo as undo_room
from django_ecomai.testing import product_make

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make
from .shop import NOW, shop_make

pytestmark = pytest.mark.django_db
TEN, NEW = Decimal("10"), Decimal("10.5")


def in_the_shop(live_shop: LiveShop, number: int = 2, family: str = "p1") -> list[PriceChange]:
    """A family at 10.50 that was at 10.00."""
    for at in range(number):
        proposal_make(priced_product(external_id=f"a{at}"), state="approved", family=family, batch="b")
        live_shop.now[f"a{at}"] = TEN
    assert changes_apply().as_dict()["applied"] == number
    return list(PriceChange.objects.order_by("pk"))


def test_a_worker_that_is_killed_while_a_family_is_taken_back_leaves_no_two_prices(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that takes too long is ended by ``SystemExit``: the first price is back in the shop, the second not."""
    change, _other = in_the_shop(live_shop)
    real = LiveShop.restore_price

    def killed(self: LiveShop, ident: str, price: Any, list_price: Any) -> None:
        if ident == "a1":
            raise SystemExit(1)
        real(self, ident, price, list_price)

    monkeypatch.setattr(LiveShop, "restore_price", killed)
    with pytest.raises(SystemExit):
        change_undo(change=change)
    monkeypatch.setattr(LiveShop, "restore_price", real)
    later = timezone.now() + timedelta(hours=1)
    prices_watch(now=later)
    assert len(set(live_shop.now.values())) == 1, live_shop.now


def test_the_shop_is_written_to_outside_of_a_transaction_when_a_price_is_taken_back(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As applying does it: a slow shop holds no locks on proposals, changes and price tests."""
    (change,) = in_the_shop(live_shop, 1, "")
    depths: list[int] = []
    real = undo_room.write_price

    def write(*args: Any, **more: Any) -> Any:
        depths.append(len(connection.savepoint_ids))
        return real(*args, **more)

    monkeypatch.setattr(undo_room, "write_price", write)
    before = len(connection.savepoint_ids)
    change_undo(change=change)
    assert depths == [before]


@pytest.mark.parametrize(
    "address",
    [
        "/ecomai/api/pricing/changes/1/undo/",
        "/ecomai/api/pricing/changes/selections/1/confirm/",
        "admin:ecomai_pricing_pricechange_changelist",
    ],
)
def test_no_view_that_takes_prices_back_has_a_transaction_around_it(address: str) -> None:
    url = address if address.startswith("/") else reverse(address)
    assert "default" in getattr(resolve(url).func, "_non_atomic_requests", ())


@pytest.mark.django_db(transaction=True)
def test_an_error_after_prices_were_taken_back_leaves_their_records(
    live_shop: LiveShop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_ecomai.pricing.api import changes as room

    (change,) = in_the_shop(live_shop, 1, "")
    client.force_login(User.objects.create_superuser("boss"))
    client.raise_request_exception = False
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    monkeypatch.setattr(room, "Response", None)
    answer = client.post(f"/ecomai/api/pricing/changes/{change.pk}/undo/", {}, content_type="application/json")
    assert answer.status_code == 500 and live_shop.now == {"a0": TEN}
    assert PriceChange.objects.filter(kind="undo").count() == 1


def test_a_price_that_is_opened_again_during_a_run_stays(shop: PricedShop) -> None:
    """The run leaves out what is approved; opened again before its end, it is "not on sale any more" to the run."""
    shop_make((-3.0,))
    proposals_make(now=NOW)
    row = PriceProposal.objects.get()
    proposals_approve(proposals=[row])

    def reopened(_rows: list[PriceProposal]) -> None:
        proposals_reopen(proposals=[row])

    proposals_make(now=NOW + timedelta(hours=1), on_rows=reopened)
    assert list(PriceProposal.objects.values_list("pk", "state")) == [(row.pk, "open")]


def test_a_reduction_that_another_worker_has_stored_as_running_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The price fell and rose again at once: who heard of the fall writes after who heard of the rise has looked."""
    now = timezone.now()
    product = product_make(price="12.00", list_price=Decimal(12), currency="EUR")
    began = now - timedelta(hours=2)
    for at, price in ((now - timedelta(days=60), 12), (began, 9), (now - timedelta(hours=1), 12)):
        PricePoint.objects.create(product=product, price=price, list_price=12, currency="EUR", valid_from=at)
    real = ledger.histories

    def slow(**asked: Any) -> Any:
        found = real(**asked)
        if not PriceReduction.objects.exists():
            PriceReduction.objects.create(
                product=product, began_at=began, ended_at=None, price=9, list_price=12, lowest_before=12,
                known_since=now - timedelta(days=60), currency="EUR",
            )  # fmt: skip
        return found

    monkeypatch.setattr(ledger, "histories", slow)
    ledger.price_record(products=[product.pk])
    assert PriceReduction.objects.get().ended_at is not None


def test_a_reduction_that_another_worker_has_ended_meanwhile_does_not_run_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other way round: who heard of the fall has looked before the price rose, and writes after who heard of it."""
    now = timezone.now()
    product = product_make(price="9.00", list_price=Decimal(12), currency="EUR")
    began, ended = now - timedelta(hours=2), now - timedelta(hours=1)
    for at, price in ((now - timedelta(days=60), 12), (began, 9)):
        PricePoint.objects.create(product=product, price=price, list_price=12, currency="EUR", valid_from=at)
    real = ledger.histories

    def slow(**asked: Any) -> Any:
        found = real(**asked)
        if not PriceReduction.objects.exists():
            PricePoint.objects.create(product=product, price=12, list_price=12, currency="EUR", valid_from=ended)
            Product.objects.update(price=12)
            PriceReduction.objects.create(
                product=product, began_at=began, ended_at=ended, price=9, list_price=12, lowest_before=12,
                known_since=now - timedelta(days=60), currency="EUR",
            )  # fmt: skip
        return found

    monkeypatch.setattr(ledger, "histories", slow)
    ledger.price_record(products=[product.pk])
    assert PriceReduction.objects.get().ended_at == ended


def test_two_posts_that_both_bring_a_new_competitor_are_both_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker has added it between the look and the write."""
    real, looks = competitors_import.locked_rows, []

    def look(rows: Any) -> Any:
        found = list(real(rows))
        looks.append(found)
        if len(looks) == 1:
            Competitor.objects.create(code="new", name="new")
        return found

    monkeypatch.setattr(competitors_import, "locked_rows", look)
    rows = [{"competitor": "new", "title": "Cup", "price": "4.20"}]
    assert competitors_import.offers_import(rows=rows, add_competitors=True).created == 1


def test_a_price_test_is_not_started_over_a_price_that_is_scheduled(shop: PricedShop, settings: LazySettings) -> None:
    """Else what a merchant has approved for tomorrow is overtaken tomorrow, and nobody said so when the test began."""
    product = priced_product()
    proposal_make(product, state="scheduled", apply_at=timezone.now() + timedelta(days=1))
    with pytest.raises(PricingError, match="approved already"):
        price_test_start(product=product, low=Decimal("9.80"), high=Decimal("10.20"), weeks=2, seed=1)
    assert Product.objects.count() == 1
