"""Price tests: two prices of a product alternate by week, in an order drawn before, the same for every visitor.

What is to be written into the shop is noted first, in a short transaction of its own; then the shop is written to and
read, outside of any transaction, and what became of it is stored in another one. A worker that is killed in between
leaves the note behind, and a price that the shop has and the note names is ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import get_adapter
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.held import NONE, Why, why
from django_ecomai.pricing.journal import log_line, log_read, log_said, log_why
from django_ecomai.pricing.models import PriceChange, PriceTest, PriceTestWeek
from django_ecomai.pricing.reading import last_monday

from .allowed import restoring_forbidden
from .decide import PricingError
from .price_test_limits import forbidden
from .shop import Former, Said, mirror_follow, reads_rows, shop_prices, write_price

logger = logging.getLogger("django_ecomai")
LONGEST = 26
#: Not over yet.
GOING = (PriceTest.State.ASKED, PriceTest.State.RUNNING)
State = PriceTest.State
#: After so long a note is taken for what a killed worker left behind.
LEFT_BEHIND = timedelta(minutes=15)


class _TakenOver(Exception):
    """Another worker is at the test by now, or it is over: whoever was slow notes nothing."""


def price_test_stop(*, test: PriceTest, user: Any = None, reason: str, now: datetime | None = None) -> PriceTest:
    """End a test early and restore the price before it, unless the shop has changed it since; returns it as it stands.

    Where the shop cannot be asked or does not take the price, the test goes on ``ending``, and every hour tries again.
    """
    at = now or timezone.now()
    with transaction.atomic():
        held = locked_rows(PriceTest.objects.filter(pk=test.pk)).select_related("product").get()
        if held.state not in GOING:
            raise PricingError(_("The test is over already."))
        ends = [held.pk]
        if not held.ending:  # else it waits for the shop, which is asked again
            ends = _ends(held, State.STOPPED, log_said(reason))
            change_log(objects=[held], user=user, lines=[log_line("stopped", reason=reason)])
    for pk in ends:
        _work(pk, at)
    return PriceTest.objects.select_related("product").get(pk=test.pk)


def price_tests_in_the_way(*, product_ids: Iterable[int]) -> list[PriceTest]:
    """The tests, locked, that have to stop before the price of these products is taken back: theirs, and those of
    their families. Call it, and ``price_tests_give_way``, within one transaction.

    Raises ``PricingError`` for a test that has begun.
    """
    rows = PriceTest.objects.filter(product__in=list(product_ids), state__in=GOING).order_by("pk")
    found: dict[int, PriceTest] = {}
    for test in locked_rows(rows).select_related("product"):
        found |= {one.pk: one for one in (test, *locked_rows(_with_family(test)).select_related("product"))}
    for test in found.values():
        if _has_written(test):
            raise PricingError(why("test_first", product=test.product))
    return list(found.values())


def price_tests_give_way(tests: Iterable[PriceTest]) -> None:
    """Stop tests that have not begun: there is nothing to restore."""
    keys = [test.pk for test in tests]
    PriceTest.objects.filter(pk__in=keys).update(state=State.STOPPED, reason=log_why(why("test_taken_back")))


def price_tests_advance(
    *, channel: str = "", now: datetime | None = None, tell: Callable[[Why], Any] = lambda reason: None
) -> int:
    """Bring every running test into its week; ended ones get the price before them back. Returns how many prices were
    written. A test whose price somebody else has changed is stopped, and so is one that a limit forbids by now. An
    error in one test keeps no other back; the first is raised at the end."""
    written, failed = 0, None
    day = local_date(now or timezone.now())
    running = PriceTest.objects.filter(channel=channel, state=State.RUNNING)
    for pk in list(running.filter(Q(starts_on__lte=day) | ~Q(ending="")).order_by("pk").values_list("pk", flat=True)):
        try:
            # a moment of its own for each: many prices take long
            written += _work(pk, now or timezone.now(), tell=tell)
        except Exception as error:
            logger.exception("EcomAI: price test %s could not be brought into its week.", pk)
            failed = failed or error
    if failed is not None:
        raise failed
    return written


def _work(pk: int, now: datetime, *, tell: Callable[[Why], Any] = lambda reason: None) -> int:
    """Bring one test where it belongs; returns how many prices were written. One that needs nothing, or that another
    worker is at, is left alone."""
    test = _claim(pk, now)
    if test is None:
        return 0
    before = (test.state, test.reason, test.waits_for)
    try:
        written = _advance(test, now)
    except _TakenOver:
        return 0
    mine = PriceTest.objects.filter(pk=test.pk, claimed_since=test.claimed_since)
    mine.update(claimed_since=None, waits_for=test.waits_for)
    if (test.state, test.reason, test.waits_for) != before and (line := test.waits_for or test.lines[-1]):
        tell(why("product_said", product=test.product, because=log_read(line)))
    return written


def _claim(pk: int, now: datetime) -> PriceTest | None:
    """The test, noted as being worked at; None where there is nothing to do."""
    with transaction.atomic():
        rows = locked_rows(PriceTest.objects.filter(pk=pk, state__in=GOING)).select_related("product")
        test = rows.first()
        if test is None or (test.state == State.ASKED and not test.ending):
            return None
        if test.claimed_since is not None and abs(now - test.claimed_since) < LEFT_BEHIND:
            return None
        monday = last_monday(local_date(now))
        weeks = {one.week: one for one in test.weeks.all()}
        if (not weeks or max(weeks) < monday) and not test.ending:
            test.ending = State.DONE
        waits = monday in weeks and weeks[monday].applied_at is None
        if not (test.ending or waits or test.writing_price is not None):
            return None
        test.claimed_since = now
        test.save(update_fields=["claimed_since", "ending"])
    return test


def _save(test: PriceTest, *names: str) -> None:
    """Store columns of a test that is still this worker's."""
    mine = PriceTest.objects.filter(pk=test.pk, claimed_since=test.claimed_since, state__in=GOING)
    if not mine.update(**{name: getattr(test, name) for name in names}):
        raise _TakenOver


