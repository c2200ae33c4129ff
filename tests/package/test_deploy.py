"""The example shop's production settings pass Django's and our checks for deployment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECRETS = {
    "SECRET_KEY": "-".join(f"{number:x}" for number in range(1000, 1040)),
    "ECOMAI_HASH_KEY": "another one",
    "ALLOWED_HOSTS": "shop.example",
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


def test_a_missing_secret_is_an_error(tmp_path: Path) -> None:
    done = check(tmp_path, **{name: value for name, value in SECRETS.items() if name != "SECRET_KEY"})
    assert done.returncode != 0
    assert "KeyError: 'SECRET_KEY'" in done.stderr
