"""Competitors' offers into the tables: from a CSV, REST or the shop's adapter, with a verdict for every row."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import BadRow, ShopAdapter, get_adapter
from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import conflict_target, locked_rows
from django_ecomai.core.tables import Row, RowError, records
from django_ecomai.pricing.models import Competitor, CompetitorOffer, CompetitorPrice

from .competitors_doubts import doubts_renew
from .competitors_known import oddity_teller
from .competitors_reading import COLUMNS, FILE, NEEDED, Told, offer_read

CHUNK, MOST_LISTED = 500, 500
#: What a file says of an offer; the rest of its row is left as it is.
WRITTEN = ("ean", "sku", "title", "brand", "url", "price", "currency", "available", "observed_at")
logger = logging.getLogger("django_ecomai")


@dataclass(frozen=True)
class Verdict:
    """What became of one row: ``created``, ``updated``, ``unchanged``, ``history`` (older than what is known: kept as
    history only) or ``failed``; ``message`` says what is wrong with it, or why it is shown and not used."""

    line: int
    verdict: str
    column: str = ""
    value: str = ""
    message: str = ""


@dataclass
class OffersOutcome:
    """Counts over all rows, and the verdicts (of the first 500 rows that something is to be said about, unless all are
    asked for)."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    history: int = 0
    failed: int = 0
    doubted: int = 0
    new_competitors: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    check_only: bool = False
    keep_all: bool = field(default=False, repr=False)
    _seen: set[tuple[str, str]] = field(default_factory=set, repr=False)

    def say(self, verdict: Verdict) -> None:
        """Count it, and keep it where there is something to read."""
        setattr(self, verdict.verdict, getattr(self, verdict.verdict) + 1)
        if self.keep_all or (verdict.message and len(self.verdicts) < MOST_LISTED):
            self.verdicts.append(verdict)


def offers_import(
    *,
    content: bytes | str | None = None,
    rows: Iterable[Mapping[str, Any]] | None = None,
    channel: str = "",
    check_only: bool = False,
    add_competitors: bool = False,
    keep_all: bool = False,
    simulated: bool = False,
    user: Any = None,
    at: datetime | None = None,
    progress: Callable[[OffersOutcome], None] | None = None,
) -> OffersOutcome:
    """Write the good rows of a CSV (``content``) or of dicts (``rows``, counted from 1), columns as in ``FILE``.

    An offer is known by the competitor and ``offer_id``, else EAN, SKU or title; what changed in price or availability
    is added to its history. An unknown competitor is added with ``add_competitors``, else the row fails; as a simulated
    one with ``simulated`` or where a row says so, and a simulated offer of a real competitor fails. With
    ``check_only`` nothing is kept. 500 rows are a transaction, and none is open while ``rows`` are read.
    ``at``: when offers without a day were seen (default: now). ``progress`` is told after each part. Raises
    ``core.tables.FileError`` when the file cannot be read at all.
    """
    outcome = OffersOutcome(check_only=check_only, keep_all=keep_all)

    def refuse(line: int, error: RowError) -> None:
        outcome.read += 1
        outcome.say(Verdict(line, "failed", error.column, error.value[:80], error.message))

    told = (
        _dicts(rows)
        if content is None
        else records(content, columns=FILE, needed=NEEDED, refuse=refuse, numbers=["price"], days=["observed_at"])
    )
    # A post of some hundred offers does not read the whole catalogue.
    odd = oddity_teller(channel) if content is not None else None
    while chunk := list(islice(told, CHUNK)):
        outcome.read += len(chunk)
        with transaction.atomic():
            _write(chunk, channel, outcome, add_competitors, simulated, user, odd, at)
            # Of a check each part is taken back at once: nobody waits for the locks of a whole file.
            transaction.set_rollback(check_only)
        if progress is not None:
            progress(outcome)
    outcome.verdicts.sort(key=lambda one: one.line)
    return outcome


def offers_fetch(*, channel: str = "") -> OffersOutcome | None:
    """Read ``ShopAdapter.competitor_offers``; None where the shop's adapter does not have it.

    Where it breaks off, what it gave before is kept, and the last verdict says why.
    """
    adapter = get_adapter(channel)
    if type(adapter).competitor_offers is ShopAdapter.competitor_offers:
        return None

    def rows() -> Iterator[dict[str, Any]]:
        try:
            for row in adapter.competitor_offers():
                if isinstance(row, BadRow):
                    told = " ".join(filter(None, (row.code, row.column, row.value)))
                    yield {"error": _("The adapter could not read it: %(told)s") % {"told": told}}
                else:
                    yield {name: getattr(row, name) for name in COLUMNS}
        except Exception as error:
            logger.exception("The adapter broke off while it gave competitors' offers.")
            told = f"{type(error).__name__}: {error}"[:200]
            yield {"error": _("The adapter broke off here, the offers after are missing: %(told)s") % {"told": told}}

    return offers_import(rows=rows(), channel=channel, add_competitors=True)


