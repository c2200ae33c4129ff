"""Train, test on a split in time, and let the result serve when it is better. Runs in a worker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value
from django_ecomai.runs.models import LiveArtifact
from django_ecomai.runs.services import GateVerdict, gate_decide

from .config import ARTIFACT_KIND
from .dataset import Dataset, dataset_read
from .item_facts import PastFacts
from .ratings import ratings_evaluate
from .shown_lists import shown_lists
from .train_options import BadParameter as BadParameter
from .train_options import TrainOptions, options_read
from .weights import PURCHASE

if TYPE_CHECKING:
    from django_ecomai.ml.evaluate.run import Evaluation
    from django_ecomai.ml.recommend.fold import Fitted
    from django_ecomai.ml.recommend.ranking.choose import Order
    from django_ecomai.ml.recommend.ranking.second_stage import SecondStage
    from django_ecomai.ml.recommend.recipe import Recipe
    from django_ecomai.runs.models import Artifact
    from django_ecomai.runs.services import RunContext

logger = logging.getLogger("django_ecomai.recommend")

GATE_METRIC = "recall@20"
# More customers cost time, each is ranked one by one, and change no decision.
MOST_TESTED, MOST_TESTED_OF_SAMPLE = 5000, 3000
# Without a date the last month is the test; of a short past its last quarter.
TEST_DAYS = 30
TEST_SHARE = 0.25
LEAST_TESTED = 10  # customers; fewer tell nothing
# Two trainings differ by chance as much as this.
TOLERANCE = 0.02
_DAY = 86_400
# Language codes to snowball's names.
_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


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
    missing = _missing(data)
    for sentence in missing:
        context.log(sentence)
    context.metrics(counts=data.counts, missing=missing)
    if not data.counts["products"]:
        context.progress(1.0, _("Nothing to train on yet: the catalogue is empty."))
        return None
    known = PastFacts(context.channel, data)
    evaluation, why_not = _evaluate(context, data, options, known)
    clock.lap("evaluate")
    verdict, recipe = _decide(context, data, evaluation, why_not, options)
    kept = None if verdict.passed or context.parameters.get("no_gate") else _kept(context, evaluation, verdict)
    if kept is not None:
        context.log(verdict.reason)
        verdict, recipe = kept
    from django_ecomai.ml.evaluate.run import OURS_NAME
    from django_ecomai.ml.recommend.auto import build

    name = "live" if kept else OURS_NAME
    order = _order(evaluation, recipe, name)
    built = build(
        recipe,
        data.interactions,
        item_ids=data.item_ids,
        catalogue=data.catalogue,
        contexts=data.contexts,
        refused=data.refused,
        now=data.until if data.until >= 0 else None,
        random_state=options.seed,
        target_weight=PURCHASE,
        second=_stage(order, known),
        progress=_plain(context.part(0.75, 0.95), _("learning from everything that is known")),
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
    if context.gate(verdict) or context.parameters.get("no_gate"):
        context.go_live(artifact)
        said = _("The recipe in use was kept and has learned the new data. It is live.")
        context.progress(1.0, said if kept else _("The new model is live."))
    else:
        context.progress(1.0, _("The model in use stays: it is better than the new one."))
    return artifact


def _evaluate(
    context: RunContext, data: Dataset, options: TrainOptions, known: PastFacts
) -> tuple[Evaluation | None, str]:
    """The choice and its test on data it has not seen; or None and the reason why nothing could be tested."""
    from django_ecomai.ml.evaluate.run import evaluate_split
    from django_ecomai.ml.evaluate.sample import compared_rows, customers_sample, evaluations_for

    tell = context.part(0.15, 0.75)
    rows = len(data.interactions)
    compared = customers_sample(data.interactions, compared_rows(rows), random_state=options.seed)
    if len(compared) < rows:
        said = _("compared on %(some)s of %(all)s interactions, of customers drawn at random; it learns from all")
        context.log(said % {"some": format_value(len(compared)), "all": format_value(rows)})
    budget = evaluations_for(rows) if options.budget is None else options.budget
    purchases = compared.at_least(PURCHASE)
    if not len(purchases):
        return None, _("There are no orders yet, so there is nothing to test a model on.")
    cut = _cut(int(purchases.times[0]), int(purchases.times[-1]), options.evaluate_from)
    if cut is None or not len(purchases.before(cut)) or not len(purchases.after(cut)):
        return None, _("There are no orders on both sides of the test date, so nothing can be tested.")
    live = _live_recipe(context.channel)
    extra: dict[str, Recipe] = {"live": live} if live is not None else {}
    evaluation = evaluate_split(
        compared,
        cut,
        catalogue=data.catalogue,
        extra_recipes=extra,
        ranked_recipes=("live",) if live is not None and _live_is_ranked(context.channel) else (),
        target_weight=PURCHASE,
        budget=budget,
        memory_mb=options.memory_mb,
        ranker=options.ranker,
        extra=known,
        shown=shown_lists(context.channel, data, until=cut) if options.ranker != "off" else None,
        whole=rows,
        max_users=MOST_TESTED if len(compared) == rows else MOST_TESTED_OF_SAMPLE,
        language=text_language(),
        sliders=True,
        random_state=options.seed,
        progress=_comparing(context, tell, budget),
    )
    context.metrics(
        evaluation=evaluation.rows + ratings_evaluate(channel=context.channel, cut=cut, seed=options.seed),
        evaluate_from=datetime.fromtimestamp(cut, UTC).isoformat(),
        tried=evaluation.choice.tried if evaluation.choice else [],
        validation=evaluation.choice.validation if evaluation.choice else {},
        learned_order=evaluation.second.facts if evaluation.second else {},
    )
    context.metrics(tradeoffs=evaluation.tradeoffs)
    if evaluation.second is not None:
        context.log(f"learned order: {evaluation.second.facts['reason']}")
        if evaluation.second.facts.get("advice"):
            context.log(evaluation.second.facts["advice"])
    return evaluation, ""


def _order(evaluation: Evaluation | None, recipe: Recipe, name: str) -> Order | None:
    """The order that was learned for ``recipe``, if it is better than the blend; discovery that was not tested has
    none."""
    if evaluation is None or (name != "live" and recipe != evaluation.recipe):
        return None
    return evaluation.orders.get(name)


def _decide(
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
            recipe = _live_recipe(context.channel) or recipe
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


def _kept(
    context: RunContext, evaluation: Evaluation | None, verdict: GateVerdict
) -> tuple[GateVerdict, Recipe] | None:
    """The recipe that serves, to be fitted to the new data, when it is better than the new one and than the baseline.

    Without this a shop whose recipe is hard to beat would serve a model of old data for ever.
    """
    from django_ecomai.ml.evaluate.run import POPULAR_30

    recipe, split = _live_recipe(context.channel), _gate_split(evaluation)
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


def _comparing(context: RunContext, tell: Callable[..., None], budget: int) -> Callable[[float, str], None]:
    """Progress of the comparison in a merchant's words; which recipe was tried goes into the log."""
    tried = 0

    def report(fraction: float, message: str) -> None:
        nonlocal tried
        if message.startswith("second stage"):
            context.log(message)
            tell(fraction, _("learning in which order to show the best candidates"))
            return
        if not message.startswith("tried "):
            tell(fraction, _("testing the best one on the newest orders"))
            return
        tried += 1
        context.log(message)
        tell(fraction, _("comparing models: %(number)d of at most %(most)d") % {"number": tried, "most": budget})

    return report


