"""The extras that messages and pages tell people to install exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
NAMED = re.compile(r"""extra=["'](\w+)["']|(?:django-ecomai|["'"]?\.)\[([\w,]+)\]""")


def test_every_extra_that_is_named_exists() -> None:
    paths = [*(ROOT / "django_ecomai").rglob("*.py"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in paths
        for match in NAMED.finditer(path.read_text())
        for name in (match[1] or match[2]).split(",")
    }
    assert {"demo", "test"} <= {name for _, name in named}
    # "extra" is the placeholder in the docstring of ``core.extras``.
    assert sorted((path, name) for path, name in named if name not in {*EXTRAS, "extra"}) == []


def test_the_extras_of_the_project_are_there() -> None:
    assert {"demo", "parquet", "postgres", "redis", "boost", "test", "bench", "docs", "dev"} <= set(EXTRAS)
