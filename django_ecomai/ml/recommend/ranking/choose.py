"""Whether a learned order helps this shop: trained on the past, judged on newer months, never on the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...columns import NEW_ITEMS, SECONDS_PER_DAY
from ...evaluate.calibration import Isotonic
from ...evaluate.split import TimeSplit, time_split
from ...frames import Catalogue, Interactions
from ..fold import Fitted, Progress, no_progress
from ..recipe import Recipe
from ..scoring import RecipeScores
from ..sessions import SessionKNN
from .features import FeatureMaker
from .groups import Candidates, ExtraAt, Groups, candidate_groups, feature_maker, nothing_extra
from .learn import fit_trees, learner_available, list_values
from .second_stage import SecondStage
from .trees import Trees

#: Windows of the past that candidates are learned from, the last of which judges.
WINDOWS = 5
LONGEST_DAYS, SHORTEST_DAYS = 30.0, 7.0
#: Customers, summed over the windows, who bought something new in them; fewer teach noise.
LEAST_CUSTOMERS = 500
#: Customers of one window; more cost time and teach little.
MOST_CUSTOMERS = 1500
#: The learned order must beat the blend by this factor, and by this many standard errors of the difference.
MARGIN, STANDARD_ERRORS = 1.01, 1.0
K = 20


@dataclass(frozen=True, eq=False)
class SecondChoice:
    """``trees`` (None: nothing was learned), whether they may serve, and ``facts`` for the run's page (JSON).

    ``facts``: ``reason``, ``passed``, ``learner``, ``advice``, ``customers``, ``windows``, and of the judged window the
    metrics of the blend and of the learned order.
    """

    trees: Trees | None
    passed: bool
    facts: dict[str, Any]
    groups: list[Groups] = field(default_factory=list)
    #: probabilities of a purchase from the unit score of the blend, and from the trees; fitted on the judged window
    calibration: dict[str, Isotonic] = field(default_factory=dict)


def choose_second(
    interactions: Interactions,
    recipe: Recipe,
    *,
    catalogue: Catalogue | None,
    now: int,
    target_weight: float = 0.0,
    extra: ExtraAt = nothing_extra,
    random_state: int = 0,
    progress: Progress | None = None,
) -> SecondChoice:
    """Learn an order of ``recipe``'s candidates from ``interactions`` before ``now``.

    The sources are fitted anew before each window; what was bought in the window is the label, so that no feature can
    know it. The trees of the older windows are judged on the newest by the geometric mean of recall and NDCG at 20;
    then all windows teach.
    """
    tell = progress or no_progress
    interactions = interactions.before(now)
    if not recipe.sources:
        return _not_learned("popularity was chosen: there are no sources to weigh")
    if any(source.kind == SessionKNN.kind for source in recipe.sources):
        return _not_learned("session neighbours are not ranked again")
    splits = _splits(interactions, now, target_weight, random_state)
    customers = sum(len(split.rows(NEW_ITEMS)) for split in splits)
    if len(splits) < 2 or customers < LEAST_CUSTOMERS:
        return _not_learned(
            f"only {customers} customers came back for something new in {len(splits)} periods; "
            f"{LEAST_CUSTOMERS} in at least 2 are needed"
        )
    groups, names = [], ()
    for number, split in enumerate(splits):
        tell(number / (len(splits) + 2), f"second stage: candidates of period {number + 1} of {len(splits)}")
        candidates, maker = split_candidates(split, recipe, catalogue, target_weight, extra)
        groups.append(candidate_groups(candidates, maker))
        names = maker.names
    if not all(len(part.sizes) and not part.labels.all() for part in (groups[-1], Groups.joined(groups[:-1]))):
        return _not_learned("none of the candidates was bought later, or all were")
    learner, advice = learner_available()
    tell(len(splits) / (len(splits) + 2), f"second stage: {learner}")
    judged = groups[-1]
    trees = fit_trees(Groups.joined(groups[:-1]), names, learner=learner, random_state=random_state)
    learned = trees.predict(judged.features)
    blend = -judged.features[:, names.index("blend_rank")]
    facts = {"learner": learner, "advice": advice, "customers": customers, "windows": len(splits)}
    facts |= _judge(judged, blend, learned)
    tell((len(splits) + 1) / (len(splits) + 2), "second stage: learning from all periods")
    final = fit_trees(Groups.joined(groups), names, learner=learner, random_state=random_state)
    unit = judged.features[:, names.index("blend_score")]
    calibration = {"blend": Isotonic.fit(unit, judged.labels), "ranked": Isotonic.fit(learned, judged.labels)}
    return SecondChoice(final, bool(facts["passed"]), facts, groups, calibration)


def refitted(
    choice: SecondChoice, newest: Groups, names: tuple[str, ...], *, random_state: int = 0
) -> Trees:
    """Trees of all windows and of the tested one: what serves has learned from the newest purchases as well."""
    usable = [*choice.groups[-(WINDOWS - 1) :], *([newest] if len(newest.sizes) else [])]
    return fit_trees(Groups.joined(usable), names, learner=choice.facts["learner"], random_state=random_state)


def split_candidates(
    split: TimeSplit,
    recipe: Recipe,
    catalogue: Catalogue | None,
    target_weight: float,
    extra: ExtraAt,
    fitted: Fitted | None = None,
    scorer: RecipeScores | None = None,
) -> tuple[Candidates, FeatureMaker]:
    """Candidates of a split's customers and the maker of their features, both from what was known at the cut."""
    if fitted is None:
        fitted = Fitted(
            split.train, catalogue=catalogue, now=split.cut, neighbours=recipe.neighbours, language=recipe.language
        )
    scorer = scorer or RecipeScores(split, fitted, target_weight=target_weight)
    return Candidates(split, scorer, recipe), feature_maker(recipe, fitted, extra=extra(split.cut))


