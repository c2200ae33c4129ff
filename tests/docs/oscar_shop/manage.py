"""``manage.py`` of the shop. ``manage.py -`` takes several commands, one a line of the standard input: Oscar takes
seconds to start."""

import os
import runpy
import shlex
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "frobshop.settings"

for words in map(shlex.split, sys.stdin) if sys.argv[1:] == ["-"] else [sys.argv[1:]]:
    if words[0].endswith(".py"):
        runpy.run_path(words[0])
    else:
        # Oscar's tables are made without its migrations here.
        execute_from_command_line(["manage.py", *words, *(["--run-syncdb"] if words == ["migrate"] else [])])
