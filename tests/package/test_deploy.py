"""The example shop's production settings pass Django's and our checks for deployment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = {
    "SECRET_KEY": "-".join(f"{number:x}" for number in range(1000, 1040)),
    "ECOMAI_HASH_KEY": "another one",
    "ALLOWED_HOSTS": "shop.example",
    "DATABASE_URL": "postgresql://shop@127.0.0.1/shop",
}


def check(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "example_project.production",
            "SHOP_VAR_DIR": str(tmp_path),
            **environment,
        },
        capture_output=True,
        text=True,
    )


def test_nothing_to_complain_of(tmp_path: Path) -> None:
    done = check(tmp_path, **SECRETS)
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), done.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_what_is_missing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name, raising=False)
    done = check(tmp_path, **{key: value for key, value in SECRETS.items() if key != name})
    assert done.returncode != 0
    assert f"KeyError: '{name}'" in done.stderr
