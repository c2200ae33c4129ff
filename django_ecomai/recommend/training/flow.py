"""A training from reading to going live."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value
from django_ecomai.recommend.config import ARTIFACT_KIND
from django_ecomai.recommend.dataset import dataset_read
from django_ecomai.recommend.item_facts import PastFacts
from django_ecomai.recommend.train_options import options_read
from django_ecomai.recommend.weights import PURCHASE

from .deciding import decide, kept_recipe
from .language import text_language
from .missing import missing_data
from .testing import evaluate

if TYPE_CHECKING:
    from django_ecomai.ml.evaluate.run import Evaluation
    from django_ecomai.ml.recommend.fold import Fitted
    from django_ecomai.ml.recommend.ranking.choose import Order
    from django_ecomai.ml.recommend.ranking.second_stage import SecondStage
    from django_ecomai.ml.recommend.recipe import Recipe
    from django_ecomai.runs.models import Artifact
    from django_ecomai.runs.services import RunContext


def model_train(context: RunContext) -> Artifact | None:
    """Read, test, decide, build, go live. Returns the artifact that was written, or None when the catalogue is empty.

    The same data, parameters and seed give the same artifact hash. Raises ``BadParameter`` for parameters out of range.
    """
    options = options_read(context.parameters)
    clock = _Clock()
    data = dataset_read(context.channel, progress=context.part(0.0, 0.15))
    clock.lap("read")
    new, events = data.events_read
    if events:
        words = _("read %(new)s new of %(all)s events")
        context.log(words % {"new": format_value(new), "all": format_value(events)})
    missing = missing_data(data)
    for sentence in missing:
        context.log(sentence)
    context.metrics(counts=data.counts, missing=missing)
    if not data.counts["products"]:
        context.progress(1.0, _("Nothing to train on yet: the catalogue is empty."))
        return None
    known = PastFacts(context.channel, data)
    from django_ecomai.ml.evaluate.run import OURS_NAME
    from django_ecomai.ml.recommend.beside import beside
    from django_ecomai.ml.recommend.build import build, sources_fit
    from django_ecomai.ml.threads import one_blas_thread

    about: dict[str, Any] = {
        "catalogue": data.catalogue,
        "contexts": data.contexts,
        "now": data.until if data.until >= 0 else None,
        "target_weight": PURCHASE,
    }
    # What asks for no recipe is made by a second thread while recipes are compared. It reads arrays only: the database
    # stays with this thread. One BLAS thread for both, as the numbers would depend on how many there are.
    with one_blas_thread(), ThreadPoolExecutor(1, thread_name_prefix="ecomai-beside") as second_core:
        made = second_core.submit(beside, data.interactions, **about, language=text_language())
        early: list[Future[Fitted]] = []

        def fit_early(recipe: Recipe) -> None:
            """The choice usually passes its test: this core has time to fit it on everything meanwhile."""
            fit = partial(sources_fit, catalogue=data.catalogue, now=about["now"])
            early.append(second_core.submit(fit, recipe, data.interactions))

        evaluation, why_not = evaluate(context, data, options, known, chosen=fit_early)
        clock.lap("evaluate")
        verdict, recipe = decide(context, data, evaluation, why_not, options)
        no_gate = bool(context.parameters.get("no_gate"))
        kept = None if verdict.passed or no_gate else kept_recipe(context, evaluation, verdict)
        if kept is not None:
            context.log(verdict.reason)
            verdict, recipe = kept
        order = _order(evaluation, recipe, "live" if kept else OURS_NAME)
        built = build(
            recipe,
            data.interactions,
            item_ids=data.item_ids,
            refused=data.refused,
            random_state=options.seed,
            second=_stage(order, known),
            made=made.result,
            sources=early[0].result if early else None,
            progress=_plain(context.part(0.75, 0.95), _("learning from everything that is known")),
            **about,
        )
    clock.lap("build")
    context.progress(0.95, _("saving the model"))
    artifact = context.artifact_save(
        kind=ARTIFACT_KIND,
        arrays=built.arrays,
        manifest={**built.manifest, "category_parents": data.category_parents, "variants": data.variants},
        metrics={**_artifact_metrics(evaluation, recipe, "live" if kept else None), "ranker": order is not None},
        data_until=data.data_until,
        passed_gate=verdict.passed,
    )
    clock.lap("save")
    context.metrics(recipe=recipe.to_dict(), recipe_name=recipe.name, seconds=clock.seconds)
    if context.gate(verdict) or no_gate:
        context.go_live(artifact)
        said = _("The recipe in use was kept and has learned the new data. It is live.")
        context.progress(1.0, said if kept else _("The new model is live."))
    else:
        context.progress(1.0, _("The model in use stays: it is better than the new one."))
    return artifact


def _order(evaluation: Evaluation | None, recipe: Recipe, name: str) -> Order | None:
    """The order that was learned for ``recipe``, if it is better than the blend; discovery that was not tested has
    none."""
    if evaluation is None or (name != "live" and recipe != evaluation.recipe):
        return None
    return evaluation.orders.get(name)


def _plain(tell: Callable[..., None], words: str) -> Callable[[float, str], None]:
    """Progress under one name for all its steps."""
    return lambda fraction, message: tell(fraction, words)


def _artifact_metrics(evaluation: Evaluation | None, recipe: Recipe, model: str | None = None) -> dict[str, Any]:
    """The recipe and how it did: the rows of ``model``, else those of the chosen one."""
    rows = evaluation.rows if evaluation is not None else []
    ours = [row for row in rows if (row["model"] == model if model else row["ours"])]
    return {"recipe": recipe.to_dict(), "evaluation": {row["split"]: row["metrics"] for row in ours}}


def _stage(order: Order | None, known: PastFacts) -> Callable[[Recipe, Fitted], SecondStage] | None:
    """Makes what is stored of the order, once the sources are fitted."""
    if order is None:
        return None
    return lambda recipe, fitted: order.stage(recipe, fitted, known(fitted.now + 1))


class _Clock:
    """Seconds per stage, for the run's page; never part of the artifact."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 2)
        self._last = now
