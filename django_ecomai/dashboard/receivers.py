"""Reactions to migrations."""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed_apps

from .roles import merchant_role_update


def merchant_role_after_migrate(sender: Any, using: str = "default", apps: Any = installed_apps, **kwargs: Any) -> None:
    """Keep the merchant's group complete as capabilities are installed."""
    merchant_role_update(app_config=sender, using=using, apps=apps)
