"""Who did what, for training: the coded log with people found and time on the page joined to its view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .cleaning import DWELL_MAX
from .models import EventName, VisitorIdentity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import EventColumns


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Rows as ``behaviour_rows`` gives them, oldest first: codes int32 [n] into lists of texts, ``at`` epoch seconds,
    ``dwell`` seconds (NaN = unknown)."""

    who: NDArray[np.int32]
    product: NDArray[np.int32]
    name: NDArray[np.int32]
    at: NDArray[np.float64]
    dwell: NDArray[np.float64]
    people: list[str]
    products: list[str]
    names: list[str]

    def __len__(self) -> int:
        return len(self.who)


def behaviour_of(columns: EventColumns, *, channel: str) -> Behaviour:
    """The same rows as ``selectors.behaviour_rows(channel=channel)``, from columns instead of one by one.

    The links of visitors to customers are read now: they are never part of the columns.
    """
    known = VisitorIdentity.objects.filter(channel=channel).order_by("-linked_at", "-id")
    customers = dict(known.values_list("visitor_id", "customer_id"))  # the first link of a visitor wins
    people: dict[str, int] = {"": -1}
    of_visitor = [customers.get(one) or (f"visitor:{one}" if one else "") for one in columns.texts["visitor"]]

    def coded(texts: list[str]) -> NDArray[np.int32]:
        return np.array([people.setdefault(text, len(people) - 1) for text in texts] or [-1], dtype=np.int32)

    by_customer, by_visitor = coded(columns.texts["customer"]), coded(of_visitor)
    who = by_customer[columns.codes["customer"]]
    who = np.where(who >= 0, who, by_visitor[columns.codes["visitor"]])
    rows = np.flatnonzero(who >= 0)
    product, name = columns.codes["product"][rows], columns.codes["name"][rows]
    joined = Behaviour(
        who[rows], product, name, columns.at[rows], columns.dwell[rows],
        [text for text in people if text], columns.texts["product"], columns.texts["name"],
    )  # fmt: skip
    return _with_dwell(joined)


def _with_dwell(log: Behaviour) -> Behaviour:
    """Each ``user_engagement`` adds its time to that person's last view of that product, if it was not long ago."""
    stay, view = (_code(log.names, name) for name in (EventName.USER_ENGAGEMENT, EventName.VIEW_ITEM))
    stays = np.flatnonzero(log.name == stay)
    if not len(stays):
        return log
    dwell = log.dwell.copy()
    pair = log.who.astype(np.int64) * max(len(log.products), 1) + log.product
    some = np.flatnonzero(((log.name == stay) & np.isin(log.dwell, (0.0,), invert=True)) | (log.name == view))
    some = some[np.isin(pair[some], pair[stays])]
    some = some[np.lexsort((some, pair[some]))]  # by person and product, in time
    is_view = log.name[some] == view
    place = np.maximum.accumulate(np.where(is_view, np.arange(len(some)), -1))  # the last view so far
    said = np.flatnonzero(~is_view & (place >= 0) & ~np.isnan(log.dwell[some]))
    event, seen = some[said], some[place[said]]
    fits = (pair[event] == pair[seen]) & (log.at[seen] >= log.at[event] - DWELL_MAX)
    event, seen = event[fits], seen[fits]
    views = np.unique(seen)
    dwell[views] = np.nan_to_num(dwell[views], nan=0.0)
    np.add.at(dwell, seen, log.dwell[event])
    dwell[views] = np.minimum(dwell[views], DWELL_MAX)
    keep = log.name != stay
    return Behaviour(
        log.who[keep], log.product[keep], log.name[keep], log.at[keep], dwell[keep],
        log.people, log.products, log.names,
    )  # fmt: skip


def dismissals_standing(log: Behaviour) -> NDArray[np.bool_]:
    """False for every dismissal that the same person took back later, bool [n]; True for all other rows."""
    keep = np.ones(len(log), dtype=bool)
    no, yes = (_code(log.names, name) for name in (EventName.DISMISS, EventName.UNDISMISS))
    back = np.flatnonzero(log.name == yes)
    if not len(back):
        return keep
    pair = log.who.astype(np.int64) * max(len(log.products), 1) + log.product
    pairs, last = np.unique(pair[back][::-1], return_index=True)
    last_row = back[::-1][last]
    said = np.flatnonzero((log.name == no) & np.isin(pair, pairs))
    keep[said] = said > last_row[np.searchsorted(pairs, pair[said])]
    return keep


def _code(texts: list[str], text: str) -> int:
    return texts.index(text) if text in texts else -1
