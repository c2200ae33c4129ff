"""The wheel holds the package, its templates, static files, locale and migrations, nothing else, and works alone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import django_ecomai

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "django_ecomai"

# Folder inside the package -> suffixes allowed below it; code may stand anywhere.
DATA_SUFFIXES = {
    "templates": {".html", ".txt", ".xml", ".svg"},
    "static": {".js", ".css", ".svg", ".txt", ".md"},
    "locale": {".po", ".mo"},
}

SETTINGS = """
from django_ecomai import ecomai_apps
SECRET_KEY = "wheel-test-" + "x" * 50
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
ROOT_URLCONF = "shop_urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "cache"}}
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles", "rest_framework", *ecomai_apps(),
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_ecomai.events.middleware.VisitorMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
"""

URLS = """
from django.contrib import admin
from django.urls import include, path
urlpatterns = [path("admin/", admin.site.urls), path("ecomai/", include("django_ecomai.urls"))]
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


def run(command: list[object], cwd: Path) -> str:
    """Run a command without the test run's own Python settings; its output, or the test fails showing it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO", "COV"))}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=kept, text=True, capture_output=True)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline from this tree."""
    out = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT], ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def shop_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new virtual environment: the package comes from the wheel, its dependencies from this environment."""
    home = tmp_path_factory.mktemp("venv")
    run([sys.executable, "-m", "venv", home], home)
    python = home / "bin" / "python"
    run([python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel], home)
    site_packages = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], home).strip())
    # A plain path line does not follow the .pth files over there, so the editable install stays out of sight.
    lines = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "dependencies.pth").write_text("\n".join(sorted(lines)))
    return python


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    metadata = {name for name in names if name.startswith(f"django_ecomai-{django_ecomai.__version__}.dist-info/")}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".DS_Store"
    }
    assert names - metadata == wanted
    assert f"django_ecomai-{django_ecomai.__version__}.dist-info/licenses/LICENSE" in metadata


def test_each_kind_of_file_stands_in_its_folder(wheel: Path) -> None:
    strangers = []
    for name in zipfile.ZipFile(wheel).namelist():
        path = PurePosixPath(name)
        if ".dist-info" in path.parts[0] or path.suffix == ".py" or path.name == "py.typed":
            continue
        folder = next((part for part in path.parts if part in DATA_SUFFIXES), None)
        if folder is None or path.suffix not in DATA_SUFFIXES[folder]:
            strangers.append(name)
    assert strangers == []


@pytest.mark.parametrize("app", ["mirror", "events", "runs", "recommend"])
def test_the_wheel_holds_the_migrations(wheel: Path, app: str) -> None:
    assert f"django_ecomai/{app}/migrations/0001_initial.py" in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_alone_passes_check_and_migrate(shop_python: Path, tmp_path: Path) -> None:
    (tmp_path / "shop_settings.py").write_text(SETTINGS)
    (tmp_path / "shop_urls.py").write_text(URLS)

    def django(*arguments: str) -> str:
        return run([shop_python, "-m", "django", *arguments, "--settings=shop_settings", "--pythonpath=."], tmp_path)

    where = run([shop_python, "-c", "import django_ecomai; print(django_ecomai.__file__)"], tmp_path).strip()
    assert Path(where).is_relative_to(shop_python.parents[1].resolve())
    django("check")
    django("migrate", "--verbosity=0")
    assert "No changes detected" in django("makemigrations", "--check", "--dry-run")
    assert "0001_initial" in django("showmigrations", "ecomai_events")
    tables = run(
        [
            shop_python,
            "-c",
            "import sqlite3; print(*[r[0] for r in sqlite3.connect('shop.sqlite3').execute("
            "\"select name from sqlite_master where name like 'ecomai_%'\")])",
        ],
        tmp_path,
    ).split()
    assert {"ecomai_mirror_product", "ecomai_events_event", "ecomai_runs_run"} <= set(tables)
