"""Lists for partners, press or suppliers that tell nothing of a single customer, and the budget that they use up."""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, combinations, groupby
from operator import itemgetter
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Order, OrderLine, Product

from .models import ListRelease

BUDGET_DAYS = 365
_TRIES = 5
#: Of a customer with more pairs a random choice is counted: those of an order of 2,000 lines are two million.
_PAIRS = 20_000


class BudgetSpent(ValueError):
    """The release would tell more of a person than the shop allows; the message says when there is room again."""


@dataclass(frozen=True)
class Released:
    """A list that may leave the shop: ``rows`` of ids (one product or two) and a noisy number of customers."""

    kind: str
    rows: list[tuple[tuple[str, ...], int]]
    epsilon: Decimal
    delta: float
    most: int
    days: int


def budget_left(*, channel: str = "") -> Decimal:
    """Epsilon that may still be spent in the 365 days from the oldest release on that still counts."""
    spent = _counting(channel).aggregate(sum=Sum("epsilon"))["sum"] or Decimal(0)
    return max(Decimal(0), Decimal(str(ecomai.RELEASE_EPSILON)) - spent)


def list_release(
    *,
    kind: str,
    epsilon: Decimal,
    channel: str = "",
    days: int = 365,
    most: int = 10,
    delta: float = 1e-6,
    user: Any = None,
) -> Released:
    """Popular products (``popular``) or pairs of one order (``together``) with noisy numbers of customers.

    A customer counts in at most ``most`` products or pairs; a guest's order counts as a customer of its own. The ledger
    is written first: a release that fails later has used its part of the budget. Raises ``BudgetSpent``, and
    ``ValueError`` for arguments out of range.
    """
    from django_ecomai.ml.private import bounded_counts, noisy_counts, noisy_selection

    if kind not in ListRelease.Kind.values:
        raise ValueError(_("Unknown list: %(kind)s. Choose popular or together.") % {"kind": kind})
    if not (epsilon > 0 and most > 0 and days > 0 and 0 < delta < 1):
        raise ValueError(_("epsilon, most and days must be above zero, delta between 0 and 1."))
    pairs = kind == ListRelease.Kind.TOGETHER
    _spend(kind=kind, epsilon=epsilon, delta=delta if pairs else 0.0, most=most, channel=channel, user=user)
    counts = bounded_counts(_contributions(channel, days, pairs=pairs, most=most), most=most)
    if pairs:
        noisy = noisy_selection(counts, epsilon=Fraction(epsilon), delta=delta, most=most)
    else:
        # The shop's catalogue is public: every product gets a number, bought or not.
        products = Product.objects.filter(channel=channel, parent=None, is_service=False, removed_at=None)
        known = [(ident,) for ident in products.order_by("external_id").values_list("external_id", flat=True)]
        noisy = noisy_counts(counts, epsilon=Fraction(epsilon), most=most, known=known)
    rows: Any = sorted(noisy.items(), key=lambda row: (-row[1], row[0]))
    return Released(kind, rows, epsilon, delta if pairs else 0.0, most, days)


def _counting(channel: str) -> Any:
    since = timezone.now() - timedelta(days=BUDGET_DAYS)
    return ListRelease.objects.filter(channel=channel, at__gte=since)


def _spend(*, kind: str, epsilon: Decimal, delta: float, most: int, channel: str, user: Any) -> None:
    """Write the line of the ledger; two releases at once cannot take the same number, so neither is forgotten."""
    for attempt in range(_TRIES):
        try:
            with transaction.atomic():
                if epsilon > budget_left(channel=channel):
                    oldest = _counting(channel).order_by("at").values_list("at", flat=True).first()
                    again = (oldest or timezone.now()) + timedelta(days=BUDGET_DAYS)
                    raise BudgetSpent(
                        _("Only %(left)s of the budget of %(all)s is left; the oldest release counts until %(day)s.")
                        % {
                            "left": budget_left(channel=channel),
                            "all": ecomai.RELEASE_EPSILON,
                            "day": timezone.localtime(again).date().isoformat(),
                        }
                    )
                last = ListRelease.objects.filter(channel=channel).aggregate(last=Max("number"))["last"] or 0
                ListRelease.objects.create(
                    channel=channel, number=last + 1, kind=kind, epsilon=epsilon, delta=delta, most=most, made_by=user
                )
            return
        except IntegrityError:
            if attempt == _TRIES - 1:
                raise


def _contributions(
    channel: str, days: int, *, pairs: bool, most: int
) -> Iterator[tuple[str, Collection[tuple[str, ...]]]]:
    """Per customer (or guest's order) the products, or the pairs of products that were in one order; one at a time."""
    lines = OrderLine.objects.filter(
        channel=channel,
        removed_at=None,
        placed_at__gte=timezone.now() - timedelta(days=days),
        product__isnull=False,
        product__is_service=False,
    ).exclude(order__status__in=(Order.Status.CANCELLED, Order.Status.RETURNED))
    columns = ("order__customer_id", "order_id", "product__external_id", "product__parent__external_id")
    rows = lines.order_by("order__customer_id", "order_id").values_list(*columns).iterator(chunk_size=10_000)
    named = (
        (f"c{customer}" if customer else f"o{order}", order, parent or product)
        for customer, order, product, parent in rows
    )
    for person, own in groupby(named, key=itemgetter(0)):
        orders = groupby(own, key=itemgetter(1))
        baskets = [sorted({product for _person, _number, product in basket}) for _order, basket in orders]
        if not pairs:
            yield person, {(product,) for basket in baskets for product in basket}
        else:
            yield person, _pairs(baskets, most)


def _pairs(baskets: list[list[str]], most: int) -> set[tuple[str, ...]]:
    """Pairs of products of one basket each: all, or where there are very many a random ``most`` at most.

    That no person gives more than ``most`` is what the privacy rests on, not that each pair is as likely as the next.
    """
    sizes = [len(basket) * (len(basket) - 1) // 2 for basket in baskets]
    if sum(sizes) <= max(_PAIRS, most):
        return {pair for basket in baskets for pair in combinations(basket, 2)}
    ends = list(accumulate(sizes))
    chosen: set[tuple[str, ...]] = set()
    for _attempt in range(20 * most):
        basket = baskets[bisect_right(ends, secrets.randbelow(ends[-1]))]
        first, second = secrets.randbelow(len(basket)), secrets.randbelow(len(basket) - 1)
        second += second >= first
        chosen.add((basket[min(first, second)], basket[max(first, second)]))
        if len(chosen) >= most:
            break
    return chosen
