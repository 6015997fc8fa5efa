"""Every fate of a connection, provoked in the real kernel: phase and errno are told apart."""

import asyncio
import sys
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tw_bench.errors import WorkerError
from tw_bench.lab.lab import keeper, lab
from tw_bench.lab.topology import Side, Topology
from tw_bench.load.fleet import Fleet, WorkerSpec
from tw_bench.results.outcomes import decode
from tw_bench.results.rows import FIELDS

SPEC = WorkerSpec(
    client="tcp",
    http={},
    sources=[],
    destinations=[("198.18.0.2", 80)],
    ports=(40_000, 40_099),
    source_port="autobind",
    fill_source_port="autobind",
    reuse_address=False,
    active_closer="client",
    close="fin",
    requests_per_connection={"kind": "fixed", "least": 1, "most": 1, "mean": 1},
    pool=100,
    idle_timeout_s=60,
    think_time_s=0,
    request_bytes=64,
    response_bytes=64,
    fill_s=0,
    hold_s=1,
    pace=[[20, 20, 1]],
    closed_loop=None,
    duration_s=0.5,
    timeout_s=0.3,
    max_in_flight=100,
)
HEAD = """
import socket, struct, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("198.18.0.2", 80))
"""
ACCEPT = """
listener.listen(100)
print("ready", flush=True)
kept = []
while True:
    connection, _ = listener.accept()
    kept.append(connection)
"""


def provoke(
    server: str | None, spec: WorkerSpec, ports="40000 40099", prefix=(), client_sysctls=None
):
    """Return how the connections of one worker end against a scripted server."""
    ends: Counter[tuple[str, str]] = Counter()

    def on_frame(number, head, rows):
        table = np.frombuffer(rows, dtype=np.int64).reshape(-1, len(FIELDS))
        for code in table[:, FIELDS.index("outcome")]:
            if code >= 0:
                ends[decode(int(code)).phase, decode(int(code)).reason] += 1
            else:
                ends["skipped", str(code)] += 1

    async def story(link):
        sides = (
            Side(
                "client",
                ("198.18.0.1/30",),
                {"net.ipv4.ip_local_port_range": ports, **(client_sysctls or {})},
            ),
            Side("server", ("198.18.0.2/30",), {}),
        )
        async with lab("outcomes", Topology(True, sides), link) as living:
            running = None
            if server is not None:
                running = await living.spawn("server", [sys.executable, "-c", HEAD + server])
                assert await running.stdout.readline() == b"ready\n", running.last_words()

            async def spawn(side, argv):
                return await living.spawn(side, [*prefix, *argv])

            fleet = Fleet("point", [spec], on_frame)
            try:
                await fleet.start(spawn)
                await fleet.run(time.monotonic_ns())
            finally:
                await fleet.stop()
                if running is not None:
                    await running.stop()
                    running.close()

    with keeper(isolated=True) as link:
        asyncio.run(story(link))
    return ends


ANSWER = ACCEPT + "    connection.recv(64); connection.sendall(b'x' * {sent})\n{then}"

