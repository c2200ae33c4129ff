"""Throwing away what has served its time."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from pathlib import Path

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import prunes
from django_ecomai.ml.persist import MANIFEST
from django_ecomai.runs import storage
from django_ecomai.runs.exceptions import RunError, WorkKept
from django_ecomai.runs.models import Artifact, Heartbeat, LiveArtifact, Run

from .artifacts import artifact_delete, live_verify
from .clocks import APART, clock_ahead
from .context import RunContext
from .state import ACTIVE

logger = logging.getLogger("django_ecomai.runs")
ORPHAN_SECONDS = 24 * 3600
BATCH = 1000


def artifacts_prune(*, keep: int | None = None) -> int:
    """Keep the last ``keep`` (default ``ARTIFACTS_KEPT``) models of each kind and channel, the live one and the one
    before.

    Folders that no row names and that are older than a day go too. Returns how many models were deleted.
    """
    number = max(1, int(keep if keep is not None else ecomai.ARTIFACTS_KEPT))
    safe = set()
    for artifact_id, previous_id in LiveArtifact.objects.values_list("artifact_id", "previous_id"):
        safe |= {artifact_id, previous_id}
    deleted = 0
    for kind, channel in Artifact.objects.order_by().values_list("kind", "channel").distinct():
        for artifact in Artifact.objects.filter(kind=kind, channel=channel).order_by("-id")[number:]:
            if artifact.pk not in safe:
                deleted += artifact_delete(artifact=artifact)
    _orphans_remove()
    return deleted


def _orphans_remove() -> None:
    known = set(Artifact.objects.values_list("path", flat=True))
    root = storage.root()
    before = time.time() - ORPHAN_SECONDS
    for folder in [*root.glob("*/*/*"), *root.glob("*/*/.*")]:
        relative = folder.relative_to(root).as_posix()
        try:
            is_ours = folder.name.startswith(".") or (folder / MANIFEST).is_file()
            if folder.is_dir() and relative not in known and is_ours and folder.stat().st_mtime < before:
                storage.remove_local(folder)
                logger.info("removed %s: no model is registered for it", relative)
        except OSError as error:
            logger.warning("could not look at %s: %s", folder, error)
    _old_output_remove(root / ".output", before)


def _old_output_remove(folder: Path, before: float) -> None:
    for path in folder.glob("run-*.log"):
        try:
            if path.stat().st_mtime < before:
                path.unlink()
        except OSError as error:
            logger.warning("could not delete %s: %s", path, error)


def runs_prune(*, days: int | None = None) -> int:
    """Delete ended runs older than ``days`` (default ``RUN_RETENTION_DAYS``), except those behind a live model."""
    before = timezone.now() - timedelta(days=int(days if days is not None else ecomai.RUN_RETENTION_DAYS))
    serving = LiveArtifact.objects.filter(artifact__run=OuterRef("pk"))
    old = Run.objects.filter(~Exists(serving), created_at__lt=before).exclude(state__in=ACTIVE).order_by("id")
    deleted = 0
    while pks := list(old.values_list("pk", flat=True)[:BATCH]):
        deleted += len(pks)
        Run.objects.filter(pk__in=pks).delete()
    return deleted


def heartbeats_prune() -> int:
    """Forget workers that were not seen for ``RUN_RETENTION_DAYS``: containers get a new name at every start."""
    before = timezone.now() - timedelta(days=int(ecomai.RUN_RETENTION_DAYS))
    return Heartbeat.objects.filter(seen_at__lt=before).delete()[0]


def prune_all() -> dict[str, int | str]:
    """Call every registered prune; returns rows deleted per name, or the error's text. One that fails stops no
    other.
    """
    outcome: dict[str, int | str] = {}
    apart = clock_ahead()
    if abs(apart) > APART:
        # Whose clock is right cannot be told from here, and what a wrong one deletes does not come back.
        hours = round(apart / timedelta(hours=1))
        return {
            "clock": _("Nothing was deleted: the clocks of this machine and of the database are %(hours)s hours apart.")
            % {"hours": abs(hours)}
        }
    for name, prune in prunes.items():
        try:
            outcome[name] = prune()
        except Exception as error:  # other apps' code: report it and go on
            logger.exception("prune %s failed", name)
            outcome[name] = f"{type(error).__name__}: {error}"
    return outcome


def prune_run(context: RunContext) -> None:
    """The job ``runs.prune``. Fails when one of the prunes did, after all were called."""
    outcome = prune_all()
    for name, deleted in outcome.items():
        context.log(f"{name}: {deleted}")
    context.metrics(deleted=outcome)
    failed = [name for name, deleted in outcome.items() if not isinstance(deleted, int)]
    if failed:
        raise RunError(_("Could not clean up: %(names)s. The log says why.") % {"names": ", ".join(failed)})
    context.progress(1.0, _("%(count)s old rows and models deleted.") % {"count": sum(map(int, outcome.values()))})


def verify_run(context: RunContext) -> None:
    """The job ``runs.verify``: hash what serves. Fails, so that somebody looks, when a model was damaged."""
    lives = list(LiveArtifact.objects.select_related("artifact", "previous").order_by("kind", "channel"))
    found = []
    for number, live in enumerate(lives):
        context.progress(number / len(lives), str(live.artifact))
        if trouble := live_verify(live=live):
            context.log(trouble)
            found.append(trouble)
    if found:
        raise WorkKept(" ".join(found))
    context.progress(1.0, _("%(count)s models are sound.") % {"count": len(lives)})
