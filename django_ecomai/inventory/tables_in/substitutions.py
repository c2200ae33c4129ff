"""Products that stand in for each other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.inventory.models import Substitution

from . import values
from .reading import Outcome, Row, RowError


def substitutions(chunk: list[Row], channel: str, outcome: Outcome, user: Any) -> None:
    """A row declares a pair, and with ``both_ways`` the way back too; what was found or dismissed is in use then."""
    products = values.products_of(chunk, channel, "product_id", "substitute_id")
    pks = [one.pk for one in products.values()]
    known = {
        (one.product_id, one.substitute_id): one
        for one in Substitution.objects.filter(product__in=pks, substitute__in=pks)
    }
    moment = timezone.now()
    new: list[Substitution] = []
    changed: list[Substitution] = []
    for number, row in chunk:
        try:
            missing = _("There is no such product in the copy of your shop.")
            product = values.found(products, row, "product_id", missing)
            substitute = values.found(products, row, "substitute_id", missing)
            if product.pk == substitute.pk:
                raise RowError("substitute_id", _("A product does not stand in for itself."), row["substitute_id"])
            share = values.number(row, "share", above=Decimal(0))
            if share is None or not Decimal("0.01") <= share <= 1:  # as the model asks for
                message = _("Write a part such as 0.5: half of those who miss the product take the substitute.")
                raise RowError("share", message, row.get("share", ""))
            note = values.text(row, "note", most=255)
            pairs = [(product.pk, substitute.pk)]
            if row.get("both_ways") and values.flag(row, "both_ways"):
                pairs.append((substitute.pk, product.pk))
            for key in pairs:
                outcome.once(key, "substitute_id", row["substitute_id"])
        except RowError as error:
            outcome.complain(number, error)
            continue
        outcome.seen.update(pairs)
        for key in pairs:
            one = known.get(key) or Substitution(product_id=key[0], substitute_id=key[1])
            one.share, one.state, one.note = float(share), Substitution.State.USED, note or one.note
            one.updated_at = moment  # a bulk update asks no field what it would save
            (changed if key in known else new).append(one)
        outcome.created += pairs[0] not in known
        outcome.updated += pairs[0] in known
    new.sort(key=lambda one: (one.product_id, one.substitute_id))  # one order for all writers
    Substitution.objects.bulk_create(new)
    if changed:
        changed.sort(key=lambda one: one.pk)
        Substitution.objects.bulk_update(changed, ["share", "state", "note", "updated_at"])
