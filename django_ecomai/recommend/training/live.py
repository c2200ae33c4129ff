"""The recipe that serves while another is being trained."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from django_ecomai.recommend.config import ARTIFACT_KIND
from django_ecomai.runs.models import LiveArtifact

from .language import text_language

if TYPE_CHECKING:
    from django_ecomai.ml.recommend.recipe import Recipe

logger = logging.getLogger("django_ecomai.recommend")


def live_is_ranked(channel: str) -> bool:
    """Whether the model that serves orders its candidates by what it learned."""
    live = LiveArtifact.objects.select_related("artifact").filter(kind=ARTIFACT_KIND, channel=channel).first()
    return live is not None and live.artifact.metrics.get("ranker") is True


def live_recipe(channel: str) -> Recipe | None:
    """The recipe of the model that serves, from its row: the folder may be gone. Its language is the shop's of today,
    as everything beside it reads the texts in that."""
    from django_ecomai.ml.recommend.recipe import Recipe

    live = LiveArtifact.objects.select_related("artifact").filter(kind=ARTIFACT_KIND, channel=channel).first()
    stored = live.artifact.metrics.get("recipe") if live is not None else None
    if not stored:
        return None
    try:
        return replace(Recipe.from_dict(stored), language=text_language())
    except (KeyError, TypeError, ValueError):
        logger.warning("The recipe of the live model cannot be read; the new model is compared with the baseline only.")
        return None
