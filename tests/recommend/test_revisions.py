"""Every change in the admin is kept with old and new values, and can be undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from django_ecomai.core.undo import UndoConflict
from django_ecomai.dashboard.roles import MERCHANT_PERMISSIONS
from django_ecomai.recommend.admin import PlacementAdmin, SlotAdmin
from django_ecomai.recommend.admin_shop import RevisionAdmin
from django_ecomai.recommend.models import Bundle, BundleItem, Placement, Revision, ShopRule, Slot, SlotRule
from django_ecomai.recommend.revisions import revision_record, revision_undo, snapshot
from django_ecomai.recommend.serving import recommendations
from tests.recommend.factories import category, placement, products, rule
from tests.recommend.helpers import ids, queries
from tests.recommend.test_admin import merchant, rule_forms, slot_form, staff

pytestmark = pytest.mark.django_db
__all__ = ["merchant"]


def change(client: Any, obj: Any, data: dict[str, Any]) -> Any:
    url = reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])
    answer = client.post(url, data)
    assert answer.status_code == 302, answer.context and answer.context["errors"]
    return answer


def undo(client: Any, revision: Revision) -> Any:
    name = f"admin:{revision.model.replace('.', '_')}_undo"
    return client.post(reverse(name, args=[revision.pk]), follow=True)


def messages_of(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def kept_change(kind: str) -> Revision:
    """A placement "attic" that was added, changed or deleted."""
    attic = placement("attic", "trending")
    held = snapshot(attic)
    if kind == "added":
        before, after = [], held
    elif kind == "deleted":
        attic.delete()
        before, after = held, []
    else:
        Placement.objects.filter(pk=attic.pk).update(label="Under the roof")
        before, after = held, snapshot(attic)
    kept = revision_record(obj=attic, before=before, after=after)
    assert kept is not None
    return kept


def test_a_change_of_a_carousel_is_logged_with_both_values_and_undone(merchant: Any) -> None:
    home = placement("home", "trending", size=8)
    change(merchant, home, slot_form(home, **{"slots-0-size": 4, "slots-0-diversity": "0.5"}))
    slot = home.slots.get()
    revision = Revision.objects.get()

    assert (slot.size, slot.diversity) == (4, 0.5)
    assert f"carousel “{slot.title}”, how many products: 8 → 4" in revision.summary
    assert "variety: 0.0 → 0.5" in revision.summary
    assert revision.user.username == "merchant"
    assert "how many products: 8 → 4" in LogEntry.objects.first().get_change_message()  # type: ignore[union-attr]

    history = merchant.get(reverse("admin:ecomai_recommend_placement_history", args=[home.pk]))
    assert "how many products: 8 → 4" in history.content.decode()
    assert "Undo this change" in history.content.decode()
    answer = undo(merchant, revision)
    slot.refresh_from_db()
    revision.refresh_from_db()

    assert messages_of(answer)[-1] == "The change was undone."
    assert (slot.size, slot.diversity) == (8, 0.0)
    assert revision.undone_by.username == "merchant"
    assert "undone:" in LogEntry.objects.first().get_change_message()  # type: ignore[union-attr]
    assert Revision.objects.count() == 2


def test_nothing_changed_is_no_change(merchant: Any) -> None:
    home = placement("home", "trending")

    change(merchant, home, slot_form(home))

    assert not Revision.objects.exists()


def test_an_added_rule_is_taken_away_again_and_the_undoing_can_be_undone(merchant: Any) -> None:
    made = products(3)
    slot = placement("home", "new_arrivals").slots.get()
    change(merchant, slot, rule_forms(slot, {"action": "pin", "product": made[0].pk}))
    assert ids(recommendations("home")) == ["p0", "p2", "p1"]

    undo(merchant, Revision.objects.get())
    assert ids(recommendations("home")) == ["p2", "p1", "p0"]
    assert not SlotRule.objects.exists()

    undo(merchant, Revision.objects.first())
    assert ids(recommendations("home")) == ["p0", "p2", "p1"]


def test_a_deleted_placement_comes_back_with_its_carousels_and_rules(merchant: Any) -> None:
    made = products(3)
    home = placement("kitchen", "new_arrivals", size=2)
    rule(home.slots.get(), "hide", made[2])
    url = reverse("admin:ecomai_recommend_placement_delete", args=[home.pk])
    merchant.post(url, {"post": "yes"})
    assert not Placement.objects.filter(key="kitchen").exists()

    action = {"action": "undo", "_selected_action": [Revision.objects.get().pk]}
    merchant.post(reverse("admin:ecomai_recommend_revision_changelist"), action)

    assert ids(recommendations("kitchen")) == ["p1", "p0"]


def test_the_later_change_has_to_be_undone_first(merchant: Any) -> None:
    home = placement("home", "trending", size=8)
    for size in (4, 6):
        change(merchant, home, slot_form(home, **{"slots-0-size": size}))
    later, earlier = Revision.objects.all()

    assert messages_of(undo(merchant, earlier))[-1] == "This was changed again since: undo the later change first."
    undo(merchant, later)
    undo(merchant, earlier)

    assert home.slots.get().size == 8
    assert messages_of(undo(merchant, earlier))[-1] == "This change was undone before."


def test_a_change_of_something_else_does_not_stand_in_the_way(merchant: Any) -> None:
    home = placement("home", "trending", "new_arrivals", size=8)
    first, second = home.slots.all()
    before = snapshot(home)
    Slot.objects.filter(pk=first.pk).update(size=4)
    kept = revision_record(obj=home, before=before, after=snapshot(home))
    Slot.objects.filter(pk=second.pk).update(size=2)

    assert kept is not None
    revision_undo(revision=kept)

    assert [slot.size for slot in home.slots.all()] == [8, 2]


def test_what_refers_to_something_gone_cannot_come_back() -> None:
    made = products(2)
    slot = placement("home", "trending").slots.get()
    pin = rule(slot, "pin", made[0])
    before = snapshot(slot)
    pin.delete()
    kept = revision_record(obj=slot, before=before, after=snapshot(slot))
    made[0].delete()

    assert kept is not None
    with pytest.raises(UndoConflict, match="Something that it refers to is gone"):
        revision_undo(revision=kept)
    kept.refresh_from_db()
    assert kept.undone_at is None
    assert not SlotRule.objects.exists()


def test_sets_and_rules_for_all_carousels_are_made_in_the_admin_and_undone(merchant: Any) -> None:
    made = products(3)
    lamps = category("lamps")
    merchant.post(
        reverse("admin:ecomai_recommend_bundle_add"),
        {
            "channel": "", "title": "Tea time", "discount_text": "Save 10 %", "is_active": "on",
            "items-TOTAL_FORMS": "2", "items-INITIAL_FORMS": "0", "items-MIN_NUM_FORMS": "0",
            "items-MAX_NUM_FORMS": "1000", "items-0-product": made[0].pk, "items-0-order": "1",
            "items-1-product": made[1].pk, "items-1-order": "2",
        },
    )  # fmt: skip
    merchant.post(
        reverse("admin:ecomai_recommend_shoprule_add"),
        {"channel": "", "action": "hide", "factor": "2", "category": lamps.pk},
    )
    assert [one.product for one in Bundle.objects.get().items.all()] == made[:2]
    assert str(ShopRule.objects.get()) == "never show: Lamps"

    for revision in Revision.objects.all():
        undo(merchant, revision)

    assert not Bundle.objects.exists() and not BundleItem.objects.exists() and not ShopRule.objects.exists()


def test_a_set_may_not_end_before_it_begins(merchant: Any) -> None:
    now = timezone.now()
    bundle = Bundle(title="Tea", starts_at=now, ends_at=now - timedelta(days=1))

    with pytest.raises(Exception, match="The set would end before it begins"):
        bundle.full_clean()


def test_two_rules_for_all_carousels_may_not_contradict_each_other(merchant: Any) -> None:
    made = products(1)
    ShopRule.objects.create(action="pin", product=made[0])
    posted = {"channel": "", "action": "hide", "factor": "2", "product": made[0].pk}

    answer = merchant.post(reverse("admin:ecomai_recommend_shoprule_add"), posted)

    assert "cannot be “always first” and “never show” at the same time" in answer.content.decode()
    assert ShopRule.objects.count() == 1


def test_undoing_needs_its_own_permission(client: Any) -> None:
    home = placement("home", "trending")
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["change_placement", "view_placement"]))
    client.force_login(user)
    before = snapshot(home)
    Slot.objects.update(size=3)
    kept = revision_record(obj=home, before=before, after=snapshot(home))

    assert kept is not None
    assert undo(client, kept).status_code == 403
    assert client.get(reverse("admin:ecomai_recommend_placement_undo", args=[kept.pk])).status_code == 405
    assert "Undo this change" not in client.get(
        reverse("admin:ecomai_recommend_placement_history", args=[home.pk])
    ).content.decode()  # fmt: skip


def test_an_emptied_slider_has_its_default_again(merchant: Any) -> None:
    home = placement("home", "trending", diversity=0.5, frequency_days=3)

    change(merchant, home, slot_form(home, **{"slots-0-diversity": "", "slots-0-frequency_days": ""}))

    slot = home.slots.get()
    assert (slot.diversity, slot.frequency_days) == (0.0, 7)


def test_the_changes_are_read_only_and_listed(merchant: Any) -> None:
    home = placement("home", "trending")
    change(merchant, home, slot_form(home, **{"slots-0-size": 4}))

    page = merchant.get(reverse("admin:ecomai_recommend_revision_changelist")).content.decode()
    add = merchant.get(reverse("admin:ecomai_recommend_revision_add"))

    assert "8 → 4" in page and "Undo the selected changes" in page
    assert add.status_code == 403


def test_a_change_is_undone_from_the_list_after_a_question(merchant: Any) -> None:
    home = placement("home", "trending", size=8)
    change(merchant, home, slot_form(home, **{"slots-0-size": 4, "slots-0-only_in_stock": ""}))
    revision = Revision.objects.get()
    changes = reverse("admin:ecomai_recommend_revision_changelist")
    url = reverse("admin:ecomai_recommend_revision_undo", args=[revision.pk])

    listed = merchant.get(changes).content.decode()
    asked = merchant.get(url).content.decode()

    assert f'href="{url}"' in listed and "Undo…" in listed
    assert "how many products: 8 → 4" in asked and "only products in stock: yes → no" in asked
    assert home.slots.get().size == 4, "a question changes nothing"

    answer = merchant.post(url, follow=True)

    assert answer.redirect_chain == [(changes, 302)]
    assert messages_of(answer) == ["The change was undone."]
    assert home.slots.get().size == 8
    assert "undone" in answer.content.decode() and "by merchant" in answer.content.decode()
    assert messages_of(merchant.post(url, follow=True)) == [f"{revision.label}: This change was undone before."]


def test_undoing_from_the_list_needs_the_permission(client: Any) -> None:
    home = placement("home", "trending")
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["change_placement", "view_revision"]))
    client.force_login(user)
    before = snapshot(home)
    Slot.objects.update(size=3)
    kept = revision_record(obj=home, before=before, after=snapshot(home))

    assert kept is not None
    assert "Undo…" not in client.get(reverse("admin:ecomai_recommend_revision_changelist")).content.decode()
    assert client.post(reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])).status_code == 403
    assert home.slots.get().size == 3


def test_a_rule_is_told_with_the_names_of_what_it_is_about() -> None:
    made = products(1)
    slot = placement("home", "trending").slots.get()
    before = snapshot(slot)
    rule(slot, "hide", made[0])

    kept = revision_record(obj=slot, before=before, after=snapshot(slot))

    assert kept is not None
    assert f"added rule “{made[0]}”" in kept.summary
    assert "rule: never show" in kept.summary


def test_what_is_deleted_from_the_list_is_kept_or_stays(merchant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [placement("attic", "trending"), placement("kitchen", "trending")]
    url = reverse("admin:ecomai_recommend_placement_changelist")
    action = {"action": "delete_selected", "post": "yes", "_selected_action": [one.pk for one in made]}

    def full(**values: Any) -> Any:
        if values["obj"].key == "kitchen":
            raise RuntimeError("the disk is full")
        return revision_record(**values)

    monkeypatch.setattr("django_ecomai.recommend.auditing.revision_record", full)
    with pytest.raises(RuntimeError):
        merchant.post(url, action)
    assert Placement.objects.filter(key__in=["attic", "kitchen"]).count() == 2
    assert not Revision.objects.exists()

    monkeypatch.undo()
    merchant.post(url, action)
    assert not Placement.objects.filter(key__in=["attic", "kitchen"]).exists()
    assert Revision.objects.count() == 2


KINDS = [("added", "delete_placement"), ("deleted", "add_placement"), ("changed", "change_placement")]


@pytest.mark.parametrize(("kind", "needed"), KINDS)
def test_undoing_needs_the_permission_for_what_it_does(client: Any, kind: str, needed: str) -> None:
    kept = kept_change(kind)
    others = {name for _kind, name in KINDS} - {needed} | set(OF_SLOTS)
    staff(client, "view_placement", "view_revision", "undo_revision", *others)
    state = snapshot(Placement(pk=kept.object_id))
    changes = reverse("admin:ecomai_recommend_revision_changelist")
    url = reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])

    assert url not in client.get(changes).content.decode()
    assert client.get(url).status_code == 403
    assert client.post(url).status_code == 403
    assert undo(client, kept).status_code == 403
    answer = client.post(changes, {"action": "undo", "_selected_action": [kept.pk]}, follow=True)
    assert messages_of(answer) == [f"You may not change this: {kept.label}."]
    if kind != "deleted":
        history = client.get(reverse("admin:ecomai_recommend_placement_history", args=[kept.object_id]))
        assert "Undo this change" not in history.content.decode()
    kept.refresh_from_db()
    assert kept.undone_at is None
    assert snapshot(Placement(pk=kept.object_id)) == state


@pytest.mark.parametrize(("kind", "needed"), KINDS)
@pytest.mark.parametrize("way", ["list", "action", "history"])
def test_the_permission_for_what_it_does_is_enough(client: Any, kind: str, needed: str, way: str) -> None:
    kept = kept_change(kind)
    staff(client, "view_placement", "view_revision", "undo_revision", needed, needed.replace("placement", "slot"))
    changes = reverse("admin:ecomai_recommend_revision_changelist")
    url = reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])

    assert url in client.get(changes).content.decode()
    if way == "list":
        client.post(url)
    elif way == "action":
        client.post(changes, {"action": "undo", "_selected_action": [kept.pk]})
    else:
        if kind != "deleted":
            history = client.get(reverse("admin:ecomai_recommend_placement_history", args=[kept.object_id]))
            assert "Undo this change" in history.content.decode()
        undo(client, kept)

    assert snapshot(Placement(pk=kept.object_id)) == kept.before


OF_SLOTS = ("add_slot", "change_slot", "delete_slot")


@pytest.mark.parametrize(("kind", "needed"), [("added", "delete_slot"), ("deleted", "add_slot")])
def test_what_belongs_to_it_needs_permissions_of_its_own(client: Any, kind: str, needed: str) -> None:
    kept = kept_change(kind)
    others = {*OF_SLOTS, "add_placement", "change_placement", "delete_placement"} - {needed}
    staff(client, "view_placement", "view_revision", "undo_revision", *others)
    state = snapshot(Placement(pk=kept.object_id))

    assert client.post(reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])).status_code == 403
    assert undo(client, kept).status_code == 403
    assert snapshot(Placement(pk=kept.object_id)) == state


@pytest.mark.parametrize("needed", ["delete_slotrule", "change_slot"])
def test_an_added_rule_is_only_taken_away_by_who_may_delete_rules(client: Any, merchant: Any, needed: str) -> None:
    made = products(3)
    slot = placement("home", "new_arrivals").slots.get()
    change(merchant, slot, rule_forms(slot, {"action": "pin", "product": made[0].pk}))
    kept = Revision.objects.get()
    own = {"view_slot", "change_slot", "delete_slotrule"} - {needed}
    staff(client, "view_revision", "undo_revision", *own)

    assert client.post(reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])).status_code == 403
    assert SlotRule.objects.exists()


def test_a_carousel_that_is_hidden_from_staff_does_not_come_back(
    merchant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_change("deleted")
    whole = SlotAdmin.get_queryset
    monkeypatch.setattr(
        SlotAdmin, "get_queryset", lambda self, request: whole(self, request).exclude(placement__key="attic")
    )

    assert undo(merchant, kept).status_code == 403
    assert not Placement.objects.filter(key="attic").exists()
    kept.refresh_from_db()
    assert kept.undone_at is None


def test_what_was_added_to_it_since_is_not_deleted_along_with_it(merchant: Any) -> None:
    kept = kept_change("added")
    attic = Placement.objects.get(key="attic")
    Slot.objects.create(placement=attic, strategy="trending", title="Later")

    assert messages_of(undo(merchant, kept))[-1] == "This was changed again since: undo the later change first."
    assert attic.slots.count() == 2


def test_the_shipped_group_of_merchants_cannot_delete_a_placement_by_undoing(client: Any) -> None:
    kept = kept_change("added")
    staff(client, *MERCHANT_PERMISSIONS["ecomai_recommend"])

    assert undo(client, kept).status_code == 403
    assert Placement.objects.filter(key="attic").exists()


TAKEN = "Something else has taken its place. Change or delete that first, then undo: "


def test_what_has_its_key_taken_cannot_come_back_until_it_is_free(merchant: Any) -> None:
    kept = kept_change("deleted")
    other = placement("attic", "new_arrivals")
    url = reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])

    said = TAKEN + "Placement with this Channel and Key already exists."
    assert messages_of(undo(merchant, kept)) == [said]
    assert messages_of(merchant.post(url, follow=True)) == [f"{kept.label}: {said}"]
    kept.refresh_from_db()
    assert kept.undone_at is None
    assert Placement.objects.get(key="attic") == other

    other.delete()
    undo(merchant, kept)
    assert snapshot(Placement(pk=kept.object_id)) == kept.before


def test_a_key_that_is_taken_in_this_very_moment_is_a_conflict_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = kept_change("deleted")
    placement("attic", "new_arrivals")
    monkeypatch.setattr(Placement, "validate_constraints", lambda self: None)

    with pytest.raises(UndoConflict) as conflict:
        revision_undo(revision=kept)

    assert str(conflict.value) == TAKEN + Placement.objects.get(key="attic").label
    kept.refresh_from_db()
    assert kept.undone_at is None


def test_one_conflict_does_not_take_the_others_down(merchant: Any) -> None:
    taken = kept_change("deleted")
    placement("attic", "new_arrivals")
    home = placement("home", "trending", size=8)
    for size in (4, 6):
        change(merchant, home, slot_form(home, **{"slots-0-size": size}))
    pks = [taken.pk, *Revision.objects.exclude(pk=taken.pk).values_list("pk", flat=True)]
    changes = reverse("admin:ecomai_recommend_revision_changelist")

    answer = merchant.post(changes, {"action": "undo", "_selected_action": pks}, follow=True)

    assert messages_of(answer)[-2:] == [
        f"{taken.label}: {TAKEN}Placement with this Channel and Key already exists.",
        "2 changes were undone.",
    ]
    assert home.slots.get().size == 8
    assert Placement.objects.filter(key="attic").count() == 1


def of_another_version(kept: Revision, *, without: str, having: str) -> None:
    """As it was kept before a migration added the one field and removed the other."""
    for row in [*kept.before, *kept.after]:
        row["fields"].pop(without, None)
        row["fields"][having] = "x"
    kept.save()


def test_a_change_from_before_a_migration_is_undone_and_leaves_later_fields_alone() -> None:
    home = placement("home", "trending", size=8, diversity=0.5)
    before = snapshot(home)
    Slot.objects.update(size=4)
    kept = revision_record(obj=home, before=before, after=snapshot(home))
    assert kept is not None
    of_another_version(kept, without="diversity", having="colour")

    undoing = revision_undo(revision=kept)

    slot = home.slots.get()
    assert (slot.size, slot.diversity) == (8, 0.5)
    assert undoing is not None and undoing.summary == f"carousel “{slot.title}”, how many products: 4 → 8"


def test_a_deletion_from_before_a_migration_comes_back_with_the_default_of_what_is_new() -> None:
    home = placement("home", "trending", size=4, diversity=0.5)
    before, pk = snapshot(home), home.pk
    home.delete()
    kept = revision_record(obj=home, before=before, after=[])
    assert kept is not None
    of_another_version(kept, without="diversity", having="colour")

    revision_undo(revision=kept)

    slot = Slot.objects.get(placement_id=pk)
    assert (slot.size, slot.diversity) == (4, 0.0)


def test_what_was_changed_since_is_found_among_the_fields_of_then() -> None:
    home = placement("home", "trending", size=8)
    before = snapshot(home)
    Slot.objects.update(size=4)
    kept = revision_record(obj=home, before=before, after=snapshot(home))
    assert kept is not None
    of_another_version(kept, without="diversity", having="colour")
    Slot.objects.update(size=6)

    with pytest.raises(UndoConflict, match="This was changed again since"):
        revision_undo(revision=kept)


ALL_KINDS = [name for _kind, name in KINDS]


def limit(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    """A shop whose staff sees these placements only."""
    whole = PlacementAdmin.get_queryset
    monkeypatch.setattr(PlacementAdmin, "get_queryset", lambda self, request: whole(self, request).filter(key__in=keys))


@pytest.mark.parametrize("kind", ["added", "changed", "deleted"])
def test_what_staff_does_not_see_is_not_undone(client: Any, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    kept = kept_change(kind)
    staff(client, "view_placement", "view_revision", "undo_revision", *ALL_KINDS)
    state = snapshot(Placement(pk=kept.object_id))
    changes = reverse("admin:ecomai_recommend_revision_changelist")
    url = reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])
    limit(monkeypatch, "home")

    assert undo(client, kept).status_code == 403
    answer = client.post(changes, {"action": "undo", "_selected_action": [kept.pk]}, follow=True)
    assert messages_of(answer) == [f"You may not change this: {kept.label}."]
    if kind != "deleted":  # only once it is back it is known whether it is hidden
        assert url not in client.get(changes).content.decode()
        assert client.post(url).status_code == 403
    kept.refresh_from_db()
    assert kept.undone_at is None
    assert snapshot(Placement(pk=kept.object_id)) == state


@pytest.mark.parametrize("kind", ["added", "changed", "deleted"])
def test_what_staff_sees_is_undone(client: Any, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    kept = kept_change(kind)
    staff(client, "view_placement", "view_revision", "undo_revision", *ALL_KINDS, *OF_SLOTS)
    limit(monkeypatch, "attic")

    client.post(reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk]))

    assert snapshot(Placement(pk=kept.object_id)) == kept.before


@pytest.mark.parametrize(("kind", "hook"), [("added", "has_delete_permission"), ("changed", "has_change_permission")])
def test_permissions_of_single_objects_hold_for_undoing(
    merchant: Any, monkeypatch: pytest.MonkeyPatch, kind: str, hook: str
) -> None:
    kept = kept_change(kind)
    monkeypatch.setattr(PlacementAdmin, hook, lambda self, request, obj=None: obj is None or obj.key != "attic")
    url = reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])

    assert undo(merchant, kept).status_code == 403
    assert merchant.post(url).status_code == 403
    assert url not in merchant.get(reverse("admin:ecomai_recommend_revision_changelist")).content.decode()


def test_a_change_that_staff_does_not_see_is_not_found(merchant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = kept_change("changed")
    monkeypatch.setattr(RevisionAdmin, "get_queryset", lambda self, request: Revision.objects.none())

    assert merchant.post(reverse("admin:ecomai_recommend_revision_undo", args=[kept.pk])).status_code == 404


def test_a_deleted_carousel_comes_back_though_it_has_no_page_to_add_it(merchant: Any) -> None:
    slot = placement("home", "trending").slots.get()
    merchant.post(reverse("admin:ecomai_recommend_slot_delete", args=[slot.pk]), {"post": "yes"})
    assert not Slot.objects.filter(pk=slot.pk).exists()

    undo(merchant, Revision.objects.get())

    assert Slot.objects.get(pk=slot.pk).strategy == "trending"


def test_the_list_of_changes_asks_once_per_model(merchant: Any) -> None:
    home = placement("home", "trending", size=8)
    changes = reverse("admin:ecomai_recommend_revision_changelist")
    counts = []
    for size in (4, 6, 8, 3):
        change(merchant, home, slot_form(home, **{"slots-0-size": size}))
        counts.append(len(queries(lambda: merchant.get(changes))))

    assert counts == [counts[0]] * 4
