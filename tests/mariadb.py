"""A MariaDB or MySQL server of one test run: its own folder, a free port, gone afterwards.

``ECOMAI_TEST_MYSQL_URL`` names one that runs already instead.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0
# Debian keeps servers where only root's PATH looks.
PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
# A test's rows may vanish in a power cut.
FAST = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=128M",
    "--skip-log-bin",
    "--skip-name-resolve",
)


def mysql_missing() -> str:
    """Why there is no server to test on, in one line; empty when there is one."""
    if not any(importlib.util.find_spec(name) for name in ("MySQLdb", "pymysql")):
        return "neither mysqlclient nor PyMySQL is installed"
    if os.environ.get("ECOMAI_TEST_MYSQL_URL") or (_program("mariadbd", "mysqld") and _program("mariadb-install-db")):
        return ""
    return "no MariaDB is installed (Debian: apt-get install mariadb-server) and ECOMAI_TEST_MYSQL_URL is empty"


@contextmanager
def mysql_url() -> Iterator[str]:
    """The URL of a server: the given one, or one of our own for as long as the block lasts.

    Raises ``RuntimeError`` with the server's last words when it does not start.
    """
    given = os.environ.get("ECOMAI_TEST_MYSQL_URL")
    if given:
        yield given
        return
    # In memory where there is such a folder: a server that waits for a disk takes three times as long to make tables.
    memory = Path("/dev/shm")
    home = memory if os.access(memory, os.W_OK) else None
    made = tempfile.TemporaryDirectory(prefix="ecomai-mariadb-", dir=home, ignore_cleanup_errors=True)
    with _told_to_end(), made as folder, _server(Path(folder)) as port:
        yield f"mysql://root@127.0.0.1:{port}/test"


@contextmanager
def _told_to_end() -> Iterator[None]:
    """SIGTERM and SIGHUP raise ``SystemExit``, once: a server that is not ended here would outlive its run."""
    signals = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]

    def leave(number: int, frame: Any) -> None:
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {one: signal.signal(one, leave) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def _server(home: Path) -> Iterator[int]:
    log = home / "log"
    as_whom = _whom(home)
    base = ["--no-defaults", f"--datadir={home / 'data'}", *as_whom]
    made = subprocess.run(
        [_program("mariadb-install-db"), *base, "--auth-root-authentication-method=normal", "--skip-test-db"],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise RuntimeError(f"mariadb-install-db: {made.stdout[-500:]}{made.stderr[-500:]}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [_program("mariadbd", "mysqld"), *base, *FAST, f"--socket={home / 's'}", f"--pid-file={home / 'pid'}"]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--bind-address=127.0.0.1", f"--port={port}"], stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _wait(server, port, log)
        yield port
    finally:
        server.terminate()
        try:
            server.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    server.kill()
    raise RuntimeError(f"MariaDB did not start: {log.read_text(errors='replace')[-1000:]}")


def _whom(home: Path) -> list[str]:
    """Root must not run a server: the folder gets the user of Debian's package, or one that owns nothing."""
    if os.geteuid():
        return []
    import pwd  # not on Windows

    owner = next(entry for name in ("mysql", "nobody") for entry in pwd.getpwall() if entry.pw_name == name)
    os.chown(home, owner.pw_uid, owner.pw_gid)
    return [f"--user={owner.pw_name}"]


def _program(*names: str) -> str:
    return next((path for name in names if (path := shutil.which(name, path=PLACES))), "")
