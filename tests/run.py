"""``make test``: the whole suite on SQLite, then once more on PostgreSQL when one answers; coverage of both together.

Arguments go to pytest (``python -m tests.run tests/mirror -x``); coverage is judged only when there are none.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.services import service_is_required, service_missing

# These hold no database code, or bring the example shop on its own SQLite: the second leg would only repeat the first.
DATABASE_FREE = (
    "tests/ml",
    "tests/package",
    "tests/docs",
    "tests/browser/test_admin.py",
    "tests/browser/test_storefront.py",
    "tests/example/test_demo.py",
)


def leg(backend: str, arguments: list[str], *, coverage: bool) -> int:
    """Run pytest on one database backend and return its exit status."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        os.environ.get("ECOMAI_TEST_WORKERS", "auto"),
        "--dist",
        "loadgroup",
    ]
    if coverage:
        command += ["--cov", "--cov-append", "--cov-report=", "--cov-fail-under=0"]
    print(f"\n--- the suite on {backend} ---", flush=True)
    # A worker per core: libraries that take a thread per core themselves would only wait for each other.
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env = {**threads, **os.environ, "ECOMAI_TEST_BACKEND": backend}
    return subprocess.run([*command, *arguments], env=env).returncode


def main(arguments: list[str]) -> int:
    """Run both legs, however the first one ends, and return the first status that is not 0."""
    whole = not arguments
    if whole:
        subprocess.run([sys.executable, "-m", "coverage", "erase"], check=True)
    statuses = [leg("sqlite", arguments, coverage=whole)]
    missing = service_missing("postgres")
    if not missing:
        skipped = [f"--ignore={folder}" for folder in DATABASE_FREE] if whole else []
        statuses.append(leg("postgres", [*arguments, *skipped], coverage=whole))
    elif service_is_required("postgres"):
        print(f"PostgreSQL is required (ECOMAI_TEST_REQUIRE) but {missing}", file=sys.stderr)
        statuses.append(1)
    else:
        print(f"Not run on PostgreSQL: {missing}.", flush=True)
    if whole:
        statuses.append(subprocess.run([sys.executable, "-m", "coverage", "report"]).returncode)
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
