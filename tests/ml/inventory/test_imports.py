"""The web process may ask the engine: numpy is all it loads."""

from __future__ import annotations

from tests.ml.test_imports import HEAVY, modules_after

MODULES = ("assortment", "budget", "chain", "classes", "formulas", "leadtime", "orders", "policy", "pooling")
MODULES += ("protection", "simulate", "suggest", "whatif")


def test_the_engine_loads_nothing_heavy():
    use = (
        "from tests.ml.inventory.factories import paths, stock\n"
        "from django_ecomai.ml.inventory.suggest import suggest\n"
        "suggest(stock([1.0], [3]), paths([1.0]))"
    )
    code = "\n".join(f"import django_ecomai.ml.inventory.{name}" for name in MODULES)
    assert not modules_after(f"{code}\n{use}") & HEAVY
    assert not modules_after("import django_ecomai.ml.inventory") & {"numpy", *HEAVY}
