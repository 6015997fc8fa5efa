"""When a connection is due, how long a refusal is left alone, how long a connection is kept."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.load.backoff import SHARE, Backoff
from tw_bench.load.lifetimes import lifetimes
from tw_bench.load.recorder import Recorder
from tw_bench.load.schedule import NS_PER_S, constant
from tw_bench.load.source_ports import WAYS

RATES = st.floats(0.1, 5_000)


@given(RATES, st.integers(1, 8), st.floats(0.1, 3))
def test_the_workers_shares_are_the_schedule(rate, shares, seconds):
    """What all workers take together is the whole schedule, each slot once, in order."""
    until = round(seconds * NS_PER_S)
    whole = list(constant(rate, 7, until))
    parts = [list(constant(rate, 7, until, share=n, shares=shares)) for n in range(shares)]
    assert whole == sorted(itertools.chain(*parts))
    assert all(part == sorted(part) for part in parts)


@given(RATES, st.floats(0.1, 3))
def test_a_schedule_offers_its_rate(rate, seconds):
    """In so many seconds so many slots come due, within one."""
    slots = list(constant(rate, 0, round(seconds * NS_PER_S)))
    assert abs(len(slots) - rate * seconds) <= 1


def test_a_long_schedule_does_not_drift():
    """The millionth slot of 3/s is where a million thirds of a second end."""
    slot = next(itertools.islice(constant(3, 0, 10**18), 999_999, None))
    assert slot == pytest.approx(999_999 / 3 * NS_PER_S, abs=1)


@given(st.integers(0, 10**9), st.floats(0.01, 100))
def test_refusals_cost_a_bounded_share(call_ns, hold_s):
    """A pause is short beside the hold; unless it hits that bound, refusals take 5 % at most."""
    pause_s = Backoff(hold_s).pause_ns(call_ns) / 1e9
    longest_s = min(hold_s / 500, 0.1)
    assert hold_s / 3000 * 0.999 <= pause_s <= longest_s * 1.001
    if pause_s < longest_s * 0.999:
        assert call_ns / 1e9 <= SHARE * (call_ns / 1e9 + pause_s) * 1.001


@pytest.mark.parametrize(
    ("spec", "mean"),
    [
        ({"kind": "fixed", "least": 7, "most": 7}, 7),
        ({"kind": "uniform", "least": 10, "most": 20}, 15),
        ({"kind": "geometric", "mean": 10.0}, 10),
        ({"kind": "geometric", "mean": 1.0}, 1),
    ],
)
def test_lifetimes_have_their_mean(spec, mean):
    """Over many connections the number of requests has the mean asked for, and is never 0."""
    drawn = list(itertools.islice(lifetimes(spec), 20_000))
    assert min(drawn) >= 1
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.03)


def test_lifetimes_are_the_same_in_every_run():
    """A seed gives one sequence; workers with other seeds draw others."""
    spec = {"kind": "uniform", "least": 1, "most": 1000}
    first, again, other = (
        list(itertools.islice(lifetimes({**spec, "seed": seed}), 20)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


class Bound:
    """Stands for a socket: remembers what it was bound to."""

    def __init__(self) -> None:
        self.address: tuple[str, int] | None = None

    def bind(self, address: tuple[str, int]) -> None:
        """Remember the address."""
        self.address = address


def bound(way: str, sources: list[str | None], shares: int = 1) -> Counter[tuple[str, int]]:
    """Return what 120 sockets of all workers were bound to, over 10 ports."""
    addresses: Counter[tuple[str, int]] = Counter()
    for share in range(shares):
        prepare = WAYS[way]({"ports": (100, 109), "share": share, "shares": shares})
        for source in itertools.islice(itertools.cycle(sources), 120 // shares):
            unbound = Bound()
            prepare(unbound, source)  # type: ignore[arg-type]
            assert unbound.address is not None
            addresses[unbound.address] += 1
    return addresses


@pytest.mark.parametrize("shares", [1, 2, 3])
def test_a_sequential_walk_uses_every_port_of_every_source_alike(shares):
    """Two sources and ten ports are twenty addresses, whoever walks them."""
    addresses = bound("explicit_sequential", ["a", "b"], shares)
    assert {("a", port) for port in range(100, 110)} | {
        ("b", port) for port in range(100, 110)
    } == set(addresses)


def test_a_random_walk_stays_in_the_range():
    """Ports are drawn from the range, both ends included."""
    ports = {port for _, port in bound("explicit_random", [None])}
    assert ports <= set(range(100, 110))
    assert len(ports) > 7


def test_a_recorder_hands_over_its_rows_and_forgets_them():
    """What was recorded comes out once, six fields a row."""
    handed = []
    recorder = Recorder(lambda rows, data: handed.append((rows, len(data))))
    recorder.record(1, 2, 3, 4, 5, 0)
    recorder.skip(9, -1)
    recorder.flush()
    recorder.flush()
    assert [(2, 96), (0, 0)] == handed
