from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "django_ecomai.core"
    label = "ecomai_core"
    verbose_name = _("EcomAI")

    def ready(self) -> None:
        from . import checks  # noqa: F401
