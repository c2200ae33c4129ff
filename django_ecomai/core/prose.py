"""Sentences with numbers as print sets them: a real minus, and no line break between a number and its unit."""

from __future__ import annotations

import re

from django.utils.safestring import SafeData, SafeString

#: The minus of a number, not the hyphen of a word, a date or a range.
_MINUS = re.compile(r"(?<![\w.,’'-])-(?=\d)")
#: The space before per cent or a code of three letters: ``10 %``, ``9.90 EUR``.
_UNIT = re.compile(r"(?<=\d) (?=%|[A-Z]{3}\b)")


def prose(text: object) -> str:
    """``−2.5 % of 10 EUR`` out of ``-2.5 % of 10 EUR``. For what is read, not for HTML attributes; what was safe is."""
    set_in_print = _UNIT.sub("\N{NO-BREAK SPACE}", _MINUS.sub("\N{MINUS SIGN}", str(text)))
    return SafeString(set_in_print) if isinstance(text, SafeData) else set_in_print
