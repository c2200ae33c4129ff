"""UUIDv7: time order, exact milliseconds, ranges that cut where they should."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.core.uuid7 import to_milliseconds, uuid7, uuid7_derived, uuid7_floor, uuid7_time

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(UTC))
MILLISECOND = timedelta(milliseconds=1)


def whole(moment: datetime) -> datetime:
    """The moment cut to its millisecond."""
    return moment - timedelta(microseconds=moment.microsecond % 1000)


@given(MOMENTS)
def test_time_survives_to_the_millisecond(moment: datetime) -> None:
    value = uuid7(moment)
    assert uuid7_time(value) == whole(moment)
    assert (value.version, value.variant) == (7, uuid.RFC_4122)


@given(MOMENTS, MOMENTS)
def test_order_of_ids_is_order_of_time(one: datetime, other: datetime) -> None:
    if whole(one) < whole(other):
        assert uuid7(one) < uuid7(other)
        assert str(uuid7(one)) < str(uuid7(other))
        assert uuid7(one).bytes < uuid7(other).bytes


@given(MOMENTS, st.text(), st.text(max_size=80))
def test_floor_is_the_half_open_boundary(moment: datetime, source: str, key: str) -> None:
    for value in (uuid7(moment), uuid7_derived(source, key, moment)):
        assert uuid7_floor(moment) <= value < uuid7_floor(moment + MILLISECOND)


@given(MOMENTS, st.text(), st.text())
def test_derived_is_the_same_every_time(moment: datetime, source: str, key: str) -> None:
    value = uuid7_derived(source, key, moment)
    assert value == uuid7_derived(source, key, moment)
    assert (value.version, value.variant, uuid7_time(value)) == (7, uuid.RFC_4122, whole(moment))


def test_derived_keeps_the_value_that_old_imports_wrote() -> None:
    # Changing this would import every order's event a second time.
    moment = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert str(uuid7_derived("order", "536365", moment)) == "012ca109-c1c0-7e38-b7f7-0dc172275129"


def test_derived_depends_on_source_and_key_and_their_border() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    values = {
        uuid7_derived("a", "bc", moment),
        uuid7_derived("ab", "c", moment),
        uuid7_derived("a", "bd", moment),
        uuid7_derived("a", "bc", moment + MILLISECOND),
    }
    assert len(values) == 4


def test_random_ids_of_one_moment_differ() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    assert len({uuid7(moment) for _ in range(2_000)}) == 2_000


def test_the_default_is_now() -> None:
    before = datetime.now(UTC)
    made = uuid7_time(uuid7())
    assert whole(before) <= made <= datetime.now(UTC)


def test_known_layout() -> None:
    """The example of RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC."""
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    assert to_milliseconds(moment) == 0x017F22E279B0
    assert str(uuid7(moment)).startswith("017f22e2-79b0-7")
    assert uuid7_time(uuid.UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")) == moment


def test_the_time_zone_does_not_matter() -> None:
    utc = datetime(2024, 6, 1, 12, tzinfo=UTC)
    assert uuid7_floor(utc) == uuid7_floor(utc.astimezone(timezone(timedelta(hours=9))))


@pytest.mark.parametrize("make", [uuid7, uuid7_floor, lambda moment: uuid7_derived("a", "b", moment)])
def test_naive_and_too_old_moments_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="aware"):
        make(datetime(2024, 1, 1))  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"1969-12-31T23:59:59\.999000"):
        make(datetime(1970, 1, 1, tzinfo=UTC) - MILLISECOND)  # type: ignore[operator]


@given(st.uuids(version=4))
def test_the_time_of_another_version_is_refused(value: uuid.UUID) -> None:
    with pytest.raises(ValueError, match="not a UUIDv7"):
        uuid7_time(value)
