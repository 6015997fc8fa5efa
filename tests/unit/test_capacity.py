"""The law: limit = usable ports / hold time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.plan import capacity
from tw_bench.plan.capacity import Hold, Limits

PORTS = st.integers(2, 64_512)
HZ = st.sampled_from([100, 250, 300, 1000])


def limits_of(tuples: float, held: Hold, **more: float) -> Limits:
    """Return the limits of what has some."""
    limits = capacity.limits(tuples, held, **more)
    assert limits is not None
    return limits


@pytest.mark.parametrize(
    ("hz", "ports", "textbook", "sustainable", "saturated"),
    [
        (250, 28_232, 470.5, 455.0, 459.5),
        (250, 1_000, 16.67, 16.12, 16.28),
        (250, 64_512, 1075.2, 1039.7, 1050.0),
        (1000, 28_232, 470.5, 440.5, 459.5),
        (100, 28_232, 470.5, 433.5, 459.5),
        (300, 28_232, 470.5, 457.5, 459.5),
    ],
)
def test_the_three_limits_of_a_range(hz, ports, textbook, sustainable, saturated):
    """Textbook P / 60, sustainable P / (60 + step), saturated P / 61.44."""
    limits = limits_of(ports, capacity.time_wait_hold(hz))
    assert (textbook, sustainable, saturated) == pytest.approx(
        (limits.textbook_per_s, limits.sustainable_per_s, limits.saturated_per_s), rel=1e-3
    )


@given(PORTS, HZ)
def test_the_limits_are_in_order(ports, hz):
    """What is sustainable is at most what saturation lets through, and less than the textbook."""
    limits = limits_of(ports, capacity.time_wait_hold(hz))
    assert limits.sustainable_per_s <= limits.saturated_per_s < limits.textbook_per_s


@given(PORTS, HZ)
def test_a_range_twice_as_wide_has_twice_the_limits(ports, hz):
    """The law is linear in the ports."""
    held = capacity.time_wait_hold(hz)
    one, two = limits_of(ports, held), limits_of(2 * ports, held)
    assert two.sustainable_per_s == pytest.approx(2 * one.sustainable_per_s)
    assert two.saturated_per_s == pytest.approx(2 * one.saturated_per_s)


def test_ports_that_may_be_missed_lower_only_what_is_sustainable():
    """A port that connect() may miss once counts for saturation, not for a steady rate."""
    held = capacity.time_wait_hold(250)
    limits = limits_of(33, held, sure=32 / 33)
    assert limits.sustainable_per_s == pytest.approx(32 / held.longest_s)
    assert limits.saturated_per_s == 33 / held.echo_period_s


@pytest.mark.parametrize(
    ("low", "high", "taken", "expected"),
    [
        (32_768, 60_999, [], 28_232),
        (40_000, 40_032, [], 33),
        (40_000, 40_032, [range(39_000, 40_002), range(40_001, 40_002), range(40_032, 40_099)], 30),
        (40_000, 40_001, [range(39_000, 41_000)], 0),
    ],
)
def test_ports_that_are_taken_are_not_usable(low, high, taken, expected):
    """A range gives all its ports but those reserved or held inside it, each counted once."""
    assert expected == capacity.usable_ports(low, high, taken)


@pytest.mark.parametrize(
    ("count", "autobind", "socket_range"), [(1, 1, 1), (2, 2, 2), (33, 32, 33), (28_232,) * 3]
)
def test_an_odd_range_may_refuse_one_port_early(count, autobind, socket_range):
    """connect() looks at an even count of ports, unless the socket has a range of its own."""
    assert autobind == pytest.approx(count * capacity.sure_share(count))
    assert socket_range == count * capacity.sure_share(count, socket_range=True)


@given(PORTS, HZ, st.integers(1, 9), st.integers(1, 9), st.integers(1, 1000))
def test_addresses_and_requests_multiply(ports, hz, sources, destinations, requests):
    """The limit grows with sources, destinations and requests, and never falls with any."""
    held = capacity.time_wait_hold(hz)
    tuples = capacity.four_tuples(ports, sources=sources, destinations=destinations, early=False)
    limits = limits_of(tuples, held, requests=requests)
    one = limits_of(ports, held)
    factor = sources * destinations * requests
    assert limits.saturated_per_s == pytest.approx(factor * one.saturated_per_s)
    early = capacity.four_tuples(ports, sources=sources, destinations=destinations, early=True)
    assert early * destinations == tuples


def test_nothing_held_is_no_limit():
    """Where no TIME_WAIT holds the port there is no limit to calculate."""
    assert capacity.limits(1000, capacity.no_hold("the server closes first")) is None


@pytest.mark.parametrize(
    ("tw_reuse", "delay_ms", "seconds"),
    [(1, 1000, (1, 1, 1)), (2, 1000, (1, 1, 1)), (1, 250, (0.25,) * 3), (1, None, (1, 2, 2))],
)
def test_when_a_reused_port_comes_back(tw_reuse, delay_ms, seconds):
    """After tcp_tw_reuse_delay; before Linux 6.14 within two seconds."""
    held = capacity.reuse_hold(tw_reuse, delay_ms)
    assert seconds == (held.shortest_s, held.longest_s, held.echo_period_s)
    assert held.is_time_lapse


def test_a_delay_of_a_minute_is_no_time_lapse():
    """A reuse delay as long as TIME_WAIT stands for the real curve; no hold is no time-lapse."""
    assert not capacity.reuse_hold(1, 60_000).is_time_lapse
    assert Hold(59, 59, 59, "").is_time_lapse
    assert not capacity.no_hold("").is_time_lapse


@pytest.mark.parametrize(
    ("ports", "occupancy", "socket_range", "expected_us"),
    [
        (28_232, 0.5, False, 0),
        (28_232, 0.51, False, 2117.4),
        (2_000, 1.0, False, 150),
        (28_232, 1.0, True, 0),
    ],
)
def test_the_search_costs_from_half_of_the_range_on(ports, occupancy, socket_range, expected_us):
    """Above half of the range each connect() looks at every port of the first parity in vain."""
    seconds = capacity.search_cpu_s(ports, occupancy, socket_range=socket_range)
    assert expected_us == pytest.approx(seconds * 1e6)
