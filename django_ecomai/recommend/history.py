"""Configuration and the visitor's past, together: one query while the process is cold, none or one when it is warm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import CharField, F, QuerySet, Value
from django.http import HttpRequest

from django_ecomai.core.db import shielded
from django_ecomai.events.selectors import (
    History,
    history_span,
    visitor_history,
    visitor_history_cached,
    visitor_history_keep,
    visitor_history_parts,
)
from django_ecomai.mirror.models import Customer

from . import config as configuration
from .config import Config
from .query import Behaviour
from .viewer import Past, Viewer

# Deep enough for "buy again" of a regular customer: his events and purchases, newest first.
DEPTH = 200
# Marks the row that says which customer a user is; no event is named so.
_CUSTOMER = "(customer)"


def look_up(viewer: Viewer, *, request: HttpRequest | None = None) -> tuple[Config | None, Past]:
    """What the merchant set up (None when the tables cannot be read) and what the viewer did. Never raises.

    The past is kept on the request: several tags of a page ask once.
    """
    known = getattr(request, "ecomai_past", None) if request is not None else None
    past: Past | None = known[1] if known and known[0] == viewer else None
    if past is None and (not viewer.known or viewer.is_new):
        past = Past()
    config = configuration.kept(viewer.channel)
    impressions = config.counts_impressions() if config else configuration.impressions_wanted(viewer.channel)
    if past is None and (config is None or viewer.user_id):
        # Of a user nothing is in the cache: it holds histories by the customer's id.
        history = (
            None
            if viewer.user_id
            else visitor_history_cached(**_who(viewer), limit=DEPTH, distinct=False, impressions=impressions)
        )
        if history is None:
            found, past = _both(viewer, impressions)
            config = found or config
        else:
            past = _past(history)
    if config is None:
        with shielded("read the placements", reads=True):
            config, _ = configuration.load(viewer.channel)
    if past is None:
        past = _past(
            visitor_history(
                **_who(viewer), user_id=viewer.user_id, limit=DEPTH, distinct=False, impressions=impressions
            )
        )
    if request is not None:
        request.ecomai_past = (viewer, past)  # type: ignore[attr-defined]
    return config, past


def _both(viewer: Viewer, impressions: bool) -> tuple[Config | None, Past | None]:
    """Configuration and history by one UNION; nothing of either when it fails (then each is tried alone)."""
    with shielded("read the placements and a visitor's history", reads=True):
        who, user = _who(viewer), viewer.user_id

        def beside(given: Mapping[str, Any]) -> list[QuerySet[Any]]:
            named = {name: given.get(name, one) for name, one in who.items()}
            events, lines = visitor_history_parts(
                **named, user_id=user, depth=DEPTH, impressions=impressions, span=(given["since"], given["until"])
            )
            parts = [
                configuration.as_rows(part, r_event=F("id"), r_text1=F("name"), r_text2=F("product_id"))
                for part in events
            ]
            if lines is not None:
                purchase = Value("purchase", output_field=CharField())
                sold: dict[str, Any] = {
                    "r_text1": purchase,
                    "r_text2": F("product_external_id"),
                    "r_from": F("placed_at"),
                }
                parts.append(configuration.as_rows(lines, **sold))
            if user:
                mine = Customer.objects.filter(channel=viewer.channel, user_id=user).order_by()
                marker = Value(_CUSTOMER, output_field=CharField())
                parts.append(configuration.as_rows(mine, r_text1=marker, r_text2=F("external_id")))
            return parts

        since, until = history_span()
        values = {name: one for name, one in who.items() if one and name != "channel"}
        # A user's id is of whatever type the shop chose: that query is built each time.
        key = None if user else ("history", impressions)
        config, rows = configuration.load(
            viewer.channel, beside=beside, key=key, values={**values, "since": since, "until": until}
        )
        for row in rows:
            if row[1] == _CUSTOMER:
                who["customer_id"] = row[2]
        rows = [row for row in rows if row[1] != _CUSTOMER]
        return config, _past(visitor_history_keep(rows, **who, limit=DEPTH, distinct=False, impressions=impressions))
    return None, None


def _who(viewer: Viewer) -> dict[str, Any]:
    return {"channel": viewer.channel, "visitor_id": viewer.visitor_id, "customer_id": viewer.customer_id}


def _past(history: History) -> Past:
    return Past(
        tuple(Behaviour(item.product_id, str(item.name), float(item.at)) for item in history.items),
        frozenset(history.bought),
        frozenset(history.dismissed),
        tuple(Behaviour(item.product_id, str(item.name), float(item.at)) for item in history.shown),
    )
