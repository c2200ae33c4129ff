"""What a merchant should hear of: who undercuts him, who has sold out, who has become the cheapest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.mail import send_mail
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai

from .held import exact_amount
from .market import trusted_matches, usable
from .models import CompetitorPrice

MARKET_ALERTS: dict[str, Any] = {
    "undercut": gettext_lazy("A competitor is cheaper"),
    "new_cheapest": gettext_lazy("A competitor has become the cheapest"),
    "sold_out": gettext_lazy("Sold out at a competitor"),
}
#: What happened before is no news.
NEWS = timedelta(days=7)
MOST_LINES = 20


@dataclass(frozen=True)
class MarketAlert:
    """``kind`` is a key of ``MARKET_ALERTS``; ``below`` the share by which the offer is cheaper than ``own``."""

    kind: str
    product_id: int
    product: str
    offer_id: int
    competitor: str
    price: Decimal
    own: Decimal
    currency: str
    below: float
    simulated: bool

    @property
    def line(self) -> str:
        """In one line."""
        text = _("%(product)s: %(price)s at %(competitor)s, yours %(own)s") % {
            "product": self.product,
            "price": exact_amount(self.price, self.currency),
            "competitor": _("%(name)s (simulated)") % {"name": self.competitor} if self.simulated else self.competitor,
            "own": exact_amount(self.own, self.currency),
        }
        return text


@dataclass(frozen=True, slots=True)
class _Row:
    product_id: int
    product: str
    own: Decimal
    offer_id: int
    price: Decimal
    currency: str
    available: bool | None
    competitor: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class _Before:
    """What an offer asked before its last change."""

    price: Decimal | None
    currency: str
    available: bool | None


def market_alerts(*, channel: str) -> dict[str, list[MarketAlert]]:
    """Alerts by kind, the largest difference first; only what may be used (see ``market``) counts. Two queries."""
    found: dict[str, list[MarketAlert]] = {kind: [] for kind in MARKET_ALERTS}
    rows = _rows(channel)
    changed = _changes(channel)
    lowest: dict[int, Decimal] = {}
    for row in rows:
        if row.available is not False:
            lowest[row.product_id] = min(row.price, lowest.get(row.product_id, row.price))
    least = 1 - Decimal(str(ecomai.PRICING_UNDERCUT_PERCENT)) / 100
    for row in rows:
        before = changed.get(row.offer_id)
        if row.available is False:
            if before is not None and before.available is not False:
                found["sold_out"].append(_alert("sold_out", row))
            continue
        if row.price <= row.own * least:
            found["undercut"].append(_alert("undercut", row))
        if before is not None and row.price == lowest[row.product_id] < row.own:
            was = before.price if before.currency == row.currency and before.available is not False else None
            if was is None or was >= row.own:
                found["new_cheapest"].append(_alert("new_cheapest", row))
    for alerts in found.values():
        alerts.sort(key=lambda one: (-one.below, one.product_id))
    return found


def _rows(channel: str) -> list[_Row]:
    matches = trusted_matches(channel=channel).filter(product__price__gt=0)
    columns = (
        "product__currency", "product_id", "product__title", "product__price", "offer_id", "offer__price",
        "offer__currency", "offer__available", "offer__competitor__name", "offer__competitor__is_simulated",
    )  # fmt: skip
    found = []
    for own_currency, *told in matches.values_list(*columns).iterator(chunk_size=5000):
        row = _Row(*told)
        if usable(row.price, row.currency, row.own, own_currency):
            found.append(row)
    return found


def _changes(channel: str) -> dict[int, _Before]:
    """Of offers that changed lately, what they asked before; an offer that is new has asked nothing."""
    recent = CompetitorPrice.objects.filter(
        offer__competitor__channel=channel, observed_at__gte=timezone.now() - NEWS
    ).values("offer")
    place = Window(RowNumber(), partition_by=F("offer"), order_by=F("observed_at").desc())
    second = CompetitorPrice.objects.filter(offer__in=recent).annotate(place=place).filter(place=2)
    columns = ("offer_id", "price", "currency", "available")
    return {offer: _Before(*told) for offer, *told in second.values_list(*columns).iterator(chunk_size=5000)}


def _alert(kind: str, row: _Row) -> MarketAlert:
    return MarketAlert(
        kind=kind,
        product_id=row.product_id,
        product=row.product,
        offer_id=row.offer_id,
        competitor=row.competitor,
        price=row.price,
        own=row.own,
        currency=row.currency,
        below=float(1 - row.price / row.own),
        simulated=row.simulated,
    )


def market_digest_text(*, channel: str = "") -> str:
    """The body of the e-mail: a list per kind, at most 20 lines each; empty when there is nothing to tell."""
    parts = []
    for kind, alerts in market_alerts(channel=channel).items():
        if not alerts:
            continue
        lines = [f"{MARKET_ALERTS[kind]} ({len(alerts)})", *(f"- {one.line}" for one in alerts[:MOST_LINES])]
        if len(alerts) > MOST_LINES:
            more = len(alerts) - MOST_LINES
            lines.append(ngettext("and %(more)d more", "and %(more)d more", more) % {"more": more})
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n" if parts else ""


def market_digest_send(*, channel: str = "") -> str:
    """Send it to the addresses of ``PRICING_MARKET_ALERTS``; returns in words what happened."""
    receivers = list(ecomai.PRICING_MARKET_ALERTS)
    if not receivers:
        return _('Nobody is to be told: ECOMAI["PRICING_MARKET_ALERTS"] is empty.')
    text = market_digest_text(channel=channel)
    if not text:
        return _("Nothing to tell: no mail was sent.")
    subject = _("Competitors' prices") + (f" ({channel})" if channel else "")
    send_mail(subject, text, None, receivers)
    return ngettext("Sent to %(number)d address.", "Sent to %(number)d addresses.", len(receivers)) % {
        "number": len(receivers)
    }