def _plain(tell: Callable[..., None], words: str) -> Callable[[float, str], None]:
    """Progress under one name for all its steps."""
    return lambda fraction, message: tell(fraction, words)


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


def text_language() -> str:
    """The shop's language as the stemmer names it, from ``LANGUAGE_CODE``; empty (no stemming) when it has none."""
    import snowballstemmer

    code = settings.LANGUAGE_CODE.lower().replace("_", "-").split("-")[0]
    name = _STEMMERS.get(code, "")
    return name if name in snowballstemmer.algorithms() else ""


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


def _live_is_ranked(channel: str) -> bool:
    """Whether the model that serves orders its candidates by what it learned."""
    live = LiveArtifact.objects.select_related("artifact").filter(kind=ARTIFACT_KIND, channel=channel).first()
    return live is not None and live.artifact.metrics.get("ranker") is True


def _live_recipe(channel: str) -> Recipe | None:
    """The recipe of the model that serves, from its row: the folder may be gone."""
    from django_ecomai.ml.recommend.recipe import Recipe

    live = LiveArtifact.objects.select_related("artifact").filter(kind=ARTIFACT_KIND, channel=channel).first()
    stored = live.artifact.metrics.get("recipe") if live is not None else None
    if not stored:
        return None
    try:
        return Recipe.from_dict(stored)
    except (KeyError, TypeError, ValueError):
        logger.warning("The recipe of the live model cannot be read; the new model is compared with the baseline only.")
        return None


def _cut(first: int, last: int, asked: datetime | None) -> int | None:
    if asked is not None:
        return int(asked.timestamp())
    test = min(TEST_DAYS * _DAY, int((last - first) * TEST_SHARE))
    return last - test if test > 0 else None


def _missing(data: Dataset) -> list[str]:
    """What would make the recommendations better, in sentences for the merchant."""
    counts = data.counts
    found = []
    if not counts["products"]:
        found.append(_("There are no products: set ECOMAI['ADAPTER'] and run a sync."))
    elif not counts["products_on_sale"]:
        found.append(_("No product is on sale, so nothing can be recommended."))
    elif counts["products"] == 1:
        found.append(_("The catalogue holds one product: there is nothing to recommend beside it."))
    if not counts["order_lines"]:
        found.append(_("There are no orders: recommendations rest on descriptions and on what visitors look at."))
    elif not counts["customers"]:
        found.append(_("No order names a customer: nothing can be learned about what one person buys over time."))
    if not counts["events"]:
        found.append(
            _(
                "No visit has been recorded yet. If the shop has visitors: "
                "put {% ecomai_beacon %} into its base template, so that what they look at is counted."
            )
        )
    return found


class _Clock:
    """Seconds per stage, for the run's page; never part of the artifact."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 2)
        self._last = now
