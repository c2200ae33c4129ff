"""Reactions to the shop's signals, to log-ins and to mirrored orders. Connected in ``ready()``; none ever raises."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_migrate

from django_ecomai.core.db import shielded
from django_ecomai.mirror.signals import order_mirrored

from . import signals
from .models import EventName, VisitorIdentity
from .partitions import partitions_after_migrate
from .services import after_commit, event_track, purchase_record, visitor_link
from .visitors import VisitorContext, current, customer_of, visitor_of

logger = logging.getLogger("django_ecomai.events")

_EVENTS = {
    "product_viewed": EventName.VIEW_ITEM,
    "wishlist_added": EventName.ADD_TO_WISHLIST,
    "cart_added": EventName.ADD_TO_CART,
    "cart_removed": EventName.REMOVE_FROM_CART,
    "cart_viewed": EventName.VIEW_CART,
    "searched": EventName.SEARCH,
    "checkout_begun": EventName.BEGIN_CHECKOUT,
    "order_placed": EventName.PURCHASE,
    "order_refunded": EventName.REFUND,
    "product_reviewed": EventName.REVIEW,
    "product_dismissed": EventName.DISMISS,
    "product_undismissed": EventName.UNDISMISS,
}
_ARGUMENTS = (
    "request", "visitor_id", "customer_id", "product", "quantity", "value", "currency", "order_id", "query", "token",
    "dwell_seconds", "properties", "at", "channel",
)  # fmt: skip


def connect() -> None:
    """Connect everything, once."""
    for name, event in _EVENTS.items():
        getattr(signals, name).connect(_recorder(event), dispatch_uid=f"ecomai_events.{name}", weak=False)
    order_mirrored.connect(purchase_of_mirrored, dispatch_uid="ecomai_events.purchase")
    user_logged_in.connect(link_on_login, dispatch_uid="ecomai_events.login")
    user_logged_out.connect(renew_on_logout, dispatch_uid="ecomai_events.logout")


def connect_migrate(sender: Any) -> None:
    """Make partitions after every ``migrate`` of this app."""
    post_migrate.connect(partitions_after_migrate, sender=sender, dispatch_uid="ecomai_events.partitions")


def _recorder(event: EventName) -> Any:
    def record(sender: Any, *, raw: bool = False, **kwargs: Any) -> None:
        if raw:
            return
        try:
            event_track(name=event, **{key: kwargs[key] for key in _ARGUMENTS if kwargs.get(key) is not None})
        except Exception:  # the shop's own page is being served: nothing of ours may stop it
            logger.exception("The event %s was not recorded.", event)

    return record


def purchase_of_mirrored(
    sender: Any, order: Any = None, created: bool = False, live: bool = False, **kwargs: Any
) -> None:
    """A new order has reached the mirror while the shop runs: tie it to the visitor who placed it."""
    if order is None or not created or not live:
        return
    try:
        customer_id = order.customer.external_id if order.customer_id else ""
        visitor_id = session_id = ""
        context = current.get()
        if context is not None and _placed_by(context, customer_id):
            if not context.may_record:
                return
            visitor_id, session_id = context.visitor_id, context.session_id
        elif customer_id:
            # Saved by a worker or by staff: the visitor that the customer was last seen as.
            with shielded("look up the visitor of an order"):
                links = VisitorIdentity.objects.filter(channel=order.channel, customer_id=customer_id)
                visitor_id = links.order_by("-linked_at").values_list("visitor_id", flat=True).first() or ""
        purchase_record(
            order_id=order.external_id, channel=order.channel, placed_at=order.placed_at, customer_id=customer_id,
            visitor_id=visitor_id, session_id=session_id, value=order.total, currency=order.currency,
        )  # fmt: skip
    except Exception:  # the shop is saving an order: nothing of ours may stop it
        logger.exception("The purchase of an order was not recorded.")


def _placed_by(context: VisitorContext, customer_id: str) -> bool:
    """Whether the person whose request this is placed the order: the customer himself, or a guest for a guest."""
    return context.customer_id == customer_id if customer_id else context.user_id is None


def link_on_login(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    """The visitor turns out to be a customer: his anonymous history becomes the customer's."""
    if request is None or user is None:
        return
    try:
        context = visitor_of(request)
        context.forget_customer()
        if not context.may_record or not context.visitor_id:
            return
        channel, customer_id = context.channel, customer_of(user, channel=context.channel)
        if not customer_id:
            return
        others = VisitorIdentity.objects.filter(channel=channel, visitor_id=context.visitor_id)

        def link() -> None:
            visitor_link(visitor_id=visitor_id, customer_id=customer_id, channel=channel)

        if not context.new and _belongs_to_another(others, customer_id):
            # Two customers share a device and the first never logged out: their histories stay apart.
            context.renew()
        visitor_id = context.visitor_id
        after_commit("link a visitor to a customer", link)
    except Exception:  # a log-in must never fail because of us
        logger.exception("The visitor was not linked to the customer.")


def _belongs_to_another(identities: Any, customer_id: str) -> bool:
    with shielded("look up whose visitor this is"):
        known = set(identities.values_list("customer_id", flat=True))
        return bool(known) and customer_id not in known
    return False


def renew_on_logout(sender: Any, request: Any = None, **kwargs: Any) -> None:
    """Whoever uses this browser next is a new visitor."""
    if request is None:
        return
    try:
        visitor_of(request).renew()
    except Exception:  # a log-out must never fail because of us
        logger.exception("The visitor was not renewed after the log-out.")
