"""The ready-made group for merchants: sees results and steers, does not see the machinery."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import router, transaction

GROUP_NAMES = ("Merchant", "EcomAI merchant")  # the second when the shop has a group of the first name already

# Models, artifacts, heartbeats, single events and the change history stay with the administrators.
MERCHANT_PERMISSIONS: dict[str, tuple[str, ...]] = {
    "ecomai_dashboard": ("view_start",),
    "ecomai_mirror": ("view_product", "view_category", "view_customer", "view_order", "view_syncreport"),
    "ecomai_runs": ("view_run", "start_run"),
    "ecomai_recommend": (
        "view_placement",
        "change_placement",
        "preview_placement",
        "view_slot",
        "add_slot",
        "change_slot",
        "delete_slot",
        "view_slotrule",
        "add_slotrule",
        "change_slotrule",
        "delete_slotrule",
        "view_shoprule",
        "add_shoprule",
        "change_shoprule",
        "delete_shoprule",
        "view_bundle",
        "add_bundle",
        "change_bundle",
        "delete_bundle",
        "view_bundleitem",
        "add_bundleitem",
        "change_bundleitem",
        "delete_bundleitem",
        "view_revision",
        "undo_revision",
    ),
    "ecomai_inventory": (
        "view_suggestion",
        "decide_suggestion",
        "view_decision",
        "undo_decision",
        "view_supplier",
        "add_supplier",
        "change_supplier",
        "view_supplierproduct",
        "add_supplierproduct",
        "change_supplierproduct",
        "delete_supplierproduct",
        "view_substitution",
        "add_substitution",
        "change_substitution",
        "delete_substitution",
        "view_stockpolicy",
        "add_stockpolicy",
        "change_stockpolicy",
        "delete_stockpolicy",
        "view_purchaseorder",
        "add_purchaseorder",
        "change_purchaseorder",
        "approve_purchaseorder",
        "view_purchaseorderline",
        "change_purchaseorderline",
        "delete_purchaseorderline",
        "view_receipt",
        "add_receipt",
    ),
    "ecomai_pricing": (
        "view_priceproposal",
        "decide_priceproposal",
        "apply_priceproposal",
        "view_pricechange",
        "undo_pricechange",
        "view_productelasticity",
        "view_pricelimits",
        "change_pricelimits",
        "view_pricingrule",
        "add_pricingrule",
        "change_pricingrule",
        "delete_pricingrule",
        "view_pricetest",
        "add_pricetest",
        "change_pricetest",
        "view_volumeoffer",
        "dismiss_volumeoffer",
        "approve_volumeoffer",
        "view_pricereduction",
        "view_competitor",
        "add_competitor",
        "change_competitor",
        "view_competitoroffer",
        "add_competitoroffer",
        "change_competitoroffer",
        "view_competitormatch",
        "decide_competitormatch",
    ),
    # A key reaches further than whoever makes it: that stays with whom an administrator gives ``add_apikey``.
    "ecomai_ingest": ("view_apikey", "revoke_apikey", "view_webhook"),
    "ecomai_privacy": (
        "view_subjectrequest",
        "add_subjectrequest",
        "carry_out_subjectrequest",
        "download_subjectrequest",
    ),
    "ecomai_forecast": (
        "view_forecast",
        "view_forecastoverride",
        "add_forecastoverride",
        "change_forecastoverride",
        "view_salestarget",
        "add_salestarget",
        "change_salestarget",
        "delete_salestarget",
        "view_forecastchange",
        "view_signal",
        "add_signal",
        "change_signal",
        "delete_signal",
        "view_signalvalue",
        "add_signalvalue",
        "change_signalvalue",
        "delete_signalvalue",
    ),
}


def merchant_role_update(*, app_config: AppConfig, using: str = "default", apps: Any = installed_apps) -> list[str]:
    """Grant the group what ``app_config`` offers merchants and what was never granted before; returns those codenames.

    Makes the group on the first call. An existing group of the shop is never touched.
    """
    wanted = MERCHANT_PERMISSIONS.get(app_config.label, ())
    try:
        role_model = apps.get_model("ecomai_dashboard", "MerchantRole")
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:  # migrated in parts: the tables are not there yet, the next migrate brings the group
        return []
    if not wanted or not all(router.allow_migrate_model(using, model) for model in (role_model, group_model)):
        return []
    # Django makes permissions in a receiver of the same signal; which of the two runs first depends on INSTALLED_APPS.
    create_permissions(app_config, verbosity=0, using=using, apps=apps)
    with transaction.atomic(using=using):
        role = role_model._default_manager.using(using).first()
        if role is None:
            taken = (
                group_model._default_manager.using(using).filter(name__in=GROUP_NAMES).values_list("name", flat=True)
            )
            free = [name for name in GROUP_NAMES if name not in taken]
            group = group_model._default_manager.using(using).create(name=free[0]) if free else None
            role = role_model._default_manager.using(using).create(group=group)
        if role.group_id is None:
            return []
        known = set(role.granted)
        permissions = list(
            permission_model._default_manager.using(using).filter(
                content_type__app_label=app_config.label,
                codename__in=[name for name in wanted if f"{app_config.label}.{name}" not in known],
            )
        )
        if not permissions:
            return []
        role.group.permissions.add(*permissions)
        added = sorted(f"{app_config.label}.{permission.codename}" for permission in permissions)
        role.granted = sorted({*known, *added})
        role.save(using=using)
    return added
