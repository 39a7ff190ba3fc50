"""SimpleDateFormat: patterns, formatting, lenient parsing. Expectations come from Java 17 in UTC."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.dateformat import DateFormat, date_format
from connectkit.errors import ConfigError, ConversionError

MOMENT = 1_709_211_909_046  # 2024-02-29T13:05:09.046Z
ISO = "yyyy-MM-dd'T'HH:mm:ss.SSS"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2024-02-29T13:05:09.046Z"),
        ("yyyyMMdd", "20240229"),
        ("yy y yyy yyyyy", "24 2024 2024 02024"),
        ("M MM MMM MMMM L LLLL", "2 02 Feb February 2 February"),
        ("E EEE EEEE u", "Thu Thu Thursday 4"),
        ("d dd D DDD F w W Y", "29 29 60 060 5 9 5 2024"),
        ("H k K h a", "13 13 1 1 PM"),
        ("S SSS SSSSSS", "46 046 000046"),
        ("G z zzzz Z X XX XXX", "AD UTC Coordinated Universal Time +0000 Z Z Z"),
        ("'it''s' yyyy''", "it's 2024'"),
        ("100% yyyy", "100% 2024"),
    ],
)
def test_format(pattern: str, text: str) -> None:
    assert DateFormat(pattern).format(MOMENT) == text


def test_format_before_the_epoch_and_before_gregory() -> None:
    assert DateFormat(ISO).format(-1) == "1969-12-31T23:59:59.999"
    assert DateFormat("yyyy-MM-dd").format(-12_219_292_800_001) == "1582-10-04"
    assert DateFormat("yyyy-MM-dd G").format(-62_135_769_600_001 - 172_800_000) == "0001-12-29 BC"
    assert DateFormat("HH kk KK hh").format(0) == "00 24 00 12"


@pytest.mark.parametrize(
    ("pattern", "text", "millis"),
    [
        (ISO, "2024-02-29T13:05:09.046", MOMENT),
        (ISO, "2024-02-29T13:05:09.046 and more", MOMENT),
        ("yyyy-MM-dd", "2019-13-45", 1_581_638_400_000),
        ("yyyy-MM-dd", "2019-02-30", 1_551_484_800_000),
        ("yyyy-MM-dd", "2019-8-3 a", 1_564_790_400_000),
        ("yyyy-MM-dd", "  2019- 08- 23", 1_566_518_400_000),
        ("yyyy-MM-dd", "1582-10-10", -12_218_860_800_000),
        ("yyyyMMdd", "20190823", 1_566_518_400_000),
        ("yyyyMMMdd", "2019Jan05", 1_546_646_400_000),
        ("MMM d yyyy", "SEPTEMBER 1 1970", 20_995_200_000),
        ("S", "123456", 123_456),
        ("ss.SSS", "1.5", 1_005),
        ("hh:mm a", "12:30 am", 1_800_000),
        ("hh:mm a", "12:30 PM", 45_000_000),
        ("kk", "24", 0),
        ("Z", "+0530", -19_800_000),
        ("X", "+05", -18_000_000),
        ("XXX", "+05:30", -19_800_000),
        ("XXX", "Z", 0),
        ("z", "GMT+5:30", -19_800_000),
        ("z", "utc", 0),
        ("z", "PST", 28_800_000),
        ("yyyy-DDD", "2019-045", 1_550_102_400_000),
        ("YYYY-ww-u", "2019-05-3", 1_548_806_400_000),
        ("yyyy MM W E", "2019 08 2 Mon", 1_564_963_200_000),
        ("yyyy MM F E", "2019 08 2 Mon", 1_565_568_000_000),
        ("yyyy-MM-dd", "2019-1E0-3", 1_546_473_600_000),
        ("yyyy-MM-dd", "-1-1-1", -62_198_928_000_000),
        ("HH:mm", "99:99", 362_340_000),
        ("yyyy G", "1 BC", -62_167_392_000_000),
    ],
)
def test_parse(pattern: str, text: str, millis: int) -> None:
    assert DateFormat(pattern).parse(text) == millis


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd", ""), ("yyyy-MM-dd", "2019/08/23"), ("yyyyMMdd", "20190"), ("Z", "+05:30"), ("X", "+5"),
        ("MMM", "Foo"), ("HH:mm", "ab:cd"), ("yyyy-MM-dd", "2019-08"), ("z", "Nowhere"), ("XXX", "+24:00"),
        ("MMM d", " Jan 3"), ("yyyy", "1E300"), ("a", "XM"),
    ],
)  # fmt: skip
def test_what_does_not_match_is_a_conversion_error(pattern: str, text: str) -> None:
    with pytest.raises(ConversionError) as caught:
        DateFormat(pattern).parse(text)
    assert pattern in str(caught.value)


@pytest.mark.parametrize("pattern", ["b", "yyyy-MM-dd'T", "XXXX", "yyyy foo", "n", "y" * 2_000])
def test_bad_patterns_are_config_errors(pattern: str) -> None:
    with pytest.raises(ConfigError):
        DateFormat(pattern)


def test_years_in_two_digits_lie_between_80_years_back_and_20_ahead() -> None:
    form = DateFormat("yy-MM-dd", now_ms=MOMENT)  # the window begins on 29 February 1944, 13:05
    assert form.format(form.parse("44-03-01")) == "44-03-01"
    years = DateFormat("yyyy")
    assert [years.format(form.parse(t)) for t in ("43-05-05", "44-02-28", "44-03-01", "99-01-01")] == [
        "2043", "2044", "1944", "1999",
    ]  # fmt: skip
    assert years.format(form.parse("1-01-01")) == "0001"
    assert years.format(form.parse("2019-01-01")) == "2019"


@settings(max_examples=200, deadline=None)
@given(st.integers(-62_135_000_000_000, 253_402_300_799_999))
def test_full_patterns_round_trip(millis: int) -> None:
    for pattern in (ISO, "yyyyMMddHHmmssSSS", "EEE, d MMM yyyy hh:mm:ss.SSS a Z", "yyyy-DDD H:m:s.S"):
        form = date_format(pattern)
        assert form.parse(form.format(millis)) == millis


@settings(max_examples=300, deadline=None)
@given(st.text(), st.sampled_from(["yyyy-MM-dd", ISO, "EEE MMM dd HH:mm:ss zzz yyyy", "yyMMdd", "YYYY-ww-u"]))
def test_no_text_raises_anything_else(text: str, pattern: str) -> None:
    form = date_format(pattern)
    try:
        assert isinstance(form.parse(text), int)
    except ConversionError:
        pass


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="GyYMLwWDdFEuaHkKhmsSzZX'-:/. bn", max_size=12))
def test_no_pattern_raises_anything_else(pattern: str) -> None:
    try:
        form = DateFormat(pattern)
    except ConfigError:
        return
    assert isinstance(form.format(MOMENT), str)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 99_999), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_the_quick_parser_and_the_careful_one_agree(year: int, month: int, day: int, hour: int) -> None:
    text = f"{year}-{month}-{day} {hour}"
    form = date_format("yyyy-MM-dd HH")
    assert form.parse(text) == form._parse(text)
