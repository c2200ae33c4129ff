"""Lines of the doctor: is there stock to plan with, are there suppliers, how old is the worklist?"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import Finding
from django_ecomai.mirror.models import Product

from .models import Suggestion, Supplier

STALE = timedelta(days=2)
_WORKLIST = "admin:ecomai_inventory_suggestion_changelist"
_SUPPLIERS = "admin:ecomai_inventory_supplier_changelist"


def diagnose() -> list[Finding]:
    """At most two findings; three look-ups."""
    channel = ecomai.CHANNEL
    counted = Product.objects.filter(channel=channel, is_service=False, removed_at=None, stock__isnull=False)
    if not counted.exists():
        return [
            Finding(
                "info",
                _("No product has a counted stock"),
                _("Without it nothing can be worked out about orders."),
                _("Map `stock` in your adapter, then type `python manage.py ecomai_sync`."),
            )
        ]
    found = []
    made = Suggestion.objects.filter(channel=channel).aggregate(at=Max("made_at"))["at"]
    step = _("Type `python manage.py ecomai_replenish`, or `ecomai_schedule --apply` to do it every morning.")
    if made is None:
        found.append(Finding("info", _("What to order has not been worked out yet"), "", step, _WORKLIST))
    elif timezone.now() - made > STALE:
        days = (timezone.now() - made).days
        found.append(Finding("warning", _("What to order is %(days)d days old") % {"days": days}, "", step, _WORKLIST))
    else:
        found.append(Finding("ok", _("What to order is worked out"), "", "", _WORKLIST))
    if not Supplier.objects.filter(channel=channel, is_active=True).exists():
        found.append(
            Finding(
                "info",
                _("There are no suppliers"),
                _("Suggestions can be read, but not be put into purchase orders."),
                _("Add suppliers in the admin, or read them from a CSV file."),
                _SUPPLIERS,
            )
        )
    return found
