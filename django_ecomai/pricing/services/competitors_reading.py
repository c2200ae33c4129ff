"""One offer as somebody tells it (a line of a file, JSON, an adapter's row) into clean values, or what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.spellings import amount_split
from django_ecomai.core.tables import RowError, flag, moment, number, storable, text

COLUMNS = ("competitor", "offer_id", "ean", "sku", "title", "brand", "url", "price", "currency", "available",
           "observed_at")  # fmt: skip
#: Of files: adapters tell real offers only.
FILE = (*COLUMNS, "simulated")
NEEDED = ("competitor", "price")
#: Signs that only one currency has.
SIGNS = {"€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₴": "UAH", "zł": "PLN"}
#: A clock may be so much ahead of ours.
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Told:
    """An offer that can be stored; ``price`` is None where none or 0 is told, ``notes`` say what was left out."""

    competitor: str
    external_id: str
    ean: str
    sku: str
    title: str
    brand: str
    url: str
    price: Decimal | None
    currency: str
    available: bool | None
    observed_at: datetime
    simulated: bool = False
    notes: tuple[str, ...] = ()


def offer_read(row: Mapping[str, str], *, now: datetime | None = None) -> Told:
    """Read the columns of ``FILE``, all texts. Raises ``RowError`` for what cannot be used."""
    storable(row)
    now = now or timezone.now()
    notes = []
    competitor = text(row, "competitor", most=64, needed=True)
    title = row.get("title", "")[:255]
    sku = text(row, "sku", most=64)
    ean = ean_plain(row.get("ean", ""))
    if row.get("ean") and not ean:
        notes.append(_("“%(value)s” is no EAN: its check digit is wrong. It is left out.") % {"value": row["ean"][:40]})
    if not (ean or sku or title):
        raise RowError("title", _("Give an EAN, a SKU or a title: without one nobody can tell which product it is."))
    beside, amount = _beside(row)
    price = number({**row, "price": amount}, "price", least=Decimal(0))
    price = round(price, 4) if price else None
    if not price:
        price = None
        notes.append(_("It has no price: it is shown and not used."))
    currency = text(row, "currency", most=3).upper()
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise RowError("currency", _("Write a code of three letters, such as EUR."), row["currency"])
    if beside and currency and beside != currency:
        raise RowError("currency", _("The price says %(code)s.") % {"code": beside}, row["currency"])
    seen = moment(row, "observed_at") or now
    if seen > now + AHEAD:
        raise RowError("observed_at", _("This day is in the future."), row["observed_at"])
    return Told(
        competitor=competitor,
        external_id=_key(row.get("offer_id", ""), ean, sku, title),
        ean=ean,
        sku=sku,
        title=title,
        brand=row.get("brand", "")[:128],
        url=web_address(row.get("url", "")),
        price=price,
        currency=currency or beside,
        available=flag(row, "available") if row.get("available") else None,
        observed_at=seen,
        simulated=bool(row.get("simulated")) and flag(row, "simulated"),
        notes=tuple(notes),
    )


def _beside(row: Mapping[str, str]) -> tuple[str, str]:
    """The currency that stands beside the price as its code, or "", and the price alone."""
    told = row.get("price", "")
    sign, amount = amount_split(told)
    if not sign:
        return "", told
    code = SIGNS.get(sign, sign)
    if not (len(code) == 3 and code.isascii() and code.isupper()):
        raise RowError(
            "price", _("Write the price as a number, and its currency as three letters in the column “currency”."), told
        )
    return code, amount


def ean_plain(value: str) -> str:
    """The digits of an EAN, UPC or GTIN without idle zeros at its front; empty when its check digit is wrong."""
    digits = value.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in (8, 12, 13, 14) or not digits.strip("0"):
        return ""
    weighed = sum(int(one) * (3 if at % 2 else 1) for at, one in enumerate(reversed(digits)))
    return "" if weighed % 10 else digits.lstrip("0")


def web_address(value: str) -> str:
    """An address that may become a link; empty for any other (``javascript:``)."""
    return value if len(value) <= 500 and value.lower().startswith(("https://", "http://")) else ""


def _key(given: str, ean: str, sku: str, title: str) -> str:
    """What an offer of a competitor is known by the next time."""
    if given:
        return given if len(given) <= 64 else hashlib.sha256(given.encode()).hexdigest()[:40]
    if ean:
        return f"ean:{ean}"
    return f"sku:{sku}"[:64] if sku else f"title:{hashlib.sha256(title.casefold().encode()).hexdigest()[:40]}"
