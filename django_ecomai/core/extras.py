"""Optional libraries: imported late, and missing ones named together with the command that installs them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class MissingExtra(ImportError):
    """An optional library is not installed; the message says what to type."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module`` or raise ``MissingExtra`` naming ``pip install django-ecomai[extra]``."""
    try:
        return import_module(module)
    except ImportError as error:
        # A broken install inside the library must not be reported as "not installed".
        if error.name and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtra(
            f"{module} is not installed. Type: pip install 'django-ecomai[{extra}]'", name=module
        ) from error
