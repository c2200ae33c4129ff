"""The panel on the merchant's start page, and the doctor's lines."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import Card, Finding, dashboard_cards, doctor_checks

from .market import fresh_since
from .market_alerts import MARKET_ALERTS
from .market_rows import review_rows
from .market_stored import market_numbers_latest
from .models import Competitor, CompetitorOffer
from .models.rules import POSITION_WORDS

#: Of those who undercut the shop, so many are named.
WORST = 5
_PAGE = "admin:ecomai_pricing_competitoroffer_market"
_REVIEW = "admin:ecomai_pricing_competitormatch_changelist"


def market_context(request: HttpRequest) -> dict[str, Any]:
    """Positions, alerts and the largest differences of last night, and how many pairs wait."""
    channel = request.ecomai_period.channel  # type: ignore[attr-defined]
    competitors = Competitor.objects.filter(channel=channel, is_active=True)
    if not competitors.exists():
        return {"watched": False, "page_url": _url("admin:ecomai_pricing_competitor_changelist")}
    found = market_numbers_latest(channel=channel)
    return {
        "watched": True,
        "simulated": competitors.filter(is_simulated=True).exists(),
        "found": found,
        "positions": [(POSITION_WORDS[one], found.positions[one]) for one in POSITION_WORDS if one in found.positions]
        if found
        else [],
        "worst": found.first.get("undercut", [])[:WORST] if found else [],
        "alerts": [(kind, MARKET_ALERTS[kind], number) for kind, number in found.alerts.items()] if found else [],
        "to_decide": review_rows(channel=channel).count(),
        "page_url": _url(_PAGE),
        "review_url": _url(_REVIEW),
    }


def diagnose() -> list[Finding]:
    """Nothing where nobody is watched."""
    channel = ecomai.CHANNEL
    if not Competitor.objects.filter(channel=channel, is_active=True).exists():
        return []
    found = []
    offers = CompetitorOffer.objects.filter(competitor__channel=channel, competitor__is_active=True)
    last = offers.aggregate(at=Max("observed_at"))["at"]
    step = _("Read a new file, or give your adapter competitor_offers().")
    if last is None:
        found.append(Finding("info", _("No offers of competitors have been read"), "", step, _PAGE))
    elif last < fresh_since():
        days = (timezone.now() - last).days
        title = _("Offers of competitors are %(days)d days old: none is used") % {"days": days}
        found.append(Finding("warning", title, "", step, _PAGE))
    else:
        found.append(Finding("ok", _("Offers of competitors are fresh"), "", "", _PAGE))
    if waiting := review_rows(channel=channel).count():
        title = ngettext(
            "%(n)d offer of a competitor waits to be matched", "%(n)d offers of competitors wait to be matched", waiting
        )
        found.append(Finding("info", title % {"n": waiting}, "", _("Decide under “Competitor matches”."), _REVIEW))
    return found


def register() -> None:
    """Called once from ``ready()``."""
    doctor_checks.register("pricing.market", diagnose)
    if "pricing.market" not in dashboard_cards:
        dashboard_cards.register(
            "pricing.market",
            Card(
                title=gettext_lazy("Market position"),
                template="ecomai/pricing/market_card.html",
                context=market_context,
                permission="ecomai_pricing.view_competitoroffer",
                order=7,
                of_period=False,
            ),
        )


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
