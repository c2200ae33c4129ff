"""What the start page shows, read once per page."""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Sum
from django.db.models.functions import TruncDay, TruncMonth
from django.utils import formats, timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import Finding, Period, job_kinds
from django_ecomai.core.uuid7 import uuid7_time
from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Order, SyncReport
from django_ecomai.mirror.report import action_label, issue_label
from django_ecomai.mirror.selectors import data_span, mirror_counts
from django_ecomai.runs.doctor import doctor_report
from django_ecomai.runs.models import LiveArtifact, Run
from django_ecomai.runs.selectors import runs_recent

logger = logging.getLogger("django_ecomai.dashboard")

# Sums over the whole shop are the only slow questions of the page: asked at most this often.
CACHE_SECONDS = 300
DOCTOR_SECONDS = 60
MAX_BARS = 120
MAX_EMPTY_MONTHS = 6
_COUNTS = ("seen", "created", "updated", "skipped")
LEVELS = ("error", "warning", "info", "ok")
# `quoted`, or a command with its options and dotted or bracketed arguments; prose around it stays prose.
_COMMAND = re.compile(
    r"`([^`]+)`"
    r"|(python manage\.py \w+(?: --?[\w-]+(?:[= ][\w./<>]*[\w>])?| \w+(?:\.\w+)+| \[[^\]]*\]| <[^>]*>)*)"
    r"|(celery -A [\w.<>]+ \w+|(?:pip|apt-get) install [\w'\[\].-]*[\w'\]])"
    r"|(\{%.*%\})"
)


def table_label(table: str) -> str:
    """What a merchant calls a table of the mirror."""
    labels = {
        "category": _("Categories"),
        "product": _("Products"),
        "customer": _("Customers"),
        "order": _("Orders"),
        "orderline": _("Order lines"),
        "order_line": _("Order lines"),
        "line": _("Order lines"),
        "return": _("Returns"),
        "returnline": _("Returns"),
        "return_line": _("Returns"),
        "review": _("Reviews"),
        "promotion": _("Promotions"),
        "price": _("Prices"),
        "stock": _("Stock"),
    }
    return labels.get(table, table.replace("_", " ").capitalize())


def job_label(kind: str) -> str:
    """What a merchant calls a kind of job."""
    return str(job_kinds.get(kind).label) if kind in job_kinds else kind


def shop_facts(*, channel: str, stamp: str = "") -> dict[str, Any]:
    """Counts of the copy and the span of its orders, at most five minutes old: ``products``, ``customers``, ``orders``,
    ``first`` and ``last`` (aware datetimes or ``None``).
    """
    return _cached(f"facts:{channel}:{stamp}", lambda: _shop_facts(channel))


def _shop_facts(channel: str) -> dict[str, Any]:
    first, last = data_span(channel=channel)
    counts = mirror_counts(channel=channel)
    return {name: counts[name] for name in ("products", "customers", "orders")} | {"first": first, "last": last}


def last_event_at(*, channel: str) -> datetime | None:
    """When the newest event of this shop happened, by the time inside its key."""
    newest = Event.objects.order_by("-id").values_list("id", "channel")[:200]
    return next((uuid7_time(key) for key, event_channel in newest if event_channel == channel), None)


def live_models(*, channel: str) -> list[LiveArtifact]:
    """The models that serve, with their artifacts."""
    return list(LiveArtifact.objects.filter(channel=channel).select_related("artifact").order_by("kind"))


def sales(*, period: Period, stamp: str = "") -> dict[str, Any]:
    """Orders over time: ``labels``, ``orders`` (one per label, ``None`` for a gap of years), ``count``, ``revenue``.

    ``revenue`` is ``[(Decimal, currency)]``. Days, or months when all data are asked for. Cancelled orders and credit
    notes do not count.
    """
    key = f"sales:{period.channel}:{period.days}:{period.until.isoformat()}:{get_language()}:{stamp}"
    return _cached(key, lambda: _sales(period))


def _sales(period: Period) -> dict[str, Any]:
    orders = Order.objects.filter(channel=period.channel, removed_at=None, placed_at__lt=period.until)
    orders = orders.exclude(status__in=[Order.Status.CANCELLED, Order.Status.RETURNED])
    if period.since is not None:
        orders = orders.filter(placed_at__gte=period.since)
    trunc = TruncDay if period.days else TruncMonth
    rows = orders.annotate(bucket=trunc("placed_at")).values("bucket", "currency").order_by("bucket")
    counts: dict[date, int] = {}
    revenue: dict[str, Decimal] = {}
    for row in rows.annotate(number=Count("pk"), amount=Sum("total")):
        day = timezone.localtime(row["bucket"]).date()
        counts[day] = counts.get(day, 0) + row["number"]
        if row["amount"] is not None:
            revenue[row["currency"]] = revenue.get(row["currency"], Decimal(0)) + row["amount"]
    buckets = _buckets(period, counts)
    style = "MONTH_DAY_FORMAT" if period.days else "YEAR_MONTH_FORMAT"
    return {
        "labels": [formats.date_format(bucket, style) if bucket else "…" for bucket in buckets],
        "orders": [counts.get(bucket, 0) if bucket else None for bucket in buckets],
        "count": sum(counts.values()),
        "revenue": sorted(((amount, currency) for currency, amount in revenue.items()), reverse=True),
    }


