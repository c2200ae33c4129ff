"""Lines of the doctor: are there costs to price with, how old are the proposals, can prices be written?"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import Finding
from django_ecomai.mirror.models import Product
from django_ecomai.runs.models import Run

from .models import PriceProposal, PriceReduction, ProductElasticity

KIND = "pricing.propose"
STALE = timedelta(days=2)
RUNS = 10  # are looked at
_WORKLIST = "admin:ecomai_pricing_priceproposal_changelist"


def diagnose() -> list[Finding]:
    """At most four findings; eight look-ups."""
    from .services.apply import adapter_applies

    channel = ecomai.CHANNEL
    priced = Product.objects.filter(
        channel=channel, is_active=True, is_service=False, removed_at=None, price__isnull=False
    )  # fmt: skip
    if not priced.exists():
        return []
    found = []
    if not priced.filter(cost__isnull=False).exists():
        found.append(
            Finding(
                "info",
                _("No product has a known cost"),
                _("Without it no price is proposed: nobody could say what is earned."),
                _("Map `cost` in your adapter, then type `python manage.py ecomai_sync`."),
            )
        )
    made = _worked_out(channel)
    step = _("Type `python manage.py ecomai_price`, or `ecomai_schedule --apply` to do it every morning.")
    if made is None:
        found.append(Finding("info", _("Prices have not been worked out yet"), "", step, _WORKLIST))
    elif timezone.now() - made > STALE:
        days = (timezone.now() - made).days
        found.append(
            Finding("warning", _("Price proposals are %(days)d days old") % {"days": days}, "", step, _WORKLIST)
        )
    else:
        found.append(Finding("ok", _("Prices are worked out"), "", "", _WORKLIST))
    now = timezone.now()
    untold = PriceReduction.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=now), channel=channel, began_at__lte=now, lowest_before=None
    ).count()
    if untold:
        found.append(
            Finding(
                "warning",
                ngettext(
                    "%(count)d running reduction has no known lowest price",
                    "%(count)d running reductions have no known lowest price",
                    untold,
                )
                % {"count": untold},
                _("The copy knows no price from before they began, so nothing can be told beside the struck price."),
                _("Do not announce these as reductions: show no struck price and no badge, as the example shop does."),
                "admin:ecomai_pricing_pricereduction_changelist",
            )
        )
    if not adapter_applies(channel) and PriceProposal.objects.filter(channel=channel).exists():
        found.append(
            Finding(
                "info",
                _("The adapter cannot write prices"),
                _("Approved prices can be downloaded as CSV, but not be put into the shop."),
                _("Override `apply_price(product_id, price)` in your adapter."),
                _WORKLIST,
            )
        )
    return found


def _worked_out(channel: str) -> datetime | None:
    """When prices were last worked out: by a run, or stored without one. Elasticities, which are learned more rarely,
    tell it only of a shop for which no price has been proposed."""
    # a trial run stores nothing
    runs = Run.objects.filter(kind=KIND, channel=channel, state=Run.State.DONE).order_by("-pk")
    ended = (at for at, asked in runs.values_list("finished_at", "parameters")[:RUNS] if not asked.get("dry_run"))
    stored = PriceProposal.objects.filter(channel=channel, from_test=False).aggregate(at=Max("made_at"))["at"]
    found = [at for at in (next(ended, None), stored) if at is not None]
    if found:
        return max(found)
    learned: datetime | None = ProductElasticity.objects.filter(channel=channel).aggregate(at=Max("made_at"))["at"]
    return learned
