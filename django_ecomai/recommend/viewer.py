"""Whose page it is, and what this visitor did: as far as the visitor agreed to it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest

from django_ecomai.adapters.base import get_adapter
from django_ecomai.adapters.declarative import ModelAdapter
from django_ecomai.conf import ecomai

from .query import DAY, Behaviour

if TYPE_CHECKING:
    from django_ecomai.events.visitors import VisitorContext

logger = logging.getLogger("django_ecomai.recommend")

SESSION_KEY = "ecomai_customer"
# A product put into the cart this long ago is taken for still being in it.
CART_SECONDS = 3 * DAY


@dataclass(frozen=True)
class Viewer:
    """Ids are empty for an unknown visitor and without consent to ``personalization``."""

    channel: str = ""
    visitor_id: str = ""
    customer_id: str = ""
    # Came without a cookie a moment ago: there is no past to look up.
    is_new: bool = False
    # A user who is logged in and whose customer id comes with his history, from the mirror.
    user_id: Any = None

    @property
    def known(self) -> bool:
        """Whether anything personal may be looked up."""
        return bool(self.visitor_id or self.customer_id or self.user_id)


@dataclass(frozen=True)
class Past:
    """What the viewer did: ``behaviour`` newest first, purchases included."""

    behaviour: tuple[Behaviour, ...] = ()
    bought: frozenset[str] = frozenset()
    dismissed: frozenset[str] = frozenset()
    # Impressions and clicks, newest first; empty where no carousel lets products rest.
    shown: tuple[Behaviour, ...] = ()

    def in_cart(self, now: float) -> frozenset[str]:
        """Products whose last cart event is an addition of the last three days."""
        last: dict[str, Behaviour] = {}
        for step in self.behaviour:
            if step.name in ("add_to_cart", "remove_from_cart", "purchase"):
                last.setdefault(step.product_id, step)
        return frozenset(
            step.product_id for step in last.values() if step.name == "add_to_cart" and now - step.at < CART_SECONDS
        )

    def resting(self, *, cap: int, days: int, now: float) -> frozenset[str]:
        """Products shown at least ``cap`` times in the last ``days`` without a click, a view or a purchase since."""
        taken: dict[str, float] = {}
        for step in (*self.shown, *self.behaviour):
            if step.name != "view_item_list":
                taken[step.product_id] = max(step.at, taken.get(step.product_id, step.at))
        counts: Counter[str] = Counter()
        for step in self.shown:
            if step.name == "view_item_list" and now - step.at <= days * DAY:
                counts[step.product_id] += step.at > taken.get(step.product_id, float("-inf"))
        return frozenset(product_id for product_id, count in counts.items() if count >= cap)


def last_steps(behaviour: Sequence[Behaviour], *, most: int) -> tuple[Behaviour, ...]:
    """The steps (newest first) with the last ``most`` products that were looked at or put into a cart, and all
    purchases.
    """
    last: set[str] = set()
    kept = []
    for step in behaviour:
        if step.name != "purchase":
            if step.product_id not in last and len(last) >= most:
                continue
            last.add(step.product_id)
        kept.append(step)
    return tuple(kept)


def viewer_of(
    request: HttpRequest | None,
    *,
    channel: str | None = None,
    customer_id: str | None = None,
    visitor_id: str | None = None,
) -> Viewer:
    """The viewer of a request; ids given directly (a preview, an e-mail) win and are the caller's responsibility.

    Marks the request as personal when there is somebody to personalise for, so that the response is not cached for
    others.
    """
    shop = ecomai.CHANNEL if channel is None else channel
    if customer_id or visitor_id:
        return Viewer(shop, visitor_id or "", customer_id or "")
    if request is None:
        return Viewer(shop)
    from django_ecomai.events.visitors import visitor_of

    context = visitor_of(request)
    if not context.may("personalization"):
        return Viewer(shop)
    customer, user = _customer_of(request, context, shop)
    viewer = Viewer(shop, context.visitor_id, customer, is_new=context.new and not (customer or user), user_id=user)
    if viewer.known:
        _mark_personal(request)
    return viewer


def _customer_of(request: HttpRequest, context: VisitorContext, channel: str) -> tuple[str, Any]:
    """The customer's id, or else the user by whom the mirror finds him: neither costs a query where it can be spared.

    ``("", None)`` for somebody who is not logged in.
    """
    user = context.user_id
    if user is None:
        return "", None
    session = getattr(request, "session", None)
    # A session that nobody has read yet would cost the query that this is to spare.
    kept = session.get(SESSION_KEY) if session is not None and getattr(session, "accessed", True) else None
    if isinstance(kept, dict) and kept.get("user") == str(user) and kept.get("channel") == channel:
        return str(kept.get("customer", "")), None
    return ("", user) if mirror_knows_users(channel) else (context.customer_id, None)


def mirror_knows_users(channel: str) -> bool:
    """Whether the adapter would ask the database for a user's customer, and the mirror holds the same link."""
    try:
        adapter = get_adapter(channel)
        if not isinstance(adapter, ModelAdapter) or type(adapter).customer_id is not ModelAdapter.customer_id:
            return False
        model = adapter.model("customer")
        return model is not None and model is not get_user_model() and adapter.plan("customer").user_path is not None
    except Exception:  # the adapter is the shop's own code: what it gets wrong is told where it is used
        logger.debug("The adapter does not say where its customers' users are.", exc_info=True)
        return False


