"""The plan for a service: properties of the law, its walls, and the runs it must agree with."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.unit.machines import SMALL
from tw_bench.plan import demand as demands
from tw_bench.plan import environment as environments
from tw_bench.plan import walls
from tw_bench.plan.calling import as_called
from tw_bench.plan.capacity_plan import CapacityPlan, make_capacity_plan
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import WIDEST, Environment
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.population import enough
from tw_bench.plan.prediction import predict
from tw_bench.plan.presets import PRESETS
from tw_bench.plan.remedies import NO_HELP
from tw_bench.plan.ways import WAYS
from tw_bench.profile.quantities import PortRange
from tw_bench.profile.reader import read
from tw_bench.report.capacity_text import plans_json
from tw_bench.results.schema import Manifest, PointResult, Summary

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results/reference"
LINUX = PRESETS["linux"]

environments_of = st.builds(
    replace,
    st.sampled_from(list(PRESETS.values())),
    timestamps=st.booleans(),
    max_tw_buckets=st.none() | st.integers(1, 300_000),
    conntrack_max=st.none() | st.integers(1_000, 1_000_000),
    open_files=st.none() | st.integers(0, 1_000_000),
    somaxconn=st.none() | st.integers(1, 65_535),
    cpus=st.none() | st.integers(1, 64),
    tw_reuse=st.integers(0, 2),
)
demands_of = st.builds(
    Demand,
    rate_per_s=st.none() | st.floats(0.01, 1e6),
    sources=st.integers(1, 50),
    destinations=st.integers(1, 50),
    requests_per_connection=st.floats(1, 1e4),
    response_time_s=st.floats(0, 60),
    round_trip_s=st.floats(1e-5, 1),
    active_closer=st.sampled_from(["client", "server", "both"]),
    close=st.sampled_from(["fin", "rst", "half", "unread"]),
    source_port=st.sampled_from(
        ["autobind", "bind_zero", "bind_no_port", "explicit_sequential", "socket_range"]
    ),
    reuse_address=st.booleans(),
    loopback=st.booleans(),
)
_NEARLY = 1 - 1e-9  # two floats that ought to be equal


def ports_of(count: int) -> PortRange:
    """Return a range of so many ports."""
    return PortRange(65_536 - count, 65_535)


@given(demands_of, environments_of, st.integers(1, 64_511), st.integers(1, 64_512))
def test_more_ports_are_never_worse(demand, environment, some, more):
    """The limit grows with the range, whatever stands in the way."""
    few, many = sorted((some, min(64_512, some + more)))
    low, high = (
        walls.limit_per_s(demand, replace(environment, ports=ports_of(count), taken=()))
        for count in (few, many)
    )
    # A range of one port more may be odd, and then one of them is not sure to be found.
    assert high >= low * _NEARLY * (1 if many % 2 == 0 else few / (few + 1))


@pytest.mark.parametrize("name", ["sources", "destinations"])
@given(demands_of, environments_of, st.integers(1, 50))
def test_more_addresses_are_never_worse(name, demand, environment, more):
    """The limit grows with the addresses at either end."""
    wider = replace(demand, **{name: getattr(demand, name) + more})
    limit = walls.limit_per_s(demand, environment)
    assert walls.limit_per_s(wider, environment) >= limit * _NEARLY


@given(demands_of, environments_of, st.floats(1, 100))
def test_more_requests_a_connection_are_never_worse(demand, environment, times):
    """The limit grows with what a connection carries."""
    longer = replace(demand, requests_per_connection=demand.requests_per_connection * times)
    limit = walls.limit_per_s(demand, environment)
    assert walls.limit_per_s(longer, environment) >= limit * _NEARLY


@given(demands_of, environments_of)
def test_the_limit_is_the_lowest_wall(demand, environment):
    """Never more than any wall, in the order of the walls, and every figure is a number."""
    plan = make_capacity_plan(demand, environment)
    limits = [wall.limit_per_s for wall in plan.walls]
    assert plan.limit_per_s == min(limits) == limits[0]
    assert limits == sorted(limits)
    assert plan.binding == plan.walls[0].name
    assert all(math.isfinite(limit) and limit >= 0 for limit in limits)
    assert all(remedy.limit_per_s > plan.limit_per_s for remedy in plan.remedies)
    assert len({remedy.name for remedy in plan.remedies}) == len(plan.remedies)
    assert json.loads(plans_json({"": plan}))["plans"][0]["binding"] == plan.binding


@given(demands_of, environments_of)
def test_what_is_exhausted_is_what_lacks_room(demand, environment):
    """A cold start lasts only where more is asked than a wall lets through; the first one counts.

    What is let through for good fits into the room for as long as a connection takes of it.
    """
    plan = make_capacity_plan(demand, environment)
    met = {
        wall.name: wall.room / demand.rate_per_s
        for wall in plan.walls
        if demand.rate_per_s and wall.room is not None and demand.rate_per_s > wall.limit_per_s
    }
    if not met:
        assert (None, None) == (plan.exhausted, plan.exhausted_after_s)
    else:
        assert plan.exhausted_after_s == pytest.approx(min(met.values()))
        assert met[str(plan.exhausted)] == pytest.approx(min(met.values()))


@given(demands_of, environments_of)
def test_no_more_are_held_than_there_are_ports_for(demand, environment):
    """TIME_WAIT at the client is bounded by its four-tuples and by its buckets."""
    plan = make_capacity_plan(demand, environment)
    held = plan.population.time_wait
    assert all(count <= plan.four_tuples for count in held.values())
    if environment.max_tw_buckets is not None and "client" in held:
        assert held["client"] <= environment.max_tw_buckets


def test_the_example_of_the_readme():
    """3,000 requests a second to two upstreams, 8 ms each, on a Linux of two processors."""
    demand = Demand(rate_per_s=3000, destinations=2, response_time_s=0.008)
    plan = make_capacity_plan(demand, replace(LINUX, cpus=2))
    assert (56_464, "ports") == (plan.four_tuples, plan.binding)
    assert plan.limit_per_s == pytest.approx(56_464 / (62.048 + 0.0085))
    assert plan.headroom == pytest.approx(plan.limit_per_s / 3000)
    assert plan.exhausted_after_s == pytest.approx(56_464 / 3000)
    assert plan.population.established == pytest.approx(plan.limit_per_s * 0.008)
    assert plan.population.time_wait["client"] == pytest.approx(plan.limit_per_s * 61.024)
    assert plan.pool == enough(12) == 24  # of each of two destinations
    assert {remedy.name: remedy.to for remedy in plan.remedies if remedy.is_enough} == {
        "keep connections alive": "100 requests a connection",
        "more destinations": "10 addresses or ports",
        "the server closes first": "Connection: close from the server",
        "reuse TIME_WAIT": "tcp_tw_reuse 1",
        "more source addresses": "5 addresses + IP_BIND_ADDRESS_NO_PORT",
        "a port of one's own": "bind(ip, port) + SO_REUSEADDR",
        "close by RST": "SO_LINGER {1, 0}",
    }


def wall(name: str, asked: dict[str, Any], environment: Environment) -> walls.Wall:
    """Return one of the walls of a demand."""
    return next(w for w in walls.walls(Demand(**asked), environment) if w.name == name)


@pytest.mark.parametrize(
    ("name", "asked", "environment", "limit"),
    [
        # a port is taken while its connection is open, and held after that
        ("ports", {"response_time_s": 10.0, "round_trip_s": 1e-9}, {}, 28_232 / 72.048),
        ("ports", {"active_closer": "server", "response_time_s": 1.0}, {}, 28_232 / 1.0005),
        ("ports", {"requests_per_connection": 10.0}, {}, 282_320 / 62.0485),
        ("ports", {"source_port": "bind_zero", "destinations": 5}, {}, 28_232 / 62.0485),
        ("ports", {"loopback": True}, {}, 28_232 / 1.0005),
        ("ports", {}, {"taken": (range(40_000, 41_000),)}, 27_232 / 62.0485),
        ("TIME_WAIT buckets", {}, {"max_tw_buckets": 10_000}, 10_000 / 62.0485),
        # whichever end closes, conntrack keeps the entry for 120 s, and for 10 s after an RST
        ("conntrack", {"active_closer": "server"}, {"conntrack_max": 262_144}, 262_144 / 120.0005),
        ("conntrack", {"close": "rst"}, {"conntrack_max": 262_144}, 262_144 / 10.0005),
        ("file descriptors", {"response_time_s": 2.0}, {"open_files": 1_024}, 960 / 2.0005),
        ("accept queue", {}, {"somaxconn": 128}, 1_280),
        ("accept queue", {"backlog": 511}, {"somaxconn": 128}, 1_280),
        ("accept queue", {"backlog": 511}, {}, 5_110),
        # half of 64,512 ports is found at once; two processors look 413 times a second in vain
        (
            "port search",
            {},
            {"ports": WIDEST, "cpus": 2},
            32_256 / 62.0485 + 2 / (64_512 * 75e-9),
        ),
    ],
)
def test_where_each_wall_stands(name, asked, environment, limit):
    """Each wall by its law, calculated by hand."""
    assert wall(name, asked, replace(LINUX, **environment)).limit_per_s == pytest.approx(limit)


@pytest.mark.parametrize(
    ("name", "asked", "environment"),
    [
        ("TIME_WAIT buckets", {}, {"max_tw_buckets": 28_232}),
        ("TIME_WAIT buckets", {"active_closer": "server"}, {"max_tw_buckets": 10}),
        ("TIME_WAIT buckets", {"close": "rst"}, {"max_tw_buckets": 10}),
        ("TIME_WAIT buckets", {}, {"max_tw_buckets": 10, "tw_reuse": 1}),
        ("conntrack", {}, {}),
        ("file descriptors", {}, {"open_files": None}),
        ("accept queue", {}, {"somaxconn": None}),
        ("port search", {"source_port": "socket_range"}, {}),
        ("port search", {"source_port": "bind_zero"}, {}),
        ("port search", {}, {"linux": None}),
    ],
)
def test_where_there_is_no_wall(name, asked, environment):
    """What cannot be met is not listed."""
    found = walls.walls(Demand(**asked), replace(LINUX, **environment))
    assert name not in [wall.name for wall in found]


def test_a_namespace_that_tracks_nothing_has_no_conntrack_wall():
    """The module may be loaded for another namespace: an empty table is no bound."""
    sysctls = {"net.netfilter.nf_conntrack_max": "1000", "net.netfilter.nf_conntrack_count": "0"}
    unused, used = (
        environments.of_host(
            replace(SMALL, sysctls=sysctls | {"net.netfilter.nf_conntrack_count": count})
        )
        for count in ("0", "7")
    )
    assert (None, 1000) == (unused.conntrack_max, used.conntrack_max)


@pytest.mark.parametrize("name", ["aws-nat-gateway", "azure-snat", "kubernetes-snat"])
def test_a_gateway_holds_ports_whoever_closes(name):
    """It sees both ends: the server closing first frees the client, and not the gateway."""
    limits = [
        walls.limit_per_s(Demand(active_closer=end), PRESETS[name]) for end in ("client", "server")
    ]
    assert limits[0] == limits[1]
    plan = make_capacity_plan(Demand(), PRESETS[name])
    assert "the server closes first" not in [remedy.name for remedy in plan.remedies]
    assert list(plan.population.time_wait) == ["gateway"]


def test_raising_what_is_too_small_lifts_the_limit():
    """Each table that can be the first wall has its own remedy, which lifts it."""
    for name, small, remedy in (
        ("TIME_WAIT buckets", {"max_tw_buckets": 1_000}, "more TIME_WAIT buckets"),
        ("conntrack", {"conntrack_max": 1_000}, "more conntrack entries"),
        ("file descriptors", {"open_files": 70}, "more descriptors"),
        ("accept queue", {"somaxconn": 1}, "a longer accept queue"),
        ("ports", {"taken": (range(33_000, 60_000),)}, "free the held ports"),
        ("port search", {"ports": WIDEST, "cpus": 1}, "a range on the socket"),
    ):
        demand = Demand(response_time_s=1.0)
        plan = make_capacity_plan(demand, replace(LINUX, **small))
        assert plan.binding == name
        assert remedy in [found.name for found in plan.remedies]


def test_addresses_come_with_the_buckets_for_their_time_wait():
    """More four-tuples than tcp_max_tw_buckets would only move the wall."""
    environment = replace(LINUX, max_tw_buckets=20_000)
    plan = make_capacity_plan(Demand(rate_per_s=400), environment)
    assert plan.remedies[0].name == "more TIME_WAIT buckets"  # the direct cure first
    (remedy,) = (r for r in plan.remedies if r.name == "more destinations")
    assert remedy.to == "2 addresses or ports, tcp_max_tw_buckets 65536"
    assert remedy.binding != "TIME_WAIT buckets"


def test_a_pair_of_remedies_where_none_is_enough():
    """2 s a request and 15,000 of them a second: no one change does, two together do."""
    demand = Demand(rate_per_s=15_000, response_time_s=2.0, requests_per_connection=100)
    plan = make_capacity_plan(demand, replace(LINUX, open_files=1_024))
    assert not any(" + " not in remedy.name and remedy.is_enough for remedy in plan.remedies)
    pairs = [remedy for remedy in plan.remedies if remedy.is_enough]
    assert 1 <= len(pairs) <= 3
    assert all("more descriptors" in pair.name for pair in pairs)
    assert all(pair.limit_per_s >= 15_000 for pair in pairs)


def test_a_change_that_is_worth_nothing_is_not_named():
    """Twice the requests a connection, where a request takes 2 s, moves the limit by 1 %."""
    demand = Demand(rate_per_s=3_000, response_time_s=2.0, requests_per_connection=1_000)
    plan = make_capacity_plan(demand, LINUX)
    assert all(remedy.factor is None or remedy.factor > 1.05 for remedy in plan.remedies)
    assert "keep connections alive" not in [remedy.name for remedy in plan.remedies]


@pytest.mark.parametrize(
    ("name", "rate", "remedy", "to"),
    [
        ("gcp-cloud-nat", 300, "a wider range", "minimum ports per VM 64512"),
        (
            "windows",
            200,
            "a wider range",
            "netsh int ipv4 set dynamicport tcp start=1024 num=64512",
        ),
        ("kubernetes-snat", 1_000, "more on the gateway", "3 nodes"),
        ("aws-nat-gateway", 30_000, "more on the gateway", "8 addresses"),
    ],
)
def test_remedies_of_other_systems(name, rate, remedy, to):
    """In the words of that system, and no more than it can have."""
    plan = make_capacity_plan(Demand(rate_per_s=rate), PRESETS[name])
    found = {each.name: each.to for each in plan.remedies}
    assert found[remedy] == to
    assert name != "gcp-cloud-nat" or "more on the gateway" not in found


def test_the_other_parity_is_not_touched_while_one_is_enough():
    """With a hold of a second, or none here, 200/s never need more than half of 1,000 ports."""
    ports = PortRange(40_000, 40_999)
    reused = make_capacity_plan(Demand(rate_per_s=200), replace(LINUX, ports=ports, tw_reuse=1))
    moved = make_capacity_plan(
        Demand(rate_per_s=200, active_closer="server"), replace(LINUX, ports=ports)
    )
    full = make_capacity_plan(Demand(rate_per_s=200), replace(LINUX, ports=ports))
    assert 500 == reused.population.time_wait["client"] == moved.population.time_wait["server"]
    assert full.population.time_wait["client"] > 950


def test_no_conntrack_entries_at_all_means_no_bound():
    """nf_conntrack_max 0 switches the bound off (nf_conntrack_alloc)."""
    sysctls = {"net.netfilter.nf_conntrack_max": "0", "net.netfilter.nf_conntrack_count": "7"}
    assert environments.of_host(replace(SMALL, sysctls=sysctls)).conntrack_max is None


@given(st.floats(0.01, 3_000))
def test_a_pool_that_is_enough_seldom_is_not(mean):
    """At most one moment in a thousand has more requests under way; one fewer would not do."""
    count = enough(mean)
    assert count >= mean
    if mean <= 500:
        assert poisson_tail(mean, count) <= 0.001
        assert count == 1 or poisson_tail(mean, count - 1) > 0.001
    else:
        assert poisson_tail(mean, count) <= 0.0015


def poisson_tail(mean: float, count: int) -> float:
    """Return P(N > count), summed in another way than the code does."""
    logs = (n * math.log(mean) - mean - math.lgamma(n + 1) for n in range(count + 1))
    return 1 - math.fsum(map(math.exp, logs))


def summary(name: str) -> Summary:
    """Return the summary of a committed run."""
    return Summary.model_validate_json((REFERENCE / name / "summary.json").read_text())


def reference_points() -> list[Any]:
    """Return (point result, plan) of every point of the committed runs."""
    found = []
    for folder in sorted(path.parent for path in REFERENCE.glob("*/manifest.json")):
        if summary(folder.name).found is not None:
            continue  # its points are probes, and no profile names their rates
        host = Manifest.model_validate_json((folder / "manifest.json").read_text()).host
        facts = TypeAdapter(HostFacts).validate_python(host)
        points = read(ROOT / "profiles" / f"{folder.name}.yaml", ()).points
        for point, result in zip(points, summary(folder.name).points, strict=True):
            plan = make_capacity_plan(
                demands.of_point(as_called(point), predict(point, facts)),
                environments.of_point(point, facts),
            )
            if result.prediction["expected_per_s"] is not None:  # the law says something
                found.append(pytest.param(result, plan, id=f"{folder.name}-{point.id}"))
    return found


@pytest.mark.parametrize(("result", "plan"), reference_points())
def test_the_plan_agrees_with_the_committed_runs(result: PointResult, plan: CapacityPlan):
    """Within 2 % where the ports bound the run; elsewhere what got through is no more."""
    assert result.measured is not None
    measured = result.measured.goodput_per_s
    if result.verdict == "port-bound":
        assert plan.binding == "ports"
        assert plan.saturated_per_s == pytest.approx(measured, rel=0.02)
        assert plan.limit_per_s == pytest.approx(measured, rel=0.02)
    elif plan.walls[0].refuses:
        assert plan.limit_per_s >= measured
    else:  # all got through at the price of TIME_WAIT: the wall that refuses nothing
        assert ("tw-buckets-100", "TIME_WAIT buckets") == (result.id, plan.binding)
        assert plan.limit_per_s < measured


def test_the_measured_factors_are_those_of_the_committed_run():
    """What a remedy says was measured is in the run, against its baseline."""
    points = {point.id: point for point in summary("remedies").points}
    goodput = {id: point.measured.goodput_per_s for id, point in points.items() if point.measured}
    shown = [way.measured for way in WAYS if way.measured is not None]
    assert len(shown) > 5
    for measured in shown:
        factor = goodput[measured.point] / goodput["baseline"]
        assert measured.factor == pytest.approx(factor, abs=0.05)
        assert measured.at_least is (points[measured.point].verdict != "port-bound")
    for id in NO_HELP:
        assert goodput[id] == pytest.approx(goodput["baseline"])
