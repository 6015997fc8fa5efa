"""The embedded target on loopback: what it answers, who closes, and what it says when it cannot."""

import contextlib
import json
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tw_bench.kernel.process import python_module
from tw_bench.targets.embedded_server import listener

Address = tuple[str, int]
Start = Callable[..., "Running"]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nxxxxx"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nxxxxx"
CLOSE_WAIT = 8  # TCP_CLOSE_WAIT, include/net/tcp_states.h; the first byte of struct tcp_info
MIB = 1 << 20
PATIENCE_S = 10.0
# A mistake shows sooner where the kernel's buffers are small: sends are partial many times.
SMALL_BUFFER_BYTES = 16_384


class Running:
    """A target's process, and where it listens."""

    def __init__(self, process: "subprocess.Popen[bytes]", addresses: list[Address]) -> None:
        self.process = process
        self.addresses = addresses

    def connect(self, number: int = 0, *, buffer_bytes: int = 0) -> socket.socket:
        """Return a new connection to it."""
        address = self.addresses[number]
        client = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if buffer_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        client.settimeout(PATIENCE_S)
        client.connect(address)
        return client

    def descriptors(self) -> int:
        """Return how many descriptors it has open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def sleeps(self) -> int:
        """Return how often it has gone to sleep: a loop that spins never does."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    def has_slept(self, times: int) -> bool:
        """Wait until it has slept so many times more; False: it has not."""
        deadline, wanted = time.monotonic() + PATIENCE_S, self.sleeps() + times
        while self.sleeps() < wanted:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def has_open(self, descriptors: int) -> bool:
        """Wait until it has so many descriptors open; False: it never has."""
        deadline = time.monotonic() + PATIENCE_S
        while self.descriptors() != descriptors:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


def free_port(address: str) -> int:
    """Return a port that was free a moment ago."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def command(*addresses: Address, **changes: object) -> list[str]:
    """Return the command that runs the target."""
    spec = {
        "listen": addresses,
        "protocol": "tcp",
        "backlog": 4096,
        "reuse_address": True,
        "request_bytes": 8,
        "response_bytes": 5,
        "closes_after": 0,
        "resets": False,
        "response_time_s": 0,
        **changes,
    }
    return [*python_module("tw_bench.targets.embedded_server"), json.dumps(spec)]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a target."""
    with contextlib.ExitStack() as running:

        def start(*hosts: str, open_files: int | None = None, **changes: object) -> Running:
            addresses = [(host, free_port(host)) for host in hosts or ("127.0.0.1",)]
            argv = command(*addresses, **changes)
            if open_files is not None:
                argv = ["/bin/sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh", *argv]
            process = running.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE))
            running.callback(process.terminate)
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            return Running(process, addresses)

        yield start


def rest(client: socket.socket) -> bytes:
    """Return all that comes until the server's FIN."""
    received = bytearray()
    while data := client.recv(1 << 16):
        received += data
    return bytes(received)


def exactly(client: socket.socket, wanted: int) -> bytes:
    """Return so many bytes; fewer: the server has closed."""
    received = bytearray()
    while len(received) < wanted and (data := client.recv(wanted - len(received))):
        received += data
    return bytes(received)


def is_silent(client: socket.socket) -> bool:
    """Whether nothing comes, not even an end."""
    client.settimeout(0.2)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE_S)
    return False


def test_it_waits_for_the_clients_fin(start):
    """When the client is to close first, the target answers and keeps the connection open."""
    with start().connect() as client:
        client.sendall(b"q" * 8)
        assert exactly(client, 5) == b"xxxxx"
        assert is_silent(client)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""  # and closes once it has seen our FIN


def test_a_client_that_has_sent_its_fin_is_answered_still(start):
    """A request and a FIN in one go: the response comes before the server's FIN."""
    with start(response_bytes=MIB).connect() as client:
        client.sendall(b"q" * 8)
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"x" * MIB


def test_it_closes_first_when_told_to(start):
    """When the server is to close first, its FIN follows the response."""
    with start(closes_after=1).connect() as client:
        client.sendall(b"q" * 8)
        assert rest(client) == b"xxxxx"


def test_it_counts_the_requests_before_it_closes(start):
    """A server that closes after two requests answers both, and then sends its FIN."""
    with start(closes_after=2).connect() as client:
        client.sendall(b"q" * 16)
        assert rest(client) == b"xxxxxxxxxx"


def test_it_closes_with_an_rst_when_told_to(start):
    """The response arrives, and then ECONNRESET instead of an end."""
    with start(closes_after=2, resets=True).connect() as client:
        client.sendall(b"q" * 16)
        assert exactly(client, 10) == b"x" * 10
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_client_that_ends_early_gets_a_fin_even_so(start):
    """An RST is for the close that was asked for; a client that closes before it gets a FIN."""
    with start(closes_after=2, resets=True).connect() as client:
        client.sendall(b"q" * 8)
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"xxxxx"


def test_a_request_may_come_in_pieces_and_be_followed_by_others(start):
    """Requests are counted in bytes: in pieces, and several in one segment."""
    with start().connect() as client:
        for piece in (b"qqq", b"qqqqq", b"q" * 16):
            client.sendall(piece)
        assert exactly(client, 15) == b"x" * 15
        assert is_silent(client)


def test_an_answer_takes_as_long_as_it_is_told_to(start):
    """Not sooner, over a new connection and a kept one; those of two clients pass side by side."""
    running = start(response_time_s=0.3)
    with running.connect() as client, running.connect() as other:
        for _ in range(2):
            started = time.monotonic()
            client.sendall(b"q" * 8)
            other.sendall(b"q" * 8)
            assert exactly(client, 5) == exactly(other, 5) == b"x" * 5
            assert time.monotonic() - started >= 0.3
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b""