def second_stage(maker: FeatureMaker, trees: Trees) -> SecondStage:
    """The ranker that can be served."""
    return SecondStage(maker, trees)


def window_cuts(interactions: Interactions, now: int) -> tuple[list[int], int]:
    """Moments at which windows begin, oldest first, and their length in seconds.

    A window is a tenth of the data's span, a week to a month; the first third of the span only teaches the sources.
    """
    if not len(interactions):
        return [], 0
    first = int(interactions.times[len(interactions) // 100])
    span = now - first
    length = int(np.clip(span / 10, SHORTEST_DAYS * SECONDS_PER_DAY, LONGEST_DAYS * SECONDS_PER_DAY))
    cuts = [now - number * length for number in range(WINDOWS, 0, -1)]
    return [cut for cut in cuts if cut >= first + span / 3], length


def _splits(interactions: Interactions, now: int, target_weight: float, random_state: int) -> list[TimeSplit]:
    cuts, length = window_cuts(interactions, now)
    splits = [
        time_split(
            interactions,
            cut,
            end=cut + length,
            target_weight=target_weight,
            max_users=MOST_CUSTOMERS,
            random_state=random_state,
        )
        for cut in cuts
    ]
    return [split for split in splits if len(split.rows(NEW_ITEMS))]


def _judge(judged: Groups, blend: NDArray[np.float64], learned: NDArray[np.float64]) -> dict[str, Any]:
    old, new = list_values(judged, blend, K), list_values(judged, learned, K)
    gain = new[1] - old[1]
    error = float(gain.std() / max(len(gain), 1) ** 0.5)
    before, after = (float(np.sqrt(one[0].mean() * one[1].mean())) for one in (old, new))
    sure = float(gain.mean()) > STANDARD_ERRORS * error
    passed = after > before * MARGIN and sure
    reason = (
        f"in the newest period the learned order is {after / before - 1:+.1%} against the blend"
        if before
        else "the blend found nothing in the newest period"
    )
    return {
        "passed": bool(passed),
        "reason": reason if passed or after <= before * MARGIN else f"{reason}, which may be chance",
        "judged_customers": len(judged.sizes),
        "blend": {f"recall@{K}": float(old[0].mean()), f"ndcg@{K}": float(old[1].mean())},
        "ranked": {f"recall@{K}": float(new[0].mean()), f"ndcg@{K}": float(new[1].mean())},
    }


def _not_learned(reason: str) -> SecondChoice:
    return SecondChoice(None, False, {"passed": False, "reason": reason})
