"""A lab whose links a program carries: what the wire holds, what is done at the same time."""

import asyncio
import os
import sys

import pytest

from tw_bench.lab.lab import keeper, lab
from tw_bench.lab.topology import Side, Topology
from tw_bench.profile.scenario import read_scenario
from tw_bench.scenario.play import Play

WIRED = Topology(
    True,
    (Side("client", ("198.18.0.1/30",), {}), Side("server", ("198.18.0.2/30",), {})),
    is_wired=True,
    is_watched=True,
)
SENDS = """
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(3000):
    one.sendto(b"x", ("198.18.0.2", 9))
"""
LISTS = """
import os
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
print(*filter(is_open, range(256)))
"""


async def output(living, program: str) -> str:
    """Return what a Python program prints on the client's side."""
    process = await living.spawn("client", [sys.executable, "-c", program])
    text = (await process.stdout.read()).decode()
    await process.wait()
    process.close()
    return text


def test_the_wire_holds_what_thousands_send_at_once():
    """Nobody carries anything off meanwhile, and no packet is lost."""

    async def story():
        async with lab("burst", WIRED, link) as living:
            await output(living, SENDS)
            (end, _), packets = living.wires[0], 0
            while True:
                try:
                    packet = os.read(end, 65_536)
                except BlockingIOError:
                    return packets
                packets += packet[0] >> 4 == 4 and packet[9] == 17

    with keeper(isolated=True) as link:
        assert asyncio.run(story()) == 3_000


def test_a_process_of_a_lab_has_no_descriptor_but_its_own_three():
    """The keeper's control above all: a limit of files is what the scenario says."""

    async def story():
        async with lab("files", WIRED, link) as living:
            return await output(living, LISTS)

    with keeper(isolated=True) as link:
        assert asyncio.run(story()).split() == ["0", "1", "2"]


@pytest.fixture
def play(tmp_path):
    """Play steps, and return what came of them."""

    def played(steps: str):
        path = tmp_path / "one.yaml"
        path.write_text(f"title: one\nclaim: one.\nsteps:\n{steps}")
        with keeper(isolated=True) as link:
            return asyncio.run(Play(read_scenario(path), tmp_path / "out", "k").play(link))

    return played


def test_what_is_done_meanwhile_is_done_beside_the_next_step(play):
    """accept() waits while the clients come; both have ended before the expectation."""
    result = play(
        "  - listen: {name: door, backlog: 1}\n"
        "  - accept: {name: s, door: door, count: 30}\n    meanwhile: true\n"
        "  - connect: {name: c, count: 30, at_once: 1}\n"
        "  - expect: [s.count == 30, c.count == 30]\n"
    )
    assert result.passed, result.checks
    assert [step.verb for step in result.steps] == ["listen", "accept", "connect", "expect"]
    _, accepted, connected, _ = result.steps
    assert accepted.at_s <= connected.at_s < accepted.ended_s


def test_two_of_a_side_take_turns(play):
    """A process does one thing at a time; nothing is lost or mixed up by asking for two."""
    result = play(
        "  - listen: {name: door}\n"
        "  - connect: {name: a, count: 2}\n    meanwhile: true\n"
        "  - connect: {name: b, count: 3}\n"
        "  - expect: [a.count == 2, b.count == 3, client.ESTABLISHED == 5]\n"
    )
    assert result.passed, result.checks


def test_what_fails_meanwhile_ends_the_scenario(play):
    """As any other step: what builds on it is not tried."""
    result = play(
        "  - connect: {name: a}\n    meanwhile: true\n"
        "  - wait: 10ms\n  - expect: a == ESTABLISHED\n"
    )
    assert [check.expected for check in result.checks] == ["connect: ok"]
    assert [check.observed for check in result.checks] == ["ECONNREFUSED"]


def test_the_end_of_a_thousand_is_seen_as_well_as_their_beginning(play, tmp_path):
    """Every segment is kept, with more of them than a picture can show."""
    result = play(
        "  - listen: {name: door, backlog: 2000}\n"
        "  - connect: {name: c, count: 1100, at_once: 100}\n"
        "  - accept: {name: s, door: door, count: 1100}\n"
        "  - close: c\n  - close: s\n"
        "  - expect: [client.TIME_WAIT == 1100, server.CLOSE_WAIT == 0, server.LAST_ACK == 0]\n"
        "    within: 10s\n"
    )
    assert result.passed, result.checks
    rows = (tmp_path / "out" / "segments.csv").read_text().splitlines()[1:]
    assert sum(",SYN," in row for row in rows) >= 1_100
    assert sum(",FIN," in row for row in rows) >= 2_200
