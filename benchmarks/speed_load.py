"""Asks one address as often as it answers, from a process of its own: one connection per request, as gunicorn's sync
workers close it. Prints ``{"requests", "errors", "seconds"}``.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from pathlib import Path


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("cookies", type=Path, help="file with one Cookie header per line")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    cookies = options.cookies.read_text(encoding="utf-8").splitlines()
    counts = [[0, 0] for _ in range(options.clients)]
    end = time.perf_counter() + options.seconds
    threads = [
        threading.Thread(target=_ask, args=(options, cookies[i :: options.clients], end, counts[i]))
        for i in range(options.clients)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    answered, errors = (sum(column) for column in zip(*counts, strict=True))
    print(json.dumps({"requests": answered, "errors": errors, "seconds": seconds}))


def _ask(options: argparse.Namespace, cookies: list[str], end: float, count: list[int]) -> None:
    number = 0
    while time.perf_counter() < end:
        cookie = cookies[number % len(cookies)]
        number += 1
        head = (
            f"GET {options.path} HTTP/1.1\r\nHost: 127.0.0.1:{options.port}\r\nConnection: close\r\n"
            f"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
            f"Accept: application/json, text/html\r\nCookie: {cookie}\r\n\r\n"
        )
        try:
            with socket.create_connection(("127.0.0.1", options.port), timeout=30) as connection:
                connection.sendall(head.encode())
                received = bytearray()
                while chunk := connection.recv(65536):
                    received += chunk
        except OSError:
            count[1] += 1
            continue
        count[0] += 1
        if not received.startswith(b"HTTP/1.1 200"):
            count[1] += 1


if __name__ == "__main__":
    main()
