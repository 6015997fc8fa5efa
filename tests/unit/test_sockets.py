"""The sockets of a side as the witness sees them, where there are too many TIME_WAIT to list."""

import os
import socket

import pytest

from tw_bench.kernel import procfs, sock_diag
from tw_bench.scenario import sockets
from tw_bench.scenario.sockets import Connection, Sockets


@pytest.fixture
def side():
    """This host, looked at."""
    link, counters = sock_diag.open_link(), procfs.open_counters()
    one = Sockets("client", os.dup(link.fileno()), counters)
    yield one
    one._link.close()
    link.close()
    for descriptor in counters.values():
        os.close(descriptor)


def opened() -> tuple[socket.socket, socket.socket, Connection]:
    """Return both ends of a connection on loopback, and the first end's four-tuple."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        own = socket.create_connection(door.getsockname())
        other, _ = door.accept()
    return own, other, (*own.getsockname(), *own.getpeername())


def changes(side: Sockets, connection: Connection) -> list[str]:
    """Return the states that are told of a connection, in order."""
    return [state for _, _, whose, state in side.changes if whose == connection]


def test_a_time_wait_that_is_not_listed_is_not_closed(side, monkeypatch):
    """Nobody knows it while there are too many; when there are not, it is there again."""
    own, other, connection = opened()
    side.look()
    assert side.state(connection) == "ESTABLISHED"
    monkeypatch.setattr(sockets, "_MANY", 0)
    own.close()
    other.recv(1)
    other.close()
    side.look()
    assert side.counts["TIME_WAIT"] >= 1
    assert side.state(connection) == ""
    assert changes(side, connection) == ["ESTABLISHED"]
    monkeypatch.setattr(sockets, "_MANY", 1 << 30)
    side.look()
    assert side.state(connection) == "TIME_WAIT"
    assert changes(side, connection) == ["ESTABLISHED", "TIME_WAIT"]


def test_changes_beyond_the_most_that_are_kept_are_counted(side, monkeypatch):
    """Each once; the state is known all the same."""
    monkeypatch.setattr(sockets, "_MOST_CHANGES", 0)
    own, other, connection = opened()
    side.look()
    left_out = side.left_out
    assert left_out >= 2  # both ends
    assert side.state(connection) == "ESTABLISHED"
    assert changes(side, connection) == []
    own.close()
    other.close()
    side.look()
    assert side.left_out > left_out


def test_one_that_is_open_is_known_all_the_same(side, monkeypatch):
    """Only TIME_WAIT is left out of the list."""
    before, old, _ = opened()
    before.close()
    old.recv(1)
    old.close()
    monkeypatch.setattr(sockets, "_MANY", 0)
    own, other, connection = opened()
    side.look()
    assert side.state(connection) == "ESTABLISHED"
    own.close()
    other.close()
