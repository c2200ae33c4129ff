"""Whether a learned order helps this shop: trained on the past, judged on newer months, never on the test part.

Data without a clock has no months: one item (or block of items) of each customer is the label there, and trees of the
other customers judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...columns import NEW_ITEMS, SECONDS_PER_DAY
from ...evaluate.calibration import Isotonic
from ...evaluate.holdout import block_split, last_item_split, session_split
from ...evaluate.split import TimeSplit, time_split
from ...frames import Catalogue, Interactions
from ..fold import Fitted, Progress, no_progress
from ..recipe import Recipe
from ..scoring import RecipeScores
from ..tune import PAIRS, SEQUENCE, SESSIONS, TIME
from .features import FeatureMaker
from .groups import (
    Candidates,
    Extra,
    ExtraAt,
    Groups,
    candidate_groups,
    feature_maker,
    no_groups,
    nothing_extra,
    visits_of,
)
from .learn import fit_trees, learner_available, list_values
from .second_stage import SecondStage, joined_order
from .shown import Shown, shown_groups
from .trees import Trees

#: Windows of the past that candidates are learned from, the last of which judge; fewer of much data.
WINDOWS, JUDGED = 4, 2
#: Interactions up to which so many windows are looked at: the sources are fitted once for each.
SMALL, LARGE, FEW_WINDOWS = 500_000, 2_000_000, 2
LONGEST_DAYS, SHORTEST_DAYS = 30.0, 7.0
#: Customers, summed over the windows, who bought something new in them; fewer teach noise.
LEAST_CUSTOMERS = 500
#: Customers of one window; more cost time and teach little.
MOST_CUSTOMERS = 1500
#: Without a clock: customers who lose an item, and parts of them that take turns as judges.
MOST_HELD_OUT, FOLDS = 8000, 3
#: How a customer's label is held out, by the shape of the data.
HOLD_OUT: dict[str, Callable[..., TimeSplit]] = {
    SEQUENCE: last_item_split,
    PAIRS: block_split,
    SESSIONS: session_split,
}
#: A split, and the sources fitted on its training part.
Judged = tuple[TimeSplit, Fitted]
#: Shares of the blend in the joined order that are tried on the newest window; the largest sure gain is taken.
BLEND_SHARES = (0.5, 0.7, 0.3, 0.0)
#: The learned order must beat the blend by this factor, and by this many standard errors of the difference.
MARGIN, STANDARD_ERRORS = 1.005, 2.0
K = 20
#: Whether an order is learned: when there is neither too little nor too much data, however much there is, or never.
AUTO, ON, OFF = "auto", "on", "off"


@dataclass(frozen=True, eq=False)
class SecondChoice:
    """``trees`` (None: nothing was learned), whether they may serve, and ``facts`` for the run's page (JSON).

    ``facts``: ``code`` and ``reason``, ``passed``, ``learner``, ``advice``, ``gain``, ``customers``, ``windows``, and
    of the judged windows the metrics of the blend and of the learned order.
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
    shown: Shown | None = None,
    ranker: str = AUTO,
    whole: int = 0,
    shape: str = TIME,
    k: int = K,
    judged: Judged | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> SecondChoice:
    """Learn an order of ``recipe``'s candidates from ``interactions`` before ``now``.

    ``shape`` and ``k`` as in `auto.choose`. The sources are fitted anew before each window; what was bought in the
    window is the label, so that no feature can know it. ``shown``: lists that visitors saw, of which those of each
    window teach as well. Trees of the windows before it are judged on each of the newest by what was bought, by the
    geometric mean of recall and NDCG at ``k``; then all windows teach. ``whole``: how many interactions there are, when
    these are a sample of them. ``judged``: what `auto.choose` validated on, where its sources are fitted already.
    """
    tell = progress or no_progress
    interactions = interactions.before(now)
    if ranker == OFF:
        return _not_learned("off", "the learned order is switched off")
    if ranker != ON and max(len(interactions), whole) > LARGE:
        return _not_learned(
            "large", f"above {LARGE:,} interactions it is learned only where that is asked for (ranker: on)"
        )
    if shape == PAIRS and ranker != ON:
        return _not_learned("pairs", "without times and order what is held out does not stand for what comes next")
    if not recipe.sources:
        return _not_learned("no_sources", "popularity was chosen: there are no sources to weigh")
    if shape in HOLD_OUT:
        return _without_clock(
            interactions, recipe, catalogue, target_weight, extra, shape, k, random_state, judged, tell
        )
    splits = _splits(interactions, now, target_weight, random_state, whole)
    customers = sum(len(window.split.rows(NEW_ITEMS)) for window in splits)
    if len(splits) < 2 or customers < LEAST_CUSTOMERS:
        reason = f"only {customers} customers came back for something new in {len(splits)} periods; "
        return _not_learned("few", f"{reason}{LEAST_CUSTOMERS} in at least 2 are needed", customers=customers)
    groups: list[Groups] = []
    clicks: list[Groups] = []
    names: tuple[str, ...] = ()
    for number, window in enumerate(splits):
        tell(number / (len(splits) + 2), f"second stage: candidates of period {number + 1} of {len(splits)}")
        candidates, maker = split_candidates(window.split, recipe, catalogue, target_weight, extra)
        groups.append(candidate_groups(candidates, maker))
        clicks.append(_clicks(window, candidates, maker, recipe, shown, random_state))
        names = maker.names
    if not all(len(part.sizes) and not part.labels.all() for part in groups):
        return _not_learned("few", "in one of the periods none of the candidates was bought, or all were")
    learner, advice = learner_available()
    tell(len(splits) / (len(splits) + 2), f"second stage: {learner}")
    tested, learned = _forward(groups, clicks, names, learner, random_state)
    facts = {"learner": learner, "advice": advice, "customers": customers, "windows": len(splits)}
    facts["lists_seen"] = sum(len(part.sizes) for part in clicks)
    tell((len(splits) + 1) / (len(splits) + 2), "second stage: learning from all periods")
    groups = [Groups.joined([bought, clicked]) for bought, clicked in zip(groups, clicks, strict=True)]
    return _choice(facts, groups, names, tested, learned, k, random_state)


