"""Lists that visitors saw and what they clicked, as arrays: for the learned order of recommendations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time
from django_ecomai.events.models import Event, EventName, VisitorIdentity

from .dataset import Dataset

if TYPE_CHECKING:
    from django_ecomai.ml.recommend.ranking.shown import Shown

_CHUNK = 10_000


def shown_lists(channel: str, data: Dataset, *, until: int) -> Shown | None:
    """Impressions with a list's id and a known person, seen before ``until`` (epoch seconds); None without any.

    A product counts as clicked when a click with the same list's id came before ``until``. Variants count as the
    product that they belong to.
    """
    rows = Event.objects.filter(channel=channel, is_bot=False, id__lt=uuid7_floor(datetime.fromtimestamp(until, UTC)))
    rows = rows.exclude(recommendation_id="").exclude(product_id="")
    clicks = rows.filter(name=EventName.SELECT_ITEM).order_by("id").values_list("recommendation_id", "product_id")
    clicked = {(one, data.variants.get(product, product)) for one, product in clicks.iterator(chunk_size=_CHUNK)}
    if not clicked:
        return None
    links = VisitorIdentity.objects.filter(channel=channel).order_by("-linked_at", "-id")
    customers = dict(links.values_list("visitor_id", "customer_id"))  # the first link of a visitor wins
    with_click = {one for one, _product in clicked}
    lists: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    names = ("id", "recommendation_id", "visitor_id", "customer_id", "product_id", "position")
    columns: list[list[Any]] = [[] for _ in range(6)]
    for key, one, visitor, customer, product, position in (
        rows.filter(name=EventName.VIEW_ITEM_LIST).order_by("id").values_list(*names).iterator(chunk_size=_CHUNK)
    ):
        product = data.variants.get(product, product)
        user = data.people.get(customer or customers.get(visitor) or f"visitor:{visitor}", -1)
        if user < 0 or one not in with_click or (one, product) in seen:
            continue
        seen.add((one, product))
        place = float("nan") if position is None else float(position)
        row = (lists.setdefault(one, len(lists)), user, product, place, (one, product) in clicked, uuid7_time(key))
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    if not columns[0]:
        return None
    from django_ecomai.ml.recommend.ranking.shown import Shown

    items = data.item_ids.encode(columns[2])
    shown = Shown(
        lists=np.array(columns[0], dtype=np.int64),
        users=np.array(columns[1], dtype=np.int64),
        items=items.astype(np.int64),
        positions=np.array(columns[3], dtype=np.float64),
        clicked=np.array(columns[4], dtype=np.bool_),
        times=np.array([at.timestamp() for at in columns[5]]).astype(np.int64),
    )
    return shown.rows(items >= 0)
