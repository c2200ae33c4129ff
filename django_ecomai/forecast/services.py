"""What people decide about forecasts: overrides with a reason, which can be withdrawn and put back, and targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.mysql import conflict_target
from django_ecomai.core.undo import Row, rows_of
from django_ecomai.mirror.models import Category, Product

from .changes import change_record
from .models import Forecast, ForecastChange, ForecastOverride, SalesTarget, Signal, SignalValue
from .models.results import Level

#: An override for longer is a plan, not a correction.
MOST_DAYS = 400
MOST_PERCENT = Decimal(10_000)


def override_create(
    *,
    kind: str,
    value: Decimal,
    starts_on: date,
    ends_on: date,
    reason: str,
    channel: str = "",
    product: Product | None = None,
    category: Category | None = None,
    author: Any = None,
    expires_on: date | None = None,
) -> ForecastOverride:
    """Make an override for a product, a category or (neither) the whole shop; it holds at once.

    Raises ``ValidationError`` with a message per field.
    """
    level = "product" if product is not None else "category" if category is not None else "shop"
    override = ForecastOverride(
        channel=channel, level=level, product=product, category=category, kind=kind, value=value, starts_on=starts_on,
        ends_on=ends_on, reason=reason.strip(), author=_user(author), expires_on=expires_on,
    )  # fmt: skip
    errors = override_errors(override)
    if errors:
        raise ValidationError(errors)
    with transaction.atomic():
        override.save()
        log_entry(author, override, added=True, message=_("Forecast changed: %(reason)s") % {"reason": reason.strip()})
    return override


def override_errors(override: ForecastOverride) -> dict[str, str]:
    """What is wrong with an override that is about to be saved, by field."""
    found: dict[str, str] = {}
    if not override.reason:
        found["reason"] = _("Say why, so that others can judge it later.")
    if override.kind not in ForecastOverride.Kind.values:
        found["kind"] = _("Choose percent or value.")
    elif override.value is not None:
        if override.kind == ForecastOverride.Kind.PERCENT and not -100 <= override.value <= MOST_PERCENT:
            found["value"] = _("Give a percentage from -100 to %(most)s.") % {"most": MOST_PERCENT}
        elif override.kind == ForecastOverride.Kind.VALUE and override.value < 0:
            found["value"] = _("Pieces cannot be negative.")
    if override.starts_on and override.ends_on:
        if override.ends_on < override.starts_on:
            found["ends_on"] = _("The last day is before the first one.")
        elif (override.ends_on - override.starts_on).days >= MOST_DAYS:
            found["ends_on"] = _("At most %(days)s days.") % {"days": MOST_DAYS}
    if override.expires_on and override.starts_on and override.expires_on <= override.starts_on:
        found["expires_on"] = _("It would expire before it begins.")
    for name in ("product", "category"):
        target = getattr(override, name)
        if target is not None and target.channel != override.channel:
            found[name] = _("That belongs to another shop.")
    return found


def override_withdraw(*, override: ForecastOverride, user: Any = None) -> bool:
    """Take an override back; the forecast is as before at once. ``False`` when that was done already."""
    changed = ForecastOverride.objects.filter(pk=override.pk, withdrawn_at=None).update(
        withdrawn_at=timezone.now(), withdrawn_by=_user(user)
    )
    override.refresh_from_db()
    if changed:
        log_entry(user, override, message=_("Override withdrawn."))
    return bool(changed)


def override_restore(*, override: ForecastOverride, user: Any = None) -> bool:
    """Let a withdrawn override hold again. ``False`` when it holds already."""
    changed = ForecastOverride.objects.filter(pk=override.pk, withdrawn_at__isnull=False).update(
        withdrawn_at=None, withdrawn_by=None
    )
    override.refresh_from_db()
    if changed:
        log_entry(user, override, message=_("Override put back."))
    return bool(changed)


def target_set(
    *,
    starts_on: date,
    ends_on: date,
    amount: Decimal,
    channel: str = "",
    level: str = "shop",
    key: str = "",
    note: str = "",
    author: Any = None,
    replace: bool = True,
    record: bool = True,
) -> tuple[SalesTarget, bool]:
    """Write the target of a span, over one that is there unless ``replace`` is false; returns it and whether it is new.

    ``record`` keeps it as a change that can be undone. Raises ``ValidationError`` with a message per field, or one
    where it may not be replaced.
    """
    span: dict[str, Any] = {"channel": channel, "level": level, "key": key, "starts_on": starts_on, "ends_on": ends_on}
    values = {"amount": amount, "note": note, "author": _user(author)}
    errors = target_errors(SalesTarget(**span, amount=amount, note=note))
    if errors:
        raise ValidationError(errors)
    with transaction.atomic():
        before = rows_of(SalesTarget.objects.select_for_update().filter(**span))
        write = SalesTarget.objects.update_or_create if replace else SalesTarget.objects.get_or_create
        found, created = write(**span, defaults=values)
        if not created and not replace:
            raise ValidationError(_("There is a target of this span already, and you may not change targets."))
        log_entry(author, found, added=created, message=_("Target set."))
        if record:
            target_changed(target=found, before=before, user=author)
    return found, created


def target_changed(*, target: SalesTarget, before: list[Row], user: Any = None) -> ForecastChange | None:
    """Keep that a target was set, with how it stood ``before``."""
    after = rows_of(SalesTarget.objects.filter(pk=target.pk))
    return change_record(channel=target.channel, label=_("Sales target"), before=before, after=after, user=user)


def target_delete(*, target: SalesTarget, user: Any = None) -> ForecastChange | None:
    """Delete a target; the change that is returned brings it back."""
    with transaction.atomic():
        before = rows_of(SalesTarget.objects.select_for_update().filter(pk=target.pk))
        log_entry(user, target, message=_("Target deleted."))
        target.delete()
        label = _("Sales target deleted")
        return change_record(channel=target.channel, label=label, before=before, after=[], user=user)


def signal_create(*, channel: str, values: Mapping[str, Any], user: Any = None) -> Signal:
    """Make a signal. Raises ``ValidationError`` where the shop has one with this key."""
    with transaction.atomic():
        signal, made = Signal.objects.get_or_create(
            channel=channel, key=values["key"], defaults={name: one for name, one in values.items() if name != "key"}
        )
        if not made:
            raise ValidationError({"key": _("There is a signal with this key already.")})
        log_entry(user, signal, added=True, message=_("Signal made."))
        signal_changed(signal=signal, before=[], user=user)
    return signal


def signal_update(*, signal: Signal, values: Mapping[str, Any], user: Any = None) -> Signal:
    """Rename a signal, or use it no longer; returned as it is then."""
    with transaction.atomic():
        held = Signal.objects.select_for_update().get(pk=signal.pk)
        before = rows_of([held])
        for name, value in values.items():
            setattr(held, name, value)
        held.save(update_fields=list(values))
        log_entry(user, held, message=_("Signal changed."))
        signal_changed(signal=held, before=before, user=user)
    return held


def signal_delete(*, signal: Signal, user: Any = None) -> ForecastChange | None:
    """Delete a signal with its values; the change that is returned brings both back."""
    with transaction.atomic():
        before = [*rows_of([signal]), *rows_of(signal.values.order_by("day"))]
        log_entry(user, signal, message=_("Signal deleted."))
        signal.delete()
        label = _("Signal “%(signal)s” deleted") % {"signal": signal}
        return change_record(channel=signal.channel, label=label, before=before, after=[], user=user)


def signal_changed(*, signal: Signal, before: list[Row], user: Any = None) -> ForecastChange | None:
    """Keep that a signal was made or changed, with how it stood ``before``."""
    after = rows_of(Signal.objects.filter(pk=signal.pk))
    label = _("Signal “%(signal)s”") % {"signal": signal}
    return change_record(channel=signal.channel, label=label, before=before, after=after, user=user)


def signal_values_set(*, signal: Signal, values: Mapping[date, float], user: Any = None) -> ForecastChange | None:
    """Write values of a signal, over those that are there; the change that is returned takes them back."""
    with transaction.atomic():
        before = _values_of(signal, values, lock=True)
        rows = [SignalValue(signal=signal, day=day, value=value) for day, value in sorted(values.items())]
        SignalValue.objects.bulk_create(
            rows,
            batch_size=500,
            update_conflicts=True,
            update_fields=["value"],
            **conflict_target(SignalValue, "signal", "day"),
        )
        label = _("Values of “%(signal)s”") % {"signal": signal}
        return change_record(
            channel=signal.channel, label=label, before=before, after=_values_of(signal, values), user=user
        )


def _values_of(signal: Signal, days: Iterable[date], *, lock: bool = False) -> list[Row]:
    wanted = set(days)
    if not wanted:
        return []
    rows = signal.values.filter(day__range=(min(wanted), max(wanted))).order_by("day")
    rows = rows.select_for_update() if lock else rows
    return rows_of(row for row in rows.iterator(chunk_size=2000) if row.day in wanted)


def target_errors(target: SalesTarget) -> dict[str, str]:
    """What is wrong with a target that is about to be saved, by field."""
    found: dict[str, str] = {}
    if target.amount is not None and target.amount <= 0:
        found["amount"] = _("Give an amount above 0.")
    if target.starts_on and target.ends_on and target.ends_on < target.starts_on:
        found["ends_on"] = _("The last day is before the first one.")
    if target.level not in {one.value for one in SalesTarget.LEVELS}:
        found["level"] = _("Choose one of: %(levels)s.") % {
            "levels": ", ".join(one.value for one in SalesTarget.LEVELS)
        }
    elif target.level == "shop" and target.key:
        found["key"] = _("The whole shop has no id: leave it empty.")
    elif target.level != "shop" and not target.key:
        found["key"] = _("Say which category, country or segment.")
    elif (
        target.level == "category"
        and not Category.objects.filter(channel=target.channel, external_id=target.key).exists()
    ):
        found["key"] = _("There is no category with the id %(key)s.") % {"key": target.key}
    elif target.level in (Level.COUNTRY, Level.SEGMENT):
        rows = Forecast.objects.filter(channel=target.channel, measure="money", level=target.level)
        known = sorted(rows.values_list("key", flat=True))
        if known and target.key not in known:
            words = _("Nothing is forecast for %(key)s. Choose one of: %(known)s.")
            found["key"] = words % {"key": target.key, "known": ", ".join(known[:30])}
    return found


def log_entry(user: Any, obj: models.Model, *, message: str, added: bool = False) -> None:
    """Keep who did it in the admin's history, where there is an admin and a user."""
    log_entries(user, [obj], message=message, added=added)


def log_entries(user: Any, objects: Iterable[models.Model], *, message: str, added: bool = False) -> None:
    """The same of several objects, written at once."""
    if _user(user) is None or not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import ADDITION, CHANGE, LogEntry

    LogEntry.objects.log_actions(
        user_id=user.pk,
        queryset=list(objects),
        action_flag=ADDITION if added else CHANGE,
        change_message=message,
    )


def _user(user: Any) -> Any:
    return user if getattr(user, "pk", None) else None
