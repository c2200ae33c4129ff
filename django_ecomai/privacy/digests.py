"""How a person stands in the list of refusals and in the log of erasures: as keyed hashes."""

from __future__ import annotations

from django_ecomai.core.hashing import keyed_hash, keyed_hashes

_PURPOSE = "privacy:refusal"


def _message(channel: str, kind: str, ident: str) -> str:
    return f"{channel}\x00{kind}\x00{ident}"


def digest_of(channel: str, kind: str, ident: str) -> str:
    """What is stored instead of an id, under the key in use."""
    return keyed_hash(_message(channel, kind, ident), purpose=_PURPOSE)


def digests_of(channel: str, kind: str, ident: str) -> list[str]:
    """The digest under the key in use, then under those used before."""
    return keyed_hashes(_message(channel, kind, ident), purpose=_PURPOSE)
