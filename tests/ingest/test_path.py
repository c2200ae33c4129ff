"""From a key to recommendations: a shop elsewhere sends its rows, a model is trained, its front end asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from django_ecomai.mirror.models import Order, Product
from django_ecomai.recommend import config
from django_ecomai.runs import live
from tests.recommend.helpers import train

from .conftest import HEADLESS, Sender

pytestmark = pytest.mark.django_db


@pytest.fixture
def cold(ecomai_setting: Callable[..., None], tmp_path: Path) -> Iterator[None]:
    """A process that has loaded no model."""
    ecomai_setting(ADAPTER=HEADLESS, ARTIFACT_DIR=str(tmp_path / "artifacts"), DISPATCH="inline", CURRENCY="EUR")
    config.forget()
    live.live_reset()
    yield
    config.forget()
    live.live_reset()


def orders() -> list[dict[str, object]]:
    """Whoever buys a lamp buys its bulb, whoever buys a pot buys its plant."""
    start = datetime.now(UTC) - timedelta(days=60)
    pairs = (("lamp", "bulb"), ("pot", "plant"), ("cup", "saucer"))
    return [
        {
            "id": f"o{day}-{number}",
            "placed_at": (start + timedelta(days=day, hours=number)).isoformat(),
            "customer_id": f"c{(day * 3 + number) % 9}",
            "lines": [{"product_id": one, "quantity": 1, "unit_price": "9.90"} for one in pair],
        }
        for day in range(12)
        for number, pair in enumerate(pairs)
    ]


@pytest.mark.usefixtures("cold")
def test_a_key_the_rows_a_model_and_its_recommendations(shop: Sender) -> None:
    names = ("lamp", "bulb", "pot", "plant", "cup", "saucer")
    answer = shop.send_lines("products", *({"id": one, "title": one.title(), "price": 9.9} for one in names))
    assert (answer["accepted"], answer["rejected"]) == (6, 0)
    assert shop.send_lines("orders", *orders())["accepted"] == 36
    assert (Product.objects.count(), Order.objects.count()) == (6, 36)

    train(budget=1)
    found = shop.get("recommendations/product/", product="lamp", strategy="bought_together")
    first = found["carousels"][0]["items"][0]
    assert (first["product_id"], first["title"], first["price"]) == ("bulb", "Bulb", "9.90")
