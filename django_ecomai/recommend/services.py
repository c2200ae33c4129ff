"""Writes: the placements that a shop starts with, and those that a newer version has beside them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import override

from django_ecomai.conf import ecomai

from .defaults import default_keys, default_placement
from .models import Placement, Slot
from .revisions import revision_record, snapshot


def placements_create_defaults(*, channel: str | None = None, using: str = "default") -> list[str]:
    """Create the default placements of a channel that has none; returns the keys made.

    With one placement there nothing happens: what the merchant changed, emptied, switched off or deleted stays that
    way. ``placements_add`` adds what a newer version has beside them.
    """
    shop = ecomai.CHANNEL if channel is None else channel
    if Placement.objects.using(using).filter(channel=shop).exists():
        return []
    with transaction.atomic(using=using):
        return [key for key in default_keys() if _create(shop, key, using) is not None]


def placements_add(*, keys: Collection[str], channel: str | None = None, user: Any = None) -> list[Placement]:
    """Add default placements by key, as a change that can be undone; returns those that were made.

    A key that the channel has already is left as it is, whatever the merchant made of it. Raises LookupError for a key
    that is no default.
    """
    shop = ecomai.CHANNEL if channel is None else channel
    known = default_keys()
    for key in keys:
        if key not in known:
            raise LookupError(f"There is no default placement {key!r}. Use one of: {', '.join(known)}.")
    made = []
    with transaction.atomic():
        for key in known:
            placement = _create(shop, key, None) if key in keys else None
            if placement is not None:
                revision_record(obj=placement, before=[], after=snapshot(placement), user=user)
                made.append(placement)
    return made


def _create(channel: str, key: str, using: str | None) -> Placement | None:
    """The default placement with its carousels, in the shop's language whoever asks; None when the key is taken."""
    with override(settings.LANGUAGE_CODE):
        config = default_placement(key)
        if config is None:
            return None
        placement, is_new = Placement.objects.using(using).get_or_create(
            channel=channel, key=key, defaults={"label": str(config.label)}
        )
        if not is_new:
            return None
        Slot.objects.using(using).bulk_create(
            Slot(
                placement=placement,
                strategy=slot.strategy,
                title=str(slot.title),
                order=number * 10,
                size=slot.size,
                only_in_stock=slot.only_in_stock,
                exclude_bought=slot.exclude_bought,
                category_cap=slot.category_cap,
            )
            for number, slot in enumerate(config.slots, start=1)
        )
    return placement
