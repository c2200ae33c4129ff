"""The tutorial does what it says: its blocks are put together to a shop, its commands run, the carousel is there."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .blocks import DOCS, PAGES, ROOT, Block, page_blocks

TUTORIAL = DOCS / "tutorial" / "first-carousel.md"
OSCAR = DOCS / "tutorial" / "oscar.md"  # about another shop: tests/browser/test_oscar.py
TINY = Path(__file__).parent / "tiny_shop"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tutorial")]


def manage(shop: Path, waiting: list[str]) -> str:
    """Run the commands and scripts that wait, in one process, and give what they print; afterwards none waits.

    The test fails showing the output when one ends badly.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "ECOMAI"))}
    done = subprocess.run(
        [sys.executable, "manage.py", "-"],
        cwd=shop,
        env={**kept, "PYTHONPATH": os.pathsep.join([str(shop), str(ROOT)])},
        input="\n".join(waiting),
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{waiting} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    waiting.clear()
    return done.stdout


def commands(block: Block) -> list[str]:
    """The ``$ python manage.py ...`` lines of a console block."""
    lines = block.text.splitlines()
    assert all(line.startswith("$ python manage.py ") for line in lines), str(block)
    return [line.removeprefix("$ python manage.py ") for line in lines]


def put(shop: Path, block: Block) -> None:
    """Write a block marked ``file`` or ``append`` into the shop."""
    path = shop / block.value
    path.parent.mkdir(parents=True, exist_ok=True)
    if block.mark == "append":
        path.write_text(path.read_text() + "\n\n" + block.text)
    else:
        path.write_text(block.text)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial's shop with a history of orders, all steps done."""
    home = tmp_path_factory.mktemp("tutorial")
    for package in ("myshop", "shop", "shop/migrations"):
        (home / package).mkdir()
        (home / package / "__init__.py").touch()
    shutil.copy(TINY / "manage.py", home)
    shutil.copy(TINY / "settings.py", home / "myshop" / "settings.py")
    shutil.copy(TINY / "urls.py", home / "myshop" / "urls.py")
    waiting: list[str] = []
    for block in page_blocks(TUTORIAL):
        if block.mark in ("file", "append"):
            if waiting:  # what changes a file needs another process
                manage(home, waiting)
            if block.value == "shop/ecomai.py":
                shutil.copy(home / "shop" / "ecomai.py", home / "draft.py")
            put(home, block)
            if block.value == "shop/models.py":
                manage(home, ["makemigrations shop"])
        elif block.mark == "run":
            for command in commands(block):
                if command == "ecomai_sync":
                    waiting.append(shlex.quote(str(TINY / "seed.py")))
                waiting.append(command)
    manage(home, waiting)
    return home


@pytest.fixture(scope="module")
def visit(shop: Path) -> dict[str, object]:
    """What a visitor saw."""
    return json.loads(manage(shop, [shlex.quote(str(TINY / "visit.py"))]).strip().splitlines()[-1])


def test_the_product_page_shows_carousels(visit: dict[str, object]) -> None:
    assert visit["carousels"] == 3
    assert int(str(visit["items"])) >= 8
    assert visit["shows_itself"] is False
    assert visit["script"] is True


def test_the_home_page_reacts_to_three_lanterns(visit: dict[str, object]) -> None:
    before, after = visit["before"], visit["after"]
    assert isinstance(before, list) and isinstance(after, list)
    assert len(before) == len(after) == 6
    assert before != after
    assert all(name.startswith(("Lantern", "Candle")) for name in after[:3])


def test_the_draft_of_the_adapter_is_python_that_maps_the_models(shop: Path) -> None:
    draft = (shop / "draft.py").read_text()
    compile(draft, "draft", "exec")
    for name in ("shop.Article", "shop.Purchase", "shop.Position", "price_gross"):
        assert name in draft


RUNNABLE = sorted(
    {page for page in PAGES if page not in (TUTORIAL, OSCAR) for block in page_blocks(page) if block.mark}
)


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_of_the_guides_run_in_that_shop(shop: Path, page: Path, tmp_path: Path) -> None:
    home = tmp_path / "shop"
    shutil.copytree(shop, home)
    waiting: list[str] = []
    for number, block in enumerate(page_blocks(page)):
        if block.mark in ("file", "append"):
            if waiting:
                manage(home, waiting)
            put(home, block)
        elif block.mark == "run" and block.language == "console":
            waiting += commands(block)
        elif block.mark == "run":
            script = tmp_path / f"{number}.py"
            script.write_text(block.text)
            waiting.append(shlex.quote(str(script)))
    manage(home, [*waiting, "check"])
