"""Keyed hashes: the only form in which identifying values are stored."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings as django_settings

from django_ecomai.conf import ecomai


def _key() -> bytes:
    if ecomai.HASH_KEY:
        return ecomai.HASH_KEY.encode()
    # Derived, so that a leak of stored hashes tells nothing about SECRET_KEY.
    return hashlib.sha256(b"django_ecomai.hash\x00" + django_settings.SECRET_KEY.encode()).digest()


def keyed_hash(value: str, *, purpose: str) -> str:
    """HMAC-SHA256 of ``value`` under ``purpose`` (e.g. ``"visitor"``, ``"security:ip"``): 32 hex digits, or empty.

    Equal values under different purposes have unrelated hashes, so tables cannot be joined across purposes.
    """
    if not value:
        return ""
    message = f"{purpose}\x00{value}".encode()
    return hmac.new(_key(), message, hashlib.sha256).hexdigest()[:32]
