"""What every queue has in common."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class QueueRefused(Exception):
    """The lines are not kept, or it cannot be told whether they are: whoever sent them keeps them."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """How a queue stands: ``waiting`` lines, of which ``taken`` are in workers' hands, ``dead`` ones, the most that fit
    (0: no bound of ours), the age of the oldest in seconds, and what is ``wrong`` with how it is set up.
    """

    waiting: int
    taken: int = 0
    dead: int = 0
    most: int = 0
    age: float = 0.0
    wrong: tuple[str, ...] = ()


class Queue(Protocol):
    """A module of this package that keeps events until a worker stores them."""

    def put(self, lines: Sequence[str]) -> None:
        """Keep all lines or raise ``QueueRefused``, within a second or two. Called inside a request."""

    def state(self) -> QueueState:
        """How it stands. Raises ``QueueRefused`` when it does not answer."""


class Breaker:
    """After a failure a page does not wait for the same service again at once; per process."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds, self._until = seconds, 0.0

    def check(self) -> None:
        """Raises ``QueueRefused`` while the service is given a rest."""
        if time.monotonic() < self._until:
            raise QueueRefused("It did not answer a moment ago.")

    def trip(self) -> None:
        """The service did not answer."""
        self._until = time.monotonic() + self.seconds

    def reset(self) -> None:
        """It answers."""
        self._until = 0.0
