"""What the doctor says about forecasts, each finding with the next step."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import Finding
from django_ecomai.mirror.models import OrderLine

from .models import Forecast

LIST = "admin:ecomai_forecast_forecast_changelist"


def diagnose() -> list[Finding]:
    """Whether there are forecasts, how old they are, and whether a model beats the simple forecast."""
    make = _("Type: python manage.py ecomai_train forecast.train — or press “Make forecasts now” on the forecast page.")
    whole = (
        Forecast.objects.filter(channel=ecomai.CHANNEL, measure="pieces", level="shop").select_related("run").first()
    )
    if whole is None:
        if not OrderLine.objects.filter(channel=ecomai.CHANNEL).exists():
            text = _("There are no forecasts, because no order has been copied yet.")
            return [Finding("info", text, next_step=_("Type: python manage.py ecomai_sync"))]
        return [Finding("warning", _("There are no forecasts yet."), next_step=make, url_name=LIST)]
    age = timezone.now() - whole.created_at
    limit = max(float(ecomai.MODEL_STALE_DAYS), float(ecomai.FORECAST_FULL_DAYS) + 1)
    if age > timedelta(days=limit):
        text = _("The forecasts are %(days)d days old.") % {"days": age.days}
        return [
            Finding("warning", text, detail=_("What sold since is missing from them."), next_step=make, url_name=LIST)
        ]
    gate = (whole.run.metrics or {}).get("gate") if whole.run is not None else None
    if isinstance(gate, dict) and gate.get("passed") is False:
        text = _("No model beats the simple forecast in this shop: the simple one is used.")
        return [Finding("info", text, detail=str(gate.get("reason", "")), url_name=LIST)]
    return [Finding("ok", _("Forecasts are there."), data={"made_on": whole.made_on.isoformat()}, url_name=LIST)]
