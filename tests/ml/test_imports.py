"""What may be imported where, checked in fresh interpreters."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import django_ecomai.ml

ROOT = Path(django_ecomai.ml.__file__).parent
HEAVY = {"scipy", "sklearn", "pandas", "implicit", "lightgbm", "threadpoolctl", "snowballstemmer", "django"}


def modules_after(statement: str) -> set[str]:
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent.parent
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "recommend.serving",
        "frames",
        "persist",
        "columns",
        "recommend.repeat",
        "recommend.neighbours",
        "forecast.options",
        "forecast.engine",
        "pricing.elasticity",
        "pricing.cross",
        "pricing.optimise",
        "pricing.explore",
        "pricing.price_test",
        "pricing.paired",
    ],
)
def test_what_the_web_process_imports_stays_light(module):
    assert not modules_after(f"import django_ecomai.ml.{module}") & HEAVY


def test_serving_an_answer_imports_nothing_heavy(tmp_path):
    from django_ecomai.ml.persist import save_arrays
    from django_ecomai.ml.recommend.build import build
    from django_ecomai.ml.recommend.recipe import Recipe, Source
    from tests.ml.factories import id_map, shop, words

    built = build(Recipe(sources=(Source("cosine"),)), shop(), item_ids=id_map(40), catalogue=words(40))
    save_arrays(tmp_path / "a", built.arrays, built.manifest)
    use = (
        "from django_ecomai.ml.recommend.serving import Scorer\n"
        f"s = Scorer.load({str(tmp_path / 'a')!r})\n"
        "assert len(s.fill(s.for_customer([0, 1], ages_days=[1, 2]), 20, s.trending(), s.newest())) == 20\n"
        "s.similar(0); s.bought_together([0, 1]); s.buy_again([0])"
    )
    assert not modules_after(use) & HEAVY


def test_no_module_of_ml_names_django_or_pickle():
    files = sorted(ROOT.rglob("*.py"))
    assert len(files) > 20
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            elif isinstance(node, ast.ImportFrom) and node.level:
                names = []
            roots = {name.split(".")[0] for name in names}
            assert not roots & {"django", "rest_framework", "celery", "pickle", "joblib", "django_ecomai"}, path


def test_importing_ml_imports_nothing():
    assert not modules_after("import django_ecomai.ml") & {"numpy", *HEAVY}
