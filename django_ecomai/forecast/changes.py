"""What was changed of targets, signals and by files: kept with the values before and after it, and undone on request.

A single override needs none of this: it is withdrawn and put back. A file of overrides is one change, and undoing it
withdraws them all, unless one was withdrawn since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.core.undo import (
    Key,
    Row,
    UndoConflict,
    row_steps,
    rows_by_key,
    rows_of,
    rows_put_back,
    rows_unchanged,
)
from django_ecomai.mirror.models import Category, Product

from .models import ForecastChange, ForecastOverride, Signal, SignalValue
from .models.results import Level

#: Changes are kept for so many days.
KEPT_DAYS = 400
#: Values that are told one by one.
MOST_TOLD = 20
#: Rows per statement.
BATCH = 500
OVERRIDE = "ecomai_forecast.forecastoverride"
SIGNAL = "ecomai_forecast.signal"
VALUE = "ecomai_forecast.signalvalue"


def change_record(
    *, channel: str, label: str, before: Sequence[Row], after: Sequence[Row], user: Any = None
) -> ForecastChange | None:
    """Keep a change; None when nothing changed."""
    steps = row_steps(before, after)
    if not steps:
        return None
    return ForecastChange.objects.create(
        channel=channel,
        user=user if getattr(user, "pk", None) else None,
        label=label[:200],
        needs=sorted(_needs(steps)),
        summary="\n".join(_lines(before, after, list(steps))),
        before=[row for row in before if (row["model"], row["pk"]) in steps],
        after=[row for row in after if (row["model"], row["pk"]) in steps],
    )


def change_permissions(change: ForecastChange) -> set[str]:
    """Permissions that undoing it needs: those of doing the contrary by hand."""
    return set(change.needs) if change.needs is not None else _needs(row_steps(change.before, change.after))


def _needs(steps: Mapping[Key, str]) -> set[str]:
    found = set()
    for (label, _pk), action in steps.items():
        app, model = label.split(".")
        if label == OVERRIDE:
            found.add(f"{app}.change_{model}")
        elif label == VALUE:
            found.add(f"{app}.change_signal")
        else:
            found.add(f"{app}.{action}_{model}")
    return found


def change_undo(*, change: ForecastChange, user: Any = None) -> ForecastChange | None:
    """Put back what stood before; the undoing is a change of its own, which is returned. Overrides are never deleted:
    those that the change made are withdrawn, those that it withdrew hold again.

    Raises ``UndoConflict`` when it was undone already, or what it changed was changed again since.
    """
    with transaction.atomic():
        # Locked, so that two clicks do not undo it twice.
        held = ForecastChange.objects.select_for_update().get(pk=change.pk)
        if held.undone_at is not None:
            raise UndoConflict(_("This change was undone before."))
        touched = rows_unchanged(held.before, held.after)
        _nothing_more(touched, held.before, held.after)
        stood = [row for row in held.before if row["model"] != OVERRIDE]
        overrides = [row for row in held.after if row["model"] == OVERRIDE]
        _overrides_turn(overrides, user)
        rest = rows_by_key(row for row in stood if row["model"] == VALUE)  # written by the hundred, below
        rows_put_back(stood, [key for key in touched if key[0] != OVERRIDE and key not in rest])
        _values_put_back(held.before, held.after)
        held.undone_at, held.undone_by = timezone.now(), user if getattr(user, "pk", None) else None
        held.save(update_fields=["undone_at", "undone_by"])
        left = [row for row in held.after if row["model"] != OVERRIDE]
        undoing = change_record(
            channel=held.channel,
            label=_("undone: %s") % held.label,
            before=[*left, *overrides],
            after=[*stood, *_overrides_now(overrides)],
            user=user,
        )
    change.refresh_from_db()
    return undoing


def _overrides_turn(rows: Sequence[Row], user: Any) -> None:
    """Withdraw the overrides that hold, let those hold again that were withdrawn."""
    from .services import log_entries

    for withdrawn in (False, True):
        pks = [row["pk"] for row in rows if bool(row["fields"].get("withdrawn_at")) is withdrawn]
        values: dict[str, Any] = {"withdrawn_at": None, "withdrawn_by": None}
        if not withdrawn:
            values = {"withdrawn_at": timezone.now(), "withdrawn_by": user if getattr(user, "pk", None) else None}
        said = _("Override put back.") if withdrawn else _("Override withdrawn.")
        for begin in range(0, len(pks), BATCH):
            found = ForecastOverride.objects.filter(pk__in=pks[begin : begin + BATCH])
            found.update(**values)
            log_entries(user, found, message=said)


def _overrides_now(rows: Sequence[Row]) -> list[Row]:
    found: list[Row] = []
    for begin in range(0, len(rows), BATCH):
        pks = [row["pk"] for row in rows[begin : begin + BATCH]]
        found += rows_of(ForecastOverride.objects.filter(pk__in=pks).order_by("pk"))
    return found


def _values_put_back(before: Sequence[Row], after: Sequence[Row]) -> None:
    """Values of signals as they were, in a few statements: a file has up to 200,000. Raises ``UndoConflict``."""
    left = rows_by_key(after)
    rows = [row for row in before if row["model"] == VALUE]
    if not rows:
        return
    signals = {row["fields"]["signal"] for row in rows}
    if Signal.objects.filter(pk__in=signals).count() < len(signals):
        raise UndoConflict(_("Something that it refers to is gone: %(detail)s") % {"detail": _("signal")})
    fresh: list[SignalValue] = []
    there: list[SignalValue] = []
    for row in rows:
        fields = row["fields"]
        value = SignalValue(
            pk=row["pk"], signal_id=fields["signal"], day=date.fromisoformat(fields["day"]), value=fields["value"]
        )
        (there if (VALUE, row["pk"]) in left else fresh).append(value)
    fresh.sort(key=lambda one: (one.signal_id, one.day))  # one order for all writers
    there.sort(key=lambda one: one.pk)
    try:
        with transaction.atomic():
            SignalValue.objects.bulk_create(fresh, batch_size=BATCH)
    except IntegrityError as error:
        words = _("Something else has taken its place. Change or delete that first, then undo: %(detail)s")
        raise UndoConflict(words % {"detail": _("value of a signal")}) from error
    SignalValue.objects.bulk_update(there, ["value"], batch_size=BATCH)


def _nothing_more(touched: Sequence[Key], before: Sequence[Row], after: Sequence[Row]) -> None:
    """Raises ``UndoConflict`` when a signal that is about to go has values that would go with it untold."""
    stood, told = rows_by_key(before), {row["pk"] for row in after if row["model"] == VALUE}
    going = [pk for model, pk in touched if model == SIGNAL and (model, pk) not in stood]
    values = SignalValue.objects.filter(signal__in=going).values_list("pk", flat=True)
    if any(pk not in told for pk in values.iterator(chunk_size=5000)):
        raise UndoConflict(_("This was changed again since: undo the later change first."))


def change_prune(*, before: datetime | None = None) -> int:
    """Delete changes from before a moment (default: `KEPT_DAYS` ago); returns how many."""
    limit = before or timezone.now() - timedelta(days=KEPT_DAYS)
    return ForecastChange.objects.filter(at__lt=limit).delete()[0]


def _lines(before: Sequence[Row], after: Sequence[Row], keys: Sequence[Key]) -> list[str]:
    old, new = rows_by_key(before), rows_by_key(after)
    lines = []
    for key in keys[:MOST_TOLD]:
        fields = new.get(key) or old[key]
        values = {"old": _value(key[0], old.get(key)), "new": _value(key[0], new.get(key))}
        lines.append(_("%(what)s: %(old)s → %(new)s") % {"what": _name(key[0], fields), **values})
    if len(keys) > MOST_TOLD:
        lines.append(_("and %(number)s more") % {"number": format_value(len(keys) - MOST_TOLD)})
    return lines


def _name(model: str, fields: Mapping[str, Any]) -> str:
    if model == VALUE:
        return str(fields["day"])
    if "level" in fields:
        about = _about(model, fields) or str(Level(fields["level"]).label)
        return f"{about}, {fields['starts_on']} – {fields['ends_on']}"
    return str(fields["name"])


def _about(model: str, fields: Mapping[str, Any]) -> str:
    """The name of what a target or an override is of; empty for the whole shop."""
    found: Any = None
    if model == OVERRIDE and fields["product"]:
        found = Product.objects.filter(pk=fields["product"])
    elif model == OVERRIDE and fields["category"]:
        found = Category.objects.filter(pk=fields["category"])
    elif fields.get("level") == Level.CATEGORY:
        found = Category.objects.filter(channel=fields["channel"], external_id=fields["key"])
    name = found.first() if found is not None else None
    return str(name) if name is not None else str(fields.get("key", ""))


def _value(model: str, fields: Mapping[str, Any] | None) -> str:
    if fields is None:
        return "–"
    if model == VALUE:
        return format_value(fields["value"])
    if model == OVERRIDE:
        if fields.get("withdrawn_at"):
            return _("withdrawn")
        unit = " %" if fields["kind"] == ForecastOverride.Kind.PERCENT else ""
        return f"{format_value(float(fields['value']))}{unit}"
    if "amount" in fields:
        note = f" ({fields['note']})" if fields["note"] else ""
        return f"{format_value(float(Decimal(fields['amount'])))} {ecomai.CURRENCY}{note}"
    used = _("used for forecasts") if fields["is_active"] else _("not used")
    return ", ".join(part for part in (fields["description"], used) if part)
