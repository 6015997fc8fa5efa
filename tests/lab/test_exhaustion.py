"""The test that is the product: a range of P ports gives P connections, then EADDRNOTAVAIL."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tw_bench.results.schema import PointResult

DRY = """
load: {{rate: 100/s}}
method: {{fill: 0s, window: {window}s}}
lab: {{ports: {ports}{more}}}
"""


def outcomes(point: "PointResult") -> dict[tuple[str, str], int]:
    """Return (phase, errno) → count. A slot held back after a refusal would have been refused."""
    ends = {(end.phase, end.errno): end.count for end in point.outcomes}
    assert point.generator is not None
    if point.generator.held_back:
        ends["connect", "EADDRNOTAVAIL"] += point.generator.held_back
    return ends


def test_32_ports_give_exactly_32_connections(measure_point):
    """A 32-port range over veth gives exactly 32 connections and then EADDRNOTAVAIL at connect."""
    point = measure_point(DRY.format(ports=32, window=1, more=""))
    assert {("close", "ok"): 32, ("connect", "EADDRNOTAVAIL"): 68} == outcomes(point)
    assert point.measured.connections_before_first_refusal == 32
    assert point.prediction["usable_ports"] == 32
    assert point.verdict == "port-bound"
    assert all(line.is_even for line in point.ledger), point.ledger
    assert (32, 0) == (point.time_wait["client"].made, point.time_wait["server"].made)


def test_33_ports_give_what_the_kernel_gives(measure_point):
    """An odd range gives 33 or, now and then, 32: each connect() looks at 32 of them only."""
    point = measure_point(DRY.format(ports=33, window=2, more=""))
    ends = outcomes(point)
    assert ends["close", "ok"] in (32, 33)
    assert ends["close", "ok"] + ends["connect", "EADDRNOTAVAIL"] == 200
    assert point.measured.connections_before_first_refusal in (32, 33)
    assert point.prediction["usable_ports"] == 33


def test_ipv6_gives_the_same(measure_point):
    """IPv6 draws from the same range and is refused with the same errno."""
    point = measure_point(DRY.format(ports=20, window=1, more=", ip_version: 6"))
    assert {("close", "ok"): 20, ("connect", "EADDRNOTAVAIL"): 80} == outcomes(point)
    assert all(line.is_even for line in point.ledger)


def test_a_sockets_own_range_gives_every_port(measure_point):
    """IP_LOCAL_PORT_RANGE on each socket gives all ports of an odd range, refused only then."""
    point = measure_point(
        DRY.format(ports=33, window=1, more="") + "connection: {source_port: socket_range}\n"
    )
    assert {("close", "ok"): 33, ("connect", "EADDRNOTAVAIL"): 67} == outcomes(point)
    assert point.measured.connections_before_first_refusal == 33


def test_a_server_that_closes_first_holds_time_wait(measure_point):
    """When the server closes first the client's 10 ports serve any number of connections."""
    point = measure_point(
        DRY.format(ports=10, window=2, more="") + "connection: {active_closer: server}\n"
    )
    assert {("close", "ok"): 200} == outcomes(point)
    assert point.time_wait["client"].made == 0
    assert point.time_wait["server"].made == 200
    assert point.verdict == "offered-load-bound"


def test_a_closed_loop_takes_the_whole_range_at_once(measure_point):
    """A closed loop burns the range at full speed and is then refused, without spinning."""
    point = measure_point(
        "load: {closed_loop: 4}\nmethod: {fill: 0s, window: 1s}\nlab: {ports: 200}\n"
    )
    ends = outcomes(point)
    assert ends["close", "ok"] == 200
    assert 0 < ends["connect", "EADDRNOTAVAIL"] < 1000
    assert point.measured.first_refusal_s < 0.5


@pytest.mark.parametrize("bytes_each_way", ["1", "100kB", "1MiB"])
def test_requests_and_responses_of_any_size(measure_point, bytes_each_way):
    """Request and response may be one byte or a mebibyte; every byte arrives."""
    point = measure_point(
        "load: {rate: 20/s}\nmethod: {fill: 0s, window: 1s}\nlab: {ports: 100}\n"
        f"connection: {{request_bytes: {bytes_each_way}, response_bytes: {bytes_each_way}}}\n"
    )
    assert {("close", "ok"): 20} == outcomes(point)


def test_time_lapse_follows_the_same_law(measure_point):
    """With tcp_tw_reuse=1 the limit is ports a second: P / tcp_tw_reuse_delay."""
    point = measure_point(
        "lab: {ports: 100, sysctls: {net.ipv4.tcp_tw_reuse: 1}}\nmethod: {fill: 1tw, window: 3tw}\n"
    )
    assert point.prediction["time_lapse"]
    assert point.measured.goodput_per_s == pytest.approx(100, rel=0.03)
    assert point.counters["client"]["TcpExt.TWRecycled"] > 200


def test_a_connection_that_was_idle_too_long_is_closed_and_not_used(measure_point):
    """A kept connection older than idle_timeout is closed by the client: a port a request."""
    point = measure_point(
        "load: {closed_loop: 1, think_time: 100ms}\nmethod: {fill: 0s, window: 1s}\n"
        "lab: {ports: 100}\n"
        "connection: {requests_per_connection: 1000, idle_timeout: 50ms}\n"
    )
    requests = outcomes(point)["close", "ok"]
    assert 5 <= requests <= 10
    assert point.measured.connections_opened == requests == point.time_wait["client"].made
    assert all(line.is_even for line in point.ledger)


@pytest.mark.parametrize(("pool", "burns"), [(8, False), (0, True)])
def test_a_pool_that_is_too_small_burns_ports(measure_point, pool, burns):
    """Eight requests at once: a pool of eight opens eight connections, none one a request."""
    point = measure_point(
        "load: {closed_loop: 8, think_time: 20ms}\nmethod: {fill: 0s, window: 1s}\n"
        f"connection: {{requests_per_connection: 1000, pool: {pool}}}\n"
    )
    requests, opened = outcomes(point)["close", "ok"], point.measured.connections_opened
    assert requests > 100
    assert opened == requests if burns else opened <= 8, point.outcomes
    assert all(line.is_even for line in point.ledger)


def test_kept_connections_outlast_the_fill(measure_point):
    """A fill that takes its ports in another way leaves its connections to the window."""
    point = measure_point(
        "load: {closed_loop: 8, think_time: 20ms}\n"
        "method: {fill: 500ms, window: 500ms, fill_source_port: socket_range}\n"
        "connection: {requests_per_connection: 1000, pool: 8}\n"
    )
    assert point.prediction["fill_source_port"] == "socket_range"
    assert outcomes(point)["close", "ok"] > 16
    assert point.measured.connections_opened <= 8
    assert all(line.is_even for line in point.ledger)
