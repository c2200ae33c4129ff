"""Default placements that a newer version brought: told, added by one click or command, nothing else touched."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.urls import reverse

from django_ecomai.recommend.admin import PlacementAdmin
from django_ecomai.recommend.diagnosis import diagnose
from django_ecomai.recommend.models import Placement, Revision, Slot
from django_ecomai.recommend.selectors import default_placements_missing
from django_ecomai.recommend.services import placements_add
from tests.recommend.test_admin import merchant, staff

pytestmark = pytest.mark.django_db
__all__ = ["merchant"]
LIST = "admin:ecomai_recommend_placement_changelist"
ADD = "admin:ecomai_recommend_placement_add_missing"


@pytest.fixture
def older_shop() -> None:
    """As an installation of before: three defaults are not there yet, and the merchant changed one that is."""
    Placement.objects.filter(key__in=("order", "email", "not_found")).delete()
    Slot.objects.filter(placement__key="home").exclude(strategy="trending").delete()
    Placement.objects.filter(key="home").update(label="Start", is_active=False)


def test_one_click_adds_what_is_missing_and_leaves_the_rest(merchant: Any, older_shop: None) -> None:
    page = merchant.get(reverse(LIST)).content.decode()
    assert "8 of 11 default placements exist. Missing: After an order, E-mail, Page not found." in page

    answer = merchant.post(reverse(ADD), follow=True)

    assert [str(one) for one in answer.context["messages"]] == ["Added: After an order, E-mail, Page not found."]
    assert "default placements exist" not in answer.content.decode()
    assert list(Slot.objects.filter(placement__key="not_found").values_list("strategy", flat=True)) == [
        "trending", "recently_viewed",
    ]  # fmt: skip
    home = Placement.objects.get(key="home")
    assert (home.label, home.is_active, home.slots.count()) == ("Start", False, 1)
    assert LogEntry.objects.count() == Revision.objects.count() == 3
    again = merchant.post(reverse(ADD), follow=True)
    assert [str(one) for one in again.context["messages"]] == ["No default placement is missing."]


def test_what_was_added_can_be_undone_and_is_then_taken_for_deleted(merchant: Any, older_shop: None) -> None:
    merchant.post(reverse(ADD))
    added = Revision.objects.get(label__endswith="E-mail")
    merchant.post(reverse("admin:ecomai_recommend_placement_undo", args=[added.pk]))

    assert not Placement.objects.filter(key="email").exists()
    assert default_placements_missing(channel="") == ([], ["email"])


def test_what_the_merchant_deleted_is_not_missing(merchant: Any, capsys: Any) -> None:
    cart = Placement.objects.get(key="cart")
    merchant.post(reverse("admin:ecomai_recommend_placement_delete", args=[cart.pk]), {"post": "yes"})

    assert "default placements exist" not in merchant.get(reverse(LIST)).content.decode()
    assert not [one for one in diagnose() if "default placements" in str(one.title)]
    call_command("ecomai_placements", "--add-missing")
    assert "deleted: cart (bring it back with --add cart)" in capsys.readouterr().out
    call_command("ecomai_placements", "--add", "cart")
    assert "added cart\n11 of 11 default placements exist." in capsys.readouterr().out
    assert Placement.objects.get(key="cart").slots.count() == 2


def test_the_command_says_and_adds(older_shop: None, capsys: Any) -> None:
    call_command("ecomai_placements")
    said = capsys.readouterr().out
    assert "8 of 11" in said and "missing: email (add it with --add-missing)" in said
    assert Placement.objects.count() == 8

    call_command("ecomai_placements", "--add-missing")
    assert "11 of 11" in capsys.readouterr().out
    with pytest.raises(CommandError, match=r"no default placement 'attic'\. Use one of: home, product"):
        call_command("ecomai_placements", "--add", "attic")
    call_command("ecomai_placements", "--channel", "b2b", "--add", "home")
    assert Placement.objects.filter(channel="b2b").count() == 1


def test_a_placement_of_the_merchants_own_is_never_overwritten() -> None:
    Placement.objects.filter(key="email").delete()
    own = Placement.objects.create(key="email", label="Newsletter")

    assert placements_add(keys=["email"], channel="") == []
    own.refresh_from_db()
    assert (own.label, own.slots.count()) == ("Newsletter", 0)


def test_the_doctor_says_how_many_there_are(older_shop: None) -> None:
    found = next(one for one in diagnose() if "default placements" in str(one.title))

    assert (found.level, str(found.title).split(";")[0]) == ("info", "8 of 11 default placements exist")
    assert "order, email, not_found" in found.detail
    assert "ecomai_placements --add-missing" in found.next_step


def test_adding_needs_the_right_to_add_placements_and_carousels(client: Any, older_shop: None) -> None:
    limited = staff(client, "view_placement", "add_placement")
    assert "default placements exist" not in limited.get(reverse(LIST)).content.decode()
    assert limited.post(reverse(ADD)).status_code == 403
    assert limited.get(reverse(ADD)).status_code in (403, 405)
    assert Placement.objects.count() == 8


def test_the_preview_shows_only_what_the_admin_shows(merchant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home, cart = Placement.objects.get(key="home"), Placement.objects.get(key="cart")
    whole = PlacementAdmin.get_queryset
    monkeypatch.setattr(PlacementAdmin, "get_queryset", lambda self, request: whole(self, request).exclude(key="cart"))

    def status(placement: Placement) -> int:
        url = reverse("admin:ecomai_recommend_placement_preview", args=[placement.pk])
        return int(merchant.get(url).status_code)

    assert (status(home), status(cart)) == (200, 404)
    monkeypatch.setattr(
        PlacementAdmin, "has_view_permission", lambda self, request, obj=None: obj is None or obj.key != "home"
    )
    assert status(home) == 403
