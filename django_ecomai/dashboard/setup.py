"""The way from a fresh installation to the first carousel, and where this shop stands on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import job_kinds
from django_ecomai.events.models import Event, EventName
from django_ecomai.mirror.models import Product
from django_ecomai.runs.models import LiveArtifact

SYNC = "mirror.sync"


@dataclass(frozen=True)
class Step:
    """One step: what it is for, what to type, and whether it is done. ``job`` names what a button may start."""

    title: str
    text: str
    code: str
    done: bool
    job: str = ""


def train_kinds() -> list[str]:
    """The kinds of job that "Train now" starts."""
    return [name for name in job_kinds.names() if name.endswith(".train")]


def setup_steps(*, channel: str) -> list[Step]:
    """The five steps in order; at most four look-ups that each stop at the first row."""
    synced = Product.objects.filter(channel=channel).exists()
    steps = [
        Step(
            _("Connect your shop"),
            _(
                "An adapter tells EcomAI where your products, customers and orders are. This command looks at your "
                "models and writes a draft to edit; then name it in the settings."
            ),
            'python manage.py ecomai_adapter\n\nECOMAI = {"ADAPTER": "shop.ecomai.ShopAdapter"}',
            bool(ecomai.ADAPTER) or synced,
        ),
        Step(
            _("Copy the shop's data"),
            _("The first sync reads everything; later ones only what changed. Your shop's tables are never written."),
            "python manage.py ecomai_sync",
            synced,
            SYNC if SYNC in job_kinds else "",
        ),
    ]
    if not apps.is_installed("django_ecomai.recommend"):
        return [*steps, _events_step(channel)]
    return [
        *steps,
        Step(
            _("Train the first model"),
            _("It learns from your orders and visits and goes live only if it beats a simple list of bestsellers."),
            "python manage.py ecomai_train",
            LiveArtifact.objects.filter(channel=channel).exists(),
            "recommend.train" if "recommend.train" in job_kinds else "",
        ),
        Step(
            _("Show recommendations"),
            _("Put a carousel into a template. It shows bestsellers until a model is trained."),
            '{% load ecomai_recommend %}\n{% recommend_carousel "home" %}',
            _seen(channel, EventName.VIEW_ITEM_LIST),
        ),
        _events_step(channel),
    ]


def _events_step(channel: str) -> Step:
    return Step(
        _("Let visits arrive"),
        _("This line in your base template records what visitors look at, once they have agreed to it."),
        "{% load ecomai_events %}\n{% ecomai_beacon %}",
        _seen(channel, EventName.VIEW_ITEM),
    )


def _seen(channel: str, name: Any) -> bool:
    return Event.objects.filter(channel=channel, name=name).exists()
