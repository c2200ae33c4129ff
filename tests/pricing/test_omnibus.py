"""The lowest price of the 30 days before a reduction: cases of the rule, and a reading of it hour by hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.pricing.omnibus import Offer, Reduction, Step, is_settled_by, reductions, window_begin

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


def only_of(steps: list[Step], offers: list[Offer], included: bool | None) -> Reduction:
    (found,) = reductions(steps, offers, zone=BERLIN, included=included)
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


@pytest.mark.parametrize(
    ("included", "found"),
    [
        (True, [(36, "80", "100"), (50, "80", "80")]),
        (False, [(36, "80", "100"), (40, "64.00", "80"), (50, "64.00", "64.00")]),
        (None, [(36, "80", "100"), (40, "80", "80"), (50, "80", "64.00")]),
    ],
)
def test_where_the_shop_says_how_it_promotes_nothing_is_guessed(
    included: bool | None, found: list[tuple[float, str, str]]
) -> None:
    # Eighty with the hundred struck out, later 20 % on it: is the eighty the promotion, or do they come off as well?
    steps = [step(0, "100"), step(36, "80", "100"), step(45, "100"), step(50, "80", "100"), step(52, "100")]
    promotions = [offer(40, 45, percent="20"), offer(50, 52, percent="20")]
    told = reductions(steps, promotions, zone=BERLIN, included=included)
    assert [(one.began, one.price, one.lowest) for one in told] == [
        (day(began), Decimal(price), Decimal(lowest)) for began, price, lowest in found
    ]


def test_a_promotion_that_comes_off_in_the_cart_comes_off_whatever_the_price_does() -> None:
    steps = [step(0, "100"), step(40, "80"), step(45, "100")]
    promotion = [offer(40, 45, percent="20")]
    told = {one: only_of(steps, promotion, one).price for one in (True, False, None)}
    assert told == {True: Decimal(80), False: Decimal("64.00"), None: Decimal(80)}


def test_a_price_raised_for_a_day_before_the_sale_is_not_the_price_before() -> None:
    assert last([step(0, "8"), step(39, "12"), step(40, "9", "12")]).lowest == Decimal(8)


def test_an_earlier_reduction_within_thirty_days_counts_one_before_them_does_not() -> None:
    steps = [step(0, "10"), step(5, "6", "10"), step(8, "10")]
    assert last([*steps, step(37, "7", "10")]).lowest == Decimal(6)
    assert last([*steps, step(39, "7", "10")]).lowest == Decimal(10)


def test_a_reduction_that_goes_down_in_steps_counts_from_its_first() -> None:
    found = only([step(0, "10"), step(40, "8", "10"), step(45, "7", "10"), step(60, "5", "10")])
    assert (found.began, found.ended, found.lowest) == (day(40), None, Decimal(10))


def test_without_a_promotion_a_step_after_more_than_thirty_days_is_another_reduction() -> None:
    # Thirty calendar days after the step before: still the same campaign. A day later it is not.
    for number, lowest in ((70, "10"), (71, "8")):
        found = last([step(0, "10"), step(40, "8", "10"), step(number, "7", "10")])
        assert found.lowest == Decimal(lowest)
    # Each step is counted from the one before, and a list price that changes beside it is none.
    steps = [step(0, "10"), step(40, "8", "10"), step(60, "7", "10"), step(80, "7", "9"), step(95, "6", "9")]
    assert [(one.began, one.lowest) for one in reductions(steps, zone=BERLIN)] == [
        (day(40), Decimal(10)),
        (day(95), Decimal(7)),
    ]
    # Two years at 15, then 12: that it cost 20 before is no news.
    years = [step(0, "20", "20"), step(90, "15", "20"), step(820, "12", "20")]
    assert last(years).lowest == Decimal(15)
    # A promotion says itself how long it is.
    assert only([step(0, "10"), step(40, "8"), step(75, "7")], [offer(40, 90, percent="20")]).lowest == Decimal(10)


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
    first = Offer(day(40), almost, Decimal(20), None)
    found = only([step(0, "10")], [first, offer(41, 43, percent="20")])
    assert (found.began, found.ended, found.lowest) == (day(40), day(43), Decimal(10))
    # An hour at the full price is a pause: the second reduction knows the price of the first.
    first = Offer(day(40), day(41) - timedelta(hours=1), Decimal(20), None)
    assert last([step(0, "10")], [first, offer(41, 43, percent="20")]).lowest == Decimal("8.00")


def test_steps_down_are_one_reduction_within_one_campaign_only() -> None:
    two = [offer(40, 82, percent="20"), offer(82, 90, percent="30")]
    assert [one.lowest for one in reductions([step(0, "100")], two, zone=BERLIN)] == [Decimal(100), Decimal("80.00")]
    # The shop lowers the price itself while one promotion goes on.
    steps = [step(0, "100"), step(40, "80"), step(82, "70")]
    found = only(steps, [offer(40, 90, percent="20")])
    assert (found.began, found.ended, found.lowest) == (day(40), day(90), Decimal(100))
    # A promotion on top of a reduction is another one.
    assert last([step(0, "100"), step(10, "90", "100")], [offer(50, 55, percent="20")]).lowest == Decimal("72.00")


def test_a_promotion_in_the_cart_on_a_price_below_its_list_price_is_a_price_that_was_asked() -> None:
    steps = [step(0, "80", "100"), step(14, "80", "100"), step(36, "100"), step(38, "70", "100")]
    assert last(steps, [offer(15, 20, percent="20")]).lowest == Decimal("64.00")


def test_a_price_that_fell_by_less_than_the_promotion_may_not_have_it_yet() -> None:
    steps = [step(0, "100"), step(15, "95"), step(20, "100"), step(38, "70", "100")]
    assert last(steps, [offer(15, 20, percent="20")]).lowest == Decimal("76.00")
    # To the hundredth of rounding it has: 79.99 and 80.50 for 100 less 20 %.
    for price in ("79.99", "80.50"):
        steps[1] = step(15, price)
        assert last(steps, [offer(15, 20, percent="20")]).lowest == Decimal(price)


def test_a_price_lowered_some_minutes_before_its_promotion_has_it() -> None:
    early = Step(day(40) - timedelta(minutes=5), Decimal(80))
    found = only([step(0, "100"), early, step(47, "100")], [offer(40, 47, percent="20")])
    assert (found.began, found.price, found.lowest) == (early.at, Decimal(80), Decimal(100))
    # Half a day before it is a price of its own, that was asked before the promotion was.
    found = only([step(0, "100"), step(39.5, "80"), step(47, "100")], [offer(40, 47, percent="20")])
    assert (found.began, found.price, found.lowest) == (day(40), Decimal("64.00"), Decimal(80))


def untold(number: float, price: str) -> Step:
    return Step(day(number), Decimal(price), None, told=False)


def test_a_list_price_that_the_shop_s_history_does_not_tell_is_that_of_the_copy() -> None:
    found = only([step(0, "100"), untold(40, "75"), step(40.125, "75", "100")])
    assert (found.began, found.lowest) == (day(40), Decimal(100))
    # As it was before, too, and where nobody ever told one the price is not reduced.
    found = only([step(0, "100", "100"), untold(40, "75"), untold(45, "70")])
    assert (found.began, found.ended, found.lowest) == (day(40), None, Decimal(100))
    assert reductions([untold(0, "100"), untold(40, "75")], zone=BERLIN) == []
    # The copy said that there was none at this price.
    assert only([step(0, "75"), untold(10, "75"), step(40, "75", "100")]).began == day(40)


def test_a_list_price_written_just_after_its_price_has_come_with_it() -> None:
    for pause, lowest in ((timedelta(seconds=2), Decimal(10)), (timedelta(hours=1), Decimal(7))):
        listed = Step(day(40) + pause, Decimal(7), Decimal(10))
        assert only([step(0, "10"), step(40, "7"), listed]).lowest == lowest


def test_a_promotion_that_ends_before_it_begins_or_before_the_history_is_none() -> None:
    assert reductions([step(10, "10")], [offer(2, 5, percent="50")], zone=BERLIN) == []


def test_promotions_of_the_past_cost_as_much_as_there_are() -> None:
    def took(number: int) -> float:
        offers = [offer(one, one + 0.5, percent="10") for one in range(1, number + 1)]
        best = 9.0
        for _ in range(3):
            begin = process_time()
            assert len(reductions([step(0, "20")], offers, zone=BERLIN)) == number
            best = min(best, process_time() - begin)
        return best

    assert took(1600) < 24 * took(200)  # eight times as much; with the square of them it was sixty-four


# -- the rule, read moment by moment ---------------------------------------------------------------------------------
TEN_MINUTES = timedelta(minutes=10)
DAY = 24 * 6
END = 75 * DAY
PRICES = [Decimal(price) for price in ("5", "6", "7.50", "8", "10")]
Told = tuple[int, Decimal | None, Decimal | None, bool]
# Moments of the same days again and again: what happens within minutes of something else is what goes wrong.
# Berlin's clocks change in the nights before the days 28 (spring) and 24 (autumn).
moments = st.builds(
    lambda number, part: number * DAY + part,
    st.one_of(st.integers(0, 74), st.sampled_from([20, 24, 28, 40, 41])),
    st.sampled_from([0, 0, 1, 2, 6, 12, 15, 80]),
)
starts = st.sampled_from([datetime(2026, 3, 1, tzinfo=BERLIN), datetime(2026, 10, 1, tzinfo=BERLIN)])
changes = st.lists(
    st.tuples(
        moments,
        st.one_of(st.none(), st.sampled_from(PRICES)),
        st.one_of(st.none(), st.sampled_from(PRICES)),
        st.booleans(),
    ).map(lambda one: one if one[3] else (one[0], one[1], None, False)),
    min_size=1,
    max_size=8,
    unique_by=lambda change: change[0],
)
runs = st.lists(st.tuples(moments, st.integers(1, 20 * DAY), st.sampled_from([10, 25, 50])), max_size=5)


def moment(number: int, start: datetime = START) -> datetime:
    return (start.astimezone(UTC) + number * TEN_MINUTES).astimezone(BERLIN)


def as_steps(written: list[Told], start: datetime = START) -> list[Step]:
    ordered = sorted(written, key=lambda change: change[0])
    return [Step(moment(one[0], start), one[1], one[2], one[3]) for one in ordered]


def as_offers(promotions: list[tuple[int, int, int]], start: datetime) -> list[Offer]:
    return [
        Offer(moment(begin, start), moment(begin + length, start), Decimal(percent))
        for begin, length, percent in promotions
    ]


def in_force(written: list[Told], now: int) -> Decimal | None:
    past = [change for change in written if change[0] <= now]
    return past[-1][1] if past else None


def list_prices(written: list[Told]) -> list[Decimal | None]:
    """What was not told: as the change before or the ones after say of the same price, else as it was."""
    known: list[Decimal | None] = []
    for at, (_moment, price, listed, told) in enumerate(written):
        if told:
            known.append(listed)
            continue
        if at and written[at - 1][1] == price:
            known.append(known[-1])
            continue
        other = [place for place in range(at + 1, len(written)) if written[place][1] != price]
        said = [change[2] for change in written[at + 1 : min(other, default=len(written))] if change[3]]
        known.append(said[0] if said else known[-1] if known else None)
    return known


def fell_by(before: Decimal | None, price: Decimal | None, percent: int) -> bool:
    """Whether a price fell by what a promotion takes off, to a hundredth."""
    if before is None or price is None or price >= before:
        return False
    return price <= (before * (100 - percent) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP) + before / 100


def begun(written: list[Told], promotion: tuple[int, int, int]) -> tuple[int, int, int]:
    """A price that fell by it up to fifteen minutes before is the promotion, begun by then."""
    begin, length, percent = promotion
    for at, *_rest in written[1:]:
        # ten minutes before: twenty are too many
        if at == begin - 1 and fell_by(in_force(written, at - 1), in_force(written, begin - 1), percent):
            return at, length + begin - at, percent
    return begin, length, percent


def read_by_moments(
    written: list[Told], promotions: list[tuple[int, int, int]], start: datetime
) -> list[tuple[datetime, Decimal | None]]:
    """Walks through time: what was asked by both readings, whether it was announced as reduced, what was before."""
    written = sorted(written, key=lambda change: change[0])
    listed = list_prices(written)
    promotions = [begun(written, one) for one in promotions]
    edges = {at for at, *_rest in written} | {at for begin, length, _p in promotions for at in (begin, begin + length)}
    clock = sorted({now for now in edges | {edge - 1 for edge in edges} if now >= 0} | set(range(0, END, 36)))
    clock = [now for now in clock if now < END]
    # Per moment: the price as the shop shows it, the least it may have been, whether announced, the promotions.
    read: list[tuple[Decimal | None, Decimal | None, bool, set[tuple[int, int, int]]]] = []
    for now in clock:
        price = in_force(written, now)
        if price is None:
            read.append((None, None, False, set()))
            continue
        list_price = next(
            told for change, told in reversed(list(zip(written, listed, strict=True))) if change[0] <= now
        )
        running = {one for one in promotions if one[0] <= now < one[0] + one[1]}
        below = list_price is not None and price < list_price
        shown, least = [price], [price]
        for begin, _length, percent in running:
            before = in_force(written, begin - 1)
            if fell_by(before, price, percent):
                continue
            off = (price * (100 - percent) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
            least.append(off)
            if not below and (before is None or price >= before):
                shown.append(off)
        read.append((min(shown), min(least), below or bool(running), running))
    found: list[tuple[datetime, Decimal | None]] = []
    dates = [moment(now, start).date() for now in clock]
    stepped = dates[0]
    for at, (shown_now, least_now, announced, running) in enumerate(read):
        if not announced:
            continue
        if at and read[at - 1][2]:
            shown_last, least_last, _announced, ran = read[at - 1]
            assert shown_now is not None and least_now is not None
            assert shown_last is not None and least_last is not None
            if shown_now == shown_last and least_now == least_last:
                continue
            falls = shown_now <= shown_last and least_now <= least_last
            if falls and ran == running and (running or dates[at] - stepped <= timedelta(days=30)):
                stepped = dates[at]
                continue
        stepped = dates[at]
        first = dates[at] - timedelta(days=30)
        window = [one[1] for date, one in zip(dates[:at], read, strict=False) if one[1] is not None and date >= first]
        found.append((moment(clock[at], start).astimezone(UTC), min(window, default=None)))
    return found


@given(changes, runs, starts)
def test_every_history_is_read_as_the_rule_says(
    written: list[Told], promotions: list[tuple[int, int, int]], start: datetime
) -> None:
    found = reductions(as_steps(written, start), as_offers(promotions, start), zone=BERLIN)
    told = [(one.began, one.lowest) for one in found if one.began < moment(END, start)]
    assert told == read_by_moments(written, promotions, start)


@given(changes, runs, starts, st.integers(0, 74))
def test_promotions_that_ended_before_the_thirty_days_of_a_reduction_change_nothing_of_it(
    written: list[Told], promotions: list[tuple[int, int, int]], start: datetime, number: int
) -> None:
    steps, offers = as_steps(written, start), as_offers(promotions, start)
    cut = moment(number * DAY, start)

    def later(found: list[Reduction]) -> list[Reduction]:
        return [one for one in found if is_settled_by(one, cut, zone=BERLIN)]

    some = [one for one in offers if one.ends is not None and one.ends > cut]
    assert later(reductions(steps, some, zone=BERLIN)) == later(reductions(steps, offers, zone=BERLIN))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@given(changes)
def test_no_price_before_is_ever_from_the_reduction_itself(zone: str, written: list[Told]) -> None:
    steps = as_steps(written)
    for one in reductions(steps, zone=ZoneInfo(zone)):
        before = [each.price for each in steps if each.at < one.began and each.price is not None]
        assert one.lowest is None or one.lowest in before
