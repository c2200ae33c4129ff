"""Models on disk: save, put live, roll back, purge. A folder is written once and never changed."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.ml.persist import ArtifactCorrupt, ArtifactError, load_arrays, save_arrays
from django_ecomai.runs import storage
from django_ecomai.runs.exceptions import GateNotPassed, NothingToRollBack
from django_ecomai.runs.models import Artifact, LiveArtifact, Run
from django_ecomai.runs.signals import went_live

logger = logging.getLogger("django_ecomai.runs")


def artifact_save(
    *,
    kind: str,
    channel: str = "",
    arrays: Mapping[str, Any],
    manifest: Mapping[str, Any],
    metrics: dict[str, Any] | None = None,
    data_until: datetime | None = None,
    passed_gate: bool = False,
    run: Run | None = None,
) -> Artifact:
    """Write ``arrays`` and ``manifest`` into a new folder below ``ARTIFACT_DIR`` and register it; it is not live yet.

    With ``ARTIFACT_STORAGE`` the folder is uploaded too. Raises ``ArtifactError`` (bad arrays or manifest) or
    ``OSError`` (disk full, no permission); then neither a row nor a folder is left behind.
    """
    from .context import json_safe

    relative = _free_path(kind, channel, run)
    folder = storage.local_path(relative)
    sha256 = save_arrays(folder, arrays, manifest)
    try:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        storage.upload(relative)
        return Artifact.objects.create(
            kind=kind,
            channel=channel,
            run=run,
            path=relative,
            sha256=sha256,
            size=size,
            metrics=json_safe(metrics or {}),
            passed_gate=passed_gate,
            data_until=data_until,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        _unstore(relative)
        raise


def _unstore(relative: str) -> None:
    """Give back what a broken upload takes up; the error that broke it is what the run must report."""
    try:
        storage.remove(relative)
    except Exception:  # a storage backend of any kind raises its own
        logger.warning("a half uploaded model was left in the artifact storage: %s", relative, exc_info=True)


def _free_path(kind: str, channel: str, run: Run | None) -> str:
    stamp = timezone.now().strftime("%Y%m%dT%H%M%S")
    name = f"{stamp}-run{run.pk}" if run is not None else f"{stamp}-{os.urandom(3).hex()}"
    base = storage.folder_name(kind, channel)
    for number in range(1, 1000):
        relative = f"{base}/{name}" if number == 1 else f"{base}/{name}-{number}"
        if not storage.local_path(relative).exists() and not Artifact.objects.filter(path=relative).exists():
            return relative
    raise ArtifactError(f"no free folder name below {base}")


def artifact_verify(*, artifact: Artifact) -> None:
    """Recompute every hash of the local folder (fetched first when only the storage has it). Raises
    ``ArtifactError``.
    """
    folder = storage.ensure_local(artifact.path)
    manifest_sha = load_and_hash(folder)
    if manifest_sha != artifact.sha256:
        raise ArtifactCorrupt(f"{folder} holds another model than the database says: train again or roll back")


def load_and_hash(folder: Path) -> str:
    """The artifact's hash after every file has been checked against the manifest."""
    from django_ecomai.ml.persist import artifact_sha256

    load_arrays(folder, mmap=True, verify=True)
    return artifact_sha256(folder)


def artifact_go_live(*, artifact: Artifact, user: Any = None, force: bool = False) -> LiveArtifact:
    """Let ``artifact`` serve its kind and channel: one row flips in one transaction.

    Raises ``GateNotPassed`` unless it passed the quality gate or ``force`` is given, and ``ArtifactError`` when its
    files are not what was written. Web processes notice within ``LIVE_CHECK_SECONDS``.
    """
    if not artifact.passed_gate and not force:
        raise GateNotPassed(_("%(artifact)s has not passed the quality gate.") % {"artifact": artifact})
    artifact_verify(artifact=artifact)
    return _flip(artifact, user=user)


def artifact_rollback(
    *,
    kind: str,
    channel: str = "",
    user: Any = None,
    artifact: Artifact | None = None,
    instead_of: Artifact | None = None,
) -> LiveArtifact:
    """Put an earlier model live: ``artifact``, else the one before, else the newest older one that is intact.

    Rolling back twice returns to where one began. Raises ``NothingToRollBack`` when there is none or ``instead_of``
    no longer serves, and ``ArtifactError`` when the ``artifact`` that was asked for is damaged.
    """
    live = LiveArtifact.objects.select_related("artifact", "previous").filter(kind=kind, channel=channel).first()
    if artifact is not None:
        if (artifact.kind, artifact.channel) != (kind, channel):
            raise NothingToRollBack(_("That model belongs to another job or channel."))
        artifact_verify(artifact=artifact)
        return _flip(artifact, user=user)
    for candidate in rollback_candidates(kind=kind, channel=channel, live=live):
        try:
            artifact_verify(artifact=candidate)
        except (ArtifactError, OSError) as error:
            logger.warning("roll back of %s skips %s: %s", kind, candidate.path, error)
            continue
        return _flip(candidate, user=user, instead_of=instead_of)
    raise NothingToRollBack(_("There is no earlier model to put live. Train one first."))


def rollback_candidates(*, kind: str, channel: str, live: LiveArtifact | None) -> list[Artifact]:
    """Models that a roll back may choose, best first: the previous live one, then older ones that passed the gate."""
    chosen: list[Artifact] = []
    if live is not None and live.previous is not None:
        chosen.append(live.previous)
    older = Artifact.objects.filter(kind=kind, channel=channel, passed_gate=True).order_by("-id")
    if live is not None:
        older = older.filter(pk__lt=live.artifact_id)
    chosen += [item for item in older[:50] if item not in chosen]
    return chosen