def customer_keep(request: HttpRequest, user: Any) -> None:
    """Put the customer's id into the session that is being written anyway at a log-in: no page has to look it up."""
    channel = ecomai.CHANNEL
    session = getattr(request, "session", None)
    if session is None or not mirror_knows_users(channel):
        return
    from django_ecomai.events.visitors import customer_of

    customer = customer_of(user, channel=channel)
    if customer:
        session[SESSION_KEY] = {"user": str(user.pk), "channel": channel, "customer": customer}


def _mark_personal(request: HttpRequest) -> None:
    """Keep the response out of shared caches: by its header, and out of ``cache_page``, which looks before the header
    is there.
    """
    request.ecomai_personal = True  # type: ignore[attr-defined]
    if getattr(request, "_cache_update_cache", False):
        request._cache_update_cache = False  # type: ignore[attr-defined]


def circumstances_of(request: HttpRequest | None, viewer: Viewer) -> dict[str, str]:
    """``country``, ``referrer`` and ``device`` of a page request, as far as ``events`` tells them.

    Only of a viewer for whom the page is made anyway: the page of everybody else may be cached for others.
    """
    if request is None or not viewer.known:
        return {}
    from django_ecomai.events.circumstances import circumstances

    found = circumstances(request)
    return {name: str(found[name]) for name in ("country", "referrer", "device") if found.get(name)}


def external_ids(things: Iterable[Any], *, channel: str) -> list[str]:
    """External ids of shop objects, numbers or strings, in order, without duplicates and empties."""
    adapter = None
    found: dict[str, None] = {}
    for thing in things:
        if thing is None or thing == "":
            continue
        if isinstance(thing, str | int):
            found[str(thing)] = None
        else:
            adapter = adapter or get_adapter(channel)
            found[str(adapter.product_id(thing))] = None
    return list(found)


def category_external_id(category: Any, *, channel: str) -> str:
    """External id of a category: a string or number as it is, a shop object as the adapter reads it."""
    if category is None:
        return ""
    return str(category) if isinstance(category, str | int) else str(get_adapter(channel).category_id(category))


def as_list(products: Any) -> Sequence[Any]:
    """Whatever a template hands over as ``products``: a list, a queryset, one object or nothing."""
    if products is None:
        return []
    if isinstance(products, str | int):
        return [products]
    return list(products) if isinstance(products, Iterable) else [products]
