"""Load the sample (Online Retail, see `example_project/data/README.md`) into the shop's tables, dirt and all.

What the source has is taken as it is: cancellations, negative quantities, zero prices, guests, duplicate lines. What it
lacks is derived (categories, from titles) or simulated (stock and cost), always with the same result. Dates are not
shifted: for the demo "today" is the last day of the data, 2011-12-09.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from pyarrow import Table

SOURCE = Path(__file__).resolve().parent.parent / "data" / "online_retail.parquet"
LONDON = ZoneInfo("Europe/London")
SERVICE_CODES = re.compile(r"^(POST|DOT|M|D|S|B|C2|CRUK|PADS|AMAZONFEE|BANK CHARGES|GIFT_\d+_\d+|TEST\d*)$")
RECENT = timedelta(days=90)
PRICE_WINDOW = timedelta(days=60)
Progress = Callable[[float, str], None]


def no_progress(fraction: float, message: str) -> None:
    """The progress callback of callers that do not watch."""


@dataclass
class SourceProduct:
    """What all lines of one stock code say."""

    sku: str
    titles: Counter[str] = field(default_factory=Counter)
    sold: list[tuple[datetime, int, float]] = field(default_factory=list)  # when, units, unit price; real sales only
    first_seen: datetime | None = None

    @property
    def is_service(self) -> bool:
        return bool(SERVICE_CODES.match(self.sku))

    @property
    def title(self) -> str:
        """The title typed most often; remarks such as "damaged?" only when nothing better is there. May be empty."""
        proper = Counter({title: count for title, count in self.titles.items() if is_title(title)})
        return (proper or self.titles).most_common(1)[0][0] if self.titles else ""


def is_title(text: str) -> bool:
    """Whether a description names goods: those are in capitals, the warehouse's remarks ("damaged", "?") are not."""
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) > 3 and sum(letter.isupper() for letter in letters) >= 0.6 * len(letters) and "?" not in text


def read_source(path: Path = SOURCE) -> Table:
    """The source as an Arrow table. Raises FileNotFoundError or ValueError when the file or a column is missing."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(path)
    needed = {"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}
    if missing := needed - set(table.column_names):
        raise ValueError(f"{path.name} lacks the columns {', '.join(sorted(missing))}.")
    return table


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line of the source."""

    invoice: str
    sku: str
    title: str
    quantity: int
    at: datetime
    price: float
    customer: int | None
    country: str


def source_lines(table: Table) -> Iterator[SourceLine]:
    """The lines in the source's order, a batch at a time."""
    names = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
    moments: dict[datetime, datetime] = {}
    for batch in table.select(names).to_batches(max_chunksize=20_000):
        for invoice, code, title, quantity, at, price, customer, country in zip(
            *(column.to_pylist() for column in batch.columns), strict=True
        ):
            moment = moments.get(at)
            if moment is None:
                moment = moments[at] = at.replace(tzinfo=LONDON)
            yield SourceLine(
                invoice.strip(),
                code.strip().upper(),
                " ".join((title or "").split()),
                quantity,
                moment,
                price,
                customer,
                country,
            )


def source_products(table: Table, lines: Iterable[SourceLine] | None = None) -> dict[str, SourceProduct]:
    """One entry per stock code; codes that differ only in case are one."""
    products: dict[str, SourceProduct] = {}
    for line in lines if lines is not None else source_lines(table):
        product = products.get(line.sku)
        if product is None:
            product = products[line.sku] = SourceProduct(line.sku)
        if product.first_seen is None or line.at < product.first_seen:
            product.first_seen = line.at
        if line.title:
            product.titles[line.title] += 1
        if line.quantity > 0 and line.price > 0:
            product.sold.append((line.at, line.quantity, line.price))
    return products


_LOWER = {"And", "Of", "With", "In", "On", "The", "For", "To", "At", "From", "A"}


