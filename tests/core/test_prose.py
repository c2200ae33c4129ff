"""Numbers in sentences: what is a minus, what is a hyphen, and which spaces hold."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.utils.safestring import mark_safe

from django_ecomai.core.prose import prose

HOLD, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("falls by -2.5 % (-3 to -1.2)", f"falls by {MINUS}2.5{HOLD}% ({MINUS}3 to {MINUS}1.2)"),
        ("from 9.90 EUR to 1,200 GBP", f"from 9.90{HOLD}EUR to 1,200{HOLD}GBP"),
        ("2011-12-05, EAN-13, L-4, 0-9", "2011-12-05, EAN-13, L-4, 0-9"),
        ("in 28 days 5 PIECES", "in 28 days 5 PIECES"),
        ("", ""),
    ],
)
def test_numbers_and_their_units(typed: str, printed: str) -> None:
    assert prose(typed) == printed


def test_markup_stays_what_it_was() -> None:
    template = Template("{% load _ecomai_prose %}{{ text|prose }}")
    assert template.render(Context({"text": "<b>-1 %"})) == f"&lt;b&gt;{MINUS}1{HOLD}%"
    assert template.render(Context({"text": mark_safe("<b>-1 %</b>")})) == f"<b>{MINUS}1{HOLD}%</b>"
