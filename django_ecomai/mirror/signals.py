"""What the mirror tells others."""

from __future__ import annotations

from django.dispatch import Signal

# After a sync or reconcile that wrote. Arguments: ``report`` (a finished ``SyncReport``).
synced = Signal()

# After one order was mirrored. Arguments: ``order`` (mirror ``Order``), ``created`` (bool), ``live`` (True: the shop
# has just saved it; history that a sync imports does not send this signal).
order_mirrored = Signal()

# After the price history of products was added to. Arguments: ``channel``, ``products`` (keys of mirror ``Product``).
# Sent after the commit, by syncs, deliveries and live changes alike, at most some thousand products at a time.
prices_changed = Signal()

# After promotions were written or removed. Arguments: ``channel``, ``promotions`` (keys of mirror ``Promotion``),
# ``products`` and ``categories`` (keys of those that one of them named before and does not any more), ``everything``
# (one of them covered the whole shop before). Sent after the commit.
promotions_changed = Signal()