def _note(
    test: PriceTest, price: Decimal | None = None, listed: Decimal | None = None, at: datetime | None = None
) -> None:
    """What is about to be written; None: it is known what became of it."""
    test.writing_price, test.writing_list_price, test.writing_since = price, listed, at
    _save(test, "writing_price", "writing_list_price", "writing_since")


def _advance(test: PriceTest, now: datetime) -> int:
    if test.ending and not _has_written(test):
        return _over(test, NONE)
    said = _said_now(test)
    if said.problem:
        test.waits_for = log_why(said.problem)  # the next hour tries again
        return 0
    written = _settle(test, said, now)
    if test.state not in GOING:
        return written
    if test.ending:
        return written + _finish(test, said, now)
    monday = last_monday(local_date(now))
    week = test.weeks.filter(week=monday, applied_at=None).first()
    if week is None:
        return written
    if said.price != (last := _last_price(test)):
        return written + _stop(test, said, why("test_other_price", price=said.price), now)
    if problem := forbidden(test, week.price, now):
        return written + _stop(test, said, problem, now)
    if last == test.kept(week.price):
        week.applied_at, week.stored_price = now, last
        week.save(update_fields=["applied_at", "stored_price"])
        test.waits_for = ""
        return written
    because, after = _write(test, said, Former(week.price), now)
    if because:
        if test.family and test.writing_price is None:  # its products have one price: none goes where one cannot
            return written + _stop(test, said, because, now)
        test.waits_for = log_why(because)
        return written
    _record(test, week, said, after, now, refused=_refused(test, week, last, after, now))
    return written + 1 + (_finish(test, _said_now(test), now) if test.ending else 0)


