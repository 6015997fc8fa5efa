"""Quantities as people write them: parsers, and texts for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench import units
from tw_bench.profile.quantities import Duration, PortRange, Rate

NOT_A_RATE = [
    "",
    "5",
    5,
    "5k",
    "0/s",
    "0x",
    "-5/s",
    "fast",
    "1.25",
    "1e3/s",
    "5 /h",
    "٥/s",
    None,
    True,
]
NOT_A_DURATION = [
    "",
    "5",
    "5d",
    -1,
    "-1s",
    float("nan"),
    float("inf"),
    True,
    None,
    [5],
    "1e3s",
    "٥s",
]
NOT_A_SIZE = ["", "1GB", 1.5, "0.5", "-1", True, None, [64], float("inf"), "9" * 400, "64 kb"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", (30.0, "s")),
        ("500ms", (0.5, "s")),
        ("20us", (0.00002, "s")),
        ("1.5m", (90.0, "s")),
        ("2h", (7200.0, "s")),
        ("2tw", (2.0, "tw")),
        ("0.5 tw", (0.5, "tw")),
        (5, (5.0, "s")),
        (0.1, (0.1, "s")),
        (1e-05, (0.00001, "s")),
        (0, (0.0, "s")),
    ],
)
def test_a_duration_is_seconds_or_time_wait_lengths(text, expected):
    """A duration is read in seconds, whatever its unit, or in TIME_WAIT lengths."""
    assert expected == units.parse_duration(text)


@pytest.mark.parametrize("text", NOT_A_DURATION, ids=repr)
def test_what_is_no_duration_says_what_one_is(text):
    """Anything else is refused with an example of what is wanted."""
    with pytest.raises(ValueError, match=r"^want a duration such as 30s"):
        units.parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("400/s", (400.0, "/s")),
        ("0.5/s", (0.5, "/s")),
        ("1.1k/s", (1100.0, "/s")),
        ("4.35k/s", (4350.0, "/s")),
        ("2M/s", (2_000_000.0, "/s")),
        ("1.25x", (1.25, "sustainable")),
        ("1.25x sustainable", (1.25, "sustainable")),
        ("1.02x textbook", (1.02, "textbook")),
        (" 2x  saturated ", (2.0, "saturated")),
    ],
)
def test_a_rate_is_absolute_or_a_multiple_of_a_limit(text, expected):
    """A rate is per second, or multiplies one of the three predicted limits."""
    assert expected == units.parse_rate(text)


@pytest.mark.parametrize("text", NOT_A_RATE, ids=repr)
def test_what_is_no_rate_says_what_one_is(text):
    """Anything else is refused with an example of what is wanted."""
    with pytest.raises(ValueError, match=r"^want a rate above zero such as 400/s"):
        units.parse_rate(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (64, 64),
        ("64", 64),
        ("64B", 64),
        ("4KiB", 4096),
        ("1kB", 1000),
        ("1.5kB", 1500),
        ("1MiB", 2**20),
    ],
)
def test_a_size_is_a_whole_count_of_bytes(text, expected):
    """A size is read in bytes, with decimal and binary units."""
    assert expected == units.parse_bytes(text)


@pytest.mark.parametrize("text", NOT_A_SIZE, ids=lambda text: repr(text)[:12])
def test_what_is_no_size_says_what_one_is(text):
    """Anything else, half a byte included, is refused with an example of what is wanted."""
    with pytest.raises(ValueError, match=r"^want a size such as 64"):
        units.parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (500, (32_768, 33_267)),
        ("500", (32_768, 33_267)),
        (32_768, (32_768, 65_535)),
        (32_769, (32_767, 65_535)),
        (64_512, (1_024, 65_535)),
        ("32768-60999", (32_768, 60_999)),
        ("1024 – 65535", (1_024, 65_535)),
        (2, (32_768, 32_769)),
    ],
)
def test_ports_are_a_count_or_a_range(text, expected):
    """A bare count starts where Linux starts, and lower down only when it must."""
    assert expected == units.parse_ports(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (0, "is empty: want at least two ports"),
        ("5000-4000", "is empty: want at least two ports"),
        (1, "holds a single port: want at least two"),
        ("5000-5000", "holds a single port: want at least two"),
        (64_513, "is more than there are: want at most 64,512 (1024 to 65535)"),
        ("60000-65536", "ends at 65536: want 65535 or less"),
        (
            "1023-2000",
            "starts at 1023, below ip_unprivileged_port_start: "
            "want 1024 or more (64,512 ports at the most)",
        ),
        ("some", "want a count of ports such as 500, or a range such as 32768-60999"),
        (-5, "want a count of ports such as 500, or a range such as 32768-60999"),
        (5.0, "want a count of ports such as 500, or a range such as 32768-60999"),
        (True, "want a count of ports such as 500, or a range such as 32768-60999"),
        ("٥٠٠", "want a count of ports such as 500, or a range such as 32768-60999"),
    ],
)
def test_a_range_that_linux_would_refuse_says_why(text, message):
    """Each way in which a range can be wrong has its own words."""
    with pytest.raises(ValueError, match="want") as refusal:
        units.parse_ports(text)
    assert message == str(refusal.value)


@given(st.integers(2, 64_512))
def test_a_count_gives_a_range_of_that_many_ports(count):
    """Any count from 2 to 64,512 gives that many ports between 1024 and 65535."""
    low, high = units.parse_ports(count)
    assert (count, True) == (high - low + 1, 1_024 <= low < high <= 65_535)


NUMBERS = st.decimals(0, 999_999, places=3).map(lambda number: f"{number:f}")


@given(
    NUMBERS.filter(lambda n: float(n) > 0), st.sampled_from(["/s", "k/s", "M/s", "x", "x textbook"])
)
def test_a_rate_prints_as_what_it_was_read_from(number, unit):
    """A rate written out and read again is the same rate."""
    rate = Rate(*units.parse_rate(number + unit))
    assert rate == Rate(*units.parse_rate(str(rate)))


@given(NUMBERS, st.sampled_from(["us", "ms", "s", "m", "h", "tw"]))
def test_a_duration_prints_as_what_it_was_read_from(number, unit):
    """A duration written out and read again is the same duration."""
    duration = Duration(*units.parse_duration(number + unit))
    assert duration == Duration(*units.parse_duration(str(duration)))


@given(st.integers(2, 64_512))
def test_a_range_prints_as_what_it_was_read_from(count):
    """A range written out and read again is the same range."""
    ports = PortRange(*units.parse_ports(count))
    assert ports == PortRange(*units.parse_ports(str(ports)))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 ms"),
        (0.000_02, "0.02 ms"),
        (0.004, "4 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (1, "1 s"),
        (61.44, "61.4 s"),
        (99.96, "1 min 40 s"),
        (122.88, "2 min 03 s"),
        (184.32, "3 min 04 s"),
        (3600, "1 h 00 min"),
        (7 * 86_400, "168 h 00 min"),
    ],
)
def test_a_duration_for_people(seconds, expected):
    """Durations are said in the unit a person would take."""
    assert expected == units.duration_text(seconds)


@pytest.mark.parametrize(
    ("per_s", "expected"),
    [
        (0.5, "0.50/s"),
        (4.069, "4.07/s"),
        (459.505, "459.5/s"),
        (9_999.96, "10,000.0/s"),
        (28_232, "28,232/s"),
    ],
)
def test_a_rate_for_people(per_s, expected):
    """Rates are said with the digits that matter."""
    assert expected == units.rate_text(per_s)


@given(st.floats(0, 1e9))
def test_texts_for_people_have_no_exponents(number):
    """No quantity is said as 1e+03."""
    assert "e" not in units.duration_text(number + 0.001).replace("min", "") + units.rate_text(
        number
    )
