"""Making, finding and revoking keys. The key itself exists only in the answer of ``key_make``."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.hashing import keyed_hash, keyed_hashes
from django_ecomai.ingest.models import ApiKey, Scope

# ecomai_<8 letters that are shown>_<43 that are not>: 256 random bits, so a fast keyed hash cannot be guessed at.
_FORM = re.compile(r"ecomai_([0-9a-f]{8})_([A-Za-z0-9_-]{43})\Z")
_PURPOSE = "ingest:key"
_COARSE = timedelta(hours=1)


class BadKey(ValueError):
    """A key cannot be made so; the message says what to change."""


def key_make(
    *, name: str, scopes: Iterable[str], channel: str = "", expires_at: datetime | None = None, user: Any = None
) -> tuple[ApiKey, str]:
    """Make a key; returns its row and the key itself, which nobody can show again.

    Raises ``BadKey`` for an unknown scope, none at all, a name that is taken or an end that has passed.
    """
    wanted = list(dict.fromkeys(scopes))
    if unknown := [scope for scope in wanted if scope not in Scope.values]:
        raise BadKey(
            _("There is no scope %(name)s. Use: %(known)s.")
            % {"name": ", ".join(unknown), "known": ", ".join(Scope.values)}
        )
    if not wanted:
        raise BadKey(_("A key needs at least one scope: %(known)s.") % {"known": ", ".join(Scope.values)})
    if expires_at is not None and expires_at <= timezone.now():
        raise BadKey(_("The key would have ended already: choose a later date."))
    if not name.strip():
        raise BadKey(_("Give the key a name."))
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    text = f"ecomai_{prefix}_{secret}"
    row = ApiKey(
        name=name.strip()[:64],
        channel=channel,
        scopes=wanted,
        prefix=f"ecomai_{prefix}",
        digest=keyed_hash(text, purpose=_PURPOSE),
        expires_at=expires_at,
        created_by=user if getattr(user, "pk", None) else None,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise BadKey(_("There is a key named “%(name)s” already: choose another name.") % {"name": row.name}) from None
    return row, text


def key_find(text: str) -> ApiKey | None:
    """The key of this text, also an expired or revoked one; ``None`` for anything else. At most one query."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    row = ApiKey.objects.filter(prefix=f"ecomai_{match[1]}").first()
    # Compared also when there is none: how long it takes tells nobody which beginnings exist.
    stored = row.digest if row is not None else "-"
    found = [hmac.compare_digest(stored, digest) for digest in keyed_hashes(text, purpose=_PURPOSE)]
    return row if any(found) else None


def key_used(*, key: ApiKey) -> None:
    """Note that the key is in use, at most once an hour."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at >= _COARSE:
        hour = now.replace(minute=0, second=0, microsecond=0)
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=hour)
        key.last_used_at = hour


def key_revoke(*, key: ApiKey) -> bool:
    """End a key now; ``False`` when it was revoked already."""
    now = timezone.now()
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return False
    key.revoked_at = now
    return True
