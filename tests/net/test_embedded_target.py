"""The embedded target on loopback: what it answers, who closes, and what it says when it cannot."""

import json
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tw_bench.kernel.process import python_module

Start = Callable[..., tuple[str, int]]


def free_port(address: str) -> int:
    """Return a port that was free a moment ago."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def command(address: str, port: int, **changes: object) -> list[str]:
    """Return the command that runs the target."""
    spec = {
        "listen": [(address, port)],
        "protocol": "tcp",
        "backlog": 4096,
        "reuse_address": True,
        "request_bytes": 8,
        "response_bytes": 5,
        "closes_after": 0,
        "resets": False,
        **changes,
    }
    return [*python_module("tw_bench.targets.embedded_server"), json.dumps(spec)]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a target and returns where it listens."""
    running: list[subprocess.Popen[bytes]] = []

    def start(address: str = "127.0.0.1", **changes: object) -> tuple[str, int]:
        port = free_port(address)
        process = subprocess.Popen(command(address, port, **changes), stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return address, port

    yield start
    for process in running:
        process.terminate()
        process.communicate()


def test_it_waits_for_the_clients_fin(start: Start) -> None:
    """When the client is to close first, the target answers and keeps the connection open."""
    with socket.create_connection(start()) as client:
        client.sendall(b"q" * 8)
        assert client.recv(100) == b"xxxxx"
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(2)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""  # and closes once it has seen our FIN


def test_it_closes_first_when_told_to(start: Start) -> None:
    """When the server is to close first, its FIN follows the response."""
    with socket.create_connection(start(closes_after=1)) as client:
        client.settimeout(2)
        client.sendall(b"q" * 8)
        received = b""
        while data := client.recv(100):
            received += data
        assert received == b"xxxxx"


def test_it_counts_the_requests_before_it_closes(start: Start) -> None:
    """A server that closes after two requests answers both, and then sends its FIN."""
    with socket.create_connection(start(closes_after=2)) as client:
        client.settimeout(2)
        client.sendall(b"q" * 16)
        received = b""
        while data := client.recv(100):
            received += data
        assert received == b"xxxxxxxxxx"


def test_it_closes_with_an_rst_when_told_to(start: Start) -> None:
    """The response arrives, and then ECONNRESET instead of an end."""
    with socket.create_connection(start(closes_after=1, resets=True)) as client:
        client.settimeout(2)
        client.sendall(b"q" * 8)
        assert client.recv(100) == b"xxxxx"
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_request_may_come_in_pieces_and_be_followed_by_others(start: Start) -> None:
    """Requests are counted in bytes: in pieces, and several in one segment."""
    with socket.create_connection(start()) as client:
        client.settimeout(2)
        for piece in (b"qqq", b"qqqqq", b"q" * 16):
            client.sendall(piece)
        received = b""
        while len(received) < 15:
            received += client.recv(100)
        assert received == b"x" * 15


def test_ipv6(start: Start) -> None:
    """It listens on IPv6 addresses as well."""
    with socket.create_connection(start("::1")) as client:
        client.sendall(b"q" * 8)
        assert client.recv(100) == b"xxxxx"


def test_a_port_that_is_taken_is_said_in_one_line(start: Start) -> None:
    """A target that cannot listen ends at once and says why."""
    address, port = start()
    second = subprocess.run(command(address, port), capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr.strip() == "Address already in use"