def _flip(artifact: Artifact, *, user: Any = None, instead_of: Artifact | None = None) -> LiveArtifact:
    with transaction.atomic():
        serving = LiveArtifact.objects.select_for_update().filter(kind=artifact.kind, channel=artifact.channel)
        if instead_of is not None and serving.filter(artifact=instead_of).first() is None:
            raise NothingToRollBack(_("Another model was put live in the meantime."))
        live, created = LiveArtifact.objects.select_for_update().get_or_create(
            kind=artifact.kind, channel=artifact.channel, defaults={"artifact": artifact}
        )
        if not created and live.artifact_id != artifact.pk:
            live.previous_id = live.artifact_id
            live.artifact = artifact
            live.save(update_fields=["artifact", "previous", "flipped_at"])
        transaction.on_commit(partial(_announce, artifact), robust=True)
    where = f" in {artifact.channel}" if artifact.channel else ""
    by = f"user {user.pk}" if getattr(user, "pk", None) else "system"  # a name may be an e-mail address
    logger.info("%s%s: model %s is live (by %s)", artifact.kind, where, artifact.sha256[:12], by)
    return live


def _announce(artifact: Artifact) -> None:
    went_live.send_robust(LiveArtifact, kind=artifact.kind, channel=artifact.channel, artifact=artifact)


def live_verify(*, live: LiveArtifact) -> str:
    """Hash every file of a serving model; empty when it is sound, else what was found and what was done about it.

    One whose content is proved wrong gives way to the newest earlier model that is intact; where there is none, it
    serves no longer, and pages show what needs no model. One that cannot be read may be a folder that is not mounted or
    a storage that is away: it keeps its place. A model that was put live in the meantime is left alone.
    """
    checked = live.artifact
    trouble = _trouble(checked)
    if trouble is not None and ecomai.ARTIFACT_STORAGE:
        trouble = _fetched_again(checked)
    still = LiveArtifact.objects.filter(pk=live.pk, artifact_id=checked.pk)
    if trouble is None or not still.exists():
        return ""
    facts = {"model": checked, "trouble": trouble}
    if not isinstance(trouble, ArtifactCorrupt):
        logger.error("live %s model %s cannot be read: %s", checked.kind, checked.path, trouble)
        return _("%(model)s cannot be read (%(trouble)s). It keeps its place: see that its folder is there.") % facts
    logger.error("live %s model %s is damaged: %s", checked.kind, checked.path, trouble)
    try:
        back = artifact_rollback(kind=live.kind, channel=live.channel, instead_of=checked)
    except NothingToRollBack:
        if not still.delete()[0]:
            return ""  # another went live while earlier ones were hashed
        return _("%(model)s was damaged (%(trouble)s) and serves no longer. Train again.") % facts
    return _("%(model)s was damaged (%(trouble)s); %(back)s serves again.") % {**facts, "back": back.artifact}


def _trouble(artifact: Artifact) -> Exception | None:
    try:
        artifact_verify(artifact=artifact)
    except Exception as error:  # a storage backend of any kind raises its own
        return error
    return None


def _fetched_again(artifact: Artifact) -> Exception | None:
    """Take the shared storage's copy instead of this machine's, which is kept where no other is to be had."""
    folder = storage.local_path(artifact.path)
    aside = folder.with_name(f".{folder.name}.aside")
    storage.remove_local(aside)  # of a process that was killed in between
    try:
        folder.rename(aside)
    except FileNotFoundError:
        pass
    except OSError as error:
        return error
    trouble = _trouble(artifact)
    try:
        if aside.exists() and not folder.exists():
            aside.rename(folder)
    except OSError as error:  # another process was quicker
        logger.warning("could not put %s back: %s", aside, error)
    storage.remove_local(aside)
    return trouble


def trained_before(moment: datetime, prefix: str = "") -> models.Q:
    """Condition on artifacts whose training began before a moment: a person who was erased then may be in them."""
    # A run that was pruned, or none, leaves no start: then it counts when the model was written.
    return models.Q(**{f"{prefix}run__started_at__lt": moment}) | models.Q(
        **{f"{prefix}run__started_at": None, f"{prefix}created_at__lt": moment}
    )


def artifacts_purge(*, channel: str, before: datetime, kind: str | None = None) -> int:
    """Delete every model trained before a moment, or on data up to it, that does not serve.

    After an erasure none may come back. The serving one must be retrained first (it stays), or be withdrawn. Returns
    how many were deleted.
    """
    rows = Artifact.objects.filter(channel=channel).exclude(live_in__isnull=False)
    if kind is not None:
        rows = rows.filter(kind=kind)
    rows = rows.filter(models.Q(data_until__lt=before) | trained_before(before))
    return sum(artifact_delete(artifact=artifact) for artifact in rows.distinct())


def artifact_withdraw(*, live: LiveArtifact) -> None:
    """Take a model out of service and delete it: what it served falls back to what needs no model."""
    artifact = live.artifact
    with transaction.atomic():
        live.delete()
    artifact_delete(artifact=artifact)
    logger.warning("%s: model %s was taken out of service", artifact.kind, artifact.sha256[:12])


def artifact_delete(*, artifact: Artifact) -> bool:
    """Delete the row, then the folder and its stored copy; ``False`` when it serves. Processes that have it open go
    on.
    """
    try:
        with transaction.atomic():
            artifact_path = artifact.path
            artifact.delete()
    except models.ProtectedError:
        return False
    storage.remove(artifact_path)
    return True
