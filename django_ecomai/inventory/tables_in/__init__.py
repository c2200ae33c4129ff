"""CSV files of suppliers, their products, receipts and substitutes into the tables; every row that cannot be used is
named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from .reading import COLUMNS, MOST_BYTES, NEEDED, FileError, Outcome, Problem, RowError, records, take
from .receipts import receipts
from .substitutions import substitutions
from .suppliers import supplier_products, suppliers

__all__ = ["COLUMNS", "MOST_BYTES", "NEEDED", "FileError", "Outcome", "Problem", "RowError", "table_import"]

_WRITERS: dict[str, Callable[..., None]] = {
    "suppliers": suppliers,
    "supplier_products": supplier_products,
    "receipts": receipts,
    "substitutions": substitutions,
}


def table_import(
    *, table: str, content: bytes | str, channel: str = "", check_only: bool = False, user: Any = None
) -> Outcome:
    """Read a CSV (UTF-8; comma, semicolon or tab) and write its good rows; existing rows are updated by their keys.

    With ``check_only`` nothing is kept. Raises ``FileError`` when the file cannot be read at all.
    """
    if table not in COLUMNS:
        raise FileError(
            _("There is no table %(table)s. Use one of: %(known)s.")
            % {"table": repr(table), "known": ", ".join(COLUMNS)}
        )
    outcome = Outcome(table, check_only=check_only)
    with transaction.atomic():
        rows = records(table, content, outcome)
        while chunk := take(rows, outcome):
            _WRITERS[table](chunk, channel, outcome, user)
        if check_only:
            transaction.set_rollback(True)
    outcome.problems.sort(key=lambda problem: problem.line)
    return outcome
