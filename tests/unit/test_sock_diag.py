"""The kernel's own list of sockets, and how it is taken apart."""

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from tw_bench.kernel import sock_diag
from tw_bench.kernel.socket_owners import owners

Pair = tuple[socket.socket, socket.socket, socket.socket]
FAMILIES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def message(length: int, port: int, inode: int = 0, state: int = 6) -> bytes:
    """Return a message as the kernel sends it: so long, with a local port and an inode."""
    head = struct.pack("=IHHII", length, 20, 2, 1, 0)
    body = struct.pack(">BBBBHH", 2, state, 0, 0, port, 443)
    return (head + body).ljust(84, b"\0") + struct.pack("=I", inode).ljust(length - 84, b"\0")


DONE = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)


@pytest.fixture(params=FAMILIES)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Return a listener, a client and its server on loopback."""
    with socket.create_server((FAMILIES[request.param], 0), family=request.param) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        server, _ = listener.accept()
        with client, server:
            yield listener, client, server


def ports(datagrams: tuple[bytes, ...]) -> list[int]:
    """Return the local ports of a dump."""
    return [port for run in sock_diag.records(datagrams) for _, port, _, _ in run]


def test_every_socket_is_listed_with_its_inode(pair: Pair):
    """Listener and both ends are found, by family and in one walk, with inode and remote port."""
    listener, client, server = pair
    family = listener.family
    assert listener.getsockname()[1] in ports(sock_diag.dump(sock_diag.LISTEN).datagrams)
    for answer in (sock_diag.dump(sock_diag.OTHERS), sock_diag.dump(sock_diag.OTHERS, family)):
        found = {
            int.from_bytes(inode, "little"): (state[0], state[1], port, rest[:2])
            for run in sock_diag.records(answer.datagrams)
            for state, port, rest, inode in run
        }
        for end in (client, server):
            remote = end.getpeername()[1].to_bytes(2, "big")
            expected = (int(family), 1, end.getsockname()[1], remote)
            assert found[os.fstat(end.fileno()).st_ino] == expected


def test_a_socket_that_is_bound_and_idle_is_listed():
    """Since Linux 6.8; it shows as closed."""
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        answer = sock_diag.dump(sock_diag.BOUND_INACTIVE)
        found = {
            port: state[1]
            for run in sock_diag.records(answer.datagrams)
            for state, port, _, _ in run
        }
        if not found:
            pytest.skip("this kernel does not list them")
        assert sock_diag.STATES[found[idle.getsockname()[1]]] == "CLOSED"


def test_how_long_ago_the_peer_was_heard_of(pair: Pair):
    """In CLOSE_WAIT the last that came was the peer's FIN, a moment ago."""
    listener, client, server = pair
    client.close()
    server.recv(1)
    answer = sock_diag.dump(sock_diag.CLOSE_WAIT, listener.family, with_info=True)
    inode = os.fstat(server.fileno()).st_ino
    (waited_ms,) = [
        sock_diag.last_heard_ms(attributes)
        for (_, _, _, own), attributes in sock_diag.messages(answer.datagrams)
        if int.from_bytes(own, "little") == inode
    ]
    assert waited_ms is not None
    assert 0 <= waited_ms < 60_000
    without = sock_diag.dump(sock_diag.CLOSE_WAIT, listener.family)
    found = [sock_diag.last_heard_ms(rest) for _, rest in sock_diag.messages(without.datagrams)]
    assert set(found) == {None}


def test_what_the_kernel_refuses_is_an_error():
    """A family that has no TCP is refused with an errno, and no descriptor is left open."""
    with pytest.raises(OSError, match="sock_diag") as caught:
        sock_diag.dump(sock_diag.LISTEN, 200)
    assert caught.value.errno


@pytest.mark.parametrize(
    "lengths", [[], [96], [96] * 338, [96, 124, 132, 132, 96], [352] * 3 + [96] * 300 + [124]]
)
@pytest.mark.parametrize("end", [b"", DONE])
def test_messages_of_any_lengths_are_all_read(lengths, end):
    """Runs of equal length are read at once, and a change of length loses none."""
    datagram = b"".join(message(length, n + 1, n) for n, length in enumerate(lengths)) + end
    expected = list(range(1, len(lengths) + 1))
    assert expected == ports((datagram,))
    inodes = [
        int.from_bytes(inode, "little") for (_, _, _, inode), _ in sock_diag.messages((datagram,))
    ]
    assert inodes == [port - 1 for port in expected]
    small = [port for run in sock_diag.time_waits((datagram,)) for port, _ in run]
    assert expected == small


def test_a_length_whose_low_byte_is_the_same_is_another_length():
    """96 and 352 bytes differ in the second byte only."""
    datagram = message(96, 1) + message(352, 2) + message(96, 3)
    assert ports((datagram,)) == [1, 2, 3]


def test_the_owner_of_a_socket_is_found(pair: Pair):
    """A socket is found again among the descriptors of this process; another inode is nobody's."""
    inode = os.fstat(pair[1].fileno()).st_ino
    found = owners([inode, 0, 2**31])
    assert {inode: os.getpid()} == {key: owner.pid for key, owner in found.by_inode.items()}
    assert owners([]).by_inode == {}
