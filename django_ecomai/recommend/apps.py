from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecommendConfig(AppConfig):
    name = "django_ecomai.recommend"
    label = "ecomai_recommend"
    verbose_name = _("Recommendations")
    default_auto_field = "django.db.models.BigAutoField"
