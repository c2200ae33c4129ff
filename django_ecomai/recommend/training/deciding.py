"""Whether a model may serve, and which recipe is built."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from django_ecomai.recommend.config import ARTIFACT_KIND
from django_ecomai.recommend.dataset import Dataset
from django_ecomai.recommend.train_options import TrainOptions
from django_ecomai.runs.models import LiveArtifact
from django_ecomai.runs.services import GateVerdict, gate_decide

from .language import text_language
from .live import live_recipe

if TYPE_CHECKING:
    from django_ecomai.ml.evaluate.run import Evaluation
    from django_ecomai.ml.recommend.recipe import Recipe
    from django_ecomai.runs.services import RunContext

GATE_METRIC = "recall@20"
LEAST_TESTED = 10  # customers; fewer tell nothing
# Two trainings differ by chance as much as this.
TOLERANCE = 0.02


def decide(
    context: RunContext, data: Dataset, evaluation: Evaluation | None, why_not: str, options: TrainOptions
) -> tuple[GateVerdict, Recipe]:
    """Whether a model may serve, and which recipe to build.

    What cannot be tested, or does not beat popularity, does not leave a shop without a model: the popularity recipe
    is built, which still has similar products and products bought together. It never replaces a model that serves.
    """
    from django_ecomai.ml.evaluate.run import POPULAR_30
    from django_ecomai.ml.recommend.recipe import Recipe

    serves = LiveArtifact.objects.filter(kind=ARTIFACT_KIND, channel=context.channel).exists()
    split = _gate_split(evaluation)
    if evaluation is None or split is None:
        reason = why_not or _("Too few customers came back after the test date to compare models.")
        recipe = _untested_recipe(data)
        if serves:
            recipe = live_recipe(context.channel) or recipe
        return GateVerdict(True, _("%(reason)s The model was renewed untested.") % {"reason": reason}), recipe
    live = _metrics(evaluation, split, "live")
    verdict = gate_decide(
        challenger=_metrics(evaluation, split) or {},
        live=live,
        baseline=_metrics(evaluation, split, POPULAR_30) or {},
        metric=GATE_METRIC,
        tolerance=TOLERANCE,
    )
    if verdict.passed or serves:
        return verdict, _with_discovery(evaluation, data, split)
    context.gate(verdict)
    reason = _("Until there is more data, what is popular serves, with similar products by their descriptions.")
    return GateVerdict(True, reason, metric=GATE_METRIC, baseline=verdict.baseline), Recipe(
        sources=(), language=text_language()
    )


def kept_recipe(
    context: RunContext, evaluation: Evaluation | None, verdict: GateVerdict
) -> tuple[GateVerdict, Recipe] | None:
    """The recipe that serves, to be fitted to the new data, when it is better than the new one and than the baseline.

    Without this a shop whose recipe is hard to beat would serve a model of old data for ever.
    """
    from django_ecomai.ml.evaluate.run import POPULAR_30

    recipe, split = live_recipe(context.channel), _gate_split(evaluation)
    if recipe is None or evaluation is None or split is None:
        return None
    live = _metrics(evaluation, split, "live") or {}
    baseline = _metrics(evaluation, split, POPULAR_30) or {}
    if not gate_decide(challenger=live, live=None, baseline=baseline, metric=GATE_METRIC).passed:
        return None
    reason = _(
        "The recipe in use was kept and has learned the new data: of the recipes that were compared, "
        "none recommends better in this shop."
    )
    return replace(verdict, passed=True, reason=reason), recipe


def _with_discovery(evaluation: Evaluation, data: Dataset, split: str) -> Recipe:
    """The tested recipe; where nobody bought anything new, popularity wins the tie and would show everybody the same.

    Then discovery takes the usual sources, untested, as a small catalogue whose customers know everything needs it.
    """
    if evaluation.recipe.sources or split == "new_items":
        return evaluation.recipe
    return replace(evaluation.recipe, sources=_untested_recipe(data).sources)


def _untested_recipe(data: Dataset) -> Recipe:
    """The default of ``ml`` for this catalogue: what it gives when nothing can be validated."""
    from django_ecomai.ml.frames import Interactions
    from django_ecomai.ml.recommend.auto import choose

    nothing = Interactions.empty(n_items=len(data.item_ids))
    return choose(nothing, catalogue=data.catalogue, language=text_language()).recipe


def _gate_split(evaluation: Evaluation | None) -> str | None:
    """New items when enough customers bought any after the cut, else everything they bought; None when too few did."""
    if evaluation is not None:
        for split in ("new_items", "all"):
            for row in evaluation.rows:
                if row["split"] == split and row["ours"] and row.get("users", 0) >= LEAST_TESTED:
                    return split
    return None


def _metrics(evaluation: Evaluation, split: str, model: str | None = None) -> dict[str, Any] | None:
    try:
        return dict(evaluation.row(split, model)["metrics"])
    except KeyError:
        return None
