"""The choice and its test on data it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value
from django_ecomai.recommend.dataset import Dataset
from django_ecomai.recommend.item_facts import PastFacts
from django_ecomai.recommend.ratings import ratings_evaluate
from django_ecomai.recommend.shown_lists import shown_lists
from django_ecomai.recommend.train_options import TrainOptions
from django_ecomai.recommend.weights import PURCHASE

from .language import text_language
from .live import live_is_ranked, live_recipe

if TYPE_CHECKING:
    from django_ecomai.ml.evaluate.run import Evaluation
    from django_ecomai.ml.recommend.recipe import Recipe
    from django_ecomai.runs.services import RunContext

# More customers cost time, each is ranked one by one, and change no decision.
MOST_TESTED, MOST_TESTED_OF_SAMPLE = 5000, 3000
# Without a date the last month is the test; of a short past its last quarter.
TEST_DAYS = 30
TEST_SHARE = 0.25
_DAY = 86_400


def evaluate(
    context: RunContext,
    data: Dataset,
    options: TrainOptions,
    known: PastFacts,
    *,
    chosen: Callable[[Recipe], None] | None = None,
) -> tuple[Evaluation | None, str]:
    """The choice and its test on data it has not seen; or None and the reason why nothing could be tested.

    ``chosen`` hears the choice before the test.
    """
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
    live = live_recipe(context.channel)
    extra: dict[str, Recipe] = {"live": live} if live is not None else {}
    evaluation = evaluate_split(
        compared,
        cut,
        catalogue=data.catalogue,
        extra_recipes=extra,
        ranked_recipes=("live",) if live is not None and live_is_ranked(context.channel) else (),
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
        chosen=chosen,
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


def _cut(first: int, last: int, asked: datetime | None) -> int | None:
    if asked is not None:
        return int(asked.timestamp())
    test = min(TEST_DAYS * _DAY, int((last - first) * TEST_SHARE))
    return last - test if test > 0 else None
