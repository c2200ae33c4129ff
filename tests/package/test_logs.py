"""What goes into logs: JSON lines that name nobody."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client

from django_ecomai.core.logs import JsonFormatter, masked
from django_ecomai.core.persons import Subject
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events import services as events
from django_ecomai.events.models import Event
from django_ecomai.recommend.serving import recommendations
from django_ecomai.runs.services import run_now
from django_ecomai.testing import order_make

IP, EMAIL, CUSTOMER, VISITOR = "203.0.113.77", "ann.private@shopper.example", "cust-8731-private", "ab12" * 8


@pytest.mark.parametrize(
    ("text", "without"),
    [
        (f"mail to {EMAIL} failed", "mail to [e-mail] failed"),
        (f"from {IP} and 2001:db8::8a2e:370:7334.", "from [ip] and [ip]."),
        (f"visitor {VISITOR}!", "visitor [id]!"),
        (
            "duplicate key\nDETAIL:  Key (visitor_id, customer_id)=(v, c) already exists.",
            "duplicate key\nDETAIL: [row]",
        ),
        ("Key (visitor_id)=(v (x)) already exists", "Key (visitor_id)=[row]"),
        (
            "(1062, \"Duplicate entry 'v-it for key c' for key 'one_per_visitor'\")",
            "(1062, \"Duplicate entry [row] for key 'one_per_visitor'\")",
        ),
        (
            "(1062, 'Duplicate entry \\'say \"v\"\\' for key \\'k\\'')",
            "(1062, 'Duplicate entry [row] for key \\'k\\'')",
        ),
        (
            "Incorrect integer value: 'v' for column `shop`.`visit`.`age` at row 1",
            "Incorrect integer value: [row] for column `shop`.`visit`.`age` at row 1",
        ),
        ("Truncated incorrect DOUBLE value: 'v'", "Truncated incorrect DOUBLE value: [row]"),
        ("a@b@shopper.example x@y", "a@[e-mail] x@y"),
        ("version 5.2.19 at 10:15:30, run 4711, price 12.50", "version 5.2.19 at 10:15:30, run 4711, price 12.50"),
    ],
)
def test_masks(text: str, without: str) -> None:
    assert masked(text) == without


def test_no_text_is_too_long_to_be_masked() -> None:
    """Each takes less than a second; looked through once more from every letter on, it would take an hour."""
    code = """
from django_ecomai.core.logs import masked
assert masked("x" * 1_000_000) == "x" * 1_000_000
assert masked("Key (" * 200_000) == "Key (" * 200_000
assert masked("Key (a)=(" * 100_000) == "Key (a)=[row]"
assert masked("Duplicate entry '" * 50_000) == "Duplicate entry [row]"
assert masked("::" * 500_000)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def line(record: logging.LogRecord) -> dict[str, Any]:
    return json.loads(JsonFormatter().format(record))


def test_a_line_has_these_fields() -> None:
    try:
        raise ValueError(f"nobody knows {EMAIL}")
    except ValueError:
        info = sys.exc_info()
    record = logging.LogRecord("django_ecomai.runs", logging.ERROR, "f.py", 1, "run %s failed", (7,), info)
    found = line(record)
    assert set(found) == {"time", "level", "logger", "event", "message", "error", "traceback"}
    assert (found["level"], found["logger"], found["event"], found["message"], found["error"]) == (
        "error",
        "django_ecomai.runs",
        "run %s failed",
        "run 7 failed",
        "ValueError",
    )
    assert found["traceback"].endswith("ValueError: nobody knows [e-mail]")
    assert found["time"].endswith("+00:00")


@pytest.mark.django_db
class TestNobodyIsNamed:
    """Every record of this package, at every level, before any mask but with the tracebacks of its errors."""

    @pytest.fixture
    def shopper(self, agreed: None) -> Client:
        user = User.objects.create_user("ann.private", email=EMAIL)
        client = Client(
            REMOTE_ADDR=IP, HTTP_USER_AGENT="Mozilla/5.0 (X11) Firefox/140.0", raise_request_exception=False
        )
        client.force_login(user)
        return client

    def batch(self, client: Client, *rows: dict[str, Any]) -> Any:
        token = client.get("/ecomai/capture/token/").json()["token"]
        body = json.dumps({"token": token, "events": list(rows)})
        return client.post("/ecomai/capture/", body, content_type="text/plain", headers={"Origin": "http://testserver"})

    def test_in_what_shoppers_and_jobs_do(
        self, shopper, caplog, monkeypatch, django_capture_on_commit_callbacks, ecomai_setting
    ) -> None:
        ecomai_setting(CONSENT="django_ecomai.events.consent.always", CAPTURE_SPILL_MB=0)
        caplog.set_level(logging.DEBUG, logger="django_ecomai")
        order_make(customer=CUSTOMER, lines=[("p1", 1)])
        view = {"name": "view_item", "product_id": "p1"}
        with django_capture_on_commit_callbacks(execute=True):
            assert self.batch(shopper, view, {"name": "nonsense", "query": EMAIL}).status_code == 202
            shopper.get("/ecomai/fragment/home/?product=p1&words=" + EMAIL)
            shopper.get(f"/ecomai/api/recommendations/{EMAIL}/")
            shopper.get("/ecomai/privacy/")
            recommendations("home", customer_id=CUSTOMER, visitor_id=VISITOR)
            events.track(name="view_item", customer_id=CUSTOMER, visitor_id=VISITOR, product="p1", id=str(uuid7()))
            events.track(name="nonsense", customer_id=CUSTOMER, visitor_id=VISITOR)
            events.purchase_record(order_id="", customer_id=CUSTOMER, visitor_id=VISITOR)
            run_now(kind="recommend.train")
            run_now(kind="runs.prune")
        visitors = set(Event.objects.values_list("visitor_id", flat=True)) | {VISITOR}

        def refuses(**values: Any) -> None:
            raise DatabaseError("the database is away")

        with monkeypatch.context() as broken:
            broken.setattr("django_ecomai.events.purchases.events_write", refuses)
            assert self.batch(shopper, view).status_code == 503
            broken.setattr("django_ecomai.recommend.serving.look_up", refuses)
            recommendations("home", customer_id=CUSTOMER, visitor_id=VISITOR)
        shopper.post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"})
        lines = [
            logging.Formatter().format(record) for record in caplog.records if record.name.startswith("django_ecomai")
        ]
        assert len(lines) >= 3
        personal = {IP, EMAIL, CUSTOMER, "ann.private", *visitors} - {""}
        assert [text for text in lines if any(word in text for word in personal)] == []

    def test_who_is_erased_is_not_named_either(self, caplog) -> None:
        from django_ecomai.privacy.models import SubjectRequest
        from django_ecomai.privacy.services import request_make

        caplog.set_level(logging.DEBUG, logger="django_ecomai")
        order_make(customer=CUSTOMER, lines=[("p1", 1)])
        subject = Subject(customer_ids=frozenset({CUSTOMER}), visitor_ids=frozenset({VISITOR}))
        request_make(subject=subject, kind=SubjectRequest.Kind.ERASE)
        lines = [logging.Formatter().format(record) for record in caplog.records]
        assert [text for text in lines if CUSTOMER in text or VISITOR in text] == []
