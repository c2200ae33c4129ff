from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    name = "django_ecomai.inventory"
    label = "ecomai_inventory"
    verbose_name = _("Inventory")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.persons import staff_records
        from django_ecomai.core.registry import Card, dashboard_cards, doctor_checks, personal_data, product_weights

        from . import checks, jobs
        from .cards import stock_context
        from .diagnosis import diagnose
        from .steering import stock_weights

        jobs.register()
        doctor_checks.register("inventory", diagnose)
        if "inventory.staff" not in personal_data:
            personal_data.register(
                "inventory.staff",
                staff_records(
                    _("Orders and decisions of an employee"),
                    {
                        "ecomai_inventory.PurchaseOrder": ("created_by", "approved_by"),
                        "ecomai_inventory.Suggestion": ("decided_by",),
                        "ecomai_inventory.Decision": ("user",),
                    },
                ),
            )
        product_weights.register("inventory", stock_weights)
        dashboard_cards.register(
            "inventory.stock",
            Card(
                title=_("Stock and orders"),
                template="ecomai/inventory/card.html",
                context=stock_context,
                permission="ecomai_inventory.view_suggestion",
                order=5,
                of_period=False,
            ),
        )
        del checks  # imported for its registration
