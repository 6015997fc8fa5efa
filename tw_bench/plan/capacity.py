"""The law: limit = four-tuples x requests per connection / hold time; three limits each.

Pure arithmetic. Why three limits: docs/method.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S, time_wait

# connect() looks at every port of the range before it refuses, and at half of it before it
# takes a port of the second parity. Measured on Linux 6.18, one thread: 28,232 ports 2.1 ms,
# 2,000 ports 136 µs; so about 75 ns a port of the range (docs/method.md).
SEARCH_NS_PER_PORT = 75
REFUSAL_CPU_SHARE = 0.05  # a refused worker spends this share on asking again (load/backoff.py)


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a closed connection keeps its port from the same destination; 0: not at all."""

    shortest_s: float
    longest_s: float
    echo_period_s: float  # of a port that is taken again at once
    reason: str  # the rule that decides, for a person

    @property
    def is_time_lapse(self) -> bool:
        """Whether ports come back, but sooner than TIME_WAIT ends."""
        return 0 < self.longest_s < TIME_WAIT_LENGTH_S


@dataclass(frozen=True, slots=True)
class Limits:
    """Transactions a second that a number of four-tuples sustains."""

    textbook_per_s: float  # four-tuples / 60, what the articles say
    sustainable_per_s: float  # the highest steady rate without a single refusal
    saturated_per_s: float  # what gets through when more is offered


def usable_ports(low: int, high: int, taken: Iterable[range] = ()) -> int:
    """Return how many ports a range has to give; `taken` ones are reserved or held.

    >>> usable_ports(32768, 60999), usable_ports(40000, 40032)
    (28232, 33)
    >>> usable_ports(40000, 40031, taken=[range(40001, 40003), range(40002, 40003), range(1, 9)])
    30
    """
    ports = range(low, high + 1)
    inside = {
        port for some in taken for port in range(max(low, some.start), min(high + 1, some.stop))
    }
    return len(ports) - len(inside)


def reserved_ports(text: str) -> list[range]:
    """Return the ports of an `ip_local_reserved_ports` list (profile/sysctls.py has checked it).

    >>> reserved_ports("40000-40002,40010")
    [range(40000, 40003), range(40010, 40011)]
    >>> reserved_ports("")
    []
    """
    items = (item.partition("-") for item in text.split(",") if item)
    return [range(int(first), int(last or first) + 1) for first, _, last in items]


def four_tuples(ports: int, *, sources: int, destinations: int, early: bool) -> int:
    """Return how many connections may be held at once.

    A port that is taken before the destination is known (`early`: bind() to 0 or to a number,
    without IP_BIND_ADDRESS_NO_PORT) is taken from all destinations alike.

    >>> four_tuples(1000, sources=2, destinations=3, early=False)
    6000
    >>> four_tuples(1000, sources=2, destinations=3, early=True)
    2000
    """
    return ports * sources * (1 if early else destinations)


def sure_share(range_ports: int, *, socket_range: bool = False) -> float:
    """Return the share of a range that is surely given before the first refusal.

    Each connect() looks at an even count of ports (`remaining &= ~1U`, __inet_hash_connect), so
    in an odd range it misses one. Which one depends on where it starts, and only a connection
    that succeeds moves the start: mostly all are found, now and then one stays hidden. A socket
    with a range of its own is searched with step 1 and misses none (Linux >= 6.8).

    >>> sure_share(32), round(33 * sure_share(33)), sure_share(33, socket_range=True)
    (1.0, 32, 1.0)
    """
    if socket_range or range_ports == 1:
        return 1.0
    return (range_ports & ~1) / range_ports


def time_wait_hold(hz: int) -> Hold:
    """Return the hold of a plain TIME_WAIT.

    >>> time_wait_hold(250).echo_period_s
    61.44
    """
    length = time_wait(hz)
    return Hold(
        length.shortest_s,
        length.longest_s,
        length.echo_period_s,
        f"TIME_WAIT lasts 60 s, rounded up by the timer wheel (HZ {hz})",
    )


def no_hold(reason: str) -> Hold:
    """Return the hold of a connection that leaves no TIME_WAIT where its port was."""
    return Hold(0.0, 0.0, 0.0, reason)


def reuse_hold(tw_reuse: int, delay_ms: int | None) -> Hold:
    """Return the hold where connect() may take over a TIME_WAIT (tcp_twsk_unique).

    `delay_ms` is None before Linux 6.14, where the rule was "at least one second" on a clock of
    whole seconds.

    >>> reuse_hold(1, 1000).echo_period_s, reuse_hold(2, None).longest_s
    (1.0, 2.0)
    """
    where = "a port" if tw_reuse == 1 else "a port of a loopback connection"
    if delay_ms is None:
        return Hold(1.0, 2.0, 2.0, f"tcp_tw_reuse={tw_reuse} frees {where} after 1 to 2 s")
    delay = delay_ms / 1000
    return Hold(delay, delay, delay, f"tcp_tw_reuse={tw_reuse} frees {where} after {delay_ms} ms")


def limits(tuples: float, held: Hold, *, requests: float = 1, sure: float = 1) -> Limits | None:
    """Return the three limits of a number of four-tuples, or None where nothing is held.

    `requests` is the mean number of requests a connection carries, `sure` as in sure_share().

    >>> limits(28_232, time_wait_hold(250))  # doctest: +ELLIPSIS
    Limits(textbook_per_s=470.53..., sustainable_per_s=455.00..., saturated_per_s=459.50...)
    >>> limits(1000, no_hold("the server closes first")) is None
    True
    """
    if held.echo_period_s == 0:
        return None
    return Limits(
        textbook_per_s=tuples * requests / held.shortest_s,
        sustainable_per_s=tuples * requests * sure / held.longest_s,
        saturated_per_s=tuples * requests / held.echo_period_s,
    )


def search_cpu_s(ports: int, occupancy: float, *, socket_range: bool) -> float:
    """Return the CPU seconds that connect() spends on finding a port.

    A socket with its own range is searched from a random start with step 1 and finds a free
    port within a few steps until the range is full (Linux >= 6.8).
    """
    if socket_range or occupancy <= 0.5:
        return 0.0
    return ports * SEARCH_NS_PER_PORT * 1e-9