def _settle(test: PriceTest, said: Said, now: datetime) -> int:
    """What became of the price that was noted before a worker was killed, or whose answer nobody got."""
    noted = test.writing_price
    if noted is None:
        return 0
    began, last = test.writing_since or now, _last_price(test)
    week = test.weeks.filter(week=last_monday(local_date(began)), price=noted, applied_at=None).first()
    if said.price in (noted, test.kept(noted)) and (week is not None or test.ending):
        _record(test, week, Said(last, test.currency, list_price=test.writing_list_price), said, began)
        return 1
    if said.price == last:
        _note(test)  # it never arrived
    else:
        # Perhaps the shop has rounded it: nobody can tell that from a person's price.
        with transaction.atomic():
            _ends(test, test.ending or State.STOPPED, log_why(why("left_unclear", new=noted, price=said.price)))
            _over(test, NONE)
    return 0


def _write(test: PriceTest, said: Said, new: Former, now: datetime) -> tuple[Why, Said]:
    """Note the price, write it, and read what the shop made of it. With a reason why not: it is not there."""
    _note(test, new.price, said.list_price, now)
    adapter = get_adapter(test.channel)
    problem = write_price(adapter, test.product, new.price, former=new)
    reads = reads_rows(adapter)
    after = _said_now(test) if reads else Said(new.price, list_price=said.list_price)
    if problem and (not reads or after.price == said.price):
        _note(test)
        return problem, said
    if after.problem:  # perhaps it is there: the note stays, and the next hour asks
        return problem or after.problem, said
    return NONE, after


def _refused(test: PriceTest, week: PriceTestWeek, last: Decimal, after: Said, now: datetime) -> Why:
    """Why what the shop made of a price cannot be tested, false where it can."""
    price = after.price or Decimal(0)
    other = test.low if week.price == test.high else test.high
    if price == last:
        if last == test.kept(other) and test.weeks.filter(price=other, applied_at__isnull=False).exists():
            return why("test_one_price", price=price)
        return why("not_taken", price=price)
    if price == week.price:
        return NONE
    because = forbidden(test, price, now, stored=True)
    return why("rounded", price=price, new=week.price, because=because) if because else NONE


def _record(
    test: PriceTest, week: PriceTestWeek | None, before: Said, after: Said, now: datetime, *, refused: Why = NONE
) -> None:
    """Store what has come into the shop: the price of ``week``, or (None) the one before the test, which ends it.
    ``refused``: why the test has to end with this week."""
    with transaction.atomic():
        _note(test)
        price, test.waits_for = after.price or Decimal(0), ""
        PriceChange.objects.create(
            channel=test.channel, product=test.product, kind=PriceChange.Kind.TEST, at=now,
            old_price=before.price or 0, new_price=price, old_list_price=before.list_price,
            new_list_price=after.list_price, knows_list_price=True, currency=test.currency,
            verdict=PriceChange.Verdict.UNKNOWN,
        )  # fmt: skip
        prices = {test.product.external_id: Former(price, after.list_price, True)}
        mirror_follow(get_adapter(test.channel), channel=test.channel, prices=prices, now=now)
        if week is not None:
            week.applied_at, week.stored_price = now, price
            week.save(update_fields=["applied_at", "stored_price"])
            if refused:
                _ends(test, State.STOPPED, log_why(refused))
        else:
            rounded = why("rounded", price=price, new=test.base_price, because="") if price != test.base_price else NONE
            _over(test, rounded)


def _stop(test: PriceTest, said: Said, reason: Why, now: datetime) -> int:
    """End it, and the tests of its price family, so that all have one price again."""
    with transaction.atomic():
        others = _ends(test, State.STOPPED, log_why(reason))
    written = _finish(test, said, now)
    return written + sum(_work(pk, now) for pk in others if pk != test.pk)


