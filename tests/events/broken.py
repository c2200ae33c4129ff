"""A cache whose server does not answer."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.base import BaseCache


class CacheGone(Exception):
    """What a client library raises: no subclass of anything that Django knows."""


class BrokenCache(BaseCache):
    """Fails at everything but being cleared by the test suite."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__({})

    def _fail(self, *args: Any, **kwargs: Any) -> Any:
        raise CacheGone("connection refused")

    add = get = set = touch = delete = has_key = incr = get_many = set_many = delete_many = _fail

    def clear(self) -> None:
        """Nothing is kept."""
