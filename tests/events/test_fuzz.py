"""Whatever is sent, the endpoint answers; and what it accepts can be read back."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event, EventName
from django_ecomai.events.names import ALIASES
from django_ecomai.events.services import events_insert
from django_ecomai.events.tokens import page_token, page_token_channel, token_make, token_read

from .conftest import CAPTURE, Browser

pytestmark = pytest.mark.django_db
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=120)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["id", "name", "product_id", "quantity", "query", "token", "position", "dwell_seconds", "at", "properties", "value",
     "customer_id", "item_id", "product", "timestamp", "index"]
)  # fmt: skip
names = st.sampled_from([*EventName.values, *ALIASES]) | anything
event = st.dictionaries(fields | st.text(max_size=12), anything, max_size=8) | anything
likely = st.fixed_dictionaries({"name": names, "product_id": st.text(max_size=70) | st.integers()}).flatmap(
    lambda base: st.dictionaries(fields, anything, max_size=4).map(lambda more: {**more, **base})
)


def send(body: bytes) -> Any:
    return Browser().post(CAPTURE, body, content_type="text/plain")


@FUZZ
@given(body=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_get_an_answer(agreed: None, body: bytes) -> None:
    assert send(body or b" ").status_code in (400, 403)


@FUZZ
@given(events=st.lists(likely | event, max_size=6) | anything)
def test_any_events_get_a_verdict_each(agreed: None, ecomai_setting: Any, events: Any) -> None:
    ecomai_setting(CAPTURE_RATE=0, CONSENT="django_ecomai.events.consent.always")
    body = json.dumps({"token": page_token(), "events": events}).encode()
    response = send(body)
    assert response.status_code in (202, 400)
    if response.status_code == 202:
        verdicts = response.json()["verdicts"]
        assert len(verdicts) == len(events)
        accepted = [verdict["id"] for verdict in verdicts if verdict["status"] == "accepted"]
        assert Event.objects.filter(pk__in=accepted).count() == len(accepted)
        assert all(verdict["status"] == "accepted" or verdict.get("reason") for verdict in verdicts)


@FUZZ
@given(rows=st.lists(likely | event, max_size=5))
def test_a_server_may_send_anything_too(rows: list[Any]) -> None:
    verdicts = events_insert(rows=rows, source="server")
    assert [verdict.status in ("accepted", "rejected") for verdict in verdicts] == [True] * len(rows)
    for key in [verdict.id for verdict in verdicts if verdict.status == "accepted"]:
        stored = Event.objects.get(pk=key)
        stored.full_clean(validate_unique=False)


@FUZZ
@given(batch=st.lists(st.sampled_from(range(8)), min_size=1, max_size=12), times=st.integers(1, 3))
def test_every_id_is_stored_exactly_once(batch: list[int], times: int) -> None:
    Event.objects.all().delete()
    ids = [str(uuid7()) for _ in range(8)]
    rows = [{"id": ids[number], "name": "view_item", "product_id": str(number)} for number in batch]
    statuses = [verdict.status for _ in range(times) for verdict in events_insert(rows=rows)]
    assert statuses.count("accepted") == len(set(batch)) == Event.objects.count()
    assert set(statuses) <= {"accepted", "duplicate"}


@FUZZ
@given(token=st.text(max_size=200) | anything)
def test_any_token_is_read_without_harm(token: Any) -> None:
    assert token_read(token) is None
    assert page_token_channel(token) is None


@FUZZ
@given(
    product=st.text(string.printable + "äß☃", max_size=64),
    position=st.integers(0, 99),
    propensity=st.floats(0, 1, allow_nan=False),
)
def test_a_token_says_what_was_put_in(product: str, position: int, propensity: float) -> None:
    token = token_make(
        run=5,
        placement="home",
        slot=None,
        position=position,
        product_id=product,
        recommendation_id="r",
        propensity=propensity,
    )
    data = token_read(token)
    assert data is not None
    assert (data.run, data.placement, data.slot, data.position, data.product_id) == ("5", "home", "", position, product)
    assert abs(data.propensity - propensity) <= 1e-6
    assert token_read(token[:-1]) is None
