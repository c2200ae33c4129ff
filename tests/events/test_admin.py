"""The log in the admin: read-only, searchable by id, and no query that counts or scans."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event
from django_ecomai.events.services import events_insert, visitor_link

from .factories import ago, make_event

pytestmark = pytest.mark.django_db
LIST = "admin:ecomai_events_event_changelist"


def listed(admin_client: Any, **query: str) -> list[str]:
    response = admin_client.get(reverse(LIST), query)
    assert response.status_code == 200
    return [event.product_id for event in response.context["cl"].result_list]


def test_newest_first_without_counting(admin_client: Any, django_assert_max_num_queries: Any) -> None:
    events_insert(rows=[{"id": uuid7(ago(minutes=n)), "name": "view_item", "product_id": str(n)} for n in range(120)])
    admin_client.get(reverse(LIST))
    with django_assert_max_num_queries(9) as captured:
        shown = listed(admin_client)
    assert shown == [str(number) for number in range(50)]
    assert not any("COUNT(" in query["sql"] for query in captured.captured_queries)


def test_quick_spans_are_ranges_of_the_key(admin_client: Any) -> None:
    make_event(product="now", at=ago(seconds=1))
    make_event(product="two hours", at=ago(hours=2))
    make_event(product="three days", at=ago(days=3))
    assert listed(admin_client, when="hour") == ["now"]
    assert listed(admin_client, when="week") == ["now", "two hours", "three days"]
    assert "three days" not in listed(admin_client, when="today") + listed(admin_client, when="yesterday")
    assert listed(admin_client, when="nonsense") == ["now", "two hours", "three days"]


def test_search_is_by_exact_id(admin_client: Any) -> None:
    make_event(product="22423", visitor_id="v1")
    make_event(product="85123A", customer_id="c1")
    make_event(product="old", at=ago(days=6.9))
    assert listed(admin_client, q="v1") == ["22423"]
    assert listed(admin_client, q="c1") == ["85123A"]
    assert listed(admin_client, q="85123A") == ["85123A"]
    assert listed(admin_client, q=str(Event.objects.get(product_id="22423").pk)) == ["22423"]
    assert listed(admin_client, q="2242") == []


def test_a_person_leads_to_all_his_events_and_numbers_have_no_idle_zeros(admin_client: Any) -> None:
    make_event(product="A", visitor_id="visitor-1234567", quantity="2.000")
    make_event(product="B", customer_id="c&1", quantity="1.500")
    html = admin_client.get(reverse(LIST)).content.decode()
    assert '<a href="?q=visitor-1234567">visitor-…</a>' in html
    assert '<a href="?q=c%261">c&amp;1</a>' in html
    assert '<td class="field-pieces">2</td>' in html and '<td class="field-pieces">1.5</td>' in html
    assert listed(admin_client, q="visitor-1234567") == ["A"]


def test_an_event_can_be_read_and_not_changed(admin_client: Any) -> None:
    make_event(product="A", visitor_id="v1", properties={"run": "1"})
    event = Event.objects.get()
    url = reverse("admin:ecomai_events_event_change", args=[event.pk])
    response = admin_client.get(url)
    assert response.status_code == 200
    assert 'name="_save"' not in response.content.decode()
    assert admin_client.post(url, {"product_id": "B"}).status_code == 403
    assert admin_client.get(reverse("admin:ecomai_events_event_add")).status_code == 403
    assert admin_client.post(reverse("admin:ecomai_events_event_delete", args=[event.pk])).status_code == 403


def test_known_visitors_are_listed(admin_client: Any) -> None:
    visitor_link(visitor_id="v1", customer_id="c1")
    response = admin_client.get(reverse("admin:ecomai_events_visitoridentity_changelist"), {"q": "c1"})
    assert "v1" in response.content.decode()
