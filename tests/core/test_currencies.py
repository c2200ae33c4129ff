"""How many digits amounts have in each currency."""

from __future__ import annotations

from decimal import Decimal

import pytest

from django_ecomai.core.currencies import DIGITS, currency_digits, smallest_amount
from django_ecomai.mirror.services.currencies import CURRENCIES


@pytest.mark.parametrize(
    ("currency", "smallest"),
    [
        ("EUR", "0.01"), ("GBP", "0.01"), ("", "0.01"), ("XXX", "0.01"), ("HUF", "0.01"),
        ("JPY", "1"), ("XOF", "1"), ("BIF", "1"), ("DJF", "1"), ("GNF", "1"), ("KMF", "1"), ("VUV", "1"),
        ("KWD", "0.001"), ("TND", "0.001"), ("CLF", "0.0001"),
    ],
)  # fmt: skip
def test_the_smallest_amount_is_that_of_the_standard(currency: str, smallest: str) -> None:
    assert str(smallest_amount(currency)) == smallest
    assert -Decimal(smallest).as_tuple().exponent == currency_digits(currency)  # type: ignore[operator]


def test_only_currencies_that_there_are_differ() -> None:
    """And none has more digits than a column of money holds."""
    assert set(DIGITS) <= CURRENCIES
    assert set(DIGITS.values()) == {0, 3, 4}
