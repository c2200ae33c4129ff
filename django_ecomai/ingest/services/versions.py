"""Which delivered version of a row is the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django_ecomai.core.hashing import keyed_hash, keyed_hashes
from django_ecomai.ingest.models import RowVersion

_PURPOSE = "ingest:version"
# The clock of the shop may run a little ahead; a time further ahead would lock the row until then.
AHEAD = timedelta(minutes=5)
_CHUNK = 500


def _name(channel: str, table: str, ident: str) -> str:
    return f"{channel}\x00{table}\x00{ident}"


def version_digests(*, channel: str, table: str, ident: str) -> list[str]:
    """The keyed hashes under which a row may be known, the one in use first."""
    return keyed_hashes(_name(channel, table, ident), purpose=_PURPOSE)


def versions_claim(*, channel: str, table: str, moments: Mapping[str, datetime]) -> set[str]:
    """Take these versions for the newest, except where a newer one was delivered: returns the ids that are outdated.

    Must run inside the transaction that writes the rows: their versions stay locked until it ends. The same moment
    again is not outdated, so a delivery can be repeated.
    """
    newest = versions_newest(channel=channel, table=table, moments={key: [one] for key, one in moments.items()})
    return {ident for ident, moment in moments.items() if moment < newest[ident]}


def versions_newest(*, channel: str, table: str, moments: Mapping[str, Sequence[datetime]]) -> dict[str, datetime]:
    """The newest versions that were delivered before, the oldest of these where there was none; then notes these.

    Must run inside the transaction that writes the rows: their versions stay locked until it ends.
    """
    digests = {keyed_hash(_name(channel, table, ident), purpose=_PURPOSE): ident for ident in moments}
    before: dict[str, datetime] = {}
    ordered = sorted(digests)  # in one order everywhere: two deliveries never wait for each other in a circle
    for start in range(0, len(ordered), _CHUNK):
        part = ordered[start : start + _CHUNK]
        fresh = [RowVersion(digest=digest, updated_at=min(moments[digests[digest]])) for digest in part]
        RowVersion.objects.bulk_create(fresh, ignore_conflicts=True)
        newer = []
        for row in RowVersion.objects.select_for_update().filter(digest__in=part).order_by("digest"):
            before[digests[row.digest]] = row.updated_at
            if (moment := max(moments[digests[row.digest]])) > row.updated_at:
                row.updated_at = moment
                newer.append(row)
        RowVersion.objects.bulk_update(newer, ["updated_at"])
    return before
