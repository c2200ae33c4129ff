"""Why there are (no) events, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import Finding
from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time

from . import diagnosis
from .checks import MIDDLEWARE
from .models import Event
from .partitions import events_connection, is_partitioned, month_of, partition_name, partitions_list

DAYS = 7


def doctor() -> list[Finding]:
    """Findings on the behaviour log."""
    return [*_wiring(), *_flow(), *_partitions()]


def _wiring() -> list[Finding]:
    findings = []
    if MIDDLEWARE not in settings.MIDDLEWARE:
        findings.append(
            Finding(
                "error",
                _("Visitors are not recognised"),
                _("The visitor middleware is missing, so nobody gets a visitor cookie."),
                _("Add '%(name)s' to MIDDLEWARE, below the authentication middleware.") % {"name": MIDDLEWARE},
            )
        )
    try:
        reverse("ecomai_events:capture")
    except NoReverseMatch:
        findings.append(
            Finding(
                "error",
                _("Browsers have nowhere to report to"),
                "",
                _("Add to your urls.py: path('ecomai/', include('django_ecomai.urls'))."),
            )
        )
    return findings


def _flow() -> list[Finding]:
    counts = diagnosis.counts(DAYS)
    now = datetime.now(UTC)
    recent = Event.objects.filter(
        id__gte=uuid7_floor(now - timedelta(days=DAYS)), id__lt=uuid7_floor(now + timedelta(minutes=6))
    )
    last = recent.filter(is_bot=False).order_by("-id").values_list("id", flat=True).first()
    if last is not None:
        seconds = int((now - uuid7_time(last)).total_seconds())
        findings = [
            Finding(
                "ok",
                _("Shopper behaviour is arriving"),
                _("The last event came %(minutes)d minutes ago.") % {"minutes": max(seconds, 0) // 60},
                url_name="admin:ecomai_events_event_changelist",
                data={"last": uuid7_time(last).isoformat(), **counts},
            )
        ]
        return findings + _troubles(counts, level="warning")
    findings = _troubles(counts, level="error")
    if findings:
        return findings
    if recent.exists():
        return [Finding("warning", _("All visitors were robots"), _("Only known robots were seen."), "", data=counts)]
    return [
        Finding(
            "warning",
            _("No shopper behaviour has arrived"),
            _("No page has reported within %(days)d days: the beacon was never seen.") % {"days": DAYS},
            _("Put {%% load ecomai_events %%}{%% ecomai_beacon %%} before </body> in your base template.") % {},
            data=counts,
        )
    ]


def _troubles(counts: dict[str, int], *, level: str) -> list[Finding]:
    """What kept events out, when it kept out more than came in."""
    if not counts:
        return []
    stored = counts["stored"]
    cases = [
        (
            "no_consent",
            _("Visitors have not agreed to be recorded"),
            _("Ask for consent: set the cookie “%(cookie)s” to analytics.personalization when a visitor agrees, or "
              "name your own function in ECOMAI['CONSENT'].") % {"cookie": ecomai.CONSENT_COOKIE},
        ),
        ("opted_out", _("Browsers ask not to be tracked"), _("Nothing to do: Global Privacy Control is honoured.")),
        (
            "foreign_origin",
            _("Reports come from another address than the shop's"),
            _("If the shop has several addresses, list them in CSRF_TRUSTED_ORIGINS."),
        ),
        (
            "bad_token",
            _("Pages are older than their token"),
            _("Raise ECOMAI['CAPTURE_TOKEN_AGE'] above the time for which pages are cached."),
        ),
        ("malformed", _("Reports cannot be read"), _("Look for a proxy or a script that changes them.")),
        (
            "limited",
            _("Visitors send more than they may"),
            _("Behind a proxy set ECOMAI['TRUSTED_PROXIES']; else raise ECOMAI['CAPTURE_RATE'] if they are honest."),
        ),
        ("robot", _("Most visitors are robots"), _("Nothing to do: robots are marked and not counted.")),
    ]  # fmt: skip
    findings = []
    for reason, title, step in cases:
        amount = counts[reason]
        if amount > stored:
            detail = _("%(amount)d times within %(days)d days; %(stored)d events were stored.") % {
                "amount": amount, "days": DAYS, "stored": stored,
            }  # fmt: skip
            harmless = reason in ("opted_out", "robot")
            findings.append(Finding("info" if harmless else level, title, detail, step, data={reason: amount}))
    return findings


def _partitions() -> list[Finding]:
    connection = events_connection()
    if not is_partitioned(connection):
        return []
    now = datetime.now(UTC)
    there = set(partitions_list(using=connection.alias))
    missing = [partition_name(month) for month in range(month_of(now), month_of(now) + 2) if month not in there]
    if missing:
        return [
            Finding(
                "error",
                _("The log has no room for new events"),
                _("Missing partitions: %(names)s.") % {"names": ", ".join(missing)},
                "python manage.py migrate",
            )
        ]
    ahead = max(there) - month_of(now)
    level = "ok" if ahead > 3 else "warning"
    step = "" if ahead > 3 else "python manage.py ecomai_prune"
    return [Finding(level, _("The log has room for %(months)d more months") % {"months": ahead}, "", step)]
