"""A missing extra names its pip command; a broken one tells the truth."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from django_ecomai.core.extras import MissingExtra, require


def test_an_installed_module_is_returned() -> None:
    assert require("json", extra="x") is json
    assert require("os.path", extra="x").join("a", "b") == str(Path("a") / "b")


@pytest.mark.parametrize("name", ["no_such_library", "no_such_library.part"])
def test_a_missing_library_names_the_command(name: str) -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'django-ecomai\[boost\]'") as caught:
        require(name, extra="boost")
    assert isinstance(caught.value, ImportError)
    assert caught.value.name == name


def test_a_library_that_fails_inside_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ecomai_test_broken.py").write_text("import ecomai_test_absent_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="ecomai_test_absent_dependency") as caught:
        require("ecomai_test_broken", extra="boost")
    assert not isinstance(caught.value, MissingExtra)
    sys.modules.pop("ecomai_test_broken", None)
