"""How many digits after the point an amount has in a currency (ISO 4217)."""

from __future__ import annotations

from decimal import Decimal

#: Where there are others than two.
DIGITS: dict[str, int] = {
    **dict.fromkeys(
        (
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
            "XOF", "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip


def currency_digits(currency: str) -> int:
    """Two where nothing else is known."""
    return DIGITS.get(currency, 2)


def smallest_amount(currency: str) -> Decimal:
    """``0.01`` of a euro, ``1`` of a yen, ``0.001`` of a Kuwaiti dinar."""
    return Decimal(1).scaleb(-currency_digits(currency))
