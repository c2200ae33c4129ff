"""No queue: the rows are inserted within the request, and the verdicts are final."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import DatabaseError, InterfaceError, router, transaction

from django_ecomai.core.db import shielded

from ..cleaning import Verdict
from ..models import Event
from ..purchases import Prepared, events_settle
from ..reacting import events_noted

logger = logging.getLogger("django_ecomai.events")


def put(pairs: Sequence[Prepared], *, what: str, personal: bool, user_id: object) -> list[Verdict] | None:
    """Store prepared events; ``None`` when the database did not take them (logged)."""
    using = router.db_for_write(Event)
    with shielded(what, using=using) as outcome:
        settled, verdicts = events_settle(pairs=pairs)
    if not outcome.done:
        return None

    def then() -> None:
        events_noted(settled, verdicts, reacts=[personal] * len(settled), user_id=user_id)

    try:
        # What other pages react to must not tell of events that an outer transaction may still take back.
        transaction.on_commit(then, using=using, robust=True)
    except transaction.TransactionManagementError:
        then()  # the shop commits by hand and cannot tell us when
    except (DatabaseError, InterfaceError):
        logger.exception("EcomAI could not wait for a commit: the database does not answer.")
    return verdicts
