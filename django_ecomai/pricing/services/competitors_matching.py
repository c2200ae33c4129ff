"""Which product each offer is: by EAN, then by SKU, then by title, brand and price, learning from what was decided."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction

from django_ecomai.conf import ecomai
from django_ecomai.core.mysql import locked_rows
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import CompetitorMatch, CompetitorOffer

from .competitors_doubts import doubts_renew, is_far
from .competitors_reading import ean_plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Attributes of a product that may hold its EAN.
EAN_KEYS = ("ean", "gtin", "gtin13", "gtin14", "gtin8", "ean13", "upc", "barcode", "isbn", "isbn13")
#: An offer has at most so many products to choose from.
CHOICES = 3
SKU_SURE, SEVERAL, ODD = 0.97, 0.5, 0.6
MOST_LEARNED, _WRITE = 20_000, 500
RENEWED = ("method", "confidence", "state", "evidence")
Method, State = CompetitorMatch.Method, CompetitorMatch.State


@dataclass
class Found:
    """What a search found: ``offers`` looked at, accepted ``by_…``, and ``proposed``, which wait
    for a decision; ``learned_from`` decided pairs (0: the rule of thumb orders the list)."""

    offers: int = 0
    by_ean: int = 0
    by_sku: int = 0
    by_title: int = 0
    proposed: int = 0
    learned_from: int = 0

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return vars(self).copy()


@dataclass(frozen=True, slots=True)
class Item:
    """What matching looks at, of an offer or of a product."""

    pk: int
    title: str
    brand: str
    price: Decimal | None
    currency: str
    sku: str = ""
    source: int = 0


def matches_find(*, channel: str = "", progress: Callable[[float], None] | None = None) -> Found:
    """Look for products of all offers that have none accepted; what a person rejected is not proposed again.

    Same EAN: accepted, unless several products have it. Same SKU: accepted where the titles share a word and the price
    is not five times off. By title: up to three products at ``PRICING_MATCH_REVIEW`` or above wait for a decision, and
    the best is accepted at ``PRICING_MATCH_ACCEPT`` once enough was decided to learn from.
    """
    matches = CompetitorMatch.objects.filter(offer__competitor__channel=channel)
    done = matches.filter(state=State.ACCEPTED).values("offer")
    rows = CompetitorOffer.objects.filter(competitor__channel=channel, competitor__is_active=True)
    offers: dict[int, Item] = {}
    eans: dict[int, str] = {}
    for pk, ean, sku, title, brand, price, currency, source in (
        rows.exclude(pk__in=done)
        .order_by("pk")
        .values_list("pk", "ean", "sku", "title", "brand", "price", "currency", "competitor_id")
        .iterator(chunk_size=5000)
    ):
        offers[pk] = Item(pk, title, brand, price, currency, sku, source)
        if ean:
            eans[pk] = ean
    found = Found(offers=len(offers))
    if offers:
        products, by_ean, by_sku = catalogue(channel)
        refused = set(matches.filter(state=State.REJECTED).values_list("offer_id", "product_id"))
        made = _by_codes(offers, eans, products, by_ean, by_sku, refused)
        sure = {one.offer_id for one in made if one.state == State.ACCEPTED}
        rest = {pk: one for pk, one in offers.items() if pk not in sure and one.title}
        told = {(one.offer_id, one.product_id) for one in made}
        made += [
            one
            for one in _by_title(rest, products, refused, channel, found, progress)
            if (one.offer_id, one.product_id) not in told
        ]
        _store(made, list(offers), found)
    doubts_renew(offers=rows.order_by("pk").iterator(chunk_size=2000))
    return found


def sku_plain(value: str) -> str:
    """A SKU without case, blanks and hyphens."""
    return re.sub(r"[^a-z0-9]", "", value.casefold())


def product_eans(sku: str, attributes: Any) -> set[str]:
    """EANs of a product: in one of its attributes (see ``EAN_KEYS``), or its SKU where that is one."""
    found = {ean_plain(sku)}
    if isinstance(attributes, Mapping):
        found |= {ean_plain(str(value)) for key, value in attributes.items() if str(key).casefold() in EAN_KEYS}
    return found - {""}


def catalogue(channel: str) -> tuple[dict[int, Item], dict[str, list[int]], dict[str, list[int]]]:
    """Products on sale by their key, and the keys by EAN and by SKU (``sku_plain``); the whole catalogue is read."""
    products: dict[int, Item] = {}
    by_ean: dict[str, list[int]] = {}
    by_sku: dict[str, list[int]] = {}
    rows = Product.objects.filter(channel=channel, is_active=True, is_service=False, removed_at=None).order_by("pk")
    fields = ("pk", "title", "brand", "price", "currency", "sku", "external_id", "attributes")
    for pk, title, brand, price, currency, sku, external_id, attributes in rows.values_list(*fields).iterator(
        chunk_size=5000
    ):
        products[pk] = Item(pk, title, brand, price, currency or ecomai.CURRENCY, sku)
        for ean in product_eans(sku, attributes):
            by_ean.setdefault(ean, []).append(pk)
        for code in {sku_plain(sku), sku_plain(external_id)} - {""}:
            by_sku.setdefault(code, []).append(pk)
    return products, by_ean, by_sku


def _by_codes(
    offers: Mapping[int, Item],
    eans: Mapping[int, str],
    products: Mapping[int, Item],
    by_ean: Mapping[str, list[int]],
    by_sku: Mapping[str, list[int]],
    refused: set[tuple[int, int]],
) -> list[CompetitorMatch]:
    made = []
    for pk, offer in offers.items():
        method, hits = Method.EAN, by_ean.get(eans.get(pk, ""), [])
        if not hits and offer.sku:
            method, hits = Method.SKU, by_sku.get(sku_plain(offer.sku), [])
        hits = [hit for hit in hits if (pk, hit) not in refused][:CHOICES]
        for hit in hits:
            confidence = 1.0 if method == Method.EAN else SKU_SURE
            if len(hits) > 1:
                confidence = SEVERAL
            elif method == Method.SKU and not _fits(offer, products[hit]):
                confidence = ODD
            state = State.PROPOSED if confidence < SKU_SURE else State.ACCEPTED
            made.append(CompetitorMatch(offer_id=pk, product_id=hit, method=method, confidence=confidence, state=state))
    return made


def _fits(offer: Item, product: Item) -> bool:
    """Whether nothing speaks against the same SKU being the same thing."""
    from django_ecomai.ml.pricing.matching.text import read

    if offer.currency == product.currency and is_far(offer.price, product.price):
        return False
    words = [set(read(one.title).words) for one in (offer, product)]
    return not words[0] or bool(words[0] & words[1])


def _by_title(
    offers: Mapping[int, Item],
    products: Mapping[int, Item],
    refused: set[tuple[int, int]],
    channel: str,
    found: Found,
    progress: Callable[[float], None] | None,
) -> list[CompetitorMatch]:
    from django_ecomai.ml.pricing.matching.blocking import candidates
    from django_ecomai.ml.pricing.matching.features import TextSpace, pair_features, said

    if not offers or not products:
        return []
    # prices in another currency than most products' say nothing
    ((main, _number),) = Counter(one.currency for one in products.values()).most_common(1)
    left, right = _listings(offers, main), _listings(products, main)
    try:
        space = TextSpace().fit([*said(left), *said(right)])
    except ValueError:  # not one word in all titles
        return []
    near = candidates(space, left, right, progress=None if progress is None else lambda part: progress(0.7 * part))
    source = np.array([one.source for one in offers.values()], dtype=np.int64)
    features = pair_features(space, left, right, *near, source)
    judge, found.learned_from = _judge(channel)
    chance = judge(features)
    if progress is not None:
        progress(0.9)
    offer_pks, product_pks = list(offers), list(products)
    made: list[CompetitorMatch] = []
    kept: dict[int, int] = {}
    for at in np.lexsort((-chance, near[0])).tolist():
        pk, hit, value = offer_pks[near[0][at]], product_pks[near[1][at]], float(chance[at])
        if value < ecomai.PRICING_MATCH_REVIEW or (pk, hit) in refused or kept.get(pk, 0) >= CHOICES:
            continue
        first = pk not in kept
        kept[pk] = kept.get(pk, 0) + 1
        sure = first and value >= ecomai.PRICING_MATCH_ACCEPT
        made.append(
            CompetitorMatch(
                offer_id=pk,
                product_id=hit,
                method=Method.TITLE,
                confidence=round(value, 4),
                state=State.ACCEPTED if sure else State.PROPOSED,
                evidence=[round(float(one), 4) for one in features[at]],
            )
        )
        if sure:
            kept[pk] = CHOICES  # what else it might be is of no interest
    return made


def _listings(items: Mapping[int, Item], main: str) -> Any:
    from django_ecomai.ml.pricing.matching.features import Listings

    every = list(items.values())
    prices = [float(one.price) if one.price and one.currency == main else float("nan") for one in every]
    return Listings.build(title=[one.title for one in every], brand=[one.brand for one in every], price=prices)


def _judge(channel: str) -> tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], int]:
    """What gives pairs their probability: learned from decided pairs where there are enough and it orders them better,
    and from how many; else the rule of thumb."""
    from django_ecomai.ml.pricing.matching.features import FEATURES
    from django_ecomai.ml.pricing.matching.model import LEAST, MatchModel, rule_probability

    decided = CompetitorMatch.objects.filter(
        offer__competitor__channel=channel, method=Method.TITLE, decided_at__isnull=False
    ).order_by("-decided_at")
    pairs = [
        (evidence, state == State.ACCEPTED)
        for evidence, state in decided.values_list("evidence", "state")[:MOST_LEARNED]
        if len(evidence) == len(FEATURES) and state != State.PROPOSED
    ]
    same = np.array([one for _evidence, one in pairs], dtype=bool)
    if min(same.sum(), (~same).sum()) < LEAST:
        return rule_probability, 0
    features = np.array([evidence for evidence, _one in pairs])
    model = MatchModel()
    if not model.beats_rule(features, same)[0]:
        return rule_probability, 0
    return model.fit(features, same).probability, len(pairs)


def _store(made: list[CompetitorMatch], offers: list[int], found: Found) -> None:
    """New pairs are added, open ones renewed, and open ones that are not found any more go."""
    of_offer: dict[int, list[CompetitorMatch]] = {}
    for one in made:
        of_offer.setdefault(one.offer_id, []).append(one)
    for start in range(0, len(offers), _WRITE):
        some = offers[start : start + _WRITE]
        with transaction.atomic():
            written = _store_some([one for pk in some for one in of_offer.get(pk, ())], some)
        for one in written:
            if one.state == State.PROPOSED:
                found.proposed += 1
            else:
                name = f"by_{one.method}"
                setattr(found, name, getattr(found, name) + 1)


def _store_some(made: list[CompetitorMatch], offers: list[int]) -> list[CompetitorMatch]:
    """For some offers, which are locked first, as people who decide do: neither accepts what the other has not seen."""
    held = {one.pk for one in locked_rows(CompetitorOffer.objects.filter(pk__in=offers).order_by("pk"))}
    known = {(one.offer_id, one.product_id): one for one in CompetitorMatch.objects.filter(offer__in=held)}
    taken = {one.offer_id for one in known.values() if one.state == State.ACCEPTED}  # decided meanwhile
    new, renewed = [], []
    for one in made:
        if one.offer_id in taken or one.offer_id not in held:
            continue
        old = known.get((one.offer_id, one.product_id))
        if old is None:
            new.append(one)
        elif old.state == State.PROPOSED:
            for name in RENEWED:
                setattr(old, name, getattr(one, name))
            renewed.append(old)
    seen = {(one.offer_id, one.product_id) for one in made}
    gone = [one.pk for key, one in known.items() if one.state == State.PROPOSED and key not in seen and not one.before]
    CompetitorMatch.objects.filter(pk__in=gone).delete()
    CompetitorMatch.objects.bulk_create(new)
    CompetitorMatch.objects.bulk_update(renewed, RENEWED)
    return [*new, *renewed]
