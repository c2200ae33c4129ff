"""Keys are shown once, stored as a hash, used coarsely, revoked for good, and never logged."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django.utils import timezone
from django.views.debug import SafeExceptionReporterFilter

from django_ecomai.ingest.models import ApiKey, DeliveryAnswer, Webhook
from django_ecomai.ingest.services import BadKey, key_find, key_make, key_revoke, key_used

from .conftest import Sender

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/ecomai_ingest/apikey/add/", "/admin/ecomai_ingest/apikey/"


def test_only_a_beginning_and_a_keyed_hash_are_stored() -> None:
    key, text = key_make(name="Shop", scopes=["orders:write"])
    assert text.startswith(f"{key.prefix}_") and len(text) == len("ecomai_12345678_") + 43
    stored = " ".join(str(value) for value in ApiKey.objects.values_list().get())
    assert text not in stored and text.split("_", 2)[2] not in stored
    assert key_find(text) == key
    assert text not in repr(key) + str(key)


def test_a_key_is_found_under_a_secret_of_before(ecomai_setting: Callable[..., None]) -> None:
    ecomai_setting(HASH_KEY="old")
    key, text = key_make(name="Shop", scopes=["orders:write"])
    ecomai_setting(HASH_KEY="new", HASH_KEY_FALLBACKS=["old"])
    assert key_find(text) == key
    ecomai_setting(HASH_KEY="new", HASH_KEY_FALLBACKS=[])
    assert key_find(text) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scopes": []}, "at least one scope"),
        ({"scopes": ["everything"]}, "no scope everything"),
        ({"name": " "}, "Give the key a name"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "ended already"),
    ],
)
def test_what_no_key_can_be(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadKey, match=message):
        key_make(**{"name": "Shop", "scopes": ["orders:write"], **fields})


def test_a_name_is_taken_once_per_shop() -> None:
    key_make(name="Shop", scopes=["orders:write"])
    key_make(name="Shop", scopes=["orders:write"], channel="b")
    with pytest.raises(BadKey, match="named “Shop” already"):
        key_make(name="Shop", scopes=["orders:write"])


def test_use_is_noted_to_the_hour_and_without_a_write_per_request(shop: Sender, django_assert_num_queries: Any) -> None:
    shop.send("products")
    shop.key.refresh_from_db()
    used = shop.key.last_used_at
    assert (used.minute, used.second, used.microsecond) == (0, 0, 0)
    with django_assert_num_queries(0):
        key_used(key=shop.key)


def test_a_key_is_revoked_once(shop: Sender) -> None:
    assert (key_revoke(key=shop.key), key_revoke(key=shop.key)) == (True, False)


def test_no_key_is_logged_and_no_report_of_an_error_shows_it(shop: Sender, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shop.send("products", {"id": "A", "title": "Lamp"})
    shop.send_raw("products", "{", "application/json", status=400)
    forged = shop.text[:-1] + ("y" if shop.text.endswith("x") else "x")
    answer = Client(headers={"authorization": f"Bearer {forged}"}).post("/ecomai/api/ingest/products/")
    assert answer.status_code == 401
    key_revoke(key=shop.key)
    shop.send("products", status=401)
    secret = shop.text.split("_", 2)[2][:-1]  # it may hold underscores itself
    assert len(secret) == 42
    assert secret not in caplog.text
    request = RequestFactory(headers={"authorization": f"Bearer {shop.text}"}).get("/")
    assert secret not in str(SafeExceptionReporterFilter().get_safe_request_meta(request))


# -- admin ----------------------------------------------------------------------------------------------------------
def text_of(answer: Any) -> str:
    """The key that the page shows."""
    return str(answer.context["text"])


def test_a_key_is_made_and_seen_once(admin_client: Client) -> None:
    form = admin_client.get(ADD).content.decode()
    assert 'type="checkbox"' in form and "send orders and reviews" in form
    answer = admin_client.post(ADD, {"name": "Storefront", "scopes": ["orders:write", "events:write"]})
    text = text_of(answer)
    page = answer.content.decode()
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    assert f'value="{text}"' in page and "data-copy" in page and '<label for="ecomai-key"' in page
    key = key_find(text)
    assert key is not None and key.scopes == ["orders:write", "events:write"]
    assert key.created_by is not None
    for shown in (admin_client.get(LIST), admin_client.get(f"{LIST}{key.pk}/change/"), admin_client.get("/admin/")):
        assert text.split("_", 2)[2] not in shown.content.decode()
    # Neither the log of the admin nor a session has it.
    assert [str(one) for one in LogEntry.objects.all()] == [f"Added “{key}”."]
    assert all(text not in str(one.get_decoded()) for one in Session.objects.all())
    # Sent again by reloading the page: the name is taken, no second key.
    again = admin_client.post(ADD, {"name": "Storefront", "scopes": ["orders:write"]})
    assert "already exists" in again.content.decode()
    assert ApiKey.objects.count() == 1


def test_the_form_names_what_is_missing(admin_client: Client) -> None:
    page = admin_client.post(ADD, {"name": "", "expires_at_0": "2020-01-01", "expires_at_1": "00:00"}).content.decode()
    assert page.count("This field is required.") == 2 and "The key would have ended already" in page


def test_a_key_is_revoked_after_a_question(admin_client: Client, shop: Sender) -> None:
    page = f"{LIST}{shop.key.pk}/"
    assert "Revoke…" in admin_client.get(f"{page}change/").content.decode()
    question = admin_client.get(f"{page}revoke/").content.decode()
    assert "Revoke now" in question and shop.key.prefix in question
    shop.key.refresh_from_db()
    assert shop.key.revoked_at is None
    answer = admin_client.post(f"{page}revoke/", follow=True).content.decode()
    assert "is revoked" in answer and "Revoke…" not in answer
    assert LogEntry.objects.count() == 1
    admin_client.post(f"{page}revoke/")
    assert LogEntry.objects.count() == 1
    assert admin_client.get(f"{LIST}9999/revoke/").status_code == 404


def test_the_list_tells_the_state_in_words(admin_client: Client) -> None:
    key_make(name="Open", scopes=["orders:write"])
    ended, _ = key_make(name="Ended", scopes=["events:write"], expires_at=timezone.now() + timedelta(days=1))
    ApiKey.objects.filter(pk=ended.pk).update(expires_at=timezone.now() - timedelta(days=1))
    key_revoke(key=key_make(name="Gone", scopes=["orders:write"])[0])
    page = admin_client.get(LIST).content.decode()
    for words in ("expired on", "revoked on", "valid</td>", "send what shoppers do", "never"):
        assert words in page


@pytest.mark.parametrize(
    ("codenames", "status"),
    [((), 403), (("view_apikey",), 403), (("revoke_apikey",), 403), (("view_apikey", "revoke_apikey"), 200)],
)
def test_revoking_needs_its_own_permission(
    client: Client, shop: Sender, codenames: tuple[str, ...], status: int
) -> None:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    assert client.get(f"{LIST}{shop.key.pk}/revoke/").status_code == status
    client.post(f"{LIST}{shop.key.pk}/revoke/")
    shop.key.refresh_from_db()
    assert (shop.key.revoked_at is not None) == (status == 200)
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, {"name": "x", "scopes": ["orders:write"]}).status_code == 403


def test_the_group_of_merchants_sees_and_revokes_but_does_not_make(client: Client, shop: Sender) -> None:
    # A key reaches further than whoever makes it: making one is given to a person on purpose.
    user = get_user_model().objects.create_user("merchant", is_staff=True)
    user.groups.add(Group.objects.get(name="Merchant"))
    client.force_login(user)
    assert client.get(LIST).status_code == 200
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, {"name": "x", "scopes": ["orders:write"]}).status_code == 403
    client.post(f"{LIST}{shop.key.pk}/revoke/")
    shop.key.refresh_from_db()
    assert shop.key.revoked_at is not None and ApiKey.objects.count() == 1
    user.user_permissions.add(Permission.objects.get(codename="add_apikey"))
    assert client.post(ADD, {"name": "x", "scopes": ["orders:write"]}).status_code == 200
    assert ApiKey.objects.count() == 2


def test_nobody_edits_or_deletes_keys_and_webhooks(admin_client: Client, shop: Sender) -> None:
    for path in (f"{LIST}{shop.key.pk}/delete/", "/admin/ecomai_ingest/webhook/add/"):
        assert admin_client.get(path).status_code == 403
    assert admin_client.post(f"{LIST}{shop.key.pk}/change/", {"name": "Other"}).status_code == 403


def test_webhooks_are_listed(admin_client: Client) -> None:
    Webhook.objects.create(event="ORDER_CREATED", digest="d", received_at=timezone.now(), outcome="ignored")
    page = admin_client.get("/admin/ecomai_ingest/webhook/").content.decode()
    assert "ORDER_CREATED" in page and "ignored: not needed" in page


def test_an_employee_who_is_erased_leaves_his_keys_without_a_name(shop: Sender, admin_user: Any) -> None:
    from django_ecomai.core.persons import Subject
    from django_ecomai.core.registry import personal_data

    key, _text = key_make(name="Mine", scopes=["orders:write"], user=admin_user)
    who = Subject(user_ids=frozenset({str(admin_user.pk)}))
    declared = personal_data.get("ingest.staff")
    assert list(declared.export(who)) == [{"record": "ecomai_ingest.ApiKey", "id": str(key.pk)}]
    assert declared.erase(who) == 1
    key.refresh_from_db()
    assert key.created_by is None


# -- command --------------------------------------------------------------------------------------------------------
def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("ecomai_key", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def test_the_command_makes_lists_and_revokes() -> None:
    text = run("Storefront", "--scope", "orders:write", "--scope", "events:write", "--channel", "b", "--days", "90")
    key = key_find(text)
    assert key is not None and (key.channel, key.scopes) == ("b", ["orders:write", "events:write"])
    assert key.expires_at is not None and 89 <= (key.expires_at - timezone.now()).days <= 90
    assert run("--list") == f"{key.prefix}  valid    b  orders:write events:write  Storefront"
    assert run("--revoke", key.prefix) == f"{key} is revoked."
    assert "revoked" in run("--list")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Shop",), "at least one scope"),
        (("--scope", "orders:write"), "Give the key a name"),
        (("Shop", "--scope", "all"), "There is no scope all"),
        (("--revoke", "ecomai_x"), "There is no key ecomai_x"),
        (("Shop", "--scope", "orders:write", "--days", "0"), "ended already"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_answers_go_with_their_key(shop: Sender) -> None:
    shop.send("products", **{"idempotency-key": "x"})
    shop.key.delete()
    assert not DeliveryAnswer.objects.exists()


def test_the_form_asks_for_the_shop_and_has_one_button(client: Client) -> None:
    client.force_login(get_user_model().objects.create_superuser("boss"))
    html = client.get(ADD).content.decode()
    assert "Shop:</label>" in html and "Channel:" not in html
    assert 'value="Make the key"' in html and "shown on the next page, once" in html
    assert "_addanother" not in html and "_continue" not in html
