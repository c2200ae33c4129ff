"""What the mirror tells others."""

from __future__ import annotations

from django.dispatch import Signal

# After a sync or reconcile that wrote. Arguments: ``report`` (a finished ``SyncReport``).
synced = Signal()

# After one order was mirrored. Arguments: ``order`` (mirror ``Order``), ``created`` (bool), ``live`` (True: the shop
# has just saved it; history that a sync imports does not send this signal).
order_mirrored = Signal()
