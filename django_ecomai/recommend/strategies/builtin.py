"""The strategies that come with EcomAI: numpy over the live model, no database query."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from django_ecomai.recommend import reasons
from django_ecomai.recommend.query import Behaviour, Candidate, Query
from django_ecomai.recommend.weights import behaviour_weight, is_of_session, serving_weights

from .asking import ages, encode_all, id_of, in_turn, known, named, rows, without

if TYPE_CHECKING:
    from django_ecomai.ml.recommend.serving import Scored, Scorer

_LAST = 5  # products of a visit whose likes are shown before anything was learned


def nothing(query: Query, n: int) -> list[Candidate]:
    """No candidates of its own: the products come from the strategy's source."""
    return []


def for_you(query: Query, n: int) -> list[Candidate]:
    """What fits the visitor's last steps (recency-decayed), repeats mixed in as far as validation found them useful.

    What the visitor does now weighs as much as his past (``serving_weights``), and repeats leave it every second place.
    """
    scorer = query.scorer
    if scorer is None:
        return []
    steps = [step for step in query.behaviour if behaviour_weight(step.name) > 0]
    if not steps:
        return by_context(query, n)
    purchases = [step for step in steps if step.name == "purchase"]
    bought = query.bought | {step.product_id for step in purchases}
    viewed = {step.product_id for step in steps} - bought
    items = scorer.encode([step.product_id for step in steps])
    weights = serving_weights(steps, now=query.now, half_life_days=scorer.recipe.get("history_half_life_days"))
    # What was only looked at is in mind anyway ("recently viewed" shows it); this list is for what comes next.
    exclude = encode_all(scorer, query.not_wanted() | viewed)
    owned = encode_all(scorer, bought)

    def explained(scored: Scored) -> list[Candidate]:
        return list(_because_of_history(scorer, scored, viewed=viewed, bought=bought))

    old = ages(query, steps)
    new = explained(scorer.for_history(items, weights, n=n, exclude=exclude + owned, ages_days=old))
    if not new:
        new = _like_the_last(scorer, [step for step in steps if is_of_session(step, now=query.now)], exclude + owned, n)
    if query.exclude_bought or not purchases:
        return new
    mixed = explained(
        scorer.for_customer(
            items,
            weights,
            ages_days=old,
            bought=scorer.encode([step.product_id for step in purchases]),
            bought_ages_days=ages(query, purchases),
            n=n,
            exclude=exclude,
        )
    )
    if not any(is_of_session(step, now=query.now) for step in steps):
        return mixed
    return in_turn([new, mixed], n)


def by_context(query: Query, n: int) -> list[Candidate]:
    """For somebody unknown: what others wanted who came from the same country, site or device, or landed there."""
    scorer = query.scorer
    if scorer is None or not (query.country or query.referrer or query.device or query.category):
        return []
    scored = scorer.for_context(
        country=query.country, referrer=query.referrer, device=query.device, category=query.category, n=n,
        exclude=_exclude(scorer, query),
    )  # fmt: skip
    return list(named(scorer, scored, reasons.CONTEXT, ""))


def _like_the_last(scorer: Scorer, steps: Sequence[Behaviour], exclude: list[int], n: int) -> list[Candidate]:
    """What is like the last products of this visit: for a model that has learned no taste yet."""
    last = list(dict.fromkeys(step.product_id for step in steps))[:_LAST]
    lists = [
        list(named(scorer, scorer.similar(item, n=n, exclude=exclude), reasons.VIEWED, because))
        for item, because in known(scorer, last)
    ]
    return in_turn(lists, n)


def similar(query: Query, n: int) -> list[Candidate]:
    """Content and shared interest around the product on the page; several products are taken in turn."""
    scorer = query.scorer
    if scorer is None:
        return []
    exclude = _exclude(scorer, query)
    lists = [
        list(named(scorer, scorer.similar(int(item), n=n, exclude=exclude), reasons.SIMILAR, because))
        for item, because in known(scorer, query.product_ids)
    ]
    return in_turn(lists, n)


def bought_together(query: Query, n: int) -> list[Candidate]:
    """Sets that the merchant made, what orders hold beside the page's products as far as it fits this visitor, then
    what is similar to them.

    Half of a product's score is how regularly it shares orders with the page's products, half how well it fits these
    and the visitor's past (`Scorer.beside`): on tested baskets better than either half alone.
    """
    found = in_offers(query)
    scorer = query.scorer
    about = known(scorer, query.product_ids) if scorer is not None else []
    if scorer is not None and about:
        found += _beside(scorer, query, about, n)
        found += similar(query, n)
    return without(found, query.not_wanted())[:n]


