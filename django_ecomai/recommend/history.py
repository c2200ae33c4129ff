"""Configuration and the visitor's past, together: one query while the process is cold, none or one when it is warm."""

from __future__ import annotations

from django.http import HttpRequest

from django_ecomai.core.db import shielded
from django_ecomai.events.selectors import visitor_history

from . import config as configuration
from .config import Config
from .query import Behaviour
from .viewer import Past, Viewer

# Deep enough for "buy again" of a regular customer.
DEPTH = 100


def look_up(viewer: Viewer, *, request: HttpRequest | None = None) -> tuple[Config | None, Past]:
    """What the merchant set up (None when the tables cannot be read) and what the viewer did. Never raises.

    The past is kept on the request: several tags of a page ask once.
    """
    known = getattr(request, "ecomai_past", None) if request is not None else None
    past: Past | None = known[1] if known and known[0] == viewer else None
    config = configuration.kept(viewer.channel)
    if config is None:
        with shielded("read the placements"):
            config, _ = configuration.load(viewer.channel)
    if past is None:
        past = _past(viewer)
        if request is not None:
            request.ecomai_past = (viewer, past)  # type: ignore[attr-defined]
    return config, past


def _past(viewer: Viewer) -> Past:
    if not viewer.known:
        return Past()
    found = visitor_history(
        channel=viewer.channel, visitor_id=viewer.visitor_id, customer_id=viewer.customer_id, limit=DEPTH
    )
    return Past(
        tuple(Behaviour(item.product_id, str(item.name), float(item.at)) for item in found.items),
        frozenset(found.bought),
        frozenset(found.dismissed),
    )