def test_an_end_waits_for_no_answer(start):
    """A client that closes without a request has its FIN at once, long before an answer's time."""
    with start(response_time_s=60).connect() as client:
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b""


def test_http_takes_its_time_too(start):
    """The same for a GET, whose answer is the last."""
    with start(protocol="http", response_time_s=0.3).connect() as client:
        started = time.monotonic()
        client.sendall(LAST_GET)
        assert rest(client) == LAST
        assert time.monotonic() - started >= 0.3


def test_short_answers_do_not_wait_for_each_other():
    """What is accepted has TCP_NODELAY from its listener, with no call for each connection."""
    address = ("127.0.0.1", free_port("127.0.0.1"))
    listening = listener(*address, reuse_address=True, backlog=1)
    with socket.create_connection(address):
        descriptor, _ = listening._accept()  # type: ignore[attr-defined]
        with socket.socket(fileno=descriptor) as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    listening.close()


@pytest.mark.parametrize("closes_after", [0, 3])
def test_large_requests_and_responses(start, closes_after):
    """A MiB each way, three times over one connection, each of them sent and taken in parts."""
    target = start(request_bytes=MIB, response_bytes=MIB, closes_after=closes_after)
    with target.connect(buffer_bytes=SMALL_BUFFER_BYTES) as client:
        for _ in range(3):
            client.sendall(b"q" * MIB)
            assert exactly(client, MIB) == b"x" * MIB
        if closes_after:
            assert client.recv(1) == b""


def test_a_client_that_reads_nothing_holds_up_nobody(start):
    """Five responses wait for one client; another is served meanwhile; then all five arrive."""
    target = start(response_bytes=MIB)
    with target.connect(buffer_bytes=SMALL_BUFFER_BYTES) as slow:
        slow.sendall(b"q" * 40)
        with target.connect() as quick:
            quick.sendall(b"q" * 8)
            assert exactly(quick, MIB) == b"x" * MIB
        assert exactly(slow, 5 * MIB) == b"x" * 5 * MIB


def test_clients_that_vanish_are_let_go(start):
    """Reset before, amid and after a response: the target closes its ends and serves others."""
    target = start(response_bytes=MIB)
    before = target.descriptors()
    clients = [target.connect(buffer_bytes=SMALL_BUFFER_BYTES) for _ in range(30)]
    for number, client in enumerate(clients):
        client.sendall(b"q" * (4, 8, 80)[number % 3])
    assert target.has_open(before + 30)
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert target.has_open(before)
    with target.connect() as client:
        client.sendall(b"q" * 8)
        assert exactly(client, MIB) == b"x" * MIB


def test_without_descriptors_it_waits_and_goes_on(start):
    """At its limit of descriptors the target does not spin, and serves all as others leave."""
    target = start(open_files=24)
    clients = [target.connect() for _ in range(40)]
    for client in clients:
        client.sendall(b"q" * 8)
    assert target.has_open(24)
    assert target.has_slept(20)
    for client in clients:  # in the order of their handshakes, which is that of accept()
        assert exactly(client, 5) == b"xxxxx"
        client.close()


def test_it_listens_on_several_addresses(start):
    """Each address has a listener, IPv6 among them."""
    target = start("127.0.0.1", "::1", "127.0.0.1", closes_after=1)
    for number in (2, 1, 0, 1):
        with target.connect(number) as client:
            client.sendall(b"q" * 8)
            assert rest(client) == b"xxxxx"


def test_http_keeps_and_closes(start):
    """Requests in one segment are answered in turn; after the last one comes the FIN."""
    with start(protocol="http").connect() as client:
        client.sendall(GET)
        assert exactly(client, len(KEPT)) == KEPT
        assert is_silent(client)
        client.sendall(GET * 2 + LAST_GET + GET)
        assert rest(client) == KEPT * 2 + LAST


def test_http_closes_a_head_without_end(start):
    """A head of more than 64 KiB is closed, unanswered."""
    with start(protocol="http").connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nA: ".ljust(65_537, b"x"))
        assert rest(client) == b""


def spun(client: socket.socket, wanted: int) -> bytes:
    """Return exactly so many bytes, and be back the sooner for never having slept."""
    received = bytearray()
    deadline = time.monotonic() + 30
    while len(received) < wanted and time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            if not (more := client.recv(wanted - len(received), socket.MSG_DONTWAIT)):
                break
            received += more
    return bytes(received)


@pytest.mark.parametrize(("body_bytes", "times"), [(5, 2_000), (MIB, 20)])
def test_http_sends_its_fin_in_the_last_segment(start, body_bytes, times):
    """Whoever has read the last byte is in CLOSE-WAIT: a proxy cannot be first to close."""
    target = start(protocol="http", response_bytes=body_bytes)
    response = LAST[:-5].replace(b"5", str(body_bytes).encode()) + b"x" * body_bytes
    for _ in range(times):
        with target.connect() as client:
            client.settimeout(None)
            client.sendall(LAST_GET)
            assert spun(client, len(response)) == response
            assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == bytes([CLOSE_WAIT])


def test_sigterm_ends_it(start):
    """It ends in order, connections or not."""
    target = start()
    with target.connect():
        target.process.terminate()
        assert target.process.wait(PATIENCE_S) == 0


def test_a_port_that_is_taken_is_said_in_one_line(start):
    """A target that cannot listen ends at once and says why."""
    second = subprocess.run(
        command(*start().addresses), capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert second.stderr.strip() == "Address already in use"
