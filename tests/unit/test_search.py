"""The search for the knee: it ends, tries no rate twice, and never lets go of the knee."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.machines import SMALL
from tw_bench.errors import ProfileError
from tw_bench.kernel.tcp import timer_granularity_s
from tw_bench.plan.prediction import predict
from tw_bench.plan.probes import make_search, meets_the_wall_s, probe_point
from tw_bench.plan.search import Probe, Search, bracket, ending, next_rates
from tw_bench.profile.find_section import MaxRateSpec
from tw_bench.profile.model import Point

LAPSE = {"net.ipv4.tcp_tw_reuse": 1}
SEARCHES = st.builds(
    Search,
    start_per_s=st.floats(0.5, 2_000),
    least_per_s=st.floats(0.01, 0.5),
    most_per_s=st.floats(2_000, 1e6),
    precision=st.floats(0.001, 0.5),
    most_probes=st.integers(2, 60),
    side_by_side=st.integers(1, 8),
)
KNEES = st.floats(0.001, 1e7)


def a_search(**fields: Any) -> Search:
    """Return a search from 100/s, between 1/s and 1,000/s."""
    values: dict[str, Any] = {
        "start_per_s": 100.0,
        "least_per_s": 1.0,
        "most_per_s": 1_000.0,
        "precision": 0.02,
        "most_probes": 40,
        "side_by_side": 1,
    }
    return Search(**values | fields)


def rounds_of(search: Search, knee: float) -> list[list[float]]:
    """Return the rates of each round, on a target that is clean up to its knee."""
    rounds: list[list[float]] = []
    probes: list[Probe] = []
    while rates := next_rates(search, probes):
        rounds.append(rates)
        probes += [Probe(rate, rate <= knee) for rate in rates]
    return rounds


def probes_of(search: Search, knee: float) -> list[Probe]:
    """Return the probes of a whole search."""
    return [Probe(rate, rate <= knee) for rates in rounds_of(search, knee) for rate in rates]


def a_point(ports: int, sysctls: dict[str, int] | None = None, **method: str) -> Point:
    """Return a point of so many ports."""
    lab = {"ports": ports, "sysctls": sysctls or {}}
    return Point.model_validate({"id": "point", "lab": lab, "method": method})


def search_of(point: Point, **asked: Any) -> Search:
    """Return the search that a point is given."""
    return make_search(MaxRateSpec.model_validate(asked), point, predict(point, SMALL))


@given(SEARCHES, KNEES)
def test_it_ends_and_tries_no_rate_twice(search, knee):
    """Within the probes that were announced."""
    rounds = rounds_of(search, knee)
    rates = [rate for one in rounds for rate in one]
    assert len(rates) == len(set(rates)) <= search.most_probes
    assert all(len(one) <= search.side_by_side for one in rounds)


@given(SEARCHES, KNEES)
def test_the_knee_is_in_the_interval_after_every_round(search, knee):
    """Whenever it is stopped: the highest clean rate is not above it, the lowest dirty one is."""
    probes: list[Probe] = []
    for rates in rounds_of(search, knee):
        probes += [Probe(rate, rate <= knee) for rate in rates]
        low, high = bracket(probes)
        assert (low or 0.0) <= knee
        assert high is None or knee < high


@given(SEARCHES, KNEES)
def test_it_says_why_it_ended(search, knee):
    """As narrow as asked; or clean up to the most, dirty down to the least, or no probe is left."""
    probes = probes_of(search, knee)
    low, high = bracket(probes)
    why = ending(search, probes)
    assert why != "stopped"
    if why == "settled":
        assert low is not None
        assert high is not None
        assert high / low <= 1 + search.precision + 1e-3
    if why == "most":
        assert low == pytest.approx(search.most_per_s, rel=1e-4)
        assert high is None
    if why == "least":
        assert high == pytest.approx(search.least_per_s, rel=1e-4)
        assert low is None
    assert why != "probes" or len(probes) == search.most_probes


def test_it_doubles_and_then_halves():
    """From 100/s with the knee at 300/s: 100, 200, 400, and then between 200 and 400."""
    rates = [probe.rate_per_s for probe in probes_of(a_search(precision=0.1), 300.0)]
    assert rates == [100, 200, 400, 282.84, 336.36, 308.44]


def test_several_at_once_take_fewer_rounds():
    """Three at once: the interval is divided by four each time."""
    one = rounds_of(a_search(), 300.0)
    three = rounds_of(a_search(side_by_side=3), 300.0)
    assert [100, 200, 400] == three[0]
    assert (9, 4) == (len(one), len(three))


def test_a_search_that_was_stopped_says_so():
    """There was a next rate."""
    assert ending(a_search(), [Probe(100, True)]) == "stopped"
    assert ending(a_search(), []) == "stopped"


def test_a_clean_rate_above_a_dirty_one_does_not_count():
    """The knee of what is not monotone is the first one."""
    probes = [Probe(100, True), Probe(200, False), Probe(400, True)]
    assert bracket(probes) == (100, 200)


def test_it_starts_at_about_half_of_the_predicted_limit():
    """Its double is above the limit, and the rates between do not fall on the limit itself."""
    search = search_of(a_point(500))
    limit = predict(a_point(500), SMALL).sustainable_per_s
    assert limit is not None
    assert limit / 2 < search.start_per_s < 0.6 * limit
    probes = probes_of(search, limit)
    assert min(abs(probe.rate_per_s / limit - 1) for probe in probes) > 0.004
    assert (100.0, 1e6) == (
        search_of(Point.model_validate({"id": "p", "connection": {"close": "rst"}})).start_per_s,
        search.most_per_s,
    )


def test_rates_may_be_multiples_of_the_limit():
    """0.8x to 1.2x of the 200/s that 200 ports give in time-lapse."""
    search = search_of(a_point(200, LAPSE), start="0.8x", most="1.2x")
    assert (160, 240) == pytest.approx((search.start_per_s, search.most_per_s))


@given(st.integers(50, 10**8).map(lambda hundredths: hundredths / 100), KNEES)
def test_no_probe_is_beyond_a_bound(most, knee):
    """Nor by the rounding of its rate: at most 123456/s are 123450/s, not 123460/s."""
    point = Point.model_validate({"id": "p", "connection": {"close": "rst"}})
    search = search_of(point, most=f"{most}/s")
    rates = [probe.rate_per_s for probe in probes_of(search, knee)]
    assert max(rates) <= search.most_per_s <= most
    assert min(rates) >= search.least_per_s
    assert search_of(point, most="123456/s").most_per_s == 123_450


def test_a_multiple_of_no_limit_is_refused():
    """There is nothing to multiply."""
    point = Point.model_validate({"id": "point", "connection": {"close": "rst"}})
    with pytest.raises(ProfileError, match=r"find\.max_rate: got 2x sustainable: no limit"):
        search_of(point, most="2x")


def test_it_is_no_more_precise_than_one_connection_in_a_hold():
    """Twenty ports cannot tell 2 %."""
    assert search_of(a_point(20)).precision == 1 / 20
    assert search_of(a_point(500)).precision == 0.02


def test_a_probe_that_cannot_meet_the_wall_is_refused():
    """Ten seconds are clean at any rate that 500 ports last for; below the limit they may do."""
    short = a_point(500, fill="0s", window="10s")
    with pytest.raises(ProfileError) as refusal:
        search_of(short)
    assert str(refusal.value) == (
        "point: a probe lasts 10 s (method.fill and window), and a rate just above the limit is "
        "refused only after 64.1 s: want as much or more, or find.max_rate.most of 8.06/s or less"
    )
    assert search_of(short, most="8/s").most_per_s == 8
    assert search_of(a_point(500, LAPSE, fill="0s", window="10s")).start_per_s > 100


@given(st.integers(2, 400), st.floats(1.0, 1.3), st.floats(0, 1))
def test_a_rate_above_the_limit_is_refused_within_that_time(ports, factor, phase):
    """Whatever the phase of the timer wheel, from one connection in a hold above the limit on."""
    step_s = timer_granularity_s(SMALL.hz)
    wall_s = meets_the_wall_s(predict(a_point(ports & ~1), SMALL))
    ports &= ~1
    rate = 1.0001 * factor * (ports + 1) / (60 + step_s)
    back: list[float] = []  # when each connection's port is free again, in order

    def refused(at_s: float) -> bool:
        ticks = math.ceil((at_s + 60) / step_s - phase) + phase
        back.append(ticks * step_s)
        return sum(one > at_s for one in back[-ports - 1 :]) > ports

    first = next(slot / rate for slot in range(10 * ports) if refused(slot / rate))
    assert first <= wall_s


def test_a_probe_is_the_same_point_at_its_own_rate():
    """Its name says what it offers."""
    probe = probe_point(a_point(500), 97.656)
    assert ("find/97.656/s", "find", {"load.rate": "97.656/s"}) == (
        probe.id,
        probe.part,
        probe.parameters,
    )
    assert predict(probe, SMALL).offered_per_s == 97.656
