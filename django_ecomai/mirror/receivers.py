"""Live changes: what the shop saves reaches the mirror after the commit."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.core.signals import setting_changed
from django.db import models

from django_ecomai.adapters.base import NullAdapter, ShopAdapter, get_adapter
from django_ecomai.adapters.rows import Change
from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded

logger = logging.getLogger("django_ecomai")

_connected: list[ShopAdapter] = []


def live_connect() -> None:
    """Connect the adapter of every channel that the setting names.

    Never raises: the system checks report what is wrong.
    """
    live_disconnect()
    target = ecomai.ADAPTER
    for channel in target if isinstance(target, dict) else [ecomai.CHANNEL]:
        try:
            adapter = get_adapter(channel)
            if not isinstance(adapter, NullAdapter):
                adapter.connect(partial(change_emit, channel=channel, adapter=adapter))
                _connected.append(adapter)
        except Exception:  # an adapter that cannot be imported must not keep the shop from starting
            logger.exception(
                "EcomAI: the adapter of channel %r could not be connected; see `manage.py check`.", channel
            )


def live_disconnect() -> None:
    """Undo ``live_connect``."""
    while _connected:
        _connected.pop().disconnect()


def change_emit(change: Change, *, channel: str, adapter: ShopAdapter) -> None:
    """Write one live change. Runs inside the shop's request: nothing it does may raise."""
    from .services import change_apply

    with shielded(f"copy {change.table} {change.id}"):
        try:
            change_apply(change=change, channel=channel, adapter=adapter)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, models.ObjectDoesNotExist):
            # Rows are made by the shop's adapter: its mistakes are logged and found again by a reconcile.
            logger.exception("EcomAI could not copy %s %s.", change.table, change.id)


def _setting_changed(*, setting: str, **kwargs: Any) -> None:
    if setting == "ECOMAI":
        live_connect()


def receivers_connect() -> None:
    """Called once from ``ready()``."""
    setting_changed.connect(_setting_changed, dispatch_uid="ecomai.mirror.setting_changed")
    live_connect()