def _without_clock(
    interactions: Interactions,
    recipe: Recipe,
    catalogue: Catalogue | None,
    target_weight: float,
    extra: ExtraAt,
    shape: str,
    k: int,
    random_state: int,
    judged: Judged | None,
    tell: Progress,
) -> SecondChoice:
    """`choose_second` for `HOLD_OUT`: the customers are divided, trees of the others judge each part."""
    if judged is None:
        options = {} if shape == SESSIONS else {"target_weight": target_weight}
        split = HOLD_OUT[shape](interactions, max_users=MOST_HELD_OUT, random_state=random_state, **options)
        fitted = None
    else:
        split, fitted = judged
    customers = len(split.rows(NEW_ITEMS))
    if customers < LEAST_CUSTOMERS:
        return _not_learned("few", f"only {customers} customers; {LEAST_CUSTOMERS} are needed", customers=customers)
    tell(0.0, "second stage: candidates")
    candidates, maker = split_candidates(split, recipe, catalogue, target_weight, extra, fitted, own_rows=True)
    everybody = candidate_groups(candidates, maker)
    parts = [everybody.some(np.arange(len(everybody.sizes)) % FOLDS == fold) for fold in range(FOLDS)]
    if not all(len(part.sizes) and not part.labels.all() for part in parts):
        return _not_learned("few", "in a part of the customers none of the candidates was wanted, or all were")
    learner, advice = learner_available()
    scores = []
    for fold, part in enumerate(parts):
        tell((1 + fold) / (FOLDS + 2), f"second stage: {learner}")
        others = Groups.joined([one for place, one in enumerate(parts) if place != fold])
        trees = fit_trees(others, maker.names, learner=learner, random_state=random_state)
        scores.append(trees.predict(part.features))
    facts = {"learner": learner, "advice": advice, "customers": customers, "windows": 1, "lists_seen": 0}
    return _choice(facts, parts, maker.names, Groups.joined(parts), np.concatenate(scores), k, random_state)


