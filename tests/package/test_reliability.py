"""docs/reliability.md: every fault it lists is a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "reliability.md").read_text().splitlines()
    if line.startswith("|") and not line.startswith(("| fault", "| ---"))
]


def named(tree: ast.AST, name: str) -> ast.AST | None:
    found = (node for node in ast.iter_child_nodes(tree) if getattr(node, "name", None) == name)
    return next(found, None)


def test_there_is_a_table() -> None:
    assert len(ROWS) >= 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"\W+", "_", row[0])[:60])
def test_the_fault_is_tested(row: list[str]) -> None:
    fault, sees, lost, test = row
    assert fault and sees
    assert lost == "0"
    file, *parts = test.strip("`").split("::")
    node: ast.AST | None = ast.parse((ROOT / file).read_text())
    for part in parts:
        assert node is not None
        node = named(node, part)
    assert node is not None, test
