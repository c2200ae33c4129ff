"""Forms: what Enter presses, and what somebody hears who does not see the page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.clients import clerk, read

from .adapters import PricedShop
from .factories import proposal_make, rule_make
from .market import competitor_make

pytestmark = pytest.mark.django_db
PAGE = "admin:ecomai_pricing_priceproposal"
RULE = "admin:ecomai_pricing_pricingrule_change"


def first_button(form: str) -> str:
    """The button that Enter presses: the first of the form that submits it."""
    buttons = re.findall(r"<(?:button|input type=\"submit\")[^>]*>", form)
    return next(one for one in buttons if 'type="button"' not in one)


def forms_with(html: str, text: str) -> list[str]:
    return [one for one in re.findall(r"<form.*?</form>", html, re.DOTALL) if text in one]


@pytest.mark.parametrize("state", ["open", "approved"])
def test_enter_in_the_reason_rejects(boss: Client, shop: PricedShop, state: str) -> None:
    row = proposal_make(state=state)
    html = read(boss.get(reverse(f"{PAGE}_change", args=[row.pk])))
    (form,) = forms_with(html, 'name="reason"')
    assert 'value="reject"' in first_button(form) and form.count("<button") == 1


def test_enter_in_a_field_of_a_rule_saves_it(boss: Client) -> None:
    html = read(boss.get(reverse(RULE, args=[rule_make().pk])))
    (form,) = forms_with(html, 'name="name"')
    assert 'name="_save"' in first_button(form)
    assert form.count("formaction=") == 1 and form.index("formaction=") > form.index('name="_save"')


@pytest.mark.parametrize(("codenames", "shown"), [(("view_pricingrule",), False), (("change_pricingrule",), True)])
def test_the_preview_is_shown_to_who_may_ask_for_it(codenames: tuple[str, ...], shown: bool) -> None:
    html = read(clerk(*codenames).get(reverse(RULE, args=[rule_make().pk])))
    assert ("data-ecomai-rule-preview" in html) is ("formaction=" in html) is shown


def test_only_the_sentence_of_a_preview_is_read_out(boss: Client) -> None:
    html = read(boss.get(reverse(RULE, args=[rule_make().pk])))
    assert '<div data-ecomai-preview-said role="status"' in html
    assert "aria-live" not in html[html.index("ecomai-preview-of-rule") :]


def test_day_and_time_of_an_approval_have_names_and_their_error(boss: Client, shop: PricedShop) -> None:
    data = {"ids": str(proposal_make().pk), "when": "later"}
    html = read(boss.post(reverse(f"{PAGE}_approve"), data))
    assert 'id="ecomai-approve-wrong"' in html and '<fieldset aria-describedby="ecomai-approve-wrong">' in html
    fields = re.findall(r'<input[^>]*name="apply_at_[01]"[^>]*>', html)
    assert [re.findall(r'aria-label="([^"]+)"', one) for one in fields] == [["Day"], ["Time of day"]]
    assert all('aria-invalid="true"' in one for one in fields)


def test_what_cannot_be_done_is_not_asked(shop: PricedShop, settings: Any) -> None:
    row, client = proposal_make(), clerk("view_priceproposal", "decide_priceproposal", "apply_priceproposal")
    url = reverse(f"{PAGE}_decide", args=[row.pk])
    html = read(client.post(url, {"action": "approve"}))
    assert 'name="canary"' in html and 'name="apply_at_0"' in html
    settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "tests.pricing.adapters.READING"}
    html = read(client.post(url, {"action": "approve"}))
    assert 'name="canary"' in html and 'name="apply_at_0"' not in html
    assert '<input type="hidden" name="when" value="now">' in html
    Permission.objects.get(codename="apply_priceproposal").user_set.clear()
    html = read(client.post(url, {"action": "approve"}))
    assert 'name="canary"' not in html and '<input type="hidden" name="when" value="now">' in html
    client.post(reverse(f"{PAGE}_approve"), {"ids": row.pk, "when": "now"})
    row.refresh_from_db()
    assert row.state == "approved"


def test_a_long_file_that_was_previewed_travels_as_a_file_would(boss: Client) -> None:
    # Percent signs of a URL-encoded form treble it, beyond what Django takes.
    competitor_make(code="A")
    title = "ä" * 200
    text = "competitor,title,price\n" + "".join(f"A,{title}{number},5\n" for number in range(2_000))
    url = reverse("admin:ecomai_pricing_competitoroffer_import")
    html = read(boss.post(url, {"file": SimpleUploadedFile("offers.csv", text.encode())}))
    (form,) = forms_with(html, 'name="content"')
    assert 'enctype="multipart/form-data"' in form
