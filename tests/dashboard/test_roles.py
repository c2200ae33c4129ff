"""The ready-made group: complete on the first day, and what an administrator changes stays changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from django_ecomai.dashboard import roles
from django_ecomai.dashboard.models import MerchantRole
from django_ecomai.dashboard.receivers import merchant_role_after_migrate
from django_ecomai.dashboard.roles import MERCHANT_PERMISSIONS, merchant_role_update

pytestmark = pytest.mark.django_db


def granted(group: Group) -> set[str]:
    return {
        f"{label}.{codename}"
        for label, codename in group.permissions.values_list("content_type__app_label", "codename")
    }


def expected() -> set[str]:
    return {f"{label}.{name}" for label, names in MERCHANT_PERMISSIONS.items() for name in names}


def migrate_again() -> None:
    for config in apps.get_app_configs():
        merchant_role_after_migrate(config)


def test_migrate_makes_the_group_with_exactly_these_permissions() -> None:
    group = Group.objects.get(name="Merchant")
    assert granted(group) == expected()
    role = MerchantRole.objects.get()
    assert role.group == group and set(role.granted) == expected() and str(role) == "Merchant"


def test_every_promised_permission_exists() -> None:
    for label, names in MERCHANT_PERMISSIONS.items():
        known = set(Permission.objects.filter(content_type__app_label=label).values_list("codename", flat=True))
        assert set(names) <= known


def test_what_was_taken_away_stays_away() -> None:
    group = Group.objects.get(name="Merchant")
    group.permissions.remove(Permission.objects.get(content_type__app_label="ecomai_mirror", codename="view_customer"))
    group.permissions.add(Permission.objects.get(codename="view_user"))
    migrate_again()
    assert granted(group) == expected() - {"ecomai_mirror.view_customer"} | {"auth.view_user"}


def test_a_deleted_group_stays_deleted() -> None:
    Group.objects.all().delete()
    migrate_again()
    assert not Group.objects.exists()
    assert str(MerchantRole.objects.get()) == "deleted group"


def test_a_renamed_group_gets_what_a_new_capability_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    Group.objects.update(name="Shop team")
    monkeypatch.setitem(MERCHANT_PERMISSIONS, "ecomai_runs", ("view_run", "start_run", "rollback_artifact"))
    migrate_again()
    group = Group.objects.get()
    assert group.name == "Shop team" and "ecomai_runs.rollback_artifact" in granted(group)


@pytest.mark.parametrize(("taken", "made"), [(["Merchant"], "EcomAI merchant"), (list(roles.GROUP_NAMES), None)])
def test_a_group_of_the_shop_is_never_touched(taken: list[str], made: str | None) -> None:
    MerchantRole.objects.all().delete()
    Group.objects.all().delete()
    for name in taken:
        Group.objects.create(name=name)
    migrate_again()
    for name in taken:
        assert granted(Group.objects.get(name=name)) == set()
    if made:
        assert granted(Group.objects.get(name=made)) == expected()
    else:
        assert MerchantRole.objects.get().group is None


def test_an_app_without_a_merchants_part_changes_nothing() -> None:
    assert merchant_role_update(app_config=apps.get_app_config("auth")) == []


def test_tables_that_are_not_migrated_yet_are_waited_for() -> None:
    class NoModels:
        def get_model(self, *names: str) -> Any:
            raise LookupError(names)

    assert merchant_role_update(app_config=apps.get_app_config("ecomai_mirror"), apps=NoModels()) == []


def test_a_database_that_holds_none_of_it_is_left_alone(settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["tests.dashboard.test_roles.Nowhere"]
    MerchantRole.objects.all().delete()
    assert merchant_role_update(app_config=apps.get_app_config("ecomai_mirror")) == []


class Nowhere:
    """A router that migrates nothing."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return False


@pytest.mark.django_db(transaction=True)
def test_an_emptied_database_gets_the_group_again() -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert granted(Group.objects.get(name="Merchant")) == expected()


@pytest.mark.parametrize(
    "name",
    [
        "ecomai_pricing_priceproposal_changelist",
        "ecomai_pricing_priceproposal_replay",
        "ecomai_pricing_pricingrule_changelist",
        "ecomai_pricing_pricingrule_add",
        "ecomai_pricing_pricechange_changelist",
        "ecomai_pricing_pricereduction_changelist",
        "ecomai_pricing_productelasticity_changelist",
        "ecomai_pricing_pricetest_changelist",
        "ecomai_pricing_volumeoffer_changelist",
        "ecomai_pricing_competitor_changelist",
        "ecomai_pricing_competitor_add",
        "ecomai_pricing_competitoroffer_changelist",
        "ecomai_pricing_competitoroffer_market",
        "ecomai_pricing_competitoroffer_import",
        "ecomai_pricing_competitormatch_changelist",
    ],
)
def test_the_group_opens_each_page_that_the_guides_to_prices_name(client: Client, name: str) -> None:
    user = User.objects.create_user("merchant", is_staff=True)
    user.groups.add(Group.objects.get(name="Merchant"))
    client.force_login(user)
    assert client.get(reverse(f"admin:{name}")).status_code == 200


def test_the_group_decides_which_product_an_offer_is() -> None:
    user = User.objects.create_user("merchant", is_staff=True)
    user.groups.add(Group.objects.get(name="Merchant"))
    assert user.has_perm("ecomai_pricing.decide_competitormatch")
