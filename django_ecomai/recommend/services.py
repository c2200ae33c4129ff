"""Writes: the placements that a shop starts with."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import override

from django_ecomai.conf import ecomai

from .defaults import default_keys, default_placement
from .models import Placement, Slot


def placements_create_defaults(*, channel: str | None = None, using: str = "default") -> list[str]:
    """Create the default placements of a channel that has none; returns the keys made.

    With one placement there nothing happens: what the merchant changed, emptied, switched off or deleted stays that
    way.
    """
    from django.conf import settings

    shop = ecomai.CHANNEL if channel is None else channel
    made: list[str] = []
    if Placement.objects.using(using).filter(channel=shop).exists():
        return made
    # In the shop's language, whoever runs the command.
    with override(settings.LANGUAGE_CODE), transaction.atomic(using=using):
        for key in default_keys():
            config = default_placement(key)
            if config is None:
                continue
            placement = Placement.objects.using(using).create(channel=shop, key=key, label=str(config.label))
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
            made.append(key)
    return made
