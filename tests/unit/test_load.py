"""When a connection is due, how long a refusal is left alone, how long a connection is kept."""

import bisect
import itertools
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.load.backoff import SHARE, Backoff
from tw_bench.load.lifetimes import lifetimes
from tw_bench.load.recorder import Recorder
from tw_bench.load.schedule import NS_PER_S, slots
from tw_bench.load.source_ports import WAYS
from tw_bench.plan.pace import Pace

RATES = st.floats(0.1, 5_000)
STRETCH = st.tuples(RATES, RATES, st.floats(0.01, 0.5)) | st.builds(
    lambda rate, seconds: (rate, rate, seconds), RATES, st.floats(0.01, 0.5)
)
PACES = st.lists(STRETCH, min_size=1, max_size=4)


def end_ns(pace: Pace) -> int:
    """Return when a pace that begins at 0 ends."""
    return round(sum(seconds for _, _, seconds in pace) * NS_PER_S)


def steady(rate: float) -> list[tuple[float, float, float]]:
    """Return the pace of one rate."""
    return [(rate, rate, 1)]


@given(PACES, st.integers(1, 8), st.sampled_from(["constant", "poisson"]))
def test_a_share_is_in_order_and_within_its_time(pace, shares, arrivals):
    """Every slot of every worker is after the start, before the end, and after the one before."""
    until = 7 + end_ns(pace)
    for share in range(shares):
        part = list(slots(pace, 7, until, arrivals=arrivals, share=share, shares=shares))
        assert part == sorted(part)
        assert all(7 <= slot < until for slot in part)


@given(PACES, st.integers(1, 8))
def test_the_workers_shares_are_the_schedule(pace, shares):
    """What all workers take together is the whole schedule, each slot once."""
    until = end_ns(pace)
    whole = list(slots(pace, 0, until))
    parts = [list(slots(pace, 0, until, share=n, shares=shares)) for n in range(shares)]
    assert whole == sorted(itertools.chain(*parts))


@given(PACES)
def test_a_schedule_offers_its_rate(pace):
    """As many slots come due as the rate has area, within one: at the end, and at every joint."""
    whole = list(slots(pace, 0, end_ns(pace)))
    for joint in range(1, len(pace) + 1):
        gone = pace[:joint]
        area = sum((first + last) / 2 * seconds for first, last, seconds in gone)
        assert abs(bisect.bisect_left(whole, end_ns(gone)) - area) <= 1.001


@given(RATES, RATES, st.floats(0.1, 2), st.floats(0, 1))
def test_a_ramp_is_even(first, last, seconds, part):
    """At every instant of a ramp so many slots have come due as lie below its straight line."""
    at_s = part * seconds
    area = first * at_s + (last - first) / seconds * at_s**2 / 2
    due = bisect.bisect_left(
        list(slots([(first, last, seconds)], 0, end_ns([(0, 0, at_s)]))), 10**18
    )
    assert abs(due - area) <= 1.001


def test_steps_change_when_they_say():
    """Ten a second for a second, then a hundred: the eleventh slot is the first of the second."""
    whole = list(slots([(10, 10, 1), (100, 100, 0.1)], 0, 2 * NS_PER_S))
    assert whole[9:13] == [900_000_000, 1_000_000_000, 1_010_000_000, 1_020_000_000]
    assert len(whole) == 10 + 100  # the last goes on


def test_a_part_of_a_slot_is_carried_over():
    """A step that ends halfway to its next slot gives that half to the step after it."""
    whole = list(slots([(1, 1, 0.5), (10, 10, 1)], 0, NS_PER_S))
    assert whole == [0, 550_000_000, 650_000_000, 750_000_000, 850_000_000, 950_000_000]


def test_a_long_schedule_does_not_drift():
    """The millionth slot of 3/s is where a million thirds of a second end."""
    slot = next(itertools.islice(slots(steady(3), 0, 10**18), 999_999, None))
    assert slot == pytest.approx(999_999 / 3 * NS_PER_S, abs=1)


def drawn(pace: Pace, seconds: float, shares: int = 1) -> list[int]:
    """Return the slots of a Poisson process, of all its workers together."""
    until = round(seconds * NS_PER_S)
    parts = (
        slots(pace, 0, until, arrivals="poisson", share=n, shares=shares) for n in range(shares)
    )
    return sorted(itertools.chain(*parts))


def largest_gap(found: Sequence[float], law: Callable[[float], float]) -> float:
    """Return sqrt(n) times the largest difference of two distributions (Kolmogorov, Smirnov)."""
    count = len(found)
    steps = ((law(value), n) for n, value in enumerate(sorted(found)))
    return math.sqrt(count) * max(max(p - n / count, (n + 1) / count - p) for p, n in steps)


@pytest.mark.parametrize("shares", [1, 2, 3, 8])
def test_drawn_gaps_are_exponential_whoever_draws_them(shares):
    """The union of the workers' processes is one Poisson process of the whole rate.

    Its gaps are exponential of mean and deviation 1 / rate, and independent: 1.63 is exceeded in
    one of a hundred seeds, and the seed is fixed.
    """
    found = drawn(steady(1_000), 20, shares)
    gaps = [(b - a) / NS_PER_S for a, b in itertools.pairwise(found)]
    assert len(found) == pytest.approx(20_000, abs=4 * math.sqrt(20_000))
    assert statistics.fmean(gaps) == pytest.approx(0.001, rel=0.03)
    assert statistics.pstdev(gaps) == pytest.approx(0.001, rel=0.03)
    assert largest_gap(gaps, lambda gap: 1 - math.exp(-1_000 * gap)) < 1.63
    assert abs(statistics.correlation(gaps[:-1], gaps[1:])) < 4 / math.sqrt(len(gaps))


def test_drawn_counts_have_the_variance_of_a_poisson_process():
    """In a tenth of a second 100 slots come due, with a variance of 100."""
    counts = Counter(slot // (NS_PER_S // 10) for slot in drawn(steady(1_000), 100, 2))
    assert statistics.fmean(counts.values()) == pytest.approx(100, rel=0.02)
    assert statistics.variance(counts.values()) == pytest.approx(100, rel=0.2)


def test_drawn_arrivals_follow_a_ramp():
    """Stretched by its area, the slots of a ramp are those of a process of one rate."""
    found = drawn([(0.001, 2_000, 10)], 10, 2)
    assert len(found) == pytest.approx(10_000, abs=400)
    assert largest_gap([slot / NS_PER_S for slot in found], lambda at_s: (at_s / 10) ** 2) < 1.63


def test_drawn_arrivals_are_the_same_in_every_run_and_differ_between_workers():
    """A share's draws are its own, and those of the lifetimes are not among them."""
    first, again = drawn(steady(50), 2), drawn(steady(50), 2)
    other = list(slots(steady(50), 0, 2 * NS_PER_S, arrivals="poisson", share=1))
    assert first == again
    assert not set(first) & set(other)
    plain = random.Random(0)
    assert first[0] != round(plain.expovariate(1) / 50 * NS_PER_S)


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