def _choice(
    facts: dict[str, Any],
    groups: list[Groups],
    names: tuple[str, ...],
    judged: Groups,
    learned: NDArray[np.float64],
    k: int,
    random_state: int,
) -> SecondChoice:
    """Whether the ``learned`` scores of the ``judged`` groups pass, and the trees of all ``groups``."""
    facts = facts | _judge(judged, learned, k)
    final = fit_trees(Groups.joined(groups), names, learner=facts["learner"], random_state=random_state)
    unit = judged.features[:, names.index("blend_score")]
    calibration = {"blend": Isotonic.fit(unit, judged.labels), "ranked": Isotonic.fit(learned, judged.labels)}
    return SecondChoice(final, bool(facts["passed"]), facts, groups, calibration)


def _clicks(
    window: Window, candidates: Candidates, maker: FeatureMaker, recipe: Recipe, shown: Shown | None, random_state: int
) -> Groups:
    """Groups of the lists that were seen in the window; none where nothing was recorded."""
    if shown is None:
        return no_groups(len(maker.names))
    seen = shown.between(window.split.cut, window.end)
    return shown_groups(seen, window.known, candidates.scorer, recipe, maker, random_state=random_state)


def _forward(
    groups: list[Groups], clicks: list[Groups], names: tuple[str, ...], learner: str, random_state: int
) -> tuple[Groups, NDArray[np.float64]]:
    """The newest windows (`JUDGED`, at most half) and their scores by trees of the windows before each."""
    judged, scores = [], []
    for place in range(len(groups) - min(JUDGED, len(groups) // 2), len(groups)):
        before = Groups.joined([*groups[:place], *clicks[:place]])
        trees = fit_trees(before, names, learner=learner, random_state=random_state)
        judged.append(groups[place])
        scores.append(trees.predict(groups[place].features))
    return Groups.joined(judged), np.concatenate(scores)


@dataclass(frozen=True, eq=False)
class Order:
    """A learned order that may serve: ``trees`` over the features ``names``, and the blend's share."""

    trees: Trees
    blend_share: float
    names: tuple[str, ...]

    def stage(self, recipe: Recipe, fitted: Fitted, extra: Extra | None = None) -> SecondStage:
        """What is stored: for `build`, whose recipe must be the one that it was learned for.

        Raises ValueError when the features would be others.
        """
        maker = feature_maker(recipe, fitted, extra=extra)
        if maker.names != self.names:
            raise ValueError("this order was learned for another recipe: its features are others")
        return SecondStage(maker, self.trees, blend_share=self.blend_share)


def refitted(choice: SecondChoice, newest: Groups, names: tuple[str, ...], *, random_state: int = 0) -> Trees:
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
    own_rows: bool = False,
) -> tuple[Candidates, FeatureMaker]:
    """Candidates of a split's customers and the maker of their features, both from what was known at the cut.

    ``own_rows``: nobody else's features will be made (`RecipeScores`).
    """
    if fitted is None:
        fitted = Fitted(
            split.train, catalogue=catalogue, now=split.cut, neighbours=recipe.neighbours, language=recipe.language
        )
    # session neighbours cannot be folded into the table that is served
    scorer = scorer or RecipeScores(
        split, fitted, target_weight=target_weight, folded=not visits_of(recipe), own_rows=own_rows
    )
    items = np.unique(scorer.own.items).astype(np.int64) if own_rows else None
    return Candidates(split, scorer, recipe), feature_maker(recipe, fitted, extra=extra(split.cut), items=items)


def window_cuts(interactions: Interactions, now: int, whole: int = 0) -> tuple[list[int], int]:
    """Moments at which windows begin, oldest first, and their length in seconds.

    A window is a tenth of the data's span, a week to a month; the first third of the span only teaches the sources.
    ``whole``: how many interactions there are, when these are a sample of them.
    """
    if not len(interactions):
        return [], 0
    first = int(interactions.times[len(interactions) // 100])
    span = now - first
    length = int(np.clip(span / 10, SHORTEST_DAYS * SECONDS_PER_DAY, LONGEST_DAYS * SECONDS_PER_DAY))
    most = WINDOWS if max(len(interactions), whole) <= SMALL else FEW_WINDOWS
    cuts = [now - number * length for number in range(most, 0, -1)]
    return [cut for cut in cuts if cut >= first + span / 3], length


@dataclass(frozen=True, eq=False)
class Window:
    """A period that labels come from: its ``split``, its ``end``, and all that happened up to there (``known``)."""

    split: TimeSplit
    end: int
    known: Interactions


def _splits(interactions: Interactions, now: int, target_weight: float, random_state: int, whole: int) -> list[Window]:
    cuts, length = window_cuts(interactions, now, whole)
    windows = []
    for cut in cuts:
        split = time_split(
            interactions,
            cut,
            end=cut + length,
            target_weight=target_weight,
            max_users=MOST_CUSTOMERS,
            random_state=random_state,
        )
        windows.append(Window(split, cut + length, interactions.before(cut + length)))
    return [window for window in windows if len(window.split.rows(NEW_ITEMS))]


def _judge(judged: Groups, learned: NDArray[np.float64], k: int = K) -> dict[str, Any]:
    """Of `BLEND_SHARES` the one that gains most among those that gain surely, against the blend alone.

    Where none is sure, the surest says what was missing.
    """
    old = list_values(judged, joined_scores(judged, learned, 1.0), k)
    found = []
    for share in BLEND_SHARES:
        new = list_values(judged, joined_scores(judged, learned, share), k)
        gain = new[1] - old[1]
        error = float(gain.std()) / max(len(gain), 1) ** 0.5
        found.append((float(gain.mean()) / error if error else 0.0, share, new))
    certain = [one for one in found if one[0] > STANDARD_ERRORS]
    sureness, share, new = (
        max(certain, key=lambda one: one[2][1].mean()) if certain else max(found, key=lambda one: one[0])
    )
    before, after = (float(np.sqrt(one[0].mean() * one[1].mean())) for one in (old, new))
    better = after > before * MARGIN
    reason = f"in the newest periods the learned order is {after / before - 1:+.1%} against the blend"
    sure = sureness > STANDARD_ERRORS
    if better and not sure:
        reason += ", which may be chance"
    return {
        "passed": better and sure,
        "code": "chance" if better and not sure else "measured",
        "reason": reason,
        "gain": after / before - 1,
        "blend_share": share,
        "standard_errors": round(sureness, 2),
        "judged_customers": len(judged.sizes),
        "blend": {f"recall@{k}": float(old[0].mean()), f"ndcg@{k}": float(old[1].mean())},
        "ranked": {f"recall@{k}": float(new[0].mean()), f"ndcg@{k}": float(new[1].mean())},
    }


def joined_scores(groups: Groups, learned: NDArray[np.float64], blend_share: float) -> NDArray[np.float64]:
    """Scores [N] whose order within each group is the one that would be served (rows stand in the blend's order)."""
    result = np.empty(len(learned))
    start = 0
    for size in groups.sizes.tolist():
        order = joined_order(learned[start : start + size], blend_share)
        result[start + order] = -np.arange(size)
        start += size
    return result


def _not_learned(code: str, reason: str, **numbers: int) -> SecondChoice:
    return SecondChoice(
        None, False, {"passed": False, "code": code, "reason": reason, "least": LEAST_CUSTOMERS, **numbers}
    )
