"""django_ecomai: what the giants have, for any Django shop."""

from __future__ import annotations

__version__ = "0.1.0"

# Capability -> what must be installed with it. Written down as strings so that settings.py can call
# ``ecomai_apps()`` before Django is set up; this module imports nothing else.
_REQUIRED = ("runs", "mirror", "events")
_CAPABILITIES: dict[str, tuple[str, ...]] = {
    "recommend": (),
    "forecast": (),
    "inventory": ("forecast",),
    "pricing": ("forecast",),
    "privacy": (),
    "ingest": (),
    "dashboard": (),
}


def ecomai_apps(*capabilities: str) -> list[str]:
    """Return the entries for ``INSTALLED_APPS``.

    ``ecomai_apps()`` enables everything; ``ecomai_apps("recommend")`` enables one capability and what it rests
    on. Raises ``ValueError`` for a name that is no capability.
    """
    wanted = list(capabilities or _CAPABILITIES)
    chosen: list[str] = []

    def add(name: str) -> None:
        if name not in _CAPABILITIES:
            known = ", ".join(sorted(_CAPABILITIES))
            raise ValueError(f"ecomai_apps(): {name!r} is not a capability. Choose from: {known}.")
        for needed in _CAPABILITIES[name]:
            add(needed)
        if name not in chosen:
            chosen.append(name)

    for name in wanted:
        if name not in _REQUIRED:
            add(name)
    return [f"django_ecomai.{name}" for name in ("core", *_REQUIRED, *chosen)]
