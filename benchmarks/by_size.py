"""What a job costs as a shop grows: the loop over sizes that the benchmarks of size share.

Every step of every size is a process of its own, so that peak memory is that of one size and none of its preparation.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.forecast_peers import peak_mb
from benchmarks.simulated_database import configure

#: Takes where the data lies (a folder or the URL of a database) and a size; returns the numbers of a row, or None.
Step = Callable[[str, int], Any]


def by_size(
    arguments: list[str] | None,
    *,
    module: str,
    doc: str | None,
    place: tuple[str, str],
    sizes: Sequence[int],
    steps: Mapping[str, Step],
    told: Callable[[dict[str, Any]], str],
) -> list[dict[str, Any]]:
    """Run the steps at each size; what one returns, if anything, is a row, and ``told`` says it as a line.

    ``place`` is the option that says where the data lies, and its help. Exits with the error of a step that failed.
    """
    option, meaning = place
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(f"--{option}", required=True, help=meaning)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(sizes), help="how many")
    parser.add_argument("--child", nargs=2, metavar=("STEP", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    where = str(getattr(options, option))
    if options.child:
        step, size = options.child
        print(json.dumps(steps[step](where, int(size))))
        return []
    rows = []
    for size in options.sizes:
        for step in steps:
            command = [sys.executable, "-m", module, f"--{option}", where, "--child", step, str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
            found = json.loads(done.stdout.splitlines()[-1])
            if found is not None:
                rows.append({"dataset": f"simulated_{size}", "model": "EcomAI", "ours": True, **found})
                print(told(rows[-1]), flush=True)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


def in_shop(step: Callable[[int], Any], *capabilities: str, adapter: str | None = None) -> Step:
    """A step that finds Django set up with these capabilities on the database of that URL, and with the shop's adapter
    of that dotted path."""

    def done(database: str, size: int) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            configure(Path(folder), database, *capabilities)
            if adapter is not None:
                from django.conf import settings

                settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": adapter}
            return step(size)

    return done


def spent(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What ``work`` returns, and the row of numbers of this process: CPU and elapsed seconds, peak memory."""
    began, clock = time.process_time(), time.perf_counter()
    found = work()
    cpu, wall = time.process_time() - began, time.perf_counter() - clock
    return found, {"cpu_s": round(cpu, 1), "wall_s": round(wall, 1), "peak_mb": round(peak_mb(), 1)}


def emptied() -> None:
    """The database with new tables and nothing in them."""
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)


def multiplied(row: Any, size: int, **changed: str) -> None:
    """``size`` rows like ``row`` (which is the first), with these columns by SQL of ``i``."""
    from django.db import connection

    table = row._meta.db_table
    columns = [field.column for field in row._meta.concrete_fields]
    values = [changed.get(name, f't."{name}"') for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {", ".join(values)} '
            f'FROM "{table}" AS t, generate_series(2, %s) AS i WHERE t.id = %s',
            [size, row.pk],
        )


def analysed() -> None:
    """What the planner knows after the nightly vacuum."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