def _dicts(rows: Iterable[Mapping[str, Any]] | None) -> Iterator[Row]:
    """Rows of any values as texts."""
    for at, row in enumerate(rows or (), 1):
        yield at, {name: _text(row.get(name)) for name in (*FILE, "error") if row.get(name) is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if hasattr(value, "isoformat") else str(value).strip().replace("\x00", "")


def _write(
    chunk: Sequence[Row],
    channel: str,
    outcome: OffersOutcome,
    add: bool,
    simulated: bool,
    user: Any,
    odd: Callable[[CompetitorOffer], str] | None,
    at: datetime | None,
) -> None:
    now = at or timezone.now()
    good: list[tuple[int, Told]] = []
    for line, row in chunk:
        try:
            if row.get("error"):
                raise RowError("", row["error"])
            told = offer_read(row, now=now)
            if (told.competitor, told.external_id) in outcome._seen:
                raise RowError("offer_id", _("This line stands in the file twice; the first one counts."))
            outcome._seen.add((told.competitor, told.external_id))
            good.append((line, told))
        except RowError as error:
            outcome.say(Verdict(line, "failed", error.column, error.value[:80], error.message))
    good, competitors = _competitors(good, channel, outcome, add, simulated, user)
    offers = {
        (one.competitor_id, one.external_id): one
        for one in CompetitorOffer.objects.filter(
            competitor__in=[one.pk for one in competitors.values()],
            external_id__in={told.external_id for _line, told in good},
        )
    }
    new: list[CompetitorOffer] = []
    changed: list[CompetitorOffer] = []
    history: list[CompetitorPrice] = []
    said: list[tuple[int, str, CompetitorOffer, tuple[str, ...]]] = []
    for line, told in good:
        competitor = competitors[told.competitor]
        currency = told.currency or competitor.currency or ecomai.CURRENCY
        offer = offers.get((competitor.pk, told.external_id))
        if offer is not None and told.observed_at < offer.observed_at:
            history.append(_point(offer, told, currency))
            notes = (*told.notes, _("It is older than what is known: it counts for the history only."))
            said.append((line, "history", offer, notes))
            continue
        point = None
        if offer is None:
            offer = CompetitorOffer(competitor=competitor, external_id=told.external_id)
            new.append(offer)
            verdict, moved = "created", True
        else:
            before = (offer.price, offer.currency, offer.available)
            moved = before != (told.price, currency, told.available)
            same = (offer.ean, offer.sku, offer.title, offer.brand, offer.url) == (
                told.ean, told.sku, told.title, told.brand, told.url)  # fmt: skip
            verdict = "unchanged" if same and not moved else "updated"
            changed.append(offer)
        for name in WRITTEN:
            setattr(offer, name, currency if name == "currency" else getattr(told, name))
        if moved:
            point = _point(offer, told, currency)
            history.append(point)
        said.append((line, verdict, offer, told.notes))
    CompetitorOffer.objects.bulk_create(new)
    _keys(new)
    CompetitorOffer.objects.bulk_create(  # a tenth of the processor's time that bulk_update() takes
        changed, update_conflicts=True, update_fields=WRITTEN, **conflict_target(CompetitorOffer, "id")
    )
    CompetitorPrice.objects.bulk_create(  # of one moment the last word counts
        history,
        update_conflicts=True,
        update_fields=["price", "currency", "available"],
        **conflict_target(CompetitorPrice, "offer", "observed_at"),
    )
    doubted = doubts_renew(offers=[*new, *changed])
    outcome.doubted += len(doubted)
    for line, verdict, offer, notes in said:
        reason = doubted.get(offer.pk, "") if verdict != "history" and not notes else ""
        if odd is not None and verdict == "created" and not reason:
            reason = odd(offer)
        outcome.say(Verdict(line, verdict, message=" ".join([*notes, reason]).strip()))


def _keys(new: list[CompetitorOffer]) -> None:
    """Fetch the keys of new rows where the database does not return them (MySQL)."""
    if not new or new[0].pk is not None:
        return
    known = CompetitorOffer.objects.filter(
        competitor__in={one.competitor_id for one in new}, external_id__in=[one.external_id for one in new]
    ).values_list("competitor_id", "external_id", "pk")
    keys = {(competitor, ident): pk for competitor, ident, pk in known}
    for one in new:
        one.pk = keys[one.competitor_id, one.external_id]


def _point(offer: CompetitorOffer, told: Told, currency: str) -> CompetitorPrice:
    return CompetitorPrice(
        offer=offer, observed_at=told.observed_at, price=told.price, currency=currency, available=told.available
    )


def _added(channel: str, code: str, simulated: bool) -> tuple[Competitor, bool]:
    """The competitor, and whether it was added here: another worker may have done that since it was looked for."""
    try:
        with transaction.atomic():
            return Competitor.objects.create(channel=channel, code=code, name=code, is_simulated=simulated), True
    except IntegrityError:
        (there,) = locked_rows(Competitor.objects.filter(channel=channel, code=code))
        return there, False


def _competitors(
    good: list[tuple[int, Told]], channel: str, outcome: OffersOutcome, add: bool, simulated: bool, user: Any
) -> tuple[list[tuple[int, Told]], dict[str, Competitor]]:
    """Those rows whose competitor is known or may be added, and the competitors by code."""
    codes = {told.competitor for _line, told in good}
    # locked: two files with the same new offers are read one after the other
    rows = locked_rows(Competitor.objects.filter(channel=channel, code__in=codes).order_by("pk"))
    known = {one.code: one for one in rows}
    missing = sorted(codes - known.keys())
    if missing and add:
        unreal = codes if simulated else {told.competitor for _line, told in good if told.simulated}
        added = [_added(channel, code, code in unreal) for code in missing]
        made = [one for one, is_new in added if is_new]
        change_log(objects=made, user=user, lines=[_("Added with its offers.")], added=True)
        outcome.new_competitors += [one.code for one in made if one.code not in outcome.new_competitors]
        known |= {one.code: one for one, _is_new in added}
    kept = []
    for line, told in good:
        if told.competitor in known and told.simulated and not known[told.competitor].is_simulated:
            message = _("This offer is simulated and the competitor is not: it would count as a real one.")
            outcome.say(Verdict(line, "failed", "simulated", "yes", message))
        elif told.competitor in known:
            kept.append((line, told))
        else:
            message = _("There is no such competitor: add it first, or tick that unknown ones are added.")
            outcome.say(Verdict(line, "failed", "competitor", told.competitor, message))
    return kept, known
