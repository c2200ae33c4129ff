"""A Redis stream with a consumer group: an event is accepted when the stream has it, and leaves it when it is stored.

One entry per event. What is read but not stored (its worker was killed) is claimed by another worker after a while;
what kills its worker again and again, or can never be stored, goes to a second stream. Nothing is ever trimmed: a full
stream refuses.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.db import DatabaseError, InterfaceError

from django_ecomai.conf import ecomai

from ..partitions import events_connection
from .base import Breaker, QueueRefused, QueueState
from .storing import Settled, lines_store

logger = logging.getLogger("django_ecomai.events")

GROUP = "ecomai"
COUNT = 500  # entries read at once
STALE = 60.0  # seconds after which an entry that another worker has read is taken from it
SINGLY = 3  # read so often, an entry is stored by itself: it may be what kills the workers
DEATHS = 2  # so many workers died of this entry alone: it is put aside
_LOOK = 10.0  # seconds between two looks for stale entries
_PAUSE = 2.0  # seconds between two tries while a service is away
_KEPT = 86_400  # seconds after which a worker that was never seen again is forgotten

# All or nothing, and the bound holds however many servers write at once.
_PUT = """
local room = tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1]) - redis.call('XLEN', KEYS[2])
if room < #ARGV - 1 then return 0 end
for i = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'e', ARGV[i]) end
return 1
"""
_breaker = Breaker()
Entry = tuple[bytes, dict[bytes, bytes]]


def names() -> tuple[str, str]:
    """The stream and the one of what was put aside."""
    stream = str(ecomai.CAPTURE_STREAM)
    return stream, f"{stream}:dead"


def put(lines: Sequence[str]) -> None:
    """Keep all lines in the stream, or raise ``QueueRefused``."""
    _breaker.check()
    from redis import RedisError

    try:
        client = _client(str(ecomai.CAPTURE_REDIS_URL), 1.0)
        kept = client.register_script(_PUT)(keys=list(names()), args=[int(ecomai.CAPTURE_QUEUE_MAX), *lines])
    except (RedisError, OSError, ValueError) as error:
        _breaker.trip()
        raise QueueRefused(f"Redis: {type(error).__name__}") from error
    if not kept:
        raise QueueRefused(f"The stream holds {ecomai.CAPTURE_QUEUE_MAX} events and takes no more.")
    _breaker.reset()


def state() -> QueueState:
    """Lengths, age and what is wrong with this Redis for keeping events. Raises ``QueueRefused``."""
    from redis import RedisError, ResponseError

    stream, dead = names()
    try:
        client = _client(str(ecomai.CAPTURE_REDIS_URL), 1.0)
        waiting, put_aside = int(client.xlen(stream)), int(client.xlen(dead))
        first = client.xrange(stream, count=1)
        try:
            taken = int(client.xpending(stream, GROUP)["pending"])
        except ResponseError:  # no worker has made the group yet
            taken = 0
        info: dict[str, Any] = client.info("persistence") | client.info("memory")
    except (RedisError, OSError, ValueError) as error:
        raise QueueRefused(f"Redis: {type(error).__name__}") from error
    wrong = []
    if not info.get("aof_enabled"):
        wrong.append("no_append_only_file")
    if int(info.get("maxmemory", 0)) and info.get("maxmemory_policy") != "noeviction":
        wrong.append("evicts")
    return QueueState(
        waiting=waiting, taken=taken, dead=put_aside, most=int(ecomai.CAPTURE_QUEUE_MAX),
        age=max(time.time() - int(first[0][0].split(b"-")[0]) / 1000, 0.0) if first else 0.0, wrong=tuple(wrong),
    )  # fmt: skip


def drain(
    *,
    seconds: float | None = None,
    loop: bool = False,
    stop: threading.Event | None = None,
    stale: float = STALE,
    told: Callable[[Settled], None] = lambda settled: None,
) -> Settled:
    """Store what the stream holds: until it is empty, for ``seconds``, or with ``loop`` until ``stop`` is set.

    A service that is away is waited for with ``loop``; else its error comes through (``RedisError``,
    ``DatabaseError``, ``InterfaceError``) and what was read stays in the stream. ``told`` receives each batch.
    """
    return _Worker(seconds=seconds, loop=loop, stop=stop or threading.Event(), stale=stale, told=told).run()


def revive() -> int:
    """Let what was put aside wait again; return how many. Raises ``RedisError``."""
    stream, dead = names()
    client = _client(str(ecomai.CAPTURE_REDIS_URL), 10.0)
    moved = 0
    while entries := client.xrange(dead, count=COUNT):
        with client.pipeline(transaction=True) as pipe:
            for ident, fields in entries:
                pipe.xadd(stream, {"e": fields[b"e"]})
                pipe.xdel(dead, ident)
            pipe.execute()
        moved += len(entries)
    return moved


def forget(is_his: Callable[[dict[str, Any]], bool]) -> int:
    """Take the events (as dicts of columns) of somebody who is erased out of what was put aside; return how many.

    Raises ``RedisError``: an erasure that is not whole must not look so.
    """
    _, dead = names()
    client = _client(str(ecomai.CAPTURE_REDIS_URL), 10.0)
    removed, start = 0, "-"
    while entries := client.xrange(dead, min=start, count=COUNT):
        his = [ident for ident, fields in entries if _is_of(fields, is_his)]
        if his:
            removed += int(client.xdel(dead, *his))
        start = f"({entries[-1][0].decode()}"
    return removed


def expire(before: datetime) -> int:
    """Delete what was put aside before that moment; return how many. Raises ``RedisError``."""
    _, dead = names()
    client = _client(str(ecomai.CAPTURE_REDIS_URL), 10.0)
    return int(client.xtrim(dead, minid=int(before.timestamp() * 1000), approximate=False))


def _is_of(fields: dict[bytes, bytes], is_his: Callable[[dict[str, Any]], bool]) -> bool:
    try:
        return is_his(json.loads(fields[b"e"])["event"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


class _Worker:
    """One consumer of the group. It keeps nothing: what it has read and not stored is another one's after ``stale``."""

    def __init__(
        self,
        *,
        seconds: float | None,
        loop: bool,
        stop: threading.Event,
        stale: float,
        told: Callable[[Settled], None],
    ) -> None:
        self.loop, self.stop, self.stale, self.told = loop, stop, stale, told
        self.until = None if seconds is None else time.monotonic() + seconds
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.stream, self.dead = names()
        self.client = _client(str(ecomai.CAPTURE_REDIS_URL), 30.0)
        self.looked, self.cursor = -_LOOK, b"0-0"
        self.sum = Settled()

    def run(self) -> Settled:
        """What was done in all."""
        from redis import RedisError

        grouped = False
        while not self._over():
            try:
                if not grouped:
                    self._group()
                    grouped = True
                if not self._turn() and not self.loop:
                    break
            except (RedisError, OSError) as error:
                grouped = False  # a Redis that lost its data lost the group too
                if not self.loop:
                    raise
                logger.warning("Redis: %s; trying again.", type(error).__name__)
                self.stop.wait(_PAUSE)
        self._leave()
        return self.sum

    def _over(self) -> bool:
        return self.stop.is_set() or (self.until is not None and time.monotonic() > self.until)

    def _group(self) -> None:
        from redis import ResponseError

        try:
            # From the beginning: events came in before the first worker did.
            self.client.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _turn(self) -> bool:
        """Store one batch; whether there was one."""
        if not self._database_answers():
            return True
        claimed = self._claim()
        entries = claimed or self._read()
        if not entries:
            return False
        often = self._deliveries(entries) if claimed else {}
        self._store([entry for entry in entries if often.get(entry[0], 1) < SINGLY])
        self._try([entry for entry in entries if often.get(entry[0], 1) >= SINGLY])
        return True

    def _try(self, entries: Sequence[Entry]) -> None:
        """One by one, each noted before it is tried: what a worker dies of is known to the next."""
        if not entries:
            return
        notes = f"{self.stream}:trying"
        deaths = {ident: int(self.client.hget(notes, ident) or 0) for ident, _ in entries}
        for entry in sorted(entries, key=lambda entry: deaths[entry[0]]):
            if deaths[entry[0]] >= DEATHS:
                self._settle([entry], {entry[0]: "kills_its_worker"})
                self.sum.add(Settled(dead={0: "kills_its_worker"}))
                self.client.hdel(notes, entry[0])
                continue
            self.client.hincrby(notes, entry[0], 1)
            try:
                self._store([entry])
            finally:  # whatever was raised, the worker lives
                self.client.hdel(notes, entry[0])

    def _claim(self) -> list[Entry]:
        now = time.monotonic()
        if now - self.looked < _LOOK and self.cursor == b"0-0":
            return []
        self.looked = now
        self.cursor, entries, *_ = self.client.xautoclaim(
            self.stream, GROUP, self.name, min_idle_time=int(self.stale * 1000), start_id=self.cursor, count=COUNT
        )
        return [entry for entry in entries if entry[1]]

    def _read(self) -> list[Entry]:
        block = 1000 if self.loop else None
        found = self.client.xreadgroup(GROUP, self.name, {self.stream: ">"}, count=COUNT, block=block)
        return list(found[0][1]) if found else []

    def _deliveries(self, entries: Sequence[Entry]) -> dict[bytes, int]:
        rows = self.client.xpending_range(
            self.stream, GROUP, min=entries[0][0], max=entries[-1][0], count=2 * COUNT, consumername=self.name
        )
        return {row["message_id"]: int(row["times_delivered"]) for row in rows}

    def _store(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        while True:
            try:
                settled = lines_store([fields.get(b"e", b"") for _, fields in entries])
                break
            except (DatabaseError, InterfaceError) as error:
                _reconnect()
                if not self.loop:
                    raise
                logger.warning("The database does not take events (%s); trying again.", type(error).__name__)
                if self.stop.wait(_PAUSE):
                    return  # they stay in the stream
        self._settle(entries, {entries[place][0]: reason for place, reason in settled.dead.items()})
        self.sum.add(settled)
        self.told(settled)

    def _settle(self, entries: Sequence[Entry], dead: dict[bytes, str]) -> None:
        """Only now, after the commit, do the entries leave the stream; the dead move over in the same step."""
        idents = [ident for ident, _ in entries]
        with self.client.pipeline(transaction=True) as pipe:
            for ident, fields in entries:
                if ident in dead:
                    pipe.xadd(self.dead, {"e": fields.get(b"e", b""), "why": dead[ident]})
            pipe.xack(self.stream, GROUP, *idents)
            pipe.xdel(self.stream, *idents)
            pipe.execute()

    def _database_answers(self) -> bool:
        """Nothing is read that could not be stored: a database that is away must not count as deliveries."""
        try:
            events_connection().ensure_connection()
            with events_connection().cursor() as cursor:
                cursor.execute("SELECT 1")
            return True
        except (DatabaseError, InterfaceError) as error:
            _reconnect()
            if not self.loop:
                raise
            logger.warning("The database does not answer (%s); trying again.", type(error).__name__)
            self.stop.wait(_PAUSE)
            return False

    def _leave(self) -> None:
        """Forget this worker, and those that died long ago, unless entries are in their hands."""
        from redis import RedisError

        try:
            for row in self.client.xinfo_consumers(self.stream, GROUP):
                gone = row["name"] == self.name.encode() or row["idle"] > _KEPT * 1000
                if gone and not row["pending"]:
                    self.client.xgroup_delconsumer(self.stream, GROUP, row["name"])
        except (RedisError, OSError):
            logger.debug("This worker's name stays in the group.")


def _reconnect() -> None:
    connection = events_connection()
    if not connection.in_atomic_block:
        connection.close()


@lru_cache(maxsize=8)
def _client(url: str, timeout: float) -> Any:
    """A ``Redis`` whose connections give up soon and try nothing twice: the spill is there for that."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    scheme = urlsplit(url).scheme
    options: dict[str, Any] = {"socket_timeout": timeout, "retry": Retry(NoBackoff(), 0), "protocol": 2}
    if scheme != "unix":
        options["socket_connect_timeout"] = min(timeout, 1.0)
    return Redis.from_url(url, **options)


__all__ = ["drain", "names", "put", "revive", "state"]
