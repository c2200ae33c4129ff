"""The merchant's pages about prices as tests open them and press their buttons."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from django_ecomai.pricing.models import PriceProposal
from tests.clients import read

LIST = "admin:ecomai_pricing_priceproposal_changelist"
CURVE = {
    "prices": [9.0, 10.0, 11.0], "units": [47.0, 40.0, 34.0], "profit": [235.0, 240.0, 238.0],
    "profit_low": [220.0, 240.0, 215.0], "profit_high": [250.0, 240.0, 260.0],
}  # fmt: skip


def page(client: Client, name: str = LIST, *args: Any, query: str = "") -> str:
    return read(client.get(reverse(name, args=args) + query))


def choose(client: Client, action: str, *rows: PriceProposal, query: str = "", **values: Any) -> str:
    data = {"action": action, "index": 0, "_selected_action": [row.pk for row in rows], **values}
    return read(client.post(reverse(LIST) + query, data, follow=True))


def approve(client: Client, *rows: PriceProposal, **values: Any) -> str:
    data = {"ids": ",".join(str(row.pk) for row in rows), "when": "now", **values}
    return read(client.post(reverse(f"{LIST[:-11]}_approve"), data, follow=True))


def decide(client: Client, row: PriceProposal, action: str, **values: Any) -> Any:
    url = reverse("admin:ecomai_pricing_priceproposal_decide", args=[row.pk])
    return client.post(url, {"action": action, **values}, follow=True)


def states() -> list[str]:
    return list(PriceProposal.objects.order_by("pk").values_list("state", flat=True))
