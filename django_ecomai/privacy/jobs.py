"""The job: a thin caller."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _


def carry_out(context: Any) -> None:
    """Execute the job "privacy.requests". See ``services.requests_carry_out``."""
    from .services import requests_carry_out

    counts = requests_carry_out()
    context.metrics(**counts)
    told = _("%(done)d finished, %(waiting)d wait for their models, %(failed)d failed.") % counts
    context.log(told)
    # A request that failed says so itself, and so does the doctor: failing here could take its message back.
    context.progress(1.0, told)
