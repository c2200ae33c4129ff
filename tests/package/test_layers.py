"""The layers of the architecture are watched: the contracts hold, and they notice an import that goes upward."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package that stands in ``folder``."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", code, "--no-cache"]
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts that a test may break."""
    shutil.copytree(ROOT / "django_ecomai", tmp_path / "django_ecomai", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_contracts_are_kept(copy: Path) -> None:
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("mirror/upward.py", "from django_ecomai.recommend import models", "mirror is not allowed to import"),
        ("forecast/__init__.py", "from django_ecomai.recommend import models", "forecast is not allowed to import"),
        ("ml/web.py", "import django", "ml is not allowed to import django"),
        ("elsewhere/__init__.py", "", "not listed as layers"),
    ],
    ids=["upward", "peer", "django in ml", "no layer"],
)
def test_a_forbidden_import_is_noticed(copy: Path, file: str, line: str, complaint: str) -> None:
    path = copy / "django_ecomai" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(line + "\n")
    done = lint_imports(copy)
    assert done.returncode == 1
    assert complaint in done.stdout