CASES = {
    "nobody listens": (None, SPEC, {("connect", "ECONNREFUSED"): 10}),
    "the server accepts and never answers": (ACCEPT, SPEC, {("receive", "timeout"): 10}),
    "half of the response, then FIN": (
        ANSWER.format(sent=32, then="    connection.close()\n"),
        SPEC,
        {("receive", "early_eof"): 10},
    ),
    "an RST instead of the response": (
        ACCEPT
        + "    connection.recv(64)\n"
        + "    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,"
        + " struct.pack('ii', 1, 0))\n    kept.remove(connection); connection.close()\n",
        SPEC,
        {("receive", "ECONNRESET"): 10},
    ),
    "more than the response": (
        ANSWER.format(sent=65, then="    connection.close()\n"),
        SPEC,
        {("receive", "bad_response"): 10},
    ),
    "the server never closes though it should": (
        ANSWER.format(sent=64, then=""),
        replace(SPEC, active_closer="server"),
        {("receive", "timeout"): 10},
    ),
    "the server streams without end": (
        ACCEPT
        + "    try:\n        connection.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n"
        + "        while True: connection.sendall(bytes(65536))\n"
        + "    except OSError: kept.remove(connection); connection.close()\n",
        replace(SPEC, client="http", http={"http_version": "1.1", "connection_header": "none"}),
        {("receive", "timeout"): 10},
    ),
    "the server does not read a long request": (
        "listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)\n" + ACCEPT,
        replace(SPEC, request_bytes=8 << 20),
        {("send", "timeout"): 10},
    ),
    "the server sends an RST to a long request": (
        ACCEPT
        + "    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,"
        + " struct.pack('ii', 1, 0))\n    kept.remove(connection); connection.close()\n",
        replace(SPEC, request_bytes=8 << 20),
        {("send", "ECONNRESET"): 10},
    ),
    "a kept connection that the server has closed": (
        ANSWER.format(sent=64, then="    connection.close()\n"),
        replace(SPEC, requests_per_connection=dict(SPEC.requests_per_connection, least=2, most=2)),
        {("close", "ok"): 5, ("receive", "early_eof"): 5},
    ),
    "a fixed port that is taken": (
        ANSWER.format(sent=64, then="    connection.recv(1); connection.close()\n"),
        replace(SPEC, source_port="explicit_sequential", ports=(40_000, 40_003)),
        {("close", "ok"): 4, ("bind", "EADDRINUSE"): 6},
    ),
    "bind(ip, 0) and no port left": (
        ANSWER.format(sent=64, then="    connection.recv(1); connection.close()\n"),
        replace(SPEC, source_port="bind_zero", sources=["198.18.0.1"]),
        {("close", "ok"): 4, ("bind", "EADDRINUSE"): 6},
    ),
    "an address that is not ours": (
        None,
        replace(SPEC, source_port="bind_no_port", sources=["198.18.0.99"]),
        {("bind", "EADDRNOTAVAIL"): 10},
    ),
    "no route": (
        None,
        replace(SPEC, destinations=[("203.0.113.1", 80)]),
        {("connect", "ENETUNREACH"): 10},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_outcome(case):
    """Each way a connection can end is counted under its own phase and errno."""
    server, spec, expected = CASES[case]
    ports = "40000 40003" if "port" in case else "40000 40099"
    assert expected == provoke(server, spec, ports)


def test_a_full_accept_queue_is_a_connect_timeout():
    """A server that never accepts: its queue takes two connections, the other SYNs are dropped."""
    ends = provoke("listener.listen(1); print('ready', flush=True); time.sleep(9)\n", SPEC)
    assert {("receive", "timeout"): 2, ("connect", "timeout"): 8} == ends


def test_the_kernels_own_timeout():
    """A SYN that is never answered ends by the kernel's ETIMEDOUT when ours is longer."""
    ends = provoke(
        "listener.listen(1); print('ready', flush=True); time.sleep(9)\n",
        replace(SPEC, timeout_s=8),
        client_sysctls={"net.ipv4.tcp_syn_retries": "1"},
    )
    assert {("receive", "timeout"): 2, ("connect", "ETIMEDOUT"): 8} == ends


def test_no_descriptor_left_is_a_refusal_at_socket():
    """EMFILE is met at socket(), is told apart from a lack of ports, and ends no worker."""
    ends = provoke(
        ACCEPT, replace(SPEC, timeout_s=5, pace=[[100, 100, 1]]), prefix=("prlimit", "--nofile=24")
    )
    assert ends["socket", "EMFILE"] > 10
    assert ends["receive", "timeout"] > 0
    assert {"socket", "receive"} == {phase for phase, _ in ends}


def test_a_full_range_is_a_refusal_at_connect():
    """EADDRNOTAVAIL is met at connect()."""
    serve = ANSWER.format(sent=64, then="    connection.recv(1); connection.close()\n")
    assert {("close", "ok"): 4, ("connect", "EADDRNOTAVAIL"): 6} == provoke(
        serve, SPEC, ports="40000 40003"
    )


def test_a_fault_of_our_own_ends_the_worker():
    """No fate of a connection raises; what does raise is reported, not counted as an end."""
    wrong = replace(SPEC, response_bytes="many")  # type: ignore[arg-type]
    with pytest.raises(WorkerError, match="died in mid-run"):
        provoke(ANSWER.format(sent=64, then=""), wrong)


def test_slots_beyond_max_in_flight_are_missed_not_lost():
    """An open loop with no room left counts the slots that it could not start."""
    ends = provoke(ACCEPT, replace(SPEC, max_in_flight=3, timeout_s=2))
    assert {("receive", "timeout"): 3, ("skipped", "-2"): 7} == ends


def test_a_refusal_holds_back_the_slots_right_after_it():
    """After a refusal the kernel is left alone for a while; the slots in it are counted."""
    ends = provoke(None, replace(SPEC, pace=[[20_000, 20_000, 1]]), ports="40000 40001")
    assert ends["skipped", "-1"] == 0  # ECONNREFUSED is no refusal of ours: the port is free again
    serve = ANSWER.format(sent=64, then="    connection.recv(1); connection.close()\n")
    ends = provoke(
        serve, replace(SPEC, pace=[[4_000, 4_000, 1]], duration_s=1), ports="40000 40001"
    )
    assert ends["close", "ok"] == 2
    assert ends["skipped", "-1"] > 0
    assert ends["connect", "EADDRNOTAVAIL"] > 0
