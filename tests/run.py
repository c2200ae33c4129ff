"""``make test``: the whole suite on SQLite, then once more on PostgreSQL when one answers.

MySQL and MariaDB get a part of it (``tests/smoke.py``) on a server of its own.

The tests inside an Oscar shop are a project of their own, so they run by themselves on each database. Arguments go to
pytest (``python -m tests.run tests/mirror -x``). ``make coverage`` (``ECOMAI_TEST_COVERAGE=1``) watches which lines the
whole suite runs on SQLite and judges their share: that doubles the time of a leg.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.mariadb import mysql_url
from tests.services import service_is_required, service_missing
from tests.smoke import SMOKE

# These hold no database code, look at drawn pages, or bring a shop on its own SQLite: the second leg would only repeat
# the first. Of all others it leaves out the tests that ask no database (see tests/conftest.py).
DATABASE_FREE = (
    "tests/ml",
    "tests/package",
    "tests/docs",
    "tests/browser",
    "tests/dashboard/test_browser.py",
    "tests/example/test_demo.py",
    "tests/forecast/test_browser.py",
    "tests/pricing/test_browser.py",
    "tests/runs/test_browser.py",
    "tests/runs/test_schedule_apply.py",
)

OSCAR = "tests/oscar"


def leg(
    backend: str,
    arguments: list[str],
    *,
    coverage: bool = False,
    project: str = "everything",
    env: Mapping[str, str] | None = None,
) -> int:
    """Run pytest in one test project on one database backend and return its exit status."""
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
    print(f"\n--- the suite on {backend}, project {project} ---", flush=True)
    # A worker per core: libraries that take a thread per core themselves would only wait for each other.
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env = {**threads, **os.environ, **(env or {}), "ECOMAI_TEST_BACKEND": backend}
    # Every process would compile every module again.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["DJANGO_SETTINGS_MODULE"] = f"tests.projects.{project}.settings"
    return subprocess.run([*command, *arguments], env=env).returncode


def _left_out(service: str, why: str) -> int:
    """Say in one line what is not run; a failure when it is required."""
    required = service_is_required(service)
    print(f"{'Required (ECOMAI_TEST_REQUIRE)' if required else 'Not run'}: {why}", file=sys.stderr, flush=True)
    return int(required)


def mysql_leg() -> int:
    """The selection on a MySQL or MariaDB server of its own."""
    with mysql_url() as url:
        selection = ["tests/core/test_mysql.py", *SMOKE]
        return leg("mysql", selection, env={"ECOMAI_TEST_MYSQL_URL": url})


def main(arguments: list[str]) -> int:
    """Run every leg, however the others end, and return the first status that is not 0."""
    whole = not arguments
    watched = whole and os.environ.get("ECOMAI_TEST_COVERAGE") == "1"
    if watched:
        subprocess.run([sys.executable, "-m", "coverage", "erase"], check=True)
    inside = [argument for argument in arguments if argument.startswith(OSCAR)]
    statuses = []
    for backend in ("sqlite", "postgres"):
        coverage = watched and backend == "sqlite"  # few lines are run on PostgreSQL only
        missing = service_missing("postgres") if backend == "postgres" else ""
        if missing:
            statuses.append(_left_out("postgres", f"PostgreSQL: {missing}"))
            continue
        skipped = []
        if whole and backend == "postgres":
            skipped = ["-m", "database", *(f"--ignore={folder}" for folder in DATABASE_FREE)]
        if whole or not inside:
            statuses.append(leg(backend, [*arguments, *skipped], coverage=coverage))
        if whole or inside:
            missing = service_missing("oscar")
            tests = arguments or [OSCAR]
            statuses.append(
                _left_out("oscar", f"Oscar: {missing}")
                if missing
                else leg(backend, tests, coverage=coverage, project="oscar")
            )
    if whole:
        missing = service_missing("mysql")
        statuses.append(_left_out("mysql", f"MySQL: {missing}") if missing else mysql_leg())
    if watched:
        statuses.append(subprocess.run([sys.executable, "-m", "coverage", "report"]).returncode)
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
