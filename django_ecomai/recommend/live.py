"""The model that serves, as this process holds it: memory-mapped arrays and the scorer over them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django_ecomai.conf import ecomai
from django_ecomai.ml.persist import ArtifactError
from django_ecomai.ml.recommend.serving import Scorer
from django_ecomai.runs.live import LoadedArtifact, live_arrays

from .config import ARTIFACT_KIND, Config

logger = logging.getLogger("django_ecomai.recommend")


@dataclass(eq=False)
class Model:
    """``version`` names the artifact in tokens; ``variants`` maps a variant's external id to its parent's.

    Until ``aside_until`` (monotonic seconds) it is left out, see ``model_set_aside``.
    """

    scorer: Scorer
    version: str
    category_parents: Mapping[str, str]
    variants: Mapping[str, str]
    aside_until: float = 0.0

    def is_aside(self) -> bool:
        """Whether popularity serves instead of it for now."""
        return time.monotonic() < self.aside_until


def model_get(channel: str, config: Config | None) -> Model | None:
    """The live model of a channel, or None when there is none that can be read (then popularity serves). Never raises.

    With a ``config`` no query is made: the pointer came with it.
    """
    loaded = (
        live_arrays(ARTIFACT_KIND, channel, path=config.artifact_path or None)
        if config is not None
        else live_arrays(ARTIFACT_KIND, channel)
    )
    return loaded.derive("recommend", _model) if loaded is not None else None


def model_set_aside(model: Model, channel: str) -> None:
    """Leave out a model that proposes only products that the shop does not have, for ``LIVE_CHECK_SECONDS``.

    Then it is tried again, as the copy of the catalogue may just have been filling up. Logged once per model.
    """
    if not model.aside_until:
        logger.error(
            "The live model %s of channel %r was trained on another catalogue: the shop has none of the products that "
            "it proposes. Popularity serves instead. Train again, or run ecomai_sync when the copy is empty.",
            model.version, channel,
        )  # fmt: skip
    model.aside_until = time.monotonic() + float(ecomai.LIVE_CHECK_SECONDS)


def _model(loaded: LoadedArtifact) -> Model | None:
    """None, logged here, for what cannot be used: once per loaded artifact, not per page."""
    manifest: Mapping[str, Any] = loaded.manifest
    try:
        return Model(
            scorer=Scorer(manifest, loaded.arrays),
            version=loaded.sha256[:12],
            category_parents=dict(manifest.get("category_parents", {})),
            variants=dict(manifest.get("variants", {})),
        )
    except (ArtifactError, TypeError, ValueError):  # a manifest may hold anything
        logger.exception("The live model of %r cannot be used; popularity serves instead.", loaded.channel)
        return None
