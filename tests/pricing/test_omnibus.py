"""The lowest price of the 30 days before a reduction: cases of the rule, and a reading of it hour by hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.pricing.omnibus import Offer, Reduction, Step, reductions, window_begin

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 1, tzinfo=BERLIN)


def day(number: float) -> datetime:
    """Days of the calendar in Berlin, whatever the clocks do between."""
    whole = int(number)
    moment = datetime(2026, 3, 1, tzinfo=BERLIN).replace(tzinfo=None) + timedelta(
        days=whole, hours=24 * (number - whole)
    )
    return moment.replace(tzinfo=BERLIN)


def step(number: float, price: str | None, listed: str | None = None) -> Step:
    return Step(day(number), None if price is None else Decimal(price), None if listed is None else Decimal(listed))


def offer(starts: float, ends: float | None, percent: str | None = None, amount: str | None = None) -> Offer:
    return Offer(
        day(starts),
        None if ends is None else day(ends),
        None if percent is None else Decimal(percent),
        None if amount is None else Decimal(amount),
    )


def only(steps: list[Step], offers: list[Offer] | None = None) -> Reduction:
    (found,) = reductions(steps, offers or [], zone=BERLIN)
    return found


def last(steps: list[Step], offers: list[Offer] | None = None) -> Reduction:
    return reductions(steps, offers or [], zone=BERLIN)[-1]


def test_without_a_list_price_and_a_promotion_nothing_is_announced() -> None:
    assert reductions([step(0, "10"), step(40, "5")], zone=BERLIN) == []
    assert reductions([step(0, "10", "10"), step(40, "12", "10")], zone=BERLIN) == []
    assert reductions([], [offer(0, 5)], zone=BERLIN) == []


def test_the_price_before_counts_and_that_of_the_running_reduction_does_not() -> None:
    found = only([step(0, "10"), step(40, "7", "10"), step(47, "10")])
    assert (found.began, found.ended, found.price, found.lowest) == (day(40), day(47), Decimal(7), Decimal(10))


def test_a_price_raised_for_a_day_before_the_sale_is_not_the_price_before() -> None:
    assert last([step(0, "8"), step(39, "12"), step(40, "9", "12")]).lowest == Decimal(8)


def test_an_earlier_reduction_within_thirty_days_counts_one_before_them_does_not() -> None:
    steps = [step(0, "10"), step(5, "6", "10"), step(8, "10")]
    assert last([*steps, step(37, "7", "10")]).lowest == Decimal(6)
    assert last([*steps, step(39, "7", "10")]).lowest == Decimal(10)


def test_a_reduction_that_goes_down_in_steps_counts_from_its_first() -> None:
    found = only([step(0, "10"), step(40, "8", "10"), step(45, "7", "10"), step(60, "5", "10")])
    assert (found.began, found.ended, found.lowest) == (day(40), None, Decimal(10))


def test_a_step_up_within_a_reduction_begins_another_that_knows_the_lower_price() -> None:
    found = reductions([step(0, "10"), step(40, "6", "10"), step(45, "9", "10"), step(46, "8", "10")], zone=BERLIN)
    assert [(one.began, one.ended, one.lowest) for one in found] == [
        (day(40), day(45), Decimal(10)),
        (day(45), None, Decimal(6)),
    ]


def test_on_sale_for_less_than_thirty_days_what_is_known_counts() -> None:
    found = only([step(0, "10"), step(3, "9"), step(6, "7", "10")])
    assert (found.lowest, found.known_since) == (Decimal(9), day(0))


def test_reduced_from_the_first_day_no_price_before_is_known() -> None:
    assert only([step(0, "7", "10")]).lowest is None


def test_days_without_a_price_and_prices_of_nothing_do_not_count() -> None:
    assert only([step(0, "10"), step(20, None), step(25, "0"), step(30, "10"), step(40, "7", "10")]).lowest == Decimal(
        10
    )


def test_the_price_in_force_at_the_beginning_of_the_window_counts() -> None:
    # In force until noon of the thirtieth day before: it was charged within the thirty days.
    assert last([step(0, "5"), step(10.5, "10"), step(40, "7", "10")]).lowest == Decimal(5)
    # Until midnight, with which the window begins: it was not.
    assert last([step(0, "5"), step(10, "10"), step(40, "7", "10")]).lowest == Decimal(10)


def test_the_window_is_of_calendar_days_across_the_change_of_clocks() -> None:
    # 29 March 2026: Berlin's clocks go forward. Thirty days before 10 April is 11 March, midnight in winter time.
    assert window_begin(datetime(2026, 4, 10, 9, 30, tzinfo=BERLIN), zone=BERLIN) == datetime(
        2026, 3, 10, 23, tzinfo=UTC
    )
    # A moment that is still the day before in UTC belongs to the shop's day.
    assert window_begin(datetime(2026, 4, 9, 22, 30, tzinfo=UTC), zone=BERLIN) == datetime(2026, 3, 10, 23, tzinfo=UTC)


def test_a_promotion_reduces_though_the_price_in_the_shop_stays() -> None:
    found = only([step(0, "10")], [offer(40, 47, percent="20")])
    assert (found.began, found.ended, found.price, found.lowest) == (day(40), day(47), Decimal("8.00"), Decimal(10))
    assert only([step(0, "10")], [offer(40, 47, amount="3")]).price == Decimal("7.00")


def test_what_the_shop_has_taken_off_is_not_taken_off_twice() -> None:
    assert only([step(0, "10"), step(40, "8"), step(47, "10")], [offer(40, 47, percent="20")]).price == Decimal(8)
    assert only([step(0, "10"), step(40, "8", "10")], [offer(40, None, percent="20")]).price == Decimal(8)


def test_the_price_of_an_earlier_promotion_counts_for_the_next_reduction() -> None:
    found = reductions([step(0, "10")], [offer(20, 25, percent="30"), offer(40, 45, percent="10")], zone=BERLIN)
    assert [one.lowest for one in found] == [Decimal(10), Decimal("7.00")]


def test_promotions_that_meet_at_midnight_are_one_reduction() -> None:
    almost = day(41) - timedelta(seconds=1)
    first = Offer(day(40), almost, Decimal(10), None)
    found = only([step(0, "10")], [first, offer(41, 43, percent="20")])
    assert (found.began, found.ended, found.lowest) == (day(40), day(43), Decimal(10))
    # An hour at the full price is a pause: the second reduction knows the price of the first.
    first = Offer(day(40), day(41) - timedelta(hours=1), Decimal(10), None)
    assert last([step(0, "10")], [first, offer(41, 43, percent="20")]).lowest == Decimal("9.00")


def test_a_list_price_written_just_after_its_price_has_come_with_it() -> None:
    for pause, lowest in ((timedelta(seconds=2), Decimal(10)), (timedelta(hours=1), Decimal(7))):
        listed = Step(day(40) + pause, Decimal(7), Decimal(10))
        assert only([step(0, "10"), step(40, "7"), listed]).lowest == lowest


def test_a_promotion_that_ends_before_it_begins_or_before_the_history_is_none() -> None:
    assert reductions([step(10, "10")], [offer(2, 5, percent="50")], zone=BERLIN) == []


# -- the rule, read hour by hour -------------------------------------------------------------------------------------
HOURS = 24 * 75
PRICES = [Decimal(price) for price in (5, 6, 8, 10)]
changes = st.lists(
    st.tuples(
        st.integers(0, HOURS - 1),
        st.one_of(st.none(), st.sampled_from(PRICES)),
        st.one_of(st.none(), st.sampled_from(PRICES)),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda change: change[0],
)
runs = st.lists(st.tuples(st.integers(0, HOURS), st.integers(1, 400), st.sampled_from([10, 25, 50])), max_size=2)


def hour(number: int) -> datetime:
    return (START.astimezone(UTC) + timedelta(hours=number)).astimezone(BERLIN)


def read_by_hours(
    written: list[tuple[int, Decimal | None, Decimal | None]], promotions: list[tuple[int, int, int]]
) -> list[tuple[datetime, Decimal | None]]:
    """Walks through every hour: what was asked, whether it was announced as reduced, and what was asked before."""
    written = sorted(written, key=lambda change: change[0])
    asked: list[Decimal | None] = []
    announced: list[bool] = []
    for now in range(HOURS):
        past = [change for change in written if change[0] <= now]
        price, listed = past[-1][1:] if past else (None, None)
        running = [one for one in promotions if one[0] <= now < one[0] + one[1]]
        if price is None:
            asked.append(None)
            announced.append(False)
            continue
        announced.append(bool(running) or (listed is not None and price < listed))
        lower = price
        if listed is None or price >= listed:
            for begin, _length, percent in running:
                before = [change[1] for change in written if change[0] < begin]
                if not (before and before[-1] is not None and price < before[-1]):
                    lower = min(lower, price * (100 - percent) / 100)
        asked.append(lower)
    found: list[tuple[datetime, Decimal | None]] = []
    for now in range(HOURS):
        here, before_this = asked[now], asked[now - 1] if now else None
        goes_on = (
            now > 0 and announced[now - 1] and here is not None and before_this is not None and here <= before_this
        )
        if announced[now] and not goes_on:
            first = (hour(now).date() - timedelta(days=30)).isoformat()
            window = [
                price
                for at, price in enumerate(asked[:now])
                if price is not None and hour(at).date().isoformat() >= first
            ]
            found.append((hour(now), min(window, default=None)))
    return found


@given(changes, runs)
def test_every_history_is_read_as_the_rule_says(
    written: list[tuple[int, Decimal | None, Decimal | None]], promotions: list[tuple[int, int, int]]
) -> None:
    steps = [Step(hour(at), price, listed) for at, price, listed in sorted(written, key=lambda change: change[0])]
    offers = [Offer(hour(begin), hour(begin + length), Decimal(percent)) for begin, length, percent in promotions]
    found = [(one.began, one.lowest) for one in reductions(steps, offers, zone=BERLIN) if one.began < hour(HOURS)]
    assert found == read_by_hours(written, promotions)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@given(changes)
def test_no_price_before_is_ever_from_the_reduction_itself(
    zone: str, written: list[tuple[int, Decimal | None, Decimal | None]]
) -> None:
    steps = [Step(hour(at), price, listed) for at, price, listed in sorted(written, key=lambda change: change[0])]
    for one in reductions(steps, zone=ZoneInfo(zone)):
        before = [each.price for each in steps if each.at < one.began and each.price is not None]
        assert one.lowest is None or one.lowest in before
