from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "django_ecomai.core"
    label = "ecomai_core"
    verbose_name = _("EcomAI")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from . import checks  # noqa: F401
        from .mysql import texts_after_migrate

        post_migrate.connect(texts_after_migrate, dispatch_uid="ecomai_core.mysql")
