"""The REST endpoints against their own OpenAPI description: whatever is sent, no error of ours, and what is answered is
what was promised.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from django_ecomai.ingest.models import Scope
from django_ecomai.ingest.services import key_make

pytestmark = pytest.mark.django_db
#: What any REST endpoint may say that the description does not repeat at each: see docs/reference/endpoints.md.
GENERAL = {400, 401, 403, 404, 405, 406, 415, 429}
PUBLIC = (
    "/ecomai/api/events/", "/ecomai/api/recommendations/", "/ecomai/api/privacy/", "/ecomai/api/pricing/ledger/",
)  # fmt: skip
KEYED = "/ecomai/api/ingest/"
FUZZ = settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    deadline=None,
)


@schemathesis.serializer("text/csv")
def _csv(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


schemathesis.openapi.media_type("text/csv", st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))


@pytest.fixture
def schema(settings: Any, ecomai_setting: Any, agreed: None) -> Iterator[Any]:
    settings.ROOT_URLCONF = "example_project.urls"
    ecomai_setting(API_THROTTLE="100000/s", CAPTURE_RATE=0)
    signals = (request_started, request_finished)
    for signal in signals:  # as Django's own test client: the connection holds this test's transaction
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    for signal in signals:
        signal.connect(close_old_connections)


def operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        yield result.ok()


def hammer(operation: Any, headers: dict[str, str], **known: str) -> set[int]:
    """Statuses that were met; ``known`` are values for parameters of the path instead of drawn ones."""
    seen: set[int] = set()

    @FUZZ
    @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def once(case: Any) -> None:
        case.path_parameters.update(known)
        response = case.call(headers=headers)
        seen.add(response.status_code)
        checks = [not_a_server_error]
        if response.status_code not in GENERAL:
            checks += [status_code_conformance, content_type_conformance, response_schema_conformance]
        case.validate_response(response, checks=checks)

    once()
    return seen


def test_by_who_may_do_everything(schema: Any, ecomai_setting: Any) -> None:
    ecomai_setting(INGEST_THROTTLE="")
    User.objects.create_superuser("boss", password="x")
    staff = {"Authorization": "Basic " + base64.b64encode(b"boss:x").decode()}
    shop = {"Authorization": "Bearer " + key_make(name="all", scopes=Scope.values)[1]}
    seen: dict[str, set[int]] = {}
    failed: list[str] = []
    for one in operations(schema):
        try:
            seen[one.label] = hammer(one, shop if one.path.startswith(KEYED) else staff)
        except BaseExceptionGroup as group:  # every operation is tried before any failure is told
            failed += [f"{one.label}: {error}" for error in group.exceptions]
    assert failed == []
    assert len(seen) >= 20
    # Where a key is part of the description, cases without one are made as well.
    never = {label: {403} if KEYED in label else {401, 403} for label in seen}
    assert {label: found for label, found in seen.items() if never[label] & found} == {}
    assert sum(any(status < 300 for status in found) for found in seen.values()) >= len(seen) / 2


def test_by_strangers(schema: Any) -> None:
    for one in operations(schema):
        if one.path.startswith(PUBLIC):  # of the others nobody gets past the permission, see test_access
            hammer(one, {})


def test_an_error_of_ours_would_be_found(schema: Any, monkeypatch: Any) -> None:
    # The first that the view does: which five requests are drawn depends on words in our code, most are refused later.
    monkeypatch.setattr("django_ecomai.recommend.api.read_parameters", lambda *args, **values: 1 / 0)
    found = [one for one in operations(schema) if one.path.startswith("/ecomai/api/recommendations/")]
    with pytest.raises(BaseException, match=r"(?i)server error|sub-exception"):
        hammer(found[0], {}, placement="home")
