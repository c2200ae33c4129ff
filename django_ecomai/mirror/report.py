"""A sync report as text and as JSON-ready data."""

from __future__ import annotations

from typing import Any

from .models import SyncIssue, SyncReport
from .services.issues import ACTIONS, LABELS, TABLE_LABELS

_COLUMNS = ("seen", "created", "updated", "unchanged", "removed", "skipped", "drifted")


def table_label(table: str) -> str:
    """A table in words."""
    return str(TABLE_LABELS.get(table, table.replace("_", " ")))


def issue_label(issue: SyncIssue) -> str:
    """What was found, in words."""
    return str(LABELS.get(issue.code, issue.code))


def action_label(issue: SyncIssue) -> str:
    """What was done with it, in words."""
    return str(ACTIONS.get(issue.action, issue.action))


def issues_of(report: SyncReport) -> list[SyncIssue]:
    """The findings, also of a dry run that stored nothing."""
    found = getattr(report, "findings", None)
    return list(report.issues.order_by("-count", "id")) if found is None else list(found)


def report_data(report: SyncReport) -> dict[str, Any]:
    """The report as JSON-ready data."""
    return {
        "id": report.pk,
        "channel": report.channel,
        "mode": report.mode,
        "dry_run": report.dry_run,
        "started_at": report.started_at.isoformat() if report.started_at else None,
        "finished_at": report.finished_at.isoformat() if report.finished_at else None,
        "seconds": (report.finished_at - report.started_at).total_seconds() if report.finished_at else None,
        "counts": report.counts,
        "findings": [
            {
                "table": i.table,
                "code": i.code,
                "column": i.column,
                "action": i.action,
                "count": i.count,
                "examples": i.examples,
            }
            for i in issues_of(report)
        ],
    }


def report_lines(report: SyncReport) -> list[str]:
    """The report as lines of text: a table of counts, then the findings with examples."""
    shown = [c for c in _COLUMNS if any(numbers.get(c) for numbers in report.counts.values())]
    lines = [f"{'':14}" + "".join(f"{c:>11}" for c in shown)]
    for table, numbers in report.counts.items():
        lines.append(f"{table:14}" + "".join(f"{numbers.get(c, 0):>11,}" for c in shown))
    issues = issues_of(report)
    if issues:
        lines += ["", "Found in the shop's data, and what was done:"]
    for issue in issues:
        where = f"{issue.table}.{issue.column}" if issue.column else issue.table
        lines.append(f"  {issue.count:>9,}  {where}: {issue_label(issue)} — {action_label(issue)}")
        examples = [_example(e) for e in issue.examples[:3]]
        if any(examples):
            lines.append(f"{'':13}e.g. " + "; ".join(e for e in examples if e))
    if report.dry_run:
        lines += ["", "Dry run: nothing was written."]
    return lines


def _example(example: dict[str, Any]) -> str:
    parts = [f"line {example['line']}"] if "line" in example else []
    parts += [str(example[k]) for k in ("id", "value") if example.get(k)]
    return " ".join(parts)
