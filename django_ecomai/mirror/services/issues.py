"""Collects what was wrong in the shop's data: one entry per kind of finding, counted, with a few examples."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from django_ecomai.adapters.rows import BadRow
from django_ecomai.core.persons import refused
from django_ecomai.mirror.models import SyncIssue, SyncReport

EXAMPLES = 5

# What a merchant reads for a table.
TABLE_LABELS: dict[str, Any] = {
    "category": _("categories"),
    "product": _("products"),
    "price": _("prices"),
    "stock": _("stock"),
    "customer": _("customers"),
    "order": _("orders"),
    "order_line": _("order lines"),
    "return_line": _("returns"),
    "review": _("reviews"),
    "promotion": _("promotions"),
}

# What a merchant reads for a code; an unknown code is shown as it is.
LABELS: dict[str, Any] = {
    "id_missing": _("No id"),
    "id_too_long": _("Id longer than 64 characters"),
    "duplicate_id": _("The same id twice"),
    "text_too_long": _("Text too long"),
    "not_a_number": _("Not a number"),
    "number_too_large": _("Number too large"),
    "not_a_time": _("Not a date"),
    "timestamp_missing": _("No date"),
    "timestamp_too_old": _("Date before 1990, usually an empty date"),
    "naive_timestamp": _("Date without time zone"),
    "future_timestamp": _("Date in the future"),
    "unknown_currency": _("Unknown currency"),
    "unknown_status": _("Unknown status"),
    "unknown_parent": _("Parent not found"),
    "parent_cycle": _("Parent and child lead to each other"),
    "unknown_category": _("Category not found"),
    "unknown_product": _("Product not found"),
    "unknown_customer": _("Customer not in the customer list"),
    "unknown_user": _("User not found"),
    "unknown_line": _("Order line not found"),
    "missing_title": _("No title"),
    "missing_customer": _("Order without customer (guest)"),
    "title_differs": _("Several titles for one product"),
    "quantity_missing": _("No quantity"),
    "quantity_zero": _("Quantity zero"),
    "quantity_negative": _("Negative quantity (return or cancellation)"),
    "stock_correction": _("Stock correction, no sale: negative quantity without price and customer"),
    "price_missing": _("No price"),
    "price_zero": _("Price zero"),
    "price_negative": _("Negative price"),
    "duplicate_line": _("The same line twice in one order"),
    "not_a_product": _("No product: postage, fee or similar"),
    "demographics_dropped": _("Age, gender or location (collection is switched off)"),
    "person_erased": _("A person who was erased on request"),
    "field_failed": _("A field could not be read"),
    "wrong_column_count": _("Too few or too many columns in a row"),
    "unreadable_line": _("A row that cannot be read"),
    "value_missing": _("A value that is needed is empty"),
    "inconsistent": _("Lines of one order contradict each other"),
    "nothing_read": _("The shop gave no row of this table; the copy was left as it is"),
    "maybe_gone": _("Not among the shop's rows, but a row that cannot be read may be this one"),
    "missing_in_mirror": _("In the shop but not in the copy"),
    "differs": _("Differs between shop and copy"),
    "gone_from_shop": _("In the copy but no longer in the shop"),
}

ACTIONS: dict[str, Any] = {
    "kept": _("kept as it is"),
    "skipped": _("left out"),
    "corrected": _("corrected"),
    "clamped": _("set to the time of the sync"),
    "emptied": _("emptied"),
    "kept_as_return": _("kept as a return, not as a sale"),
    "kept_nameless": _("kept without the person"),
    "flagged": _("marked as no product"),
    "first_kept": _("the first one was taken"),
    "created": _("added"),
    "dropped": _("not stored"),
    "repaired": _("repaired"),
    "reported": _("only reported"),
}


class IssueLog:
    """Findings of one sync, in memory until a table is finished."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], SyncIssue] = {}
        # The row that is read, where the id of a finding (a product's) names several.
        self.about: Any = None

    def add(
        self,
        table: str,
        code: str,
        action: str,
        *,
        column: str = "",
        id: Any = "",
        value: Any = "",
        line: int | None = None,
        count: int = 1,
        example: bool = True,
    ) -> None:
        """Count a finding; the first few are kept as examples."""
        key = (table, code, column, action)
        issue = self._found.get(key)
        if issue is None:
            issue = self._found[key] = SyncIssue(
                table=table[:32], code=code[:48], column=column[:64], action=action[:32], count=0, examples=[]
            )
        issue.count += count
        if example and len(issue.examples) < EXAMPLES:
            told: dict[str, Any] = {"id": str(id)[:80], "value": str(value)[:120]}
            if line is not None:
                told["line"] = line
            issue.examples.append(told)

    def add_bad_row(self, row: BadRow, *, channel: str = "") -> None:
        """Count a row that an adapter could not read. The row of somebody who was erased is no example."""
        found = self._found.get((row.table, row.code, row.column, row.action))
        full = found is not None and len(found.examples) >= EXAMPLES
        person = ("customer", str(row.id or ""))
        erased = row.table == "customer" and not full and bool(refused(channel=channel, persons=[person]))
        self.add(
            row.table, row.code, row.action,
            column=row.column, id=row.id, value=row.value, line=row.line, example=not erased,
        )  # fmt: skip

    def rows(self) -> list[SyncIssue]:
        """Findings, most frequent first."""
        return sorted(self._found.values(), key=lambda i: (-i.count, i.table, i.code, i.column))

    def save(self, report: SyncReport) -> None:
        """Write the findings of the report anew (few rows: one per kind)."""
        report.issues.all().delete()
        for issue in self._found.values():
            issue.pk = None
            issue.report = report
        SyncIssue.objects.bulk_create(self.rows())

    def load(self, report: SyncReport, *, without: tuple[str, ...] = ()) -> None:
        """Take over what an interrupted sync had found, except in tables that are read again."""
        for issue in report.issues.exclude(table__in=without):
            self._found[(issue.table, issue.code, issue.column, issue.action)] = issue
