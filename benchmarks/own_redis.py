"""A Redis server of one's own that can be killed and started again; benchmarks and tests share it."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path


class OwnRedis:
    """Writes every command to the disk below ``home`` before it answers. As a context it runs inside and ends after."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers; do nothing when it runs. Raises ``RedisError`` when it does not in half a minute."""
        import redis

        if self.process is None:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.home), "--save", "",
                 "--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"],
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                redis.Redis.from_url(self.url).ping()
                return
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def __enter__(self) -> OwnRedis:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