def _ends(test: PriceTest, state: str, line: str) -> list[int]:
    """Note that a test is to end, and with one that is stopped those of its price family; returns their keys.
    ``line``: the reason, as the journal stores it."""
    test.ending, test.reason = state, line
    test.save(update_fields=["ending", "reason"])
    if not test.family or state != State.STOPPED:
        return [test.pk]
    others = locked_rows(_with_family(test).exclude(pk=test.pk))
    pks = list(others.values_list("pk", flat=True))
    theirs = log_why(why("test_with", product=test.product, because=log_read(line)))
    PriceTest.objects.filter(pk__in=pks, ending="").update(ending=state, reason=theirs)
    return [test.pk, *pks]


def _with_family(test: PriceTest) -> QuerySet[PriceTest]:
    """A test with those of its price family that are not over."""
    going = PriceTest.objects.filter(state__in=GOING).order_by("pk")
    return going.filter(group=test.group_id, family=test.family) if test.family else going.filter(pk=test.pk)


def _finish(test: PriceTest, said: Said, now: datetime) -> int:
    """Restore the price before, if the shop still has that of the test's last week and no limit forbids it by now.
    While the shop cannot be asked, or does not take it, the test waits."""
    if said.problem:
        test.waits_for = log_why(said.problem)
        return 0
    last = _last_price(test)
    if said.price != last:
        # since when is not known: what was sold in that week says nothing
        week = test.weeks.filter(applied_at__isnull=False).order_by("-week").values("pk")[:1]
        PriceTestWeek.objects.filter(pk__in=[row["pk"] for row in week]).update(is_spoiled=True)
        there = said.price == test.base_price
        return _over(test, NONE if there else why("test_other_price", price=said.price))
    if last == test.base_price:
        return _over(test, NONE)
    against = restoring_forbidden({test.product_id: test.base_price}, channel=test.channel, now=now, stored=True)
    if problem := against.get(test.product_id, NONE):
        return _over(test, problem)
    problem, after = _write(test, said, _base(test, said), now)
    if problem := problem or (why("not_taken", price=last) if after.price == last else NONE):
        test.waits_for = log_why(problem)
        return 0
    _record(test, None, said, after, now)
    return 1


def _over(test: PriceTest, because: Why) -> int:
    """It has ended; ``because`` tells what is not as it was before."""
    if because and (line := log_why(because)) not in test.lines:
        test.reason = "\n".join([*filter(None, test.lines), line])
    test.state, test.ending, test.waits_for, test.writing_price = test.ending or State.STOPPED, "", "", None
    _save(test, "state", "ending", "waits_for", "reason", "writing_price")
    return 0


def _base(test: PriceTest, now: Said) -> Former:
    """The price before the test, with the list price that was beside it, unless somebody has changed that since."""
    began = test.weeks.filter(applied_at__isnull=False).order_by("week").values_list("applied_at", flat=True).first()
    changes = PriceChange.objects.filter(
        product=test.product_id, kind=PriceChange.Kind.TEST, knows_list_price=True, at__gte=began or timezone.now()
    ).order_by("pk")
    first, last = changes.first(), changes.last()
    if first is None or last is None or last.new_list_price != now.list_price:
        return Former(test.base_price, now.list_price, first is not None)
    return Former(test.base_price, first.old_list_price, True)


def _last_price(test: PriceTest) -> Decimal:
    """What the shop made of the test's last price; the price before while it has put none."""
    last = test.weeks.filter(applied_at__isnull=False).order_by("-week").first()
    return test.base_price if last is None else last.stored_price or last.price


def _has_written(test: PriceTest) -> bool:
    return test.writing_price is not None or test.weeks.filter(applied_at__isnull=False).exists()


def _said_now(test: PriceTest) -> Said:
    """What the shop says now, or why it says nothing."""
    product = Product.objects.get(pk=test.product_id)
    return shop_prices(get_adapter(test.channel), products=[product])[product.external_id]
