from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "django_ecomai.events"
    label = "ecomai_events"
    verbose_name = _("Shopper behaviour")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import receivers

        receivers.connect()
        receivers.connect_migrate(self)
