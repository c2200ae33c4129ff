"""Who may send to which address: every endpoint without a key, with a wrong, revoked, expired or narrow one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from django_ecomai.ingest import urls
from django_ecomai.ingest.models import ApiKey, Scope
from django_ecomai.ingest.services import key_revoke

from .conftest import Sender

pytestmark = pytest.mark.django_db
SCOPES = {
    "categories": "catalogue:write",
    "products": "catalogue:write",
    "prices": "catalogue:write",
    "stock": "catalogue:write",
    "promotions": "catalogue:write",
    "customers": "customers:write",
    "orders": "orders:write",
    "reviews": "orders:write",
    "events": "events:write",
    "recommendations/home": "recommendations:read",
    "ledger": "prices:hold",
    "holds": "prices:hold",
    "holds/check": "prices:hold",
}
READ = ("recommendations/home", "ledger")


def ask(client: Client, address: str, **headers: str) -> Any:
    path = f"/ecomai/api/ingest/{address}/"
    if address in READ:
        return client.get(path, {"product": "LAN-1"}, headers=headers)
    return client.post(path, '{"rows": []}', content_type="application/json", headers=headers)


def test_every_address_is_tested() -> None:
    paths = {str(one.pattern) for one in urls.urlpatterns}
    assert paths == {"ingest/saleor/"} | {f"api/ingest/{one.replace('home', '<slug:placement>')}/" for one in SCOPES}
    assert get_resolver().resolve("/ecomai/api/ingest/products/").url_name == "api-products"


@pytest.mark.parametrize("address", SCOPES)
def test_without_a_key_or_with_a_wrong_one(address: str, shop: Sender) -> None:
    refused = {
        "none": {},
        "other scheme": {"authorization": f"Basic {shop.text}"},
        "no key": {"authorization": "Bearer"},
        "two words": {"authorization": f"Bearer {shop.text} x"},
        "unknown": {"authorization": "Bearer ecomai_00000000_" + "a" * 43},
        "only its beginning": {"authorization": f"Bearer {shop.key.prefix}"},
        "one letter off": {"authorization": f"Bearer {shop.text[:-1]}{'A' if shop.text[-1] != 'A' else 'B'}"},
        "not ascii": {"authorization": "Bearer ecomai_ü"},
    }
    for name, headers in refused.items():
        answer = ask(Client(), address, **headers)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), name


@pytest.mark.parametrize("address", SCOPES)
def test_a_member_of_staff_needs_a_key_too(address: str, admin_client: Client) -> None:
    assert ask(admin_client, address).status_code == 401


@pytest.mark.parametrize(("address", "scope"), SCOPES.items())
def test_only_the_scope_of_the_address_opens_it(address: str, scope: str, make_sender: Callable[..., Sender]) -> None:
    right = make_sender("right", [scope])
    wrong = make_sender("wrong", [one for one in Scope.values if one != scope])
    assert ask(right.client, address).status_code == 200
    assert ask(wrong.client, address).status_code == 403


@pytest.mark.parametrize("address", SCOPES)
def test_a_revoked_and_an_expired_key(address: str, make_sender: Callable[..., Sender]) -> None:
    revoked, expired = make_sender("revoked"), make_sender("expired", expires_at=timezone.now() + timedelta(days=1))
    assert ask(expired.client, address).status_code == 200
    assert key_revoke(key=revoked.key) is True
    ApiKey.objects.filter(pk=expired.key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    for sender in (revoked, expired):
        answer = ask(sender.client, address)
        assert (answer.status_code, answer.json()) == (
            401, {"detail": "This API key has been revoked or has expired."},
        )  # fmt: skip


def test_a_key_opens_nothing_but_its_scopes(shop: Sender) -> None:
    # Other endpoints do not know keys, and the events endpoint's own right cannot be had by one.
    assert shop.client.get("/ecomai/api/forecasts/").status_code in (401, 403)
    assert shop.client.get("/admin/").status_code == 302
    answer = shop.client.post("/ecomai/api/events/", {"events": []}, content_type="application/json")
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize("address", SCOPES)
def test_other_methods_are_refused(address: str, shop: Sender) -> None:
    path = f"/ecomai/api/ingest/{address}/"
    other = shop.client.post if address in READ else shop.client.get
    assert other(path).status_code == 405
    assert shop.client.delete(path).status_code == 405


def test_each_key_has_its_own_limit(make_sender: Callable[..., Sender], ecomai_setting: Callable[..., None]) -> None:
    ecomai_setting(INGEST_THROTTLE="2/min")
    first, second = make_sender("first"), make_sender("second")
    assert [ask(first.client, "products").status_code for _ in range(3)] == [200, 200, 429]
    answer = ask(first.client, "orders")
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    assert ask(second.client, "products").status_code == 200


def test_questions_and_deliveries_have_limits_of_their_own(shop: Sender, ecomai_setting: Callable[..., None]) -> None:
    ecomai_setting(INGEST_THROTTLE="1/min", INGEST_READ_THROTTLE="2/min")
    assert [ask(shop.client, "products").status_code for _ in range(2)] == [200, 429]
    assert [ask(shop.client, "recommendations/home").status_code for _ in range(3)] == [200, 200, 429]
