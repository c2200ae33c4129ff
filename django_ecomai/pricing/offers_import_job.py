"""The job that reads a large file of competitors' offers: shows how far it is, and tells what became of its rows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, override
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds, prunes
from django_ecomai.core.tables import FileError
from django_ecomai.runs.exceptions import RunError
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_start

from .offers_file import file_drop, file_keep, file_read, files_prune
from .services.competitors_import import OffersOutcome, Verdict, offers_import

KIND = "pricing.import_offers"
#: Rows that a page reads within its request; more are the job's.
AT_ONCE = 5_000
NEEDS = ("ecomai_pricing.add_competitoroffer", "ecomai_pricing.change_competitoroffer")
ADD = "ecomai_pricing.add_competitor"
_COUNTS = ("read", "created", "updated", "unchanged", "history", "failed", "doubted", "new_competitors", "check_only")


def execute(context: Any) -> None:
    """Execute "pricing.import_offers"; parameters: ``user``, the key of who may do it; ``file``, the name under which
    it is kept; ``at``, when it was sent; ``check_only``, ``add_competitors`` and ``language``.

    What was written before it was cancelled or killed stays; once more, it finds these rows as they are. Raises
    ``PermissionDenied`` where who sent or started it lacks a right, ``RunError`` where the file cannot be read.
    """
    given = context.parameters
    user = get_user_model()._default_manager.filter(pk=given.get("user")).first()
    needs = [*NEEDS, *([ADD] if given.get("add_competitors") else [])]
    asking = [user, *([] if context.run.started_by is None else [context.run.started_by])]
    if not all(one is not None and one.is_active and one.has_perms(needs) for one in asking):
        raise PermissionDenied(_("Choose a file on the page “Read offers”, if you may: that starts this job."))
    content = file_read(str(given.get("file", "")))
    if content is None:
        raise RunError(_("The file is not kept any more: choose it again."))
    lines = max(content.count(b"\n"), 1)

    def progress(outcome: OffersOutcome) -> None:
        context.metrics(offers=_told(outcome))
        named = {"read": format_value(outcome.read), "all": format_value(lines)}
        context.progress(min(0.99, outcome.read / lines), _("%(read)s of about %(all)s rows") % named)

    with override(given.get("language")):
        try:
            outcome = offers_import(
                content=content, channel=context.channel, check_only=bool(given.get("check_only")),
                add_competitors=bool(given.get("add_competitors")), user=user, progress=progress,
                at=datetime.fromisoformat(given["at"]),
            )  # fmt: skip
        except FileError as error:
            file_drop(given["file"])
            raise RunError(str(error)) from error
        context.metrics(offers=_told(outcome))
        named = {"read": format_value(outcome.read), "failed": format_value(outcome.failed)}
        context.progress(1.0, _("%(read)s rows read, %(failed)s of them cannot be used.") % named)
    if not outcome.check_only:
        file_drop(given["file"])


def import_start(*, content: bytes, channel: str, user: Any, check_only: bool, add_competitors: bool) -> Run:
    """Keep the file and start the job that reads it."""
    parameters = {
        "user": user.pk, "file": file_keep(content), "at": timezone.now().isoformat(), "check_only": check_only,
        "add_competitors": add_competitors, "language": get_language(),
    }  # fmt: skip
    return run_start(kind=KIND, channel=channel, parameters=parameters, user=user)


def import_write(*, run: Run, user: Any) -> Run:
    """Start the job that writes what ``run`` has only looked at."""
    parameters = {**run.parameters, "user": user.pk, "check_only": False}
    return run_start(kind=KIND, channel=run.channel, parameters=parameters, user=user)


def outcome_of(run: Run) -> OffersOutcome | None:
    """What became of the rows so far; None before the first."""
    told = (run.metrics or {}).get("offers")
    return None if told is None else OffersOutcome(**{**told, "verdicts": [Verdict(**one) for one in told["verdicts"]]})


def _told(outcome: OffersOutcome) -> dict[str, Any]:
    counts = {name: getattr(outcome, name) for name in _COUNTS}
    return {**counts, "verdicts": [asdict(one) for one in outcome.verdicts]}


def register() -> None:
    """Called once from ``ready()``."""
    prunes.register("files of offers", files_prune)
    job_kinds.register(
        KIND,
        JobKind(
            execute=execute,
            label=gettext_lazy("Read a file of competitors' offers"),
            page="admin:ecomai_pricing_competitoroffer_import",
            help=gettext_lazy("Started by choosing a file of more than 5,000 rows."),
        ),
    )
