"""What Linux fixes about TCP: how long TIME_WAIT really lasts, and two socket options."""

import math
import struct
from dataclasses import dataclass

# Linux: TCP_TIMEWAIT_LEN, include/net/tcp.h. A constant; tcp_fin_timeout is FIN_WAIT_2 only.
TIME_WAIT_LENGTH_S = 60

# Linux: include/uapi/linux/in.h. Python 3.11 names the first, no release names the second.
IP_BIND_ADDRESS_NO_PORT = 24  # since 4.2
IP_LOCAL_PORT_RANGE = 51  # since 6.3: u32, high << 16 | low, inclusive

# Since when connect() searches a socket's own range with step 1 (207184853dbd), and not by parity.
STEP_BY_ONE_SINCE = (6, 8)

# Linux: kernel/time/timer.c. A level has 64 buckets and each level is 8 times coarser.
_WHEEL_BUCKETS = 64
_WHEEL_COARSENING = 8


def timer_granularity_s(hz: int, length_s: float = TIME_WAIT_LENGTH_S) -> float:
    """Return the step to which the timer wheel rounds a timeout of `length_s` *up*.

    Source: the table at the head of kernel/time/timer.c; LVL_START there is the bound here.

    >>> [timer_granularity_s(hz) for hz in (100, 250, 1000)]
    [5.12, 2.048, 4.096]
    """
    jiffies = length_s * hz
    granularity = 1
    while jiffies >= (_WHEEL_BUCKETS - 1) * granularity:  # LVL_START of the next level
        granularity *= _WHEEL_COARSENING
    return granularity / hz


@dataclass(frozen=True, slots=True)
class TimeWait:
    """How long a port is held: from the shortest stay to the longest, and under saturation."""

    shortest_s: float  # what the constant says
    longest_s: float  # shortest plus one step of the timer wheel
    echo_period_s: float  # a port retaken at once comes back after exactly this long


def time_wait(hz: int) -> TimeWait:
    """Return the length of TIME_WAIT on a kernel built with CONFIG_HZ=`hz`.

    A timer that fires at a bucket boundary and is armed again at once fires next at the first
    boundary after 60 s: that is the echo period. It is 61.44 s at every usual HZ.

    >>> time_wait(250)
    TimeWait(shortest_s=60, longest_s=62.048, echo_period_s=61.44)
    >>> [round(time_wait(hz).echo_period_s, 6) for hz in (100, 300, 1000)]
    [61.44, 61.44, 61.44]
    """
    step = timer_granularity_s(hz)
    echo = step * (math.floor(TIME_WAIT_LENGTH_S / step) + 1)
    return TimeWait(TIME_WAIT_LENGTH_S, TIME_WAIT_LENGTH_S + step, echo)


def local_port_range_option(low: int, high: int) -> bytes:
    """Return the value of IP_LOCAL_PORT_RANGE for [low, high] (man 2const IP_LOCAL_PORT_RANGE).

    As bytes: Python's integer options are signed, and high ports do not fit.

    >>> local_port_range_option(0x1234, 0xABCD).hex()
    '3412cdab'
    """
    return struct.pack("=I", high << 16 | low)