def _beside(scorer: Scorer, query: Query, about: Sequence[tuple[int, str]], n: int) -> list[Candidate]:
    """The blend, each with the half that speaks for it: "often bought with" only where orders hold both."""
    steps = [step for step in query.behaviour if behaviour_weight(step.name) > 0]
    bought = query.bought | {step.product_id for step in steps if step.name == "purchase"}
    viewed = {step.product_id for step in steps} - bought
    scored, together = scorer.beside(
        [item for item, _ in about],
        history=scorer.encode([step.product_id for step in steps]) if steps else (),
        weights=[behaviour_weight(step.name) for step in steps],
        ages_days=ages(query, steps),
        n=n,
        exclude=_exclude(scorer, query),
    )
    page = dict(about)
    found = []
    explained = _because_of_history(scorer, scored, viewed=viewed, bought=bought)
    for one, cause, shares_orders in zip(explained, scored.because.tolist(), together.tolist(), strict=True):
        if shares_orders:
            found.append(one._replace(reason=reasons.TOGETHER, because=page.get(cause, "")))
        elif cause in page and one.reason != reasons.AGAIN:
            found.append(one._replace(reason=reasons.FITS, because=page[cause]))
        else:
            found.append(one)
    return found


def in_offers(query: Query) -> list[Candidate]:
    """The other products of the sets that hold a product of the page, in the order of the sets."""
    found: list[Candidate] = []
    for offer in query.offers:
        because = next((one for one in query.product_ids if one in offer.product_ids), "")
        if because:
            others = [one for one in offer.product_ids if one not in query.product_ids]
            found += [Candidate(one, 1.0, reasons.BUNDLE, because, offer.text) for one in others]
    return without(found, query.not_wanted())


def recently_viewed(query: Query, n: int) -> list[Candidate]:
    """The products looked at last, newest first."""
    seen = dict.fromkeys(step.product_id for step in query.behaviour if step.name == "view_item")
    unwanted = query.not_wanted()
    ids = [product_id for product_id in seen if product_id not in unwanted][:n]
    return [Candidate(product_id, 1.0 / rank, reasons.SEEN) for rank, product_id in enumerate(ids, start=1)]


def buy_again(query: Query, n: int) -> list[Candidate]:
    """What was bought before, ordered by how regularly and how lately; without a model by the last purchase."""
    purchases = [step for step in query.behaviour if step.name == "purchase"]
    unwanted = query.exclude  # leaving out what was bought would leave nothing
    ordered: list[str] = []
    if query.scorer is not None and purchases:
        scored = query.scorer.buy_again(
            query.scorer.encode([step.product_id for step in purchases]),
            ages_days=ages(query, purchases),
            n=n,
            exclude=encode_all(query.scorer, unwanted),
        )
        ordered = [id_of(query.scorer, item) for item, _, _ in rows(scored)]
    last = dict.fromkeys([*ordered, *(step.product_id for step in purchases), *sorted(query.bought)])
    ids = [product_id for product_id in last if product_id not in unwanted][:n]
    return [Candidate(product_id, 1.0 / rank, reasons.AGAIN) for rank, product_id in enumerate(ids, start=1)]


def trending(query: Query, n: int) -> list[Candidate]:
    """Popular now, everywhere or within the category asked for and those below it; first what the visitor's country
    wants.
    """
    scorer = query.scorer
    if scorer is None:
        return []
    exclude = _exclude(scorer, query)
    if query.category:
        scored = scorer.trending(n=n, category=query.categories_below(), country=query.country, exclude=exclude)
        return list(named(scorer, scored, reasons.POPULAR_IN, query.category))
    scored = scorer.fill(
        scorer.trending(n=n, country=query.country, exclude=exclude),
        n,
        scorer.popular(n=n, exclude=exclude),
        exclude=exclude,
    )
    return list(named(scorer, scored, reasons.POPULAR, ""))


def popular_fill(query: Query, n: int) -> list[Candidate]:
    """What tops up a short list: popular in the category, then popular anywhere."""
    found = trending(query, n)
    if query.category and query.scorer is not None and len(found) < n:
        exclude = _exclude(query.scorer, query)
        taken = {candidate.product_id for candidate in found}
        for candidate in named(query.scorer, query.scorer.trending(n=n, exclude=exclude), reasons.POPULAR, ""):
            if candidate.product_id not in taken:
                found.append(candidate)
    return found[:n]


def _exclude(scorer: Scorer, query: Query) -> list[int]:
    return encode_all(scorer, query.not_wanted())


def _because_of_history(
    scorer: Scorer, scored: Scored, *, viewed: Collection[str], bought: Collection[str]
) -> Iterator[Candidate]:
    """Name the step that contributed most: something viewed or bought; a product bought before says so.

    What no step brought in is there because everybody wants it, and says that.
    """
    ids = scorer.decode(scored.items)
    for product_id, (_item, score, cause) in zip(ids, rows(scored), strict=True):
        if product_id in bought:
            yield Candidate(product_id, score, reasons.AGAIN)
            continue
        if cause < 0:
            yield Candidate(product_id, score, reasons.POPULAR)
            continue
        because = id_of(scorer, cause)
        reason = reasons.VIEWED if because in viewed else reasons.BOUGHT
        yield Candidate(product_id, score, reason, because)
