"""Reactions: a change of a placement shows at once in this process; every shop starts with the default placements."""

from __future__ import annotations

import logging
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_delete, post_migrate, post_save

from . import config
from .viewer import customer_keep

logger = logging.getLogger("django_ecomai.recommend")


def connect() -> None:
    """Connect the receivers; called once from ``ready()``."""
    from django_ecomai.runs.signals import went_live

    from .models import Bundle, BundleItem, Placement, ShopRule, Slot, SlotRule

    for model in (Placement, Slot, SlotRule, ShopRule, Bundle, BundleItem):
        for signal in (post_save, post_delete):
            signal.connect(_changed, sender=model, dispatch_uid=f"ecomai_recommend_{model.__name__}_{id(signal)}")
    user_logged_in.connect(_logged_in, dispatch_uid="ecomai_recommend_login")
    went_live.connect(config.forget, dispatch_uid="ecomai_recommend_went_live")
    post_migrate.connect(_migrated, dispatch_uid="ecomai_recommend_defaults")


def _logged_in(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    if request is None or user is None:
        return
    try:
        customer_keep(request, user)
    except Exception:  # a log-in must never fail because of us
        logger.exception("The customer was not kept in the session; each page finds him by his user.")


def _changed(sender: Any, using: str | None = None, **kwargs: Any) -> None:
    # Now, for this transaction, and after it, because another thread may have read the old rows in between.
    config.forget()
    transaction.on_commit(config.forget, using=using, robust=True)


def _migrated(sender: AppConfig, using: str = "default", **kwargs: Any) -> None:
    if sender.label != "ecomai_recommend":
        return
    from django.db import connections, router

    from .models import Placement
    from .services import placements_create_defaults

    if not router.allow_migrate_model(using, Placement):
        return
    # After a migration back to zero there is no such table.
    with connections[using].cursor() as cursor:
        tables = connections[using].introspection.table_names(cursor)
    if Placement._meta.db_table in tables:
        placements_create_defaults(using=using)
