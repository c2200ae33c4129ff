"""What a merchant should hear of: who undercuts him, who has sold out, who has become the cheapest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.mail import send_mail
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.mirror.admin.base import amount_format

from .market import trusted_matches, usable
from .models import CompetitorMatch, CompetitorPrice

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
            "price": amount_format(self.price, self.currency),
            "competitor": _("%(name)s (simulated)") % {"name": self.competitor} if self.simulated else self.competitor,
            "own": amount_format(self.own, self.currency),
        }
        return text


def market_alerts(*, channel: str) -> dict[str, list[MarketAlert]]:
    """Alerts by kind, the largest difference first; only what may be used (see ``market``) counts. Two queries."""
    found: dict[str, list[MarketAlert]] = {kind: [] for kind in MARKET_ALERTS}
    rows = [
        (match, match.offer.price or Decimal(0), match.product.price or Decimal(0))
        for match in trusted_matches(channel=channel)
        .filter(product__price__gt=0)
        .select_related("offer__competitor", "product")
        if usable(match.offer.price or Decimal(0), match.offer.currency, match.product.price, match.product.currency)
    ]
    changed = _changes(channel)
    lowest: dict[int, Decimal] = {}
    for row, price, _own in rows:
        if row.offer.available is not False:
            lowest[row.product_id] = min(price, lowest.get(row.product_id, price))
    least = 1 - Decimal(str(ecomai.PRICING_UNDERCUT_PERCENT)) / 100
    for row, price, own in rows:
        offer = row.offer
        now, before = changed.get(row.offer_id, (None, None))
        if offer.available is False:
            if now is not None and before is not None and before.available is not False:
                found["sold_out"].append(_alert("sold_out", row))
            continue
        if price <= own * least:
            found["undercut"].append(_alert("undercut", row))
        if now is not None and before is not None and price == lowest[row.product_id] < own:
            was = before.price if before.currency == offer.currency and before.available is not False else None
            if was is None or was >= own:
                found["new_cheapest"].append(_alert("new_cheapest", row))
    for alerts in found.values():
        alerts.sort(key=lambda one: (-one.below, one.product_id))
    return found


def _changes(channel: str) -> dict[int, tuple[CompetitorPrice, CompetitorPrice | None]]:
    """The last change of offers that changed lately, and the one before it."""
    recent = CompetitorPrice.objects.filter(
        offer__competitor__channel=channel, observed_at__gte=timezone.now() - NEWS
    ).values("offer")
    found: dict[int, tuple[CompetitorPrice, CompetitorPrice | None]] = {}
    for point in CompetitorPrice.objects.filter(offer__in=recent).order_by("offer", "-observed_at"):
        if point.offer_id not in found:
            found[point.offer_id] = point, None
        elif found[point.offer_id][1] is None:
            found[point.offer_id] = found[point.offer_id][0], point
    return found


def _alert(kind: str, match: CompetitorMatch) -> MarketAlert:
    offer, product = match.offer, match.product
    price, own = offer.price or Decimal(0), product.price or Decimal(0)
    return MarketAlert(
        kind=kind,
        product_id=product.pk,
        product=product.title,
        offer_id=offer.pk,
        competitor=offer.competitor.name,
        price=price,
        own=own,
        currency=offer.currency,
        below=float(1 - price / own) if own else 0.0,
        simulated=offer.competitor.is_simulated,
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
