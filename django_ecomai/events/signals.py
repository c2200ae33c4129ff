"""Signals that a shop may send where something happens; each becomes an event.

    from django_ecomai.events.signals import cart_added
    cart_added.send(sender=Basket, request=request, product=product, quantity=2)

All take ``request`` (or, without one, ``customer_id`` or ``visitor_id``) and optionally ``channel``, ``properties``
and ``at``. Receivers never raise and write only after the shop's transaction has committed.
"""

from __future__ import annotations

from django.dispatch import Signal

product_viewed = Signal()
"""``product`` (object or id), ``dwell_seconds``. Not needed on pages that carry the beacon."""

wishlist_added = Signal()
"""``product``."""

cart_added = Signal()
"""``product``, ``quantity``."""

cart_removed = Signal()
"""``product``, ``quantity``."""

cart_viewed = Signal()
"""Nothing more."""

searched = Signal()
"""``query``."""

checkout_begun = Signal()
"""``value`` and ``currency`` of the cart."""

order_placed = Signal()
"""``order_id`` (the shop's id of the order), ``at`` (when it was placed), ``value``, ``currency``."""

order_refunded = Signal()
"""``order_id``, ``product``, ``quantity`` (of what came back: ``-2`` is stored as ``2``), ``value``."""

product_reviewed = Signal()
"""``product``; the review itself belongs to the mirror."""

product_dismissed = Signal()
"""``product``: the shopper does not want to see it again."""

product_undismissed = Signal()
"""``product``: takes ``product_dismissed`` back."""

consent_changed = Signal()
"""Sent by EcomAI: a visitor has agreed to purposes or withdrawn them. ``channel``, ``visitor_id``, ``customer_id``,
``given`` and ``withdrawn`` (sets of purposes), ``origin`` (``gpc``, ``dnt``, ``objection``, or the path of
``ECOMAI["CONSENT"]``).
"""
