"""Every project under ``tests/projects`` (a shop that installed just this much) starts, and starts light."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# ``worker`` is no shop: it takes its database and broker from the tests that start its processes.
NAMES = sorted({path.parent.name for path in (ROOT / "tests" / "projects").glob("*/settings.py")} - {"worker"})
PROJECTS = [pytest.param(name, marks=pytest.mark.service("oscar")) if name == "oscar" else name for name in NAMES]

# Megabytes and seconds that no web process should pay for.
HEAVY = ("pandas", "scipy", "sklearn", "implicit", "lightgbm", "pyarrow")

# One process for all of it: each takes seconds to start.
STARTED = """
import sys
import django
from django.core.management import call_command
django.setup()
after_setup = [name for name in {heavy} if name in sys.modules]
from django.contrib import admin
from django.urls import get_resolver
get_resolver().url_patterns
admin.autodiscover()
after_urls = [name for name in {heavy} if name in sys.modules]
print(after_setup, after_urls)
call_command("check")
print("checked")
call_command("makemigrations", "--check", "--dry-run")
"""


def python(project: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with this project's settings in a process of its own."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": f"tests.projects.{project}.settings"}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, text=True, capture_output=True)


def test_there_are_projects_to_test() -> None:
    assert {"everything", "recommend_only", "forecast_only", "no_drf"} <= set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("project", PROJECTS)
def test_the_project_starts_without_heavy_libraries_passes_its_checks_and_has_its_migrations(project: str) -> None:
    done = python(project, "-c", STARTED.format(heavy=HEAVY))
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert (told[0], "checked" in told, told[-1]) == ("[] []", True, "No changes detected")
