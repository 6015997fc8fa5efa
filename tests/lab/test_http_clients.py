"""Real HTTP clients against the embedded server: connections, who holds TIME_WAIT, refusals."""

from typing import Any

import pytest

PORTS = 40
HEAD = f"""
lab: {{ports: {PORTS}}}
target: {{protocol: http}}
load: {{rate: 60/s, workers: 1}}
method: {{fill: 0s, window: 3s}}
parts:
"""
OFFERED = 180
A_FEW = PORTS  # connections of a pool that keeps them: a start that stalls opens more than one

# name → what the part says, who holds TIME_WAIT, whether each request needs a port of its own
ROWS: dict[str, tuple[str, str, bool]] = {
    "raw-once": ("client: {kind: http}", "client", True),
    "raw-kept": (
        "client: {kind: http}, connection: {requests_per_connection: 1000}", "client", False,
    ),
    "raw-close": ("client: {kind: http, connection_header: close}", "server", True),
    "raw-1-0": ("client: {kind: http, http_version: '1.0'}", "server", True),
    "raw-1-0-kept": (
        "client: {kind: http, http_version: '1.0', connection_header: keep-alive}, "
        "connection: {requests_per_connection: 1000}", "client", False,
    ),
    "aiohttp": ("client: {kind: aiohttp}", "client", False),
    "aiohttp-ipv6": ("client: {kind: aiohttp}, lab: {ip_version: 6}", "client", False),
    "aiohttp-two-servers": ("client: {kind: aiohttp}, lab: {destinations: 2}", "client", False),
    "aiohttp-each": ("client: {kind: aiohttp, session: per_request}", "client", True),
    "aiohttp-force-close": ("client: {kind: aiohttp, force_close: true}", "either", True),
    "aiohttp-force-close-keep-alive": (
        "client: {kind: aiohttp, force_close: true, connection_header: keep-alive}", "client", True,
    ),
    "aiohttp-close": ("client: {kind: aiohttp, connection_header: close}", "either", True),
    "aiohttp-1-0": ("client: {kind: aiohttp, http_version: '1.0'}", "client", False),
    "aiohttp-1-0-each": (
        "client: {kind: aiohttp, http_version: '1.0', session: per_request}", "client", True,
    ),
    "aiohttp-1-0-force-close": (
        "client: {kind: aiohttp, http_version: '1.0', force_close: true}", "either", True,
    ),
    "httpx": ("client: {kind: httpx}", "client", False),
    "httpx-ipv6": ("client: {kind: httpx}, lab: {ip_version: 6}", "client", False),
    "httpx-each": (
        "client: {kind: httpx, session: per_request}, load: {rate: 20/s}", "client", True,
    ),
    "httpx-close": ("client: {kind: httpx, connection_header: close}", "either", True),
}  # fmt: skip


@pytest.fixture(scope="module")
def points(measure_once) -> dict[str, Any]:
    """Run all rows side by side, once."""
    parts = "".join(f"  - {{name: {name}, {row[0]}}}\n" for name, row in ROWS.items())
    return {point.part: point for point in measure_once(HEAD + parts).points}


@pytest.mark.parametrize("name", ROWS)
def test_a_client(points, name):
    """So many go through, the others are refused at connect, and TIME_WAIT is where it should."""
    _, holder, takes_a_port = ROWS[name]
    point = points[name]
    is_refused = takes_a_port and holder == "client"
    ends = {(end.phase, end.errno): end.count for end in point.outcomes}
    offered = 60 if "rate: 20/s" in ROWS[name][0] else OFFERED
    ok = ends.pop(("close", "ok"))
    assert ok == (PORTS if is_refused else offered)
    assert list(ends) == ([("connect", "EADDRNOTAVAIL")] if is_refused else [])
    opened = point.measured.connections_opened
    assert opened == ok if takes_a_port else opened <= A_FEW
    made = {side: point.time_wait[side].made for side in ("client", "server")}
    if holder == "either":  # a library may close before the server that said it would
        assert sum(made.values()) == opened
        assert made["server"] > opened / 2
    else:
        assert made == {"client": 0, "server": 0} | {holder: opened}
    if is_refused:  # httpx.AsyncClient() for each request is late where others want the processor
        assert point.verdict in ("port-bound", "generator-bound")
    else:
        assert point.verdict != "port-bound"
    assert point.measured.goodput_per_s == pytest.approx(
        point.prediction["expected_per_s"], rel=0.02
    )


@pytest.mark.parametrize("name", ROWS)
def test_the_ledger_is_even(points, name):
    """Connections as the library told of them are those that the kernel counted, on each side."""
    assert [line for line in points[name].ledger if not line.is_even] == []


@pytest.mark.parametrize("kind", ["aiohttp", "httpx"])
def test_a_pool_limit_is_a_limit(measure_point, kind):
    """Ten coroutines that share a pool of three connections open three."""
    point = measure_point(
        "lab: {ports: 40}\ntarget: {protocol: http}\nmethod: {fill: 0s, window: 1s}\n"
        f"client: {{kind: {kind}, pool_limit: 3}}\n"
        "load: {closed_loop: 10, workers: 1, think_time: 20ms}\n"
    )
    assert point.measured.connections_opened == 3
    assert {(end.phase, end.errno) for end in point.outcomes} == {("close", "ok")}
