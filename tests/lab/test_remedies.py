"""Every way to close and to reuse, on a small range: exact counts, and who holds TIME_WAIT."""

import shutil
from pathlib import Path
from typing import Any

import pytest

PROFILES = Path(__file__).parents[2] / "profiles"
PORTS = 40
HEAD = f"""
lab: {{ports: {PORTS}}}
load: {{rate: 60/s}}
method: {{fill: 0s, window: 3s}}
parts:
"""
OFFERED = 180
CONNECT, BIND = ("connect", "EADDRNOTAVAIL"), ("bind", "EADDRINUSE")
NO_TIMESTAMPS = "lab: {sysctls: {net.ipv4.tcp_timestamps: 0}}"
EXPLICIT = "source_port: explicit_sequential"

# name → what the part says, how many of 180 go through, how the others are refused, TIME_WAIT
# made on the client and on the server
ROWS: dict[str, tuple[str, int, tuple[str, str] | None, int, int]] = {
    "autobind": ("", 40, CONNECT, 40, 0),
    "autobind-reuse": ("connection: {reuse_address: true}", 40, CONNECT, 40, 0),
    "bind-zero": ("connection: {source_port: bind_zero}", 40, BIND, 40, 0),
    "bind-zero-reuse": (
        "connection: {source_port: bind_zero, reuse_address: true}", 40, BIND, 40, 0,
    ),
    "bind-zero-two-servers": (
        "connection: {source_port: bind_zero}, lab: {destinations: 2}", 40, BIND, 40, 0,
    ),
    "bind-no-port": ("connection: {source_port: bind_no_port}", 40, CONNECT, 40, 0),
    "bind-no-port-two-servers": (
        "connection: {source_port: bind_no_port}, lab: {destinations: 2}", 80, CONNECT, 80, 0,
    ),
    "explicit": (f"connection: {{{EXPLICIT}}}", 40, BIND, 40, 0),
    "explicit-reuse": (f"connection: {{{EXPLICIT}, reuse_address: true}}", 180, None, 180, 0),
    "explicit-reuse-no-timestamps": (
        f"connection: {{{EXPLICIT}, reuse_address: true}}, {NO_TIMESTAMPS}", 40, CONNECT, 40, 0,
    ),
    "socket-range": ("connection: {source_port: socket_range}", 40, CONNECT, 40, 0),
    "rst": ("connection: {close: rst}", 180, None, 0, 0),
    "unread": ("connection: {close: unread}", 180, None, 0, 0),
    "half": ("connection: {close: half}", 40, CONNECT, 40, 0),
    "server": ("connection: {active_closer: server}", 180, None, 0, 180),
    "server-rst": ("connection: {active_closer: server, close: rst}", 180, None, 0, 0),
    "both": ("connection: {active_closer: both}", 40, CONNECT, 40, 40),
    "too-few-buckets": ("lab: {sysctls: {net.ipv4.tcp_max_tw_buckets: 10}}", 180, None, 10, 0),
    "fin-timeout": ("lab: {sysctls: {net.ipv4.tcp_fin_timeout: 1}}", 40, CONNECT, 40, 0),
    "rfc1337": ("lab: {sysctls: {net.ipv4.tcp_rfc1337: 1}}", 40, CONNECT, 40, 0),
    "reserved": (
        "lab: {sysctls: {net.ipv4.ip_local_reserved_ports: 32768-32777}}", 30, CONNECT, 30, 0,
    ),
    "listeners": ("lab: {held_ports: 32768-32777}", 30, CONNECT, 30, 0),
    "two-sources": (
        "lab: {sources: 2}, connection: {source_port: bind_no_port}", 80, CONNECT, 80, 0,
    ),
    "two-sources-explicit": (
        f"lab: {{sources: 2}}, connection: {{{EXPLICIT}}}", 80, BIND, 80, 0,
    ),
    "two-by-two": (
        "lab: {sources: 2, destinations: 2}, connection: {source_port: bind_no_port}",
        160, CONNECT, 160, 0,
    ),
    "two-ports-of-a-server": ("target: {ports: 2}", 80, CONNECT, 80, 0),
    "ipv6-two-servers": ("lab: {destinations: 2, ip_version: 6}", 80, CONNECT, 80, 0),
    "keep-alive-3": ("connection: {requests_per_connection: 3}", 120, CONNECT, 40, 0),
    "keep-alive-3-server-closes": (
        "connection: {requests_per_connection: 3, active_closer: server}", 180, None, 0, 60,
    ),
    "no-pool": ("connection: {requests_per_connection: 3, pool: 0}", 40, CONNECT, 40, 0),
    "own-address": ("lab: {topology: own_address}", 40, CONNECT, 40, 0),
    "loopback-reuse-off": (
        "lab: {topology: loopback, sysctls: {net.ipv4.tcp_tw_reuse: 0}}", 40, CONNECT, 40, 0,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def nft_is_there() -> None:
    """Skip, with the reason, where the FINs of a simultaneous close cannot be held back."""
    if shutil.which("nft") is None:
        pytest.skip("nft is not installed: sudo apt install nftables")


@pytest.fixture(scope="module")
def points(measure_once) -> dict[str, Any]:
    """Run all rows side by side, once."""
    parts = "".join(
        f"  - {{name: {name}{', ' if row[0] else ''}{row[0]}}}\n" for name, row in ROWS.items()
    )
    return {point.part: point for point in measure_once(HEAD + parts).points}


@pytest.mark.parametrize("name", ROWS)
def test_a_way_to_close_or_reuse(points, name):
    """So many go through, the others are refused at this call, and TIME_WAIT lands there."""
    _, ok, refused, client, server = ROWS[name]
    point = points[name]
    ends = {(end.phase, end.errno): end.count for end in point.outcomes}
    assert ends.pop(("close", "ok")) == ok
    assert ([refused] if refused else []) == list(ends)
    assert ok + sum(ends.values()) + point.generator.held_back == OFFERED
    held = point.time_wait
    made = {side: held[side].made for side in held}
    expected = {"client": client, "server": server} if "client" in held else {"host": client}
    assert expected == made
    assert [line for line in point.ledger if not line.is_even] == []
    assert (point.verdict == "port-bound") == (refused is not None)
    assert point.measured.goodput_per_s == pytest.approx(point.prediction["expected_per_s"])


COUNTERS = {
    "explicit-reuse": {"TcpExt.TWRecycled": 140},
    "rst": {"TcpExt.TCPAbortOnData": 180},
    "unread": {"TcpExt.TCPAbortOnClose": 180},
    "too-few-buckets": {"TcpExt.TCPTimeWaitOverflow": 170},
}


@pytest.mark.parametrize("name", COUNTERS)
def test_the_kernels_own_counter(points, name):
    """The counter that the kernel keeps for this way moved once for each connection it is for."""
    for counter, expected in COUNTERS[name].items():
        assert expected == points[name].counters["client"][counter]


def test_the_server_reopens_its_time_wait(points):
    """A server that closed first holds fewer TIME_WAIT than it made: new SYNs reopen them."""
    server = points["server"].time_wait["server"]
    assert server.made == 180
    assert server.peak <= PORTS


def test_the_remedies_profile_at_the_real_pace(measure_once):
    """Each bounded row within 1 % of its prediction; each unlimited one ten times the baseline."""
    text = (PROFILES / "remedies.yaml").read_text()
    points = measure_once(text.partition("title: Every way")[2].partition("\n")[2]).points
    baseline = points[0].measured.goodput_per_s
    for point in points:
        goodput = point.measured.goodput_per_s
        assert goodput == pytest.approx(point.prediction["expected_per_s"], rel=0.01), point.id
        if point.prediction["saturated_per_s"] is None:
            assert goodput > 10 * baseline, point.id
            assert point.verdict == "offered-load-bound", point.id
        assert [line for line in point.ledger if not line.is_even] == [], point.id
