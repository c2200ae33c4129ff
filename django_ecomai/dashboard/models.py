"""The start page's place in the admin, and what the merchant's group was given."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.runs.models import Run


class Start(Run):
    """No rows of its own: a proxy registered in the admin.

    That is how a page gets a place in any ``AdminSite``'s index, its own URL and a view permission without replacing
    the shop's site or wrapping its URLs.
    """

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("start page")
        verbose_name_plural = _("start page")


class MerchantRole(models.Model):
    """Remembers the group made for merchants and which permissions it was given once.

    What an administrator takes away, renames or deletes later is never brought back.
    """

    group = models.OneToOneField("auth.Group", models.SET_NULL, null=True, related_name="+", verbose_name=_("group"))
    granted = models.JSONField(default=list)  # ["ecomai_mirror.view_product", ...]

    class Meta:
        default_permissions = ()
        verbose_name = _("merchant role")
        verbose_name_plural = _("merchant roles")

    def __str__(self) -> str:
        return str(self.group) if self.group_id else str(_("deleted group"))
