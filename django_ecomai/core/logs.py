"""Log lines as JSON, one object a line, without what tells who a visitor is.

``LOGGING["formatters"]["json"] = {"()": "django_ecomai.core.logs.JsonFormatter"}``. This package names nobody in its
messages; what errors of databases and other libraries quote of a row is masked here.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

_MASKS = (
    # What PostgreSQL quotes of the row: "Key (visitor_id)=(…) already exists", "Failing row contains (…)".
    (re.compile(r"(DETAIL:).*"), r"\1 [row]"),
    (re.compile(r"(Key \([^()]*\))=\(.*"), r"\1=[row]"),
    # What MySQL and MariaDB quote: "Duplicate entry '…' for key '…'", "Incorrect integer value: '…' for column …".
    (re.compile(r"(Duplicate entry|ncorrect \w+ value:) \\?'(?:.*(?= for (?:key|column) )|.*)"), r"\1 [row]"),
    # Only from the beginning of a word on: from each letter of a long one the search for its "@" would take for ever.
    (re.compile(r"(?<![^\s@'\"<>()=,;:])[^\s@'\"<>()=,;:]+@[^\s@'\"<>(),;:]+\.[A-Za-z]{2,}"), "[e-mail]"),
    (re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"), "[ip]"),
    # Five groups or more, or a "::": a time of the day has three.
    (
        re.compile(
            r"(?<![\w:])(?:(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}|(?=[0-9a-fA-F:]*::)[0-9a-fA-F:]{3,39})(?!\w)"
        ),
        "[ip]",
    ),
    (re.compile(r"(?<![0-9a-fA-F])[0-9a-f]{32}(?![0-9a-fA-F])"), "[id]"),  # visitor ids and keyed hashes
)


def masked(text: str) -> str:
    """``text`` without e-mail addresses, IP addresses, visitor ids and quoted rows."""
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``event`` (the message before its values, the same for
    every occurrence), ``message``, and with an error ``error`` (its class) and ``traceback``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": masked(str(record.msg)),
            "message": masked(record.getMessage()),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__qualname__
            line["traceback"] = masked(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)
