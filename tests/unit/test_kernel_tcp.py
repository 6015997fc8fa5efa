"""What Linux fixes about TCP, against the tables in the kernel's sources."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.kernel.tcp import (
    TIME_WAIT_LENGTH_S,
    local_port_range_option,
    time_wait,
    timer_granularity_s,
)

HERTZ = [100, 250, 300, 1000]  # kernel/Kconfig.hz


@pytest.mark.parametrize(
    ("hz", "step_s"), [(100, 5.12), (250, 2.048), (300, 512 / 300), (1000, 4.096)]
)
def test_the_timer_wheel_rounds_a_minute_up_to_its_step(hz, step_s):
    """The step for 60 s is the granularity in the table at the head of kernel/time/timer.c."""
    assert step_s == timer_granularity_s(hz)


@pytest.mark.parametrize(
    ("timeout_ms", "step_ms"),
    [(0, 1), (62, 1), (63, 8), (503, 8), (504, 64), (4031, 64), (4032, 512), (32_256, 4096)],
)
def test_each_level_of_the_wheel_begins_where_the_kernel_says(timeout_ms, step_ms):
    """At HZ 1000 the levels begin at 63, 504, 4032 and 32256 ms (kernel/time/timer.c)."""
    assert step_ms == timer_granularity_s(1000, timeout_ms / 1000) * 1000


@pytest.mark.parametrize("hz", HERTZ)
def test_the_echo_period_is_the_same_at_every_usual_hz(hz):
    """A port that is retaken at once comes back after 61.44 s, whatever CONFIG_HZ is."""
    assert time_wait(hz).echo_period_s == pytest.approx(61.44)


@pytest.mark.parametrize("hz", HERTZ)
def test_time_wait_is_a_minute_and_up_to_one_step_more(hz):
    """TIME_WAIT lasts from 60 s to 60 s and one step; the echo period lies between."""
    length = time_wait(hz)
    assert TIME_WAIT_LENGTH_S == length.shortest_s
    assert TIME_WAIT_LENGTH_S + timer_granularity_s(hz) == length.longest_s
    assert length.shortest_s < length.echo_period_s <= length.longest_s


@given(st.integers(24, 1200), st.integers(0, 3600))
def test_a_step_is_at_most_an_eighth_of_the_timeout(hz, timeout_s):
    """A timeout is off by at most 12.5 % (kernel/time/timer.c), or by one tick."""
    assert timer_granularity_s(hz, timeout_s) <= max(timeout_s / 7.8, 1 / hz)


@pytest.mark.parametrize(("low", "high"), [(1024, 65_535), (40_000, 40_031), (32_768, 60_999)])
def test_the_socket_range_is_high_over_low_in_one_word(low, high):
    """IP_LOCAL_PORT_RANGE takes a u32 with the high port in its upper half."""
    (word,) = struct.unpack("=I", local_port_range_option(low, high))
    assert (low, high) == (word & 0xFFFF, word >> 16)
