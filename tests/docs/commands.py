"""``manage.py`` of the shops that the tutorials build: ``manage.py -`` takes several commands in one process.

Django takes seconds to start, so what needs no new settings waits for one start.
"""

from __future__ import annotations

import os
import runpy
import shlex
import sys

import django
from django.core.management import execute_from_command_line


def execute(settings: str, *, syncdb: bool = False) -> None:
    """Run the command of the command line, or with ``-`` one a line of the standard input; ``.py`` files are scripts.

    ``syncdb`` lets ``migrate`` make the tables of apps without migrations.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    many = sys.argv[1:] == ["-"]
    if many:
        django.setup()
    for words in [*map(shlex.split, sys.stdin)] if many else [sys.argv[1:]]:
        if words[0].endswith(".py"):
            runpy.run_path(words[0])
            continue
        if words == ["migrate"] and syncdb:
            words.append("--run-syncdb")
        try:
            execute_from_command_line(["manage.py", *words])
        except SystemExit as ended:
            if ended.code:
                raise
