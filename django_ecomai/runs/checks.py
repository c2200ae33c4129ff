"""System checks of jobs and models. None of them touches the database or the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.files.storage import FileSystemStorage, storages

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import job_kinds
from django_ecomai.runs import broker, child, crontab, storage


@register("ecomai")
def check_artifact_dir(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The folder of models can be written."""
    folder = storage.root()
    if storage.is_writable(folder):
        return []
    return [
        Warning(
            f"The folder for models, {folder}, cannot be written by this user.",
            hint="Create it, grant the right to write, or set ECOMAI['ARTIFACT_DIR'] to another folder.",
            id="ecomai.W040",
        )
    ]


@register("ecomai")
def check_artifact_storage(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """``ARTIFACT_STORAGE`` is an alias of ``STORAGES`` and not the local folder itself."""
    alias = ecomai.ARTIFACT_STORAGE
    if not alias:
        return []
    if alias not in settings.STORAGES:
        known = ", ".join(sorted(settings.STORAGES))
        return [
            Error(
                f"ECOMAI['ARTIFACT_STORAGE'] is {alias!r}, which STORAGES does not have.",
                hint=f"Use one of: {known}; or add it to STORAGES.",
                id="ecomai.E040",
            )
        ]
    if settings.STORAGES[alias].get("BACKEND") == "django.core.files.storage.FileSystemStorage":
        target = storages[alias]
        if isinstance(target, FileSystemStorage) and str(target.location) == str(storage.root()):
            return [
                Error(
                    "ECOMAI['ARTIFACT_STORAGE'] points to the folder ARTIFACT_DIR itself.",
                    hint="Give the storage another location; ARTIFACT_DIR is its local copy.",
                    id="ecomai.E041",
                )
            ]
    return []


@register("ecomai")
def check_dispatch(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Celery is asked for only where it can work, and training does not block the shop's requests in production."""
    if ecomai.DISPATCH == "celery" and not broker.is_configured() and not broker.is_eager():
        named = bool(getattr(settings, "CELERY_BROKER_URL", None))
        hint = (
            "CELERY_BROKER_URL is set, but this process has no Celery app: import it in the project's __init__.py "
            "(from .celery import app as celery_app)."
            if named
            else "Set CELERY_BROKER_URL and create a Celery app, or use ECOMAI['DISPATCH'] = 'process'."
        )
        return [Warning("ECOMAI['DISPATCH'] is 'celery' but no broker is configured.", hint=hint, id="ecomai.W041")]
    if ecomai.DISPATCH == "process" and not child.settings_module():
        return [
            Warning(
                "ECOMAI['DISPATCH'] is 'process' but the settings were configured in code.",
                hint="Use a settings module, or ECOMAI['DISPATCH'] = 'inline'.",
                id="ecomai.W043",
            )
        ]
    return []


@register("ecomai", deploy=True)
def check_dispatch_deploy(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """In production a training inside a request would hold a web worker for minutes."""
    if ecomai.DISPATCH != "inline":
        return []
    return [
        Warning(
            "ECOMAI['DISPATCH'] is 'inline': trainings run inside the request that starts them.",
            hint="Use 'auto': Celery when a broker is configured, else a child process.",
            id="ecomai.W042",
        )
    ]


@register("ecomai")
def check_schedules(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The schedules of all job kinds can be read."""
    messages: list[CheckMessage] = []
    for name, job in job_kinds.items():
        if not job.schedule:
            continue
        try:
            crontab.parse(job.schedule)
        except ValueError as error:
            messages.append(
                Error(
                    f"The schedule of job {name!r} cannot be read: {error}",
                    hint="Write five fields, e.g. '15 3 * * *' for every day at 3:15.",
                    id="ecomai.E042",
                )
            )
    return messages