def _buckets(period: Period, counts: dict[date, int]) -> list[date | None]:
    """Every day or month of the period, those without orders too; ``None`` stands for a gap of many empty months."""
    if period.since is not None and period.days:
        first = timezone.localtime(period.since).date()
        return [first + timedelta(days=offset) for offset in range(period.days)]
    found: list[date | None] = []
    for month in sorted(counts):
        previous = found[-1] if found else None
        if previous is not None:
            empty = (month.year - previous.year) * 12 + month.month - previous.month - 1
            if empty > MAX_EMPTY_MONTHS:
                found.append(None)
            else:
                found += [_month_after(previous, number) for number in range(1, empty + 1)]
        found.append(month)
    return found[-MAX_BARS:]


def _month_after(month: date, number: int) -> date:
    years, index = divmod(month.month - 1 + number, 12)
    return date(month.year + years, index + 1, 1)


def runs_stamp(rows: list[dict[str, Any]]) -> str:
    """Changes when a job begins or ends: what is cached under it is asked anew then."""
    return "-".join(f"{row['run'].pk}{row['run'].state}" for row in rows)


def _cached(key: str, make: Any, seconds: int = CACHE_SECONDS) -> Any:
    """From the cache when it has it; a cache that is gone costs time, never the page."""
    # Hashed: memcached takes neither spaces nor long keys, and channels may hold either.
    key = f"ecomai_dashboard:{hashlib.sha256(f'{timezone.get_current_timezone_name()}:{key}'.encode()).hexdigest()}"
    try:
        found = cache.get(key)
    except Exception:  # each cache backend raises its own kind of error
        logger.exception("EcomAI's start page could not read the cache.")
        return make()
    if found is None:
        found = make()
        try:
            cache.set(key, found, seconds)
        except Exception:  # as above
            logger.exception("EcomAI's start page could not write the cache.")
    return found


def latest_runs(*, limit: int = 6) -> list[dict[str, Any]]:
    """Rows for the table of runs: ``run``, ``label``, ``percent``, ``seconds`` and whether it is ``active``."""
    rows = []
    for run in runs_recent(limit=limit):
        end = run.finished_at or timezone.now()
        rows.append(
            {
                "run": run,
                "label": job_label(run.kind),
                "percent": round(run.progress * 100),
                "active": run.state in (Run.State.QUEUED, Run.State.RUNNING),
                "seconds": max(0, int((end - run.started_at).total_seconds())) if run.started_at else None,
            }
        )
    return rows


def latest_report(*, channel: str, limit: int = 8) -> dict[str, Any] | None:
    """The newest finished sync with its counts and most frequent findings, or ``None``."""
    report = SyncReport.objects.filter(channel=channel, dry_run=False, finished_at__isnull=False).first()
    if report is None:
        return None
    issues = list(report.issues.order_by("-count", "id")[: limit + 1])
    return {
        "report": report,
        "tables": [
            {"label": table_label(table), **{name: counts.get(name, 0) for name in _COUNTS}}
            for table, counts in report.counts.items()
            if isinstance(counts, dict) and counts.get("seen")
        ],
        "issues": [
            {
                "table": table_label(issue.table),
                "what": issue_label(issue),
                "action": action_label(issue),
                "count": issue.count,
                "count_text": format_value(issue.count),
                "example": _example(issue.examples),
            }
            for issue in issues[:limit]
        ],
        "more": len(issues) > limit,
    }


def _example(examples: Any) -> str:
    first = examples[0] if isinstance(examples, list) and examples else {}
    if not isinstance(first, dict):
        return ""
    value = str(first.get("value", ""))[:40]
    name = str(first.get("id", ""))[:40]
    return f"{name}: {value}" if name and value else name or value


def findings(*, stamp: str = "") -> list[Finding]:
    """The doctor's findings, at most a minute old, the worst first; within a level in the order of the layers."""
    report = _cached(f"doctor:{get_language()}:{stamp}", doctor_report, DOCTOR_SECONDS)
    return sorted((finding for _name, finding in report), key=lambda finding: LEVELS.index(_level(finding)))


def _level(finding: Finding) -> str:
    return finding.level if finding.level in LEVELS else "info"


def command_parts(text: Any) -> list[tuple[str, bool]]:
    """A next step split into prose and commands, so that commands can be set as code: ``[(part, is_command)]``."""
    text, parts, end = str(text), [], 0
    for match in _COMMAND.finditer(text):
        parts += [(text[end : match.start()], False), (next(group for group in match.groups() if group), True)]
        end = match.end()
    return [part for part in [*parts, (text[end:], False)] if part[0]]


def money(amount: Decimal, currency: str) -> str:
    """An amount as a merchant reads it."""
    return f"{format_value(float(amount))} {currency}".strip()
