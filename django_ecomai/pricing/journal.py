"""Lines of the log as codes with what they name, so that each reader reads them in a language of his own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy

from .held import REASONS, Why, reason_short, reason_text, said

MARK = '{"ecomai": '

LINES: Mapping[str, Any] = {
    "approved": gettext_lazy("approved: %(old)s → %(new)s"),
    "approved_first": gettext_lazy("approved by the first of two"),
    "rejected": gettext_lazy("rejected: %(reason)s"),
    "applied": gettext_lazy("put into the shop: %(old)s → %(new)s"),
    "adopted": gettext_lazy("found in the shop: %(old)s → %(new)s"),
    "left_out": gettext_lazy("Left out, %(number)s: %(short)s"),
    "own_price": gettext_lazy("own price: %(new)s instead of %(old)s"),
    "due_at": gettext_lazy("approved for another time: %(moment)s"),
    "due_now": gettext_lazy("approved for later, and for now after all"),
    "reopened": gettext_lazy("opened for a decision again"),
    "released": gettext_lazy("in the CSV file, since those that went first did well"),
    "undo": gettext_lazy("undone"),
    "undo_first": gettext_lazy("price before wanted against a limit by the first of two"),
    "rollback": gettext_lazy("rolled back, since it earned too little"),
    # -- of price tests
    "started": gettext_lazy("started"),
    "approved_second": gettext_lazy("approved by the second of two"),
    "stopped": gettext_lazy("stopped: %(reason)s"),
    "keep_higher": gettext_lazy("keep the higher price"),
    "keep_lower": gettext_lazy("keep the lower price"),
}


def log_line(code: str, **named: Any) -> str:
    """A line as it is stored; ``code`` is one of ``LINES`` or of ``held.REASONS``."""
    return json.dumps({"ecomai": code, "named": named}, ensure_ascii=False)


def log_why(why: Why) -> str:
    """A reason as a line."""
    return log_line(why.code, **why.named)


def log_about(product: Any, why: Why) -> str:
    """A reason with the product that it is about."""
    return log_line("product_said", product=str(product), because=why.as_json())


def log_said(text: str) -> str:
    """A person's own words as a line, with nothing in them that could be taken for one of ours."""
    words = " ".join(text.split())[:500]
    return log_why(said(words)) if words.startswith(MARK) else words


def log_read(stored: str) -> Why:
    """The reason that a line is; what is none of ours as somebody's words."""
    code, named = _parts(stored)
    return Why(code, named) if code in REASONS else said(stored)


def log_text(stored: str) -> str:
    """A stored line in the language of who reads it; what is none of ours stays as it is."""
    code, named = _parts(stored)
    try:
        if "moment" in named:
            local = timezone.localtime(datetime.fromisoformat(named["moment"]))
            named["moment"] = date_format(local, "SHORT_DATETIME_FORMAT")
        if code in LINES:
            return str(LINES[code]) % {**named, "short": reason_short(str(named.get("short", "")))}
    except (ValueError, KeyError, TypeError):
        return stored
    return reason_text(code, **named) if code in REASONS else stored


def _parts(stored: str) -> tuple[str, dict[str, Any]]:
    """The code of a line and what it names; no code where it is none of ours."""
    if not stored.startswith(MARK):
        return "", {}
    try:
        found = json.loads(stored)
        return str(found["ecomai"]), dict(found.get("named") or {})
    except (ValueError, KeyError, TypeError):
        return "", {}
