"""Webhooks of Saleor: signed by the shop, taken once, in the order of their issue, mapped to the mirror."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from django_ecomai.ingest.models import Webhook
from django_ecomai.ingest.saleor import signatures
from django_ecomai.ingest.services import deliveries_prune
from django_ecomai.mirror.models import Category, Customer, Order, OrderLine, Product, ReturnLine

pytestmark = pytest.mark.django_db
SECRET, DOMAIN = "s3cret", "shop.saleor.cloud"
URL = "/ecomai/ingest/saleor/"


@pytest.fixture(autouse=True)
def saleor(ecomai_setting: Callable[..., None]) -> Iterator[None]:
    ecomai_setting(SALEOR={"": {"domain": DOMAIN, "secret": SECRET, "saleor_channel": "eu"}})
    signatures.keys_forget()
    yield
    signatures.keys_forget()


def typename(event: str) -> str:
    return "".join(word.title() for word in event.split("_"))


def body_of(event: str, *, issued: datetime | str | None = None, **payload: Any) -> bytes:
    moment = issued if isinstance(issued, str) else (issued or datetime.now(UTC)).isoformat()
    return json.dumps({"__typename": typename(event), "issuedAt": moment, **payload}).encode()


def post(body: bytes, event: str = "", **headers: str) -> Any:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    sent = {"Saleor-Domain": DOMAIN, "Saleor-Event": event, "Saleor-Signature": signature, **headers}
    return Client().post(URL, body, content_type="application/json", headers={k: v for k, v in sent.items() if v})


def tell(event: str, **payload: Any) -> dict[str, Any]:
    """Send a signed webhook that is taken."""
    answer = post(body_of(event, **payload), event.lower())
    assert answer.status_code == 200, answer.content
    return answer.json()


def price(amount: float, channel: str = "eu", **more: Any) -> dict[str, Any]:
    return {"channel": {"slug": channel}, "price": {"amount": amount, "currency": "EUR"}, **more}


def product(**more: Any) -> dict[str, Any]:
    return {
        "id": "UHJvZHVjdDox",
        "name": "Apple Juice",
        "description": '{"blocks": [{"type": "paragraph", "data": {"text": "Fresh <b>apples</b>"}}]}',
        "created": "2026-01-01T00:00:00+00:00",
        "category": {"id": "Q2F0ZWdvcnk6MQ==", "name": "Juices", "slug": "juices"},
        "thumbnail": {"url": "https://shop/1.png"},
        "channelListings": [{"channel": {"slug": "eu"}, "isPublished": True, "isAvailableForPurchase": True}],
        "attributes": [{"attribute": {"slug": "flavor"}, "values": [{"name": "Apple"}]}],
        "variants": [
            {"id": "V1", "name": "1l", "sku": "J-1", "channelListings": [price(9, "us"), price(5.5)],
             "stocks": [{"quantity": 7, "quantityAllocated": 2}, {"quantity": 3, "quantityAllocated": 0}]},
            {"id": "V2", "name": "2l", "sku": "J-2", "channelListings": [price(9.5)], "stocks": []},
        ],
        **more,
    }  # fmt: skip


def order(**more: Any) -> dict[str, Any]:
    return {
        "id": "T3JkZXI6MQ==", "number": "42", "created": "2026-02-01T10:00:00+00:00", "status": "UNFULFILLED",
        "paymentStatus": "NOT_CHARGED", "user": {"id": "VXNlcjo1"}, "userEmail": "ann@example.org",
        "channel": {"slug": "eu"},
        "total": {"gross": {"amount": 11, "currency": "EUR"}, "net": {"amount": 9.24}, "tax": {"amount": 1.76}},
        "lines": [
            {"id": "L1", "productName": "Apple Juice", "variantName": "1l", "productSku": "J-1", "quantity": 2,
             "variant": {"id": "V1"}, "unitPrice": {"gross": {"amount": 5.5}}},
        ],
        **more,
    }  # fmt: skip


# -- what the events mean -------------------------------------------------------------------------------------------
def test_a_product_with_variants() -> None:
    assert tell("PRODUCT_CREATED", product=product()) == {"status": "applied"}
    juice = Product.objects.get(external_id="UHJvZHVjdDox")
    assert (juice.title, juice.description, juice.image_url) == ("Apple Juice", "Fresh apples", "https://shop/1.png")
    assert (juice.price, juice.currency, juice.stock, juice.is_active) == (Decimal("5.5"), "EUR", 8, True)
    assert (juice.attributes, juice.category_external_ids) == ({"flavor": "Apple"}, ["Q2F0ZWdvcnk6MQ=="])
    one, two = Product.objects.filter(parent=juice).order_by("external_id")
    assert (one.title, one.sku, one.price, one.stock) == ("Apple Juice – 1l", "J-1", Decimal("5.5"), 8)
    assert (two.price, two.stock) == (Decimal("9.5"), 0)
    assert Category.objects.get().name == "Juices"


def test_variants_stock_prices_and_the_end_of_a_product() -> None:
    tell("PRODUCT_CREATED", product=product())
    tell("PRODUCT_VARIANT_UPDATED", productVariant={"id": "V1", "channelListings": [price(4)], "product": {"id": "X"}})
    tell("PRODUCT_VARIANT_OUT_OF_STOCK", productVariant={"id": "V1"})
    one = Product.objects.get(external_id="V1")
    assert (one.price, one.stock, one.title) == (4, 0, "Apple Juice – 1l")
    tell("PRODUCT_VARIANT_BACK_IN_STOCK", productVariant={"id": "V1", "stocks": [{"quantity": 5}]})
    tell("PRODUCT_VARIANT_STOCK_UPDATED", productVariant={"id": "V2", "trackInventory": False})
    variants = Product.objects.filter(parent__isnull=False).order_by("external_id")
    assert list(variants.values_list("stock", flat=True)) == [5, None]
    tell("PRODUCT_VARIANT_DELETED", productVariant={"id": "V2"})
    assert Product.objects.get(external_id="V2").is_active is False
    tell("PRODUCT_UPDATED", product=product(channelListings=[], variants=[]))
    assert Product.objects.get(external_id="UHJvZHVjdDox").is_active is False  # in none of the shop's channels
    tell("PRODUCT_DELETED", product={"id": "UHJvZHVjdDox", "variants": [{"id": "V1"}]})
    assert not Product.objects.filter(removed_at=None).exists()


def test_a_product_s_webhook_leaves_its_category_in_the_tree() -> None:
    now = datetime.now(UTC)
    tell("CATEGORY_CREATED", category={"id": "C1", "name": "Drinks"})
    tell("CATEGORY_CREATED", category={"id": "C2", "name": "Juices", "slug": "juices", "parent": {"id": "C1"}})
    tell("PRODUCT_UPDATED", product=product(category={"id": "C2", "name": "Juices", "slug": "juices"}))
    assert Category.objects.get(external_id="C2").parent.external_id == "C1"
    # Unknown it is made, and its own webhook may be the older one.
    tell("PRODUCT_UPDATED", product=product(category={"id": "C3", "name": "Teas"}))
    assert Category.objects.get(external_id="C3").name == "Teas"
    own = {"id": "C3", "name": "Teas", "parent": {"id": "C1"}}
    assert tell("CATEGORY_UPDATED", issued=now - timedelta(seconds=9), category=own) == {"status": "applied"}
    assert Category.objects.get(external_id="C3").parent.external_id == "C1"


def test_a_variant_s_webhook_reaches_the_product_that_is_recommended() -> None:
    tell("PRODUCT_CREATED", product=product())

    def juice() -> tuple[Any, Any]:
        return Product.objects.values_list("price", "stock").get(external_id="UHJvZHVjdDox")

    tell("PRODUCT_VARIANT_STOCK_UPDATED", productVariant={"id": "V2", "stocks": [{"quantity": 4}]})
    assert juice() == (Decimal("5.5"), 12)
    tell("PRODUCT_VARIANT_OUT_OF_STOCK", productVariant={"id": "V1"})
    assert juice() == (Decimal("5.5"), 4)
    tell("PRODUCT_VARIANT_UPDATED", productVariant={"id": "V2", "channelListings": [price(3)]})
    assert juice() == (3, 4)
    tell("PRODUCT_VARIANT_DELETED", productVariant={"id": "V2"})
    assert juice() == (Decimal("5.5"), 0)
    tell("PRODUCT_VARIANT_UPDATED", productVariant={"id": "V1", "trackInventory": False})
    assert juice() == (Decimal("5.5"), None)


def test_stock_that_comes_before_the_catalogue_makes_no_product() -> None:
    stock = {"id": "V1", "stocks": [{"quantity": 4}]}
    assert tell("PRODUCT_VARIANT_STOCK_UPDATED", productVariant=stock) == {
        "status": "rejected", "reason": "unknown_product",
    }  # fmt: skip
    assert not Product.objects.exists()


def test_an_order_that_was_paid_back_stays_returned() -> None:
    tell("ORDER_FULLY_REFUNDED", order=order(paymentStatus="FULLY_REFUNDED", status="FULFILLED"))
    tell("ORDER_UPDATED", order=order(paymentStatus="FULLY_REFUNDED", status="FULFILLED"))
    assert Order.objects.get().status == "returned"


def test_the_price_of_a_line_has_its_reduction_in_it() -> None:
    line = {"id": "L1", "quantity": 2, "variant": {"id": "V1"}, "unitPrice": {"gross": {"amount": 4}},
            "unitDiscount": {"amount": 1.5}}  # fmt: skip
    tell("ORDER_CREATED", order=order(lines=[line]))
    assert OrderLine.objects.values_list("unit_price", "discount").get() in [(4, 0), (4, None)]


def test_an_order_from_placing_to_refund() -> None:
    tell("PRODUCT_CREATED", product=product())
    tell("ORDER_CREATED", order=order())
    made = Order.objects.get()
    assert (made.number, made.status, made.total, made.currency) == ("42", "open", 11, "EUR")
    assert (made.customer.external_id, bool(made.email_hash)) == ("VXNlcjo1", True)
    line = OrderLine.objects.get()
    assert (line.product.external_id, line.quantity, line.unit_price, line.title) == (
        "V1", 2, Decimal("5.5"), "Apple Juice – 1l",
    )  # fmt: skip
    for event, more, status in (
        ("ORDER_FULLY_PAID", {"paymentStatus": "FULLY_CHARGED"}, "paid"),
        ("ORDER_FULFILLED", {"status": "FULFILLED", "fulfillments": [{"status": "FULFILLED", "created": "2026-02-02"}]},
         "shipped"),
        ("ORDER_CANCELLED", {"status": "CANCELED"}, "cancelled"),
        ("ORDER_FULLY_REFUNDED", {"status": "RETURNED", "fulfillments": [
            {"status": "RETURNED", "created": "2026-02-05T00:00:00Z",
             "lines": [{"id": "R1", "quantity": 1, "orderLine": {"id": "L1", "variant": {"id": "V1"}}}]}]}, "returned"),
    ):  # fmt: skip
        assert tell(event, order=order(**more)) == {"status": "applied"}
        made.refresh_from_db()
        assert made.status == status, event
    back = ReturnLine.objects.get()
    assert (back.line.external_id, back.quantity, back.product_external_id) == ("L1", 1, "V1")


def test_orders_of_other_channels_and_drafts_are_ignored() -> None:
    assert tell("ORDER_CREATED", order=order(channel={"slug": "us"})) == {
        "status": "ignored", "reason": "other_channel",
    }  # fmt: skip
    assert tell("ORDER_UPDATED", order=order(status="DRAFT"))["status"] == "ignored"
    assert not Order.objects.exists()


def test_customers_and_categories() -> None:
    tell("CUSTOMER_CREATED", user={"id": "U1", "dateJoined": "2025-05-05T00:00:00Z", "email": "ann@example.org"})
    ann = Customer.objects.get()
    assert (ann.external_id, ann.first_seen.year, ann.attributes) == ("U1", 2025, {})
    tell("CUSTOMER_DELETED", user={"id": "U1"})
    ann.refresh_from_db()
    assert ann.removed_at is not None
    tell("CATEGORY_CREATED", category={"id": "C1", "name": "Drinks", "slug": "drinks", "parent": None})
    tell("CATEGORY_UPDATED", category={"id": "C2", "name": "Juices", "parent": {"id": "C1"}})
    assert Category.objects.get(external_id="C2").parent.name == "Drinks"
    tell("CATEGORY_DELETED", category={"id": "C2"})
    assert Category.objects.get(external_id="C2").removed_at is not None


@pytest.mark.parametrize("wrap", [lambda p: {"event": p}, lambda p: {"data": {"event": p}}, lambda p: [p]])
def test_the_event_may_be_wrapped(wrap: Callable[[Any], Any]) -> None:
    plain = json.loads(body_of("CATEGORY_CREATED", category={"id": "C1", "name": "Drinks"}))
    assert post(json.dumps(wrap(plain)).encode(), "category_created").json() == {"status": "applied"}


def test_an_unknown_event_is_answered_ignored_and_counted() -> None:
    assert tell("GIFT_CARD_CREATED", giftCard={"id": "G"}) == {"status": "ignored"}
    assert tell("PRODUCT_CREATED", wrong={}) == {"status": "rejected", "reason": "product_missing"}
    assert list(Webhook.objects.order_by("pk").values_list("event", "outcome", "reason")) == [
        ("GIFT_CARD_CREATED", "ignored", ""), ("PRODUCT_CREATED", "rejected", "product_missing"),
    ]  # fmt: skip


# -- who, once, and in which order ----------------------------------------------------------------------------------
def test_the_same_webhook_is_taken_once() -> None:
    body = body_of("CATEGORY_CREATED", category={"id": "C1", "name": "Drinks"})
    assert [post(body).json()["status"] for _ in range(3)] == ["applied", "duplicate", "duplicate"]
    assert Webhook.objects.count() == 1


def test_webhooks_that_overtake_each_other_end_with_the_newest() -> None:
    now = datetime.now(UTC)
    tell("CATEGORY_UPDATED", issued=now, category={"id": "C1", "name": "New"})
    late = tell("CATEGORY_UPDATED", issued=now - timedelta(seconds=9), category={"id": "C1", "name": "Old"})
    assert late == {"status": "rejected", "reason": "outdated"}
    assert Category.objects.get().name == "New"


def test_what_could_not_be_stored_is_taken_when_it_comes_again() -> None:
    body = body_of("CATEGORY_CREATED", category={"id": "C1", "name": "Drinks"})
    with mock.patch("django_ecomai.ingest.saleor.services.rows_deliver", side_effect=DatabaseError):
        assert post(body).status_code == 503
    assert not Webhook.objects.exists()
    assert post(body).json() == {"status": "applied"}


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({"Saleor-Domain": "evil.example"}, 403, "unknown_domain"),
        ({"Saleor-Domain": ""}, 403, "unknown_domain"),
        ({"Saleor-Signature": ""}, 401, "bad_signature"),
        ({"Saleor-Signature": "0" * 64}, 401, "bad_signature"),
        ({"Saleor-Signature": "ü"}, 401, "bad_signature"),
        ({"Saleor-Event": "order_created"}, 400, "event_mismatch"),
    ],
)
def test_who_is_not_the_shop_is_refused(headers: dict[str, str], status: int, error: str) -> None:
    body = body_of("CATEGORY_CREATED", category={"id": "C1", "name": "Drinks"})
    answer = post(body, "category_created", **headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert not Category.objects.exists() and not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "not_json"),
        (b"[]", "not_an_object"),
        (b'"x"', "not_an_object"),
        (b"[" * 50_000, "not_json"),
        (b'{"category": {"id": "C1"}}', "typename_missing"),
        (b'{"__typename": "CategoryCreated"}', "issued_at_missing"),
        (b'{"__typename": "CategoryCreated", "issuedAt": "soon"}', "issued_at_missing"),
        (b'{"__typename": "CategoryCreated", "issuedAt": "2020-01-01T00:00:00Z"}', "too_old"),
        (b'{"__typename": "CategoryCreated", "issuedAt": "2999-01-01T00:00:00Z"}', "in_future"),
    ],
)
def test_bodies_that_are_no_webhook(body: bytes, error: str) -> None:
    answer = post(body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_other_methods_and_endless_bodies() -> None:
    assert Client().get(URL).status_code == 405
    assert post(b"x" * (4 * 1024 * 1024 + 1)).status_code == 413


def test_two_shops_fill_two_channels(ecomai_setting: Callable[..., None]) -> None:
    ecomai_setting(SALEOR={"a": {"domain": DOMAIN, "secret": SECRET}, "b": {"domain": "b.example", "secret": SECRET}})
    body = body_of("CATEGORY_CREATED", category={"id": "C1", "name": "Drinks"})
    post(body)
    post(body, **{"Saleor-Domain": "B.example"})
    assert sorted(Category.objects.values_list("channel", flat=True)) == ["a", "b"]


def test_the_list_of_webhooks_forgets_after_thirty_days() -> None:
    for days in (29, 31):
        at = timezone.now() - timedelta(days=days)
        Webhook.objects.create(event="X", digest=str(days), received_at=at)
    assert deliveries_prune() == 1


# -- public keys ----------------------------------------------------------------------------------------------------
class KeyRing:
    """A shop's key pair and the document that publishes it."""

    def __init__(self, kid: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
        from jwt.algorithms import RSAAlgorithm

        self.kid = kid
        self.private = generate_private_key(public_exponent=65537, key_size=2048)
        self.public = {**json.loads(RSAAlgorithm.to_jwk(self.private.public_key())), "kid": kid, "use": "sig"}

    def sign(self, body: bytes, *, detached: bool = True, algorithm: str = "RS256", **headers: Any) -> str:
        """As Saleor signs: the payload detached and unencoded (RFC 7797)."""
        import jwt

        more = {"crit": ["b64"]} if detached else {}
        token = jwt.api_jws.encode(
            body, self.private, algorithm=algorithm, headers={"kid": self.kid, **more, **headers},
            is_payload_detached=detached,
        )  # fmt: skip
        head, _payload, signature = token.split(".")
        return f"{head}..{signature}"


@pytest.fixture(scope="module")
def keys() -> tuple[KeyRing, KeyRing]:
    pytest.importorskip("jwt")
    return KeyRing("1"), KeyRing("2")


@pytest.fixture
def published(ecomai_setting: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """What the shop publishes, and how often it was asked."""
    ecomai_setting(SALEOR={"": {"domain": DOMAIN}})
    state: dict[str, Any] = {"keys": [], "asked": []}

    def read(address: str) -> bytes:
        state["asked"].append(address)
        if state["keys"] is None:
            raise OSError("unreachable")
        return json.dumps({"keys": state["keys"]}).encode()

    with mock.patch.object(signatures, "jwks_read", read):
        yield state


def category(name: str = "Drinks") -> bytes:
    return body_of("CATEGORY_CREATED", category={"id": "C1", "name": name})


@pytest.mark.parametrize("detached", [True, False])
def test_a_detached_signature_of_the_shop_is_taken(
    keys: tuple[KeyRing, KeyRing], published: dict[str, Any], detached: bool
) -> None:
    published["keys"] = [keys[0].public]
    body = category()
    assert post(body, **{"Saleor-Signature": keys[0].sign(body, detached=detached)}).json() == {"status": "applied"}
    assert published["asked"] == [f"https://{DOMAIN}/.well-known/jwks.json"]


def test_what_is_not_signed_by_the_shop_is_refused(keys: tuple[KeyRing, KeyRing], published: dict[str, Any]) -> None:
    import jwt

    own, foreign = keys
    published["keys"] = [own.public]
    body = category()
    good = own.sign(body)
    head, _, signature = good.split(".")
    forged = KeyRing.sign(foreign, body, kid="1")
    symmetric = jwt.api_jws.encode(body, own.public["n"].encode(), algorithm="HS256", headers={"kid": "1"})
    nothing = jwt.api_jws.encode(body, None, algorithm="none", headers={"kid": "1"})
    bad = {
        "of another body": own.sign(category("Other")),
        "by another key": forged,
        "with a shared secret": symmetric.split(".")[0] + ".." + symmetric.split(".")[2],
        "unsigned": nothing.split(".")[0] + "..",
        "with a payload of its own": f"{head}.e30.{signature}",
        "cut": good[:-4],
        "of the secret's kind": hmac.new(b"", body, hashlib.sha256).hexdigest(),
        "no token": "..",
    }
    for name, one in bad.items():
        assert post(body, **{"Saleor-Signature": one}).status_code == 401, name
    assert post(body, **{"Saleor-Signature": good}).status_code == 200


def test_a_new_key_is_looked_up_and_forged_ids_do_not_make_us_ask(
    keys: tuple[KeyRing, KeyRing], published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(signatures.time, "monotonic", lambda: clock[0])
    old, new = keys
    published["keys"] = [old.public]
    one, two, three = category("1"), category("2"), category("3")
    assert post(one, **{"Saleor-Signature": old.sign(one)}).status_code == 200
    for _ in range(3):  # at once: kept
        assert post(two, **{"Saleor-Signature": new.sign(two)}).status_code == 401
    assert len(published["asked"]) == 1
    published["keys"] = [new.public]
    clock[0] += 61
    assert post(two, **{"Saleor-Signature": new.sign(two)}).status_code == 200
    assert len(published["asked"]) == 2
    assert post(three, **{"Saleor-Signature": old.sign(three)}).status_code == 401  # the old key has ended
    # The shop cannot be asked after an hour: what is known counts on.
    published["keys"] = None
    clock[0] += 3601
    assert post(three, **{"Saleor-Signature": new.sign(three)}).status_code == 200


def test_a_shop_whose_keys_cannot_be_read_may_send_again(
    keys: tuple[KeyRing, KeyRing], published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(signatures.time, "monotonic", lambda: clock[0])
    body = category()
    for broken in (None, "x", [{"kty": "RSA", "n": "?"}]):
        published["keys"] = broken
        answer = post(body, **{"Saleor-Signature": keys[0].sign(body)})
        assert (answer.status_code, answer["Retry-After"]) == (503, "10")
        clock[0] += 11
    published["keys"] = [keys[0].public]
    assert post(body, **{"Saleor-Signature": keys[0].sign(body)}).status_code == 200


def test_a_flood_does_not_ask_a_shop_that_does_not_answer(
    keys: tuple[KeyRing, KeyRing], published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(signatures.time, "monotonic", lambda: clock[0])
    own, forged = keys
    published["keys"] = None
    body = category()
    for number in range(20):
        clock[0] += 0.4
        assert post(body, **{"Saleor-Signature": own.sign(body, kid=str(number))}).status_code == 503
    assert len(published["asked"]) == 1
    # It is back: ten seconds later everything is taken, and what is known now outlives the next failure.
    published["keys"] = [own.public]
    clock[0] += 3
    assert post(body, **{"Saleor-Signature": own.sign(body)}).status_code == 200
    published["keys"] = None
    clock[0] += 3601
    for number in range(20):
        one = category(str(number))
        assert post(one, **{"Saleor-Signature": own.sign(one)}).status_code == 200
        assert post(one, **{"Saleor-Signature": forged.sign(one)}).status_code == 503
    assert len(published["asked"]) == 3


def test_many_at_once_look_once(
    keys: tuple[KeyRing, KeyRing], published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    jwt = pytest.importorskip("jwt")
    published["keys"] = [keys[0].public]
    shop = signatures.SaleorShop("", DOMAIN)
    barrier, found = threading.Barrier(8), []

    read = signatures.jwks_read

    def slow(address: str) -> bytes:
        time.sleep(0.1)  # so that all have come before the first has an answer
        return read(address)

    monkeypatch.setattr(signatures, "jwks_read", slow)

    def look() -> None:
        barrier.wait()
        found.append(signatures._key(shop, "1", jwt))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(published["asked"]), len(found), None in found) == (1, 8, False)


# -- the setting ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "setting",
    [[], {"": "shop"}, {"": {"domain": "https://shop/"}}, {"": {"domain": "shop", "sekret": "x"}}, {"": {}},
     {"": {"domain": "shop", "secret": 5}}],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_found_by_the_checks(
    ecomai_setting: Callable[..., None], setting: Any
) -> None:
    ecomai_setting(SALEOR=setting or ["x"])
    assert "ecomai.E080" in {one.id for one in run_checks(tags=["ecomai"])}
    assert post(category()).status_code == 503


def test_a_missing_extra_is_found_by_the_checks(ecomai_setting: Callable[..., None]) -> None:
    ecomai_setting(SALEOR={"": {"domain": DOMAIN}})
    with mock.patch("django_ecomai.ingest.checks.find_spec", return_value=None):
        found = [one for one in run_checks(tags=["ecomai"]) if one.id == "ecomai.E081"]
    assert [one.hint for one in found] == ["Type: pip install 'django-ecomai[saleor]'"]
    assert "ecomai.E081" not in {one.id for one in run_checks(tags=["ecomai"])}


def test_a_slow_shop_holds_up_no_other(
    keys: tuple[KeyRing, KeyRing], published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    jwt = pytest.importorskip("jwt")
    published["keys"] = [keys[0].public]
    read, found = signatures.jwks_read, []

    def slow(address: str) -> bytes:
        if "slow" in address:  # while it is being asked
            found.append(signatures._key(signatures.SaleorShop("", DOMAIN), "1", jwt))
        return read(address)

    monkeypatch.setattr(signatures, "jwks_read", slow)
    monkeypatch.setattr(signatures, "_TIMEOUT", 0)
    signatures._key(signatures.SaleorShop("", "slow.example"), "1", jwt)
    assert (len(found), None in found) == (1, False)
