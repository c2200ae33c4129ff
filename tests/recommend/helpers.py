"""What several tests of recommendations do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext

from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now

_BOOKKEEPING = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


def train(**parameters: Any) -> Run:
    """Run the job here and now, with a small budget."""
    run = run_now(kind="recommend.train", parameters={"budget": 4, **parameters})
    run.refresh_from_db()
    return run


def queries(run: Callable[[], Any]) -> list[str]:
    """The SQL that ``run`` sent, savepoints aside."""
    with CaptureQueriesContext(connection) as captured:
        run()
    return [one["sql"] for one in captured if not one["sql"].startswith(_BOOKKEEPING)]


def draw(text: str, **context: Any) -> str:
    """A template with the tags loaded."""
    return Template("{% load ecomai_recommend %}" + text).render(Context(context))


def ids(items: Any) -> list[str]:
    return [item.product_id for item in items]
