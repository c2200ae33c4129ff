"""The web process stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("pandas", "scipy", "sklearn", "implicit", "lightgbm")
CHECK = f"heavy = sorted(name for name in {HEAVY!r} if name in sys.modules); assert not heavy, heavy\n"
SETUP = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = {settings!r}
import django
django.setup()
"""
DRAW = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib import admin
from django.urls import get_resolver
get_resolver().url_patterns
from django.template import Context, Template
from django.test import RequestFactory
from tests.recommend.factories import products
from django.conf import settings
settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": None}  # these products are in the mirror only
products(3)
text = "{% load ecomai_recommend %}{% recommend_carousel 'home' %}"
html = Template(text).render(Context({"request": RequestFactory().get("/")}))
assert html.count("data-ecomai-token") == 3, html
"""


@pytest.mark.parametrize("project", ["everything", "recommend_only", "no_drf"])
def test_no_heavy_library_after_setup_and_after_a_carousel(project: str) -> None:
    code = SETUP.format(settings=f"tests.projects.{project}.settings") + CHECK + DRAW + CHECK
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def test_without_rest_framework_among_the_apps_there_is_no_endpoint() -> None:
    code = SETUP.format(settings="tests.projects.no_drf.settings") + (
        "from django.urls import NoReverseMatch, reverse\n"
        "assert reverse('ecomai_recommend:fragment', args=['home'])\n"
        "try:\n"
        "    reverse('ecomai_recommend:api-recommendations', args=['home'])\n"
        "except NoReverseMatch:\n"
        "    print('absent')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "absent\n"), done.stderr
