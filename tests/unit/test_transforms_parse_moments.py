"""Times in logs: formats, zones, years that are not told, and the forms they are given on in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.instant import millis_of
from connectkit.logical import TIMESTAMP
from connectkit.transforms.parse.moments import Moments, zone_of

DAY_MS = 86_400_000


def ms(*parts: int) -> int:
    return millis_of(datetime(*parts, tzinfo=UTC))  # type: ignore[misc,arg-type]


def parsed(form: str, text: str, reference_ms: int | None = None, zone: str = "UTC") -> int:
    return Moments("millis", zone=zone_of(zone)).millis_parser(form)(text, reference_ms)


@pytest.mark.parametrize(
    ("form", "text", "wanted"),
    [
        ("CLF", "10/Oct/2000:13:55:36 -0700", ms(2000, 10, 10, 20, 55, 36)),
        ("CLF", "29/Feb/2024:23:59:60 +0000", ms(2024, 3, 1)),
        ("ISO8601", "2003-10-11T22:14:15.003Z", ms(2003, 10, 11, 22, 14, 15) + 3),
        ("ISO8601", "2003-08-24T05:14:15.000003-07:00", ms(2003, 8, 24, 12, 14, 15)),
        ("ISO8601", "2003-08-24 05:14", ms(2003, 8, 24, 5, 14)),
        ("ISO8601", "2003-08-24T05:14:15,5 +0530", ms(2003, 8, 23, 23, 44, 15) + 500),
        ("ISO8601", "2003-08-24", ms(2003, 8, 24)),
        ("ISO8601", "2016-12-31T23:59:60Z", ms(2017, 1, 1)),
        ("UNIX", "1700000000", 1_700_000_000_000),
        ("UNIX", "1700000000.1239", 1_700_000_000_123),
        ("UNIX", "-1.5", -1500),
        ("UNIX_MS", "1700000000001", 1_700_000_000_001),
        ("yyyy/MM/dd HH:mm:ss", "2024/02/29 01:02:03", ms(2024, 2, 29, 1, 2, 3)),
        ("dd.MM.yyyy HH:mm:ss Z", "29.02.2024 01:02:03 +0100", ms(2024, 2, 29, 0, 2, 3)),
    ],
)
def test_formats(form: str, text: str, wanted: int) -> None:
    assert parsed(form, text) == wanted


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("CLF", "10/Okt/2000:13:55:36 -0700"),
        ("CLF", "31/Feb/2000:13:55:36 -0700"),
        ("CLF", "10/Oct/2000:13:55:61 -0700"),
        ("CLF", "10/Oct/2000:13:55:36 +9900"),
        ("CLF", "10/Oct/2000:13:55:36"),
        ("ISO8601", "2003-13-24T05:14:15Z"),
        ("ISO8601", "2003-08-24T05:14:15+99:00"),
        ("ISO8601", "٢٠٠٣-08-24T05:14:15Z"),
        ("ISO8601", ""),
        ("SYSLOG", "Oct 32 22:14:15"),
        ("SYSLOG", "Oct 11 22:14:61"),
        ("UNIX", "1e400"),
        ("UNIX", "9" * 400),
        ("UNIX_MS", "12.5"),
        ("yyyy", "x"),
    ],
)
def test_what_is_no_moment(form: str, text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^[^0-9]*(RFC 3164|ISO 8601|1970|Format|pattern|zone|month|day|second|range).*$"
    ):
        parsed(form, text, ms(2020, 1, 1))


def test_a_zone_counts_where_the_text_has_none() -> None:
    assert parsed("ISO8601", "2024-07-01T12:00:00", zone="Europe/Berlin") == ms(2024, 7, 1, 10)
    assert parsed("ISO8601", "2024-07-01T12:00:00Z", zone="Europe/Berlin") == ms(2024, 7, 1, 12)
    assert parsed("yyyy-MM-dd HH:mm", "2024-01-01 12:00", zone="Europe/Berlin") == ms(2024, 1, 1, 11)
    assert parsed("yyyy-MM-dd HH:mm Z", "2024-01-01 12:00 +0000", zone="Europe/Berlin") == ms(2024, 1, 1, 12)
    assert parsed("SYSLOG", "Jul  1 12:00:00", ms(2024, 7, 2), zone="-03:30") == ms(2024, 7, 1, 15, 30)


@pytest.mark.parametrize("name", ["Mars/Olympus", "+25:00", "../etc/passwd", "", "a" * 5000])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        zone_of(name)


@pytest.mark.parametrize(
    ("text", "reference", "year"),
    [
        ("Oct 11 22:14:15", ms(2023, 10, 12), 2023),
        ("Dec 31 23:59:59", ms(2024, 1, 1), 2023),  # last year's line, read after midnight
        ("Jan  1 00:00:01", ms(2023, 12, 31, 23, 59), 2024),  # a clock that is ahead
        ("Jan  3 00:00:00", ms(2023, 12, 31), 2023),  # too far ahead: it is an old line
        ("Feb 29 10:00:00", ms(2023, 6, 1), 2020),
        ("Feb 29 10:00:00", ms(1904, 1, 1), 1896),  # 1900 was no leap year
        ("Oct 11 2005 22:14:15", ms(2023, 10, 12), 2005),
    ],
)
def test_the_year_comes_from_the_record(text: str, reference: int, year: int) -> None:
    found = datetime.fromtimestamp(parsed("SYSLOG", text, reference) / 1000, UTC)
    assert found.year == year


@given(
    st.datetimes(datetime(1980, 3, 1), datetime(2080, 1, 1)),  # noqa: DTZ001 - made UTC below
    st.timedeltas(timedelta(days=-1), timedelta(days=300)),
    st.sampled_from(["", "x"]),
)
def test_year_of_any_line_near_its_record(moment: datetime, late: timedelta, twice: str) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    parse = Moments("millis").millis_parser("SYSLOG")
    text = f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S}"
    if twice:  # what is remembered of a text must not outlive the year
        parse(text, millis_of(moment + timedelta(days=4000)))
    assert parse(text, millis_of(moment + late)) == millis_of(moment)


def test_without_a_record_time_the_clock_counts() -> None:
    moments = Moments("millis", now_ms=lambda: ms(2011, 5, 1))
    assert moments.syslog("Apr  1 00:00:00", None) == ms(2011, 4, 1)


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("timestamp", datetime(2003, 10, 11, 22, 14, 15, 3000, tzinfo=UTC)),
        ("millis", 1_065_910_455_003),
        ("text", "2003-10-11T22:14:15.003Z"),
    ],
)
def test_forms(form: str, wanted: Any) -> None:
    moments = Moments(form)
    assert moments.parser("ISO8601")("2003-10-11T22:14:15.003Z", None) == wanted
    assert moments.schema.optional
    assert (moments.schema.name == TIMESTAMP.name) is (form == "timestamp")


def test_what_is_remembered_is_bounded() -> None:
    moments = Moments("millis")
    for i in range(10_000):
        moments.iso(f"2024-01-01T00:00:00.{i:05d}Z")
    assert len(moments._known) <= 4096
