"""The model that serves, as this process holds it: memory-mapped arrays and the scorer over them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django_ecomai.ml.persist import ArtifactError
from django_ecomai.ml.recommend.serving import Scorer
from django_ecomai.runs.live import LoadedArtifact, live_arrays

from .config import ARTIFACT_KIND, Config

logger = logging.getLogger("django_ecomai.recommend")


@dataclass(frozen=True)
class Model:
    """``version`` names the artifact in tokens; ``variants`` maps a variant's external id to its parent's."""

    scorer: Scorer
    version: str
    category_parents: Mapping[str, str]
    variants: Mapping[str, str]


def model_get(channel: str, config: Config | None) -> Model | None:
    """The live model of a channel, or None when there is none that can be read (then popularity serves). Never raises.

    With a ``config`` no query is made: the pointer came with it.
    """
    loaded = (
        live_arrays(ARTIFACT_KIND, channel, path=config.artifact_path or None)
        if config is not None
        else live_arrays(ARTIFACT_KIND, channel)
    )
    if loaded is None:
        return None
    try:
        return loaded.derive("recommend", _model)
    except ArtifactError:
        logger.exception("The live model of %r cannot be used; popularity serves instead.", channel)
        return None


def _model(loaded: LoadedArtifact) -> Model:
    manifest: Mapping[str, Any] = loaded.manifest
    return Model(
        scorer=Scorer(manifest, loaded.arrays),
        version=loaded.sha256[:12],
        category_parents=dict(manifest.get("category_parents", {})),
        variants=dict(manifest.get("variants", {})),
    )
