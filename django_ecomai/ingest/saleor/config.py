"""Which Saleor shops may send webhooks, from ``ECOMAI["SALEOR"]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django_ecomai.conf import ecomai

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?\Z")
_KNOWN = {"domain", "secret", "saleor_channel"}


class BadConfig(ValueError):
    """The setting cannot be used; the message says why, without any secret."""


@dataclass(frozen=True)
class SaleorShop:
    """One shop: the channel of ours that it fills, its domain, and how its signatures are checked."""

    channel: str
    domain: str
    secret: str = ""
    saleor_channel: str = ""

    def __repr__(self) -> str:
        return f"SaleorShop({self.channel!r}, {self.domain!r})"


def shops() -> list[SaleorShop]:
    """All of them. Raises ``BadConfig``."""
    setting = ecomai.SALEOR or {}
    if not isinstance(setting, dict):
        raise BadConfig("it is no dict.")
    found = []
    for channel, values in setting.items():
        if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
            raise BadConfig(f"the shop of channel {channel!r} is no dict of texts.")
        if unknown := sorted(set(values) - _KNOWN):
            raise BadConfig(f"{', '.join(unknown)} is not known; use {', '.join(sorted(_KNOWN))}.")
        domain = values.get("domain", "").strip().lower()
        if not _DOMAIN.fullmatch(domain):
            raise BadConfig(f"the domain of channel {channel!r} must be a host name such as shop.saleor.cloud.")
        found.append(SaleorShop(str(channel), domain, values.get("secret", ""), values.get("saleor_channel", "")))
    return found


def shop_of(domain: str) -> SaleorShop | None:
    """The shop of a domain, if the setting names it."""
    wanted = domain.strip().lower()
    return next((shop for shop in shops() if shop.domain == wanted), None)