def display_name(title: str) -> str:
    """Title case for capitals: "SET OF 3 CAKE TINS" becomes "Set of 3 Cake Tins"."""
    spaced = re.sub(r"\s*,\s*", ", ", re.sub(r"[\s.,]+$", "", title))
    words = re.sub(r"[\w']+", lambda match: match[0].capitalize(), spaced).split()
    words = [word.lower() if index and word in _LOWER else word for index, word in enumerate(words)]
    name = re.sub(r"\b(\d+)(Cm|Pc|Ml|Oz|G)\b", lambda match: match[1] + match[2].lower(), " ".join(words))
    name = re.sub(
        r"\bT-? ?lights?\b",
        lambda match: "T-Light" + ("s" if match[0].endswith("s") else ""),
        name,
        flags=re.IGNORECASE,
    )
    for wrong, right in (("Led ", "LED "), ("Tv ", "TV "), ("Uk ", "UK "), ("Diy", "DIY")):
        name = name.replace(wrong, right)
    return name


def share(text: str, purpose: str) -> float:
    """A number from 0 to 1 that depends on the text only: the dice of everything simulated."""
    return crc32(f"{purpose}:{text}".encode()) / 2**32


def simulated_stock(sku: str, *, times_ordered: int, usual: float, last_sale: datetime | None, today: datetime) -> int:
    """Units on hand. SIMULATED: three to sixteen weeks of recent sales; one article in twenty is sold out."""
    if last_sale is None or today - last_sale > timedelta(days=150) or share(sku, "sold out") < 0.05:
        return 0
    weekly = max(times_ordered * usual / (RECENT.days / 7), 1.5)
    return max(1, round(weekly * (3 + 13 * share(sku, "stock"))))


def simulated_cost(sku: str, price: Decimal) -> Decimal:
    """Cost of one unit. SIMULATED: the source has none. Between 42 and 64 per cent of the price."""
    return (price * Decimal(round(0.42 + 0.22 * share(sku, "cost"), 4))).quantize(Decimal("0.01"))


def median(values: Sequence[float]) -> float:
    """The lower median, so that the price is one that was really charged."""
    return sorted(values)[(len(values) - 1) // 2]


def usual_quantity(quantities: Sequence[int]) -> float:
    """Pieces of an order line, mean; single wholesale orders of thousands count as ten usual ones. 1 without any."""
    if not quantities:
        return 1.0
    most = 10 * median(quantities)
    return sum(min(quantity, most) for quantity in quantities) / len(quantities)


def product_values(product: SourceProduct, *, today: datetime, shelf: str) -> dict[str, Any]:
    """Column values of one shop product."""
    from django.utils.text import slugify

    sold = sorted(product.sold, key=lambda sale: sale[0])
    last_sale = sold[-1][0] if sold else None
    price = list_price = Decimal("0.00")
    if last_sale:
        latest = median([price for at, _, price in sold if last_sale - at <= PRICE_WINDOW])
        usual = median([price for _, _, price in sold])
        price, list_price = (Decimal(str(value)).quantize(Decimal("0.01")) for value in (latest, usual))
    recent = [quantity for at, quantity, _ in sold if today - at <= RECENT]
    title = product.title
    name = (display_name(title) if is_title(title) else title)[:160] or f"Article {product.sku}"
    others = [
        display_name(other)
        for other, count in product.titles.most_common(6)
        if other != title and count > 1 and is_title(other)
    ]
    shown = bool(price) and is_title(title) and not product.is_service
    text = [f"{name}, from our {shelf} shelf."] if shown else []
    if shown and others:
        text.append(f"Also listed as: {'; '.join(others[:3])}.")
    return {
        "sku": product.sku,
        "name": name,
        "slug": slugify(name)[:180] or "product",
        "description": " ".join(text),
        "price": price,
        "list_price": list_price if list_price > price * Decimal("1.1") and list_price < price * 3 else None,
        "cost": simulated_cost(product.sku, price) if shown else None,
        "stock": simulated_stock(
            product.sku,
            times_ordered=len(recent),
            usual=usual_quantity(recent),
            last_sale=last_sale,
            today=today,
        )
        if shown
        else 0,
        "times_ordered": len(recent),
        "is_active": shown,
        "is_service": product.is_service,
        "created": product.first_seen or today,
    }
