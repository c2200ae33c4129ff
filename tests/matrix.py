"""``make test-matrix``: a part of the suite on the lowest versions that pyproject.toml declares, and on the newest.

Each has a virtual environment of its own below ``.matrix``, made with uv and again when pyproject.toml changes. Names
as arguments run only these (``python -m tests.matrix lowest``). Both run at once, each on one core.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.services import service_is_required
from tests.smoke import LIBRARIES, SMOKE

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".matrix"
PATIENCE = 900
PACKAGE = ".[demo,postgres,redis,beat,consent,health,metrics,saleor]"
TOOLS = ("pytest", "pytest-django", "pytest-rerunfailures", "pytest-xdist", "hypothesis")


@dataclass(frozen=True)
class Environment:
    """Versions: which Pythons, in the order of preference, and how uv chooses the packages."""

    name: str
    pythons: tuple[str, ...]
    options: tuple[str, ...] = ()
    #: Requirements that replace what packages ask for.
    overrides: tuple[str, ...] = ()


ENVIRONMENTS = (
    Environment("lowest", ("3.11", "3.12"), ("--resolution", "lowest-direct")),
    # django-celery-beat says "< 6.1" and works with it.
    Environment("newest", ("3.13", "3.14", "3.12"), ("--upgrade",), ("Django>=6.1",)),
)

# What Django itself finds before any test: warnings of what will be gone are errors, migrations are complete.
CHECK = """
import warnings
warnings.simplefilter("error", DeprecationWarning)
warnings.simplefilter("error", PendingDeprecationWarning)
import django
django.setup()
from django.core.management import call_command
call_command("check", fail_level="ERROR")
call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
"""


def uv_command() -> list[str]:
    """How to call uv; empty when it is not installed."""
    found = shutil.which("uv")
    if found:
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else []


def interpreter(versions: tuple[str, ...]) -> str:
    """The path of the first of the Pythons that works, on the PATH or among those of pyenv; empty when none does."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in versions:
        for path in (shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))):
            # A shim of pyenv is there for versions that are not switched on.
            if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
                return str(path)
    return ""


def build(environment: Environment) -> Path:
    """Make the environment unless it stands already; the path of its Python. Raises ``CalledProcessError``."""
    home = HOME / environment.name
    python = home / "bin" / "python"
    base = interpreter(environment.pythons)
    stamp, wanted = home / "stamp", _stamp(environment, base)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    uv = uv_command()
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", base, str(home)], check=True)
    overrides = home / "overrides.txt"
    overrides.write_text("\n".join(environment.overrides))
    command = [*uv, "pip", "install", "--quiet", "--python", str(python), *environment.options]
    if environment.overrides:
        command += ["--override", str(overrides)]
    subprocess.run([*command, "--editable", PACKAGE, *_tools()], cwd=ROOT, check=True)
    stamp.write_text(wanted)
    return python


def _stamp(environment: Environment, base: str) -> str:
    text = f"{environment} {base} {PACKAGE} {(ROOT / 'pyproject.toml').read_text()}"
    return hashlib.sha256(text.encode()).hexdigest()


def _tools() -> list[str]:
    """What the selection needs of the extra ``test``, with its bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [one for one in project["optional-dependencies"]["test"] if one.split(">")[0] in TOOLS]


def run(environment: Environment) -> tuple[int, str]:
    """Build, check and test; the exit status and all that was said."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env = {**os.environ, **threads, "DJANGO_SETTINGS_MODULE": "tests.projects.everything.settings"}
    env["ECOMAI_TEST_BACKEND"] = "sqlite"
    try:
        python = str(build(environment))
    except subprocess.CalledProcessError as error:
        return error.returncode, f"{environment.name} cannot be installed: {error}"
    said = ""
    for command in ([python, "-c", CHECK], [python, "-m", "pytest", "-q", *SMOKE, *LIBRARIES]):
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=env,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired as error:
            return 1, f"{said}{error.output or ''}\nNot at its end after {PATIENCE} s."
        said += done.stdout
        if done.returncode:
            return done.returncode, said
    return 0, said


def main(arguments: list[str]) -> int:
    """Run the environments that can be made, say why the others cannot, and return the first status that is not 0.

    A Python that is not installed fails only whoever names the environment: Debian has one Python and no other.
    """
    wanted = [one for one in ENVIRONMENTS if not arguments or one.name in arguments]
    if not wanted:
        print(f"Known: {', '.join(one.name for one in ENVIRONMENTS)}", file=sys.stderr)
        return 2
    if not uv_command():
        print("Not run: uv is not installed (pip install uv)", file=sys.stderr, flush=True)
        return int(bool(arguments) or service_is_required("matrix"))
    statuses = []
    for one in wanted:
        if not interpreter(one.pythons):
            why = f"no Python {' or '.join(one.pythons)} is installed"
            print(f"Not run: {one.name}: {why}", file=sys.stderr, flush=True)
            statuses.append(int(one.name in arguments))
    able = [one for one in wanted if interpreter(one.pythons)]
    with ThreadPoolExecutor(len(able) or 1) as pool:
        for one, (status, said) in zip(able, pool.map(run, able), strict=True):
            print(f"\n--- {one.name}: {interpreter(one.pythons)} ---\n{said}", flush=True)
            statuses.append(status)
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
