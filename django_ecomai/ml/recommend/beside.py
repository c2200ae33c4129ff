"""What a model holds whatever its recipe: it can be made while recipes are still being compared, by another thread."""

from __future__ import annotations

from dataclasses import dataclass

from ..contexts import Contexts
from ..frames import Catalogue, Interactions
from ..threads import one_blas_thread
from .base import Arrays, distinct_users
from .bundles import BundleTable, bundles
from .complements import complements
from .content import Content
from .contextual import context_arrays
from .copurchase import CoPurchase, basket_matrix
from .fold import up_to
from .neighbours import NeighbourTable
from .upgrades import upgrades


@dataclass(frozen=True, eq=False)
class Beside:
    """Likeness of contents, what is bought together, complements, sets, better ones, and what suits circumstances."""

    contents: Content
    together: CoPurchase
    complement: NeighbourTable
    sets: BundleTable
    better: NeighbourTable
    contexts: Arrays


def beside(
    interactions: Interactions,
    *,
    catalogue: Catalogue | None = None,
    contexts: Contexts | None = None,
    now: int | None = None,
    target_weight: float = 0.0,
    language: str = "english",
) -> Beside:
    """Everything of `build` that does not ask for a recipe; parameters as there, ``language`` as the recipe's.

    Most of it is sparse algebra that holds no lock of the interpreter, so a thread for it uses a second core.
    """
    n_items = interactions.n_items
    catalogue = Catalogue.build(n_items) if catalogue is None else catalogue
    interactions = up_to(interactions, now)
    if now is None:
        now = int(interactions.times[-1]) if len(interactions) else 0
    bought, popularity = interactions.at_least(target_weight), distinct_users(interactions)
    with one_blas_thread():
        contents = Content(language=language).fit(interactions, catalogue=catalogue, now=now)
        alike = contents.neighbours_
        together = CoPurchase().fit(bought, now=now)
        pairs = together.neighbours_
        return Beside(
            contents=contents,
            together=together,
            complement=complements(interactions, pairs, together.support_, alike, popularity=popularity),
            sets=bundles(basket_matrix(bought, together.max_basket), pairs, active=catalogue.active),
            better=upgrades(catalogue, alike, popularity=popularity),
            contexts=context_arrays(contexts or Contexts.empty(), n_items=n_items, now=now, active=catalogue.active),
        )
