"""The e-mail of the morning: what happened to the stock that somebody should look at."""

from __future__ import annotations

from django.core.mail import send_mail
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.conf import ecomai

from .alerts import ALERTS
from .models import Suggestion

MOST_LINES = 20


def alert_rows(*, channel: str = "") -> dict[str, list[Suggestion]]:
    """Suggestions per alert, worst first: by the margin at stake, else by the value of what lies there. One query."""
    rows = Suggestion.objects.filter(channel=channel).exclude(alerts=[]).exclude(state=Suggestion.State.SNOOZED)
    found: dict[str, list[Suggestion]] = {code: [] for code in ALERTS}
    for row in rows.select_related("product").order_by("pk"):
        for code in row.alerts:
            if code in found:
                found[code].append(row)
    for code, group in found.items():
        group.sort(key=lambda row: -_stake(row, code))
    return found


def _stake(row: Suggestion, code: str) -> float:
    if code in ("surplus", "phantom"):
        return row.on_hand * float(row.unit_cost or 0)
    return float(row.lost_margin or 0) or row.demand_day


def digest_text(*, channel: str = "") -> str:
    """The body: a list per alert, at most 20 lines each; empty when there is nothing to tell."""
    parts = []
    for code, rows in alert_rows(channel=channel).items():
        if not rows:
            continue
        lines = [f"{ALERTS[code]} ({len(rows)})"]
        lines += [f"- {row.product.title} [{row.product.external_id}]: {row.why}" for row in rows[:MOST_LINES]]
        if len(rows) > MOST_LINES:
            more = len(rows) - MOST_LINES
            lines.append(ngettext("and %(more)d more", "and %(more)d more", more) % {"more": more})
        parts.append("\n".join(lines))
    if not parts:
        return ""
    first = Suggestion.objects.filter(channel=channel).order_by("-as_of").values_list("as_of", flat=True).first()
    head = _("How the stock stands on %(day)s.") % {"day": date_format(first, "DATE_FORMAT") if first else "–"}
    return "\n\n".join([head, *parts]) + "\n"


def digest_send(*, channel: str = "") -> str:
    """Send it to the addresses of ``INVENTORY_ALERTS``; returns in words what happened."""
    receivers = list(ecomai.INVENTORY_ALERTS)
    if not receivers:
        return _('Nobody is to be told: ECOMAI["INVENTORY_ALERTS"] is empty.')
    text = digest_text(channel=channel)
    if not text:
        return _("Nothing to tell: no mail was sent.")
    subject = _("Stock alerts") + (f" ({channel})" if channel else "")
    send_mail(subject, text, None, receivers)
    return _("Sent to %(number)d addresses.") % {"number": len(receivers)}
