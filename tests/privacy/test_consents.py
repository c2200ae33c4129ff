"""The ledger of consents: written when somebody changes his mind, append-only, and asked by whoever may send mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import personal_data, prunes
from django_ecomai.events.models import Event
from django_ecomai.events.tokens import page_token
from django_ecomai.privacy.ledger import consent_record, consents_of
from django_ecomai.privacy.models import ConsentRecord
from django_ecomai.privacy.services import request_make

from .factories import ANN, PHONE

pytestmark = pytest.mark.django_db
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


def browser(consent: str = "", **headers: str) -> Client:
    """A visitor's browser with what the banner wrote."""
    client = Client(headers={"User-Agent": CHROME, "Sec-Fetch-Site": "same-origin", **headers})
    if consent:
        client.cookies["ecomai_consent"] = consent
    return client


def visit(client: Client, **headers: str) -> Any:
    """A page whose script reports a view."""
    body = {"token": page_token(), "events": [{"name": "view_item", "product_id": "lamp"}]}
    return client.post("/ecomai/capture/", body, content_type="application/json", headers=headers)


def lines() -> list[tuple[str, bool, str]]:
    return list(ConsentRecord.objects.order_by("id").values_list("purpose", "given", "origin"))


COOKIE = "django_ecomai.events.consent.cookie"


def test_a_yes_is_noted_once_with_how_and_to_which_text(ecomai: Any) -> None:
    ecomai(CONSENT_VERSION="2026-03")
    client = browser("analytics.personalization")
    visit(client)
    visit(client)
    assert lines() == [("analytics", True, COOKIE), ("personalization", True, COOKIE)]
    line = ConsentRecord.objects.first()
    assert line is not None and line.version == "2026-03" and line.visitor_digest and not line.customer_digest
    assert line.visitor_digest != Event.objects.values_list("visitor_id", flat=True).first()


def test_without_a_yes_nothing_is_noted_and_no_id_is_stored() -> None:
    answer = visit(browser())
    assert answer.json()["consent"] is False
    assert "ecomai_visitor" not in answer.cookies
    assert not ConsentRecord.objects.exists() and not Event.objects.exists()


def test_a_narrower_yes_notes_what_was_withdrawn() -> None:
    client = browser("analytics.personalization")
    visit(client)
    client.cookies["ecomai_consent"] = "analytics"
    visit(client)
    assert lines()[2:] == [("personalization", False, COOKIE)]


def test_a_no_notes_all_that_was_withdrawn_and_deletes_the_cookie() -> None:
    client = browser("analytics.personalization")
    visit(client)
    client.cookies["ecomai_consent"] = "necessary"
    assert visit(client).cookies["ecomai_visitor"]["max-age"] == 0
    assert lines()[2:] == [("analytics", False, COOKIE), ("personalization", False, COOKIE)]


@pytest.mark.parametrize(("header", "origin"), [("Sec-GPC", "gpc"), ("DNT", "dnt")])
def test_a_browser_that_says_no_is_noted_as_the_origin(header: str, origin: str) -> None:
    client = browser("analytics")
    visit(client)
    visit(client, **{header: "1"})
    assert lines()[1:] == [("analytics", False, origin)]


def test_a_cookie_of_an_older_version_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from django.core import signing

    now = int(time.time())
    client = browser("analytics")
    client.cookies["ecomai_visitor"] = signing.Signer(salt="django_ecomai.visitor").sign(f"secret.{now}.{now}")
    assert visit(client).json()["verdicts"][0]["status"] == "accepted"
    assert lines() == [("analytics", True, COOKIE)]


def test_the_last_word_of_a_person_counts() -> None:
    who = Subject(visitor_ids=frozenset({PHONE}), customer_ids=frozenset({ANN}))
    consent_record(visitor_id=PHONE, given={"marketing", "analytics"}, origin="banner")
    consent_record(customer_id=ANN, withdrawn={"marketing"}, origin="account")
    assert consents_of(who) == {"analytics": True, "marketing": False}
    exported = list(personal_data.get("privacy.consents").export(who))
    assert [(one["purpose"], one["agreed"], one["how"]) for one in exported] == [
        ("analytics", True, "banner"), ("marketing", True, "banner"), ("marketing", False, "account"),
    ]  # fmt: skip


def test_a_consent_is_somebodys() -> None:
    with pytest.raises(ValueError, match="needs a visitor_id"):
        consent_record(given={"analytics"})


def test_a_line_is_never_rewritten() -> None:
    consent_record(visitor_id=PHONE, given={"analytics"})
    line = ConsentRecord.objects.get()
    line.given = False
    with pytest.raises(TypeError, match="append-only"):
        line.save()


def test_old_lines_go_the_last_of_a_person_stays() -> None:
    old = timezone.now() - timedelta(days=2000)
    consent_record(visitor_id=PHONE, given={"analytics"}, at=old)
    consent_record(visitor_id=PHONE, withdrawn={"analytics"}, at=old)
    consent_record(visitor_id=PHONE, given={"marketing"})
    assert prunes.get("ledger of consents")() == 1
    assert [(one[0], one[1]) for one in lines()] == [("analytics", False), ("marketing", True)]


def test_a_ledger_that_cannot_be_written_hurts_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def gone(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("disk is full")

    monkeypatch.setattr(ConsentRecord.objects, "bulk_create", gone)
    assert visit(browser("analytics")).status_code == 202


def test_an_objection_is_noted_when_the_next_page_comes() -> None:
    client = browser("analytics.personalization")
    visit(client)
    visitor = Event.objects.values_list("visitor_id", flat=True).get()
    request_make(subject=Subject(visitor_ids=frozenset({visitor})), kind="object")
    visit(client)
    assert lines()[2:] == [("personalization", False, "objection")]
    assert Event.objects.count() == 2  # he is still counted


def test_a_purpose_of_the_shop_s_own_is_not_noted_at_every_page(ecomai: Any) -> None:
    ecomai(CONSENT=lambda request: {"analytics", "functional"})
    client = browser()
    visit(client)
    assert "ecomai_visitor" not in visit(client).cookies
    assert lines() == [("analytics", True, "function")]
