"""What the doctor says about recommendations, each finding with the next step."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import Finding, strategies
from django_ecomai.mirror.models import Product
from django_ecomai.ml.persist import ArtifactError
from django_ecomai.runs.live import live_arrays
from django_ecomai.runs.models import LiveArtifact

from .config import ARTIFACT_KIND
from .defaults import default_keys
from .models import Placement, Slot
from .selectors import default_placements_missing
from .title_index import WORTH_IT, title_index_state


def diagnose() -> list[Finding]:
    """Model, its age, whether it can be read, the placements, and the index for searches without a result."""
    return [*_model(), *_placements(), *_titles()]


def _model() -> list[Finding]:
    train = _("Type: python manage.py ecomai_train recommend.train — or press “Train now” on the runs page.")
    live = LiveArtifact.objects.select_related("artifact").filter(kind=ARTIFACT_KIND, channel=ecomai.CHANNEL).first()
    if live is None:
        return [
            Finding(
                "warning",
                _("No recommendation model is live; what sold last is shown instead."),
                next_step=train,
                url_name="admin:ecomai_runs_run_changelist",
            )
        ]
    try:
        readable = live_arrays(ARTIFACT_KIND, ecomai.CHANNEL, path=live.artifact.path) is not None
    except (ArtifactError, OSError):
        readable = False
    if not readable:
        return [
            Finding(
                "error",
                _("The live recommendation model cannot be read from its folder; what sold last is shown instead."),
                detail=_("Folder: %(path)s below ARTIFACT_DIR.") % {"path": live.artifact.path},
                next_step=_("Restore the folder, roll back to an earlier model, or train again. ") + train,
                url_name="admin:ecomai_runs_run_changelist",
            )
        ]
    age = timezone.now() - live.artifact.created_at
    if age > timedelta(days=float(ecomai.MODEL_STALE_DAYS)):
        return [
            Finding(
                "warning",
                _("The recommendation model is %(days)d days old.") % {"days": age.days},
                detail=_("New products and new taste are missing from it."),
                next_step=train,
                url_name="admin:ecomai_runs_run_changelist",
            )
        ]
    return [Finding("ok", _("A recommendation model is live."), data={"artifact": live.artifact.path})]


def _placements() -> list[Finding]:
    placements = Placement.objects.filter(channel=ecomai.CHANNEL)
    if not placements.exists():
        return [
            Finding(
                "info",
                _("No placement is set up; the built-in ones serve."),
                next_step=_("Type: python manage.py migrate — it creates them for you to edit."),
                url_name="admin:ecomai_recommend_placement_changelist",
            )
        ]
    findings = []
    used = Slot.objects.filter(placement__channel=ecomai.CHANNEL, is_active=True, placement__is_active=True)
    unknown = sorted(set(used.values_list("strategy", flat=True).order_by()) - set(strategies.names()))
    if unknown:
        findings.append(
            Finding(
                "warning",
                _("Carousels use strategies that no installed app offers: %(names)s.") % {"names": ", ".join(unknown)},
                detail=_("They stay empty."),
                next_step=_("Choose another strategy for them, or install the app again."),
                url_name="admin:ecomai_recommend_placement_changelist",
            )
        )
    if not used.exists():
        findings.append(
            Finding(
                "warning",
                _("Every carousel is switched off, so shoppers see no recommendations."),
                next_step=_("Switch one on."),
                url_name="admin:ecomai_recommend_placement_changelist",
            )
        )
    missing = default_placements_missing(channel=ecomai.CHANNEL).new
    if missing:
        total = len(default_keys())
        findings.append(
            Finding(
                "info",
                _("%(there)d of %(all)d default placements exist; a newer version brought others.")
                % {"there": total - len(missing), "all": total},
                detail=_("Missing: %(names)s. What you have stays as it is.") % {"names": ", ".join(missing)},
                next_step=_(
                    "Press “Add the missing ones” above the list of placements, or type: python manage.py "
                    "ecomai_placements --add-missing"
                ),
                url_name="admin:ecomai_recommend_placement_changelist",
            )
        )
    return findings or [Finding("ok", _("Placements are set up."), data={"placements": placements.count()})]


def _titles() -> list[Finding]:
    """Whether a search without a result reads every title of a large shop."""
    used = Slot.objects.filter(strategy="empty_search", is_active=True, placement__is_active=True)
    state = title_index_state()
    if state not in ("missing", "broken") or not used.exists():
        return []
    # No more than the limit is counted.
    if Product.objects.order_by()[:WORTH_IT].count() < WORTH_IT:
        return []
    return [
        Finding(
            "info",
            _("A search without a result reads the title of every product.")
            if state == "missing"
            else _("The index of the titles was not finished, so a search without a result reads every title."),
            detail=_("An index of letter triples (PostgreSQL's pg_trgm) finds them at once."),
            next_step=_("Type: python manage.py ecomai_title_index — it locks nothing."),
        )
    ]
