"""Substitutes: declared by the merchant, or found in the data and then decided by him."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.ledger import ledger_until
from django_ecomai.forecast.selectors import demand_days
from django_ecomai.inventory.models import Substitution
from django_ecomai.inventory.positions import first_sales
from django_ecomai.mirror.models import Product

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

HISTORY_DAYS = 364
#: So many products' days are looked at together.
CHUNK = 20_000
_WRITE = 500


class SubstitutionError(Exception):
    """A substitute cannot be declared so; the message says why."""


@dataclass
class Found:
    """What a search found: pairs that are new, that are still to be decided, and that are not seen any more."""

    products: int = 0
    new: int = 0
    open: int = 0
    gone: int = 0

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return vars(self).copy()


def substitution_declare(
    *, product: Product, substitute: Product, share: float, note: str = "", both_ways: bool = False, user: Any = None
) -> Substitution:
    """That ``share`` (above 0, at most 1) of those who miss ``product`` take ``substitute``, and with ``both_ways`` the
    other way round; a pair that is there already gets the new share and is in use. Raises ``SubstitutionError``.
    """
    if not 0 < share <= 1:
        raise SubstitutionError(_("The share must be above 0 and at most 1: 0.5 means half of them."))
    if product.pk == substitute.pk:
        raise SubstitutionError(_("A product does not stand in for itself."))
    if product.channel != substitute.channel:
        raise SubstitutionError(_("Both must be of the same shop."))
    pairs = [(product, substitute), (substitute, product)]
    made = []
    with transaction.atomic():
        for one, other in pairs if both_ways else pairs[:1]:
            row, _created = Substitution.objects.update_or_create(
                product=one,
                substitute=other,
                defaults={"share": share, "note": note[:255], "state": Substitution.State.USED},
            )
            made.append(row)
        change_log(objects=made, user=user, lines=[f"{share:g}"])
    return made[0]


def substitutions_decide(*, substitutions: Iterable[Substitution], use: bool, user: Any = None) -> int:
    """Take pairs into use, or dismiss them: they are not found again. Either can be taken back by the other."""
    state = Substitution.State.USED if use else Substitution.State.DISMISSED
    pks = [row.pk for row in substitutions]
    with transaction.atomic():
        held = locked_rows(Substitution.objects.filter(pk__in=pks).order_by("pk"))
        rows = list(held.exclude(state=state))
        Substitution.objects.filter(pk__in=[row.pk for row in rows]).update(state=state, updated_at=timezone.now())
        change_log(objects=rows, user=user, lines=[str(state.label)])
    return len(rows)


def substitutions_find(*, channel: str = "", progress: Callable[[float], None] | None = None) -> Found:
    """Look for pairs in the last year's sales: alike in words, and sold more of while the other was sold out.

    New pairs wait for a decision; open ones get the new numbers, or go when nothing speaks for them any more. What was
    declared, taken into use or dismissed stays as it is.
    """
    from django_ecomai.ml.inventory.standins import stand_ins_read

    until = ledger_until(channel=channel)
    since = until - timedelta(days=HISTORY_DAYS)
    rows = Product.objects.filter(
        channel=channel, is_active=True, is_service=False, removed_at=None, stock__isnull=False
    )
    facts = list(rows.order_by("pk").values_list("pk", "title", "brand", "price"))
    found = Found(products=len(facts))
    if not facts:
        return found
    pks = [row[0] for row in facts]
    words = {pk: f"{title} {brand}" for pk, title, brand, _price in facts}
    for pk, name in rows.filter(categories__isnull=False).order_by().values_list("pk", "categories__name"):
        words[pk] += f" {name}"
    begun = first_sales(channel=channel)
    first = np.array(
        [max((local_date(begun[pk]) - since).days, 0) if pk in begun else HISTORY_DAYS for pk in pks], dtype=np.int64
    )

    def read(rows: NDArray[np.int64]) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        past = demand_days(channel=channel, product_ids=[pks[row] for row in rows], since=since, until=until)
        return past.quantity, past.censored, np.arange(HISTORY_DAYS)[None, :] < first[rows, None]

    pairs = stand_ins_read(
        words=[words[pk] for pk in pks],
        price=[float("nan") if row[3] is None else float(row[3]) for row in facts],
        read=read,
        block=CHUNK,
        progress=lambda part: _tell(progress, 0.9 * part),
    )
    _tell(progress, 0.9)
    seen = {}
    for at in range(len(pairs)):
        key = pks[pairs.product[at]], pks[pairs.substitute[at]]
        seen[key] = Substitution(
            product_id=key[0],
            substitute_id=key[1],
            # As precise as the evidence is.
            share=max(round(float(pairs.share[at]), 2), 0.01),
            source=Substitution.Source.SUGGESTED,
            state=Substitution.State.OPEN,
            evidence={
                "alike": round(float(pairs.alike[at]), 3),
                "days": int(pairs.days[at]),
                "with": round(float(pairs.with_product[at]), 3),
                "without": round(float(pairs.without[at]), 3),
                "errors": round(float(pairs.errors[at]), 1),
            },
        )
    return _store(channel, seen, found)


def _store(channel: str, seen: dict[tuple[int, int], Substitution], found: Found) -> Found:
    with transaction.atomic():
        known = {
            (row.product_id, row.substitute_id): row
            for row in locked_rows(Substitution.objects.filter(product__channel=channel).order_by("pk"))
        }
        old = [row for row in known.values() if row.state == Substitution.State.OPEN]
        gone = [row.pk for row in old if (row.product_id, row.substitute_id) not in seen]
        for start in range(0, len(gone), _WRITE):
            Substitution.objects.filter(pk__in=gone[start : start + _WRITE]).delete()
        new = [row for key, row in seen.items() if key not in known]
        same, moment = [], timezone.now()
        for row in old:
            if (now := seen.get((row.product_id, row.substitute_id))) is not None:
                row.share, row.evidence, row.updated_at = now.share, now.evidence, moment
                same.append(row)
        Substitution.objects.bulk_create(new, batch_size=_WRITE)
        Substitution.objects.bulk_update(same, ["share", "evidence", "updated_at"], batch_size=_WRITE)
    found.new, found.open, found.gone = len(new), len(new) + len(same), len(gone)
    return found


def _tell(progress: Callable[[float], None] | None, part: float) -> None:
    if progress is not None:
        progress(part)
