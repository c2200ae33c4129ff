"""Static files: complete for Django's manifest storage, vendored with their licence, and from nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

import django_ecomai

PACKAGE = Path(django_ecomai.__file__).parent
OURS = [
    path
    for path in [*PACKAGE.glob("*/static/**/*.js"), *PACKAGE.glob("*/static/**/*.css")]
    if "vendor" not in path.parts
]
# A name for a namespace is no address that is fetched.
FOREIGN = re.compile(r"""https?://(?!www\.w3\.org/)[\w.-]+|(?<![:\w])//[\w-]+\.[a-z]{2,}/""")


def test_manifest_storage_finds_every_reference(tmp_path: Path, settings: Any) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    paths = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    for name in ("ecomai/admin.css", "ecomai/charts.js", "ecomai/dashboard.js", "ecomai/vendor/chart.umd.min.js"):
        assert (tmp_path / paths[name]).stat().st_size > 100


def test_chart_js_comes_with_its_licence_and_the_version_that_is_written_down() -> None:
    script = Path(str(finders.find("ecomai/vendor/chart.umd.min.js")))
    head = script.read_text()[:300]
    version = re.search(r"Chart\.js v([\d.]+)", head)
    assert version and f"`chart.js` {version[1]} (MIT" in (script.parent / "README.md").read_text()
    assert "MIT License" in (script.parent / "chart.LICENSE.md").read_text()
    assert "sourceMappingURL" not in script.read_text()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere_and_nothing_is_evaluated(path: Path) -> None:
    text = path.read_text()
    assert FOREIGN.findall(text) == []
    assert not re.search(r"\beval\(|new Function\(|innerHTML\s*=\s*`|document\.write", text)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/templates/**/*.html")), ids=lambda path: path.name)
def test_templates_hold_no_inline_script_style_or_foreign_address(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", text)
    assert not re.search(r"\son\w+=\"|\sstyle=\"|<style|javascript:", text)
    assert FOREIGN.findall(text) == []
