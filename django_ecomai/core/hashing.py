"""Keyed hashes: the only form in which identifying values are stored."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings as django_settings

from django_ecomai.conf import ecomai


def _keys() -> list[bytes]:
    """The key in use, then those that were in use before."""
    if ecomai.HASH_KEY:
        return [key.encode() for key in (ecomai.HASH_KEY, *ecomai.HASH_KEY_FALLBACKS)]
    secrets = (django_settings.SECRET_KEY, *getattr(django_settings, "SECRET_KEY_FALLBACKS", ()))
    # Derived, so that a leak of stored hashes tells nothing about SECRET_KEY.
    derived = [hashlib.sha256(b"django_ecomai.hash\x00" + secret.encode()).digest() for secret in secrets]
    return [*derived, *(key.encode() for key in ecomai.HASH_KEY_FALLBACKS)]


def keyed_hash(value: str, *, purpose: str) -> str:
    """HMAC-SHA256 of ``value`` under ``purpose`` (e.g. ``"visitor"``, ``"security:ip"``): 32 hex digits, or empty.

    Equal values under different purposes have unrelated hashes, so tables cannot be joined across purposes.
    """
    if not value:
        return ""
    return _hash(_keys()[0], value, purpose)


def keyed_hashes(value: str, *, purpose: str) -> list[str]:
    """The hash under the key in use, then those under ``HASH_KEY_FALLBACKS``: what was stored before a new key."""
    return [_hash(key, value, purpose) for key in _keys()] if value else []


def _hash(key: bytes, value: str, purpose: str) -> str:
    return hmac.new(key, f"{purpose}\x00{value}".encode(), hashlib.sha256).hexdigest()[:32]
