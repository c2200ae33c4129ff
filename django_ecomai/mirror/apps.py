from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MirrorConfig(AppConfig):
    name = "django_ecomai.mirror"
    label = "ecomai_mirror"
    verbose_name = _("Shop data")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, jobs, personal, receivers  # noqa: F401 - the checks register themselves

        jobs.register()
        personal.register()
        receivers.receivers_connect()
