"""The wire: what is carried when, what is lost, kept, repeated and made up."""

import os
import socket
from dataclasses import replace

import pytest

from tw_bench.scenario import wire
from tw_bench.scenario.segments import ACK, FIN, PSH, RST, SYN, Segment, build, parse
from tw_bench.scenario.wire import Rule, Wire

DELAY_NS = 1_000


class Ends:
    """A wire between two ends that a test holds the far side of."""

    def __init__(self) -> None:
        self.client, one = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.server, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sockets = [self.client, one, self.server, other]
        for end in self.sockets:
            end.setblocking(False)
        self.one, self.other = one.fileno(), other.fileno()
        ends = {
            self.one: ("client", "server", self.other),
            self.other: ("server", "client", self.one),
        }
        self.captured: list[bytes] = []
        self.wire = Wire(
            ends,
            DELAY_NS,
            lambda side, _, own: f"{side} {own}",
            lambda _, p: self.captured.append(p),
        )

    def send(self, segment: Segment, now_ns: int = 0) -> None:
        self.client.send(build(segment))
        self.wire.take(self.one, now_ns)

    def arrived(self, now_ns: int) -> list[Segment | None]:
        self.wire.deliver(now_ns)
        found = []
        while True:
            try:
                found.append(parse(self.server.recv(65_536)))
            except BlockingIOError:
                return found


@pytest.fixture
def ends():
    made = Ends()
    yield made
    for end in made.sockets:
        end.close()


def segment(flags: int, seq: int = 100, length: int = 0) -> Segment:
    return Segment("198.18.0.1", 4000, "198.19.0.1", 80, flags, seq, 7, length, 1_000, 2_000)


def test_a_packet_arrives_after_the_delay(ends):
    """Not before; and both states are asked for when it leaves and when it arrives."""
    ends.send(segment(SYN), now_ns=5)
    assert ends.arrived(5 + DELAY_NS - 1) == []
    assert ends.arrived(5 + DELAY_NS) == [segment(SYN)]
    (passage,) = ends.wire.passages
    assert (passage.left_ns, passage.arrived_ns, passage.fate) == (5, 5 + DELAY_NS, "delivered")
    assert (passage.sender_state, passage.receiver_state) == ("client True", "server False")
    assert len(ends.captured) == 1


def test_the_order_is_kept(ends):
    """Packets of one instant arrive as they left."""
    for seq in range(5):
        ends.send(segment(ACK, seq))
    assert [each.seq for each in ends.arrived(DELAY_NS)] == [0, 1, 2, 3, 4]


def test_some_are_lost(ends):
    """So many of these kinds, and no more; the capture has them all the same."""
    ends.wire.rules.append(Rule("client", ("FIN",), "drop", 1))
    for flags in (ACK, FIN | ACK, FIN | ACK):
        ends.send(segment(flags))
    assert [each.kind for each in ends.arrived(DELAY_NS)] == ["ACK", "FIN"]
    assert [passage.fate for passage in ends.wire.passages] == ["delivered", "dropped", "delivered"]
    assert len(ends.captured) == 3
    assert ends.wire.sent == {("client", "ACK"): 1, ("client", "FIN"): 2}


def test_what_is_held_comes_late(ends):
    """When it is released, and after the delay; other sides' segments are not held."""
    ends.wire.rules.append(Rule("client", (), "hold", None, "late"))
    ends.send(segment(PSH | ACK, length=10))
    assert ends.arrived(10 * DELAY_NS) == []
    assert ends.wire.release("late", 20 * DELAY_NS) == 1
    assert ends.wire.release("late", 20 * DELAY_NS) == 0
    assert [each.length for each in ends.arrived(21 * DELAY_NS)] == [10]
    assert ends.wire.passages[0].fate == "late"


def test_a_duplicate_is_the_same_to_the_bit(ends):
    """The last of its kind, once more."""
    ends.send(segment(PSH | ACK, 100, 10))
    ends.send(segment(PSH | ACK, 110, 10))
    assert len(ends.arrived(DELAY_NS)) == 2
    assert ends.wire.replay("client", "DATA", DELAY_NS)
    assert not ends.wire.replay("client", "RST", DELAY_NS)
    assert ends.arrived(2 * DELAY_NS) == [segment(PSH | ACK, 110, 10)]


def test_a_segment_that_nobody_sent(ends):
    """It continues what its sender said, and acknowledges what the other has said."""
    ends.send(segment(SYN, 100))
    connection = segment(SYN).connection
    assert ends.wire.inject("client", connection, "RST", 3, 0, 0, DELAY_NS)
    (_, made) = ends.arrived(2 * DELAY_NS)
    assert (made.kind, made.seq, made.connection) == ("RST", 104, connection)
    assert not ends.wire.inject("client", ("198.18.0.9", 1, "198.19.0.1", 80), "RST", 0, 0, 0, 0)


def test_a_segment_as_if_another_socket_sent_it(ends):
    """From another port, with sequence numbers that go on from the socket's."""
    ends.send(segment(SYN, 100))
    connection = segment(SYN).connection
    assert ends.wire.inject("client", connection, "SYN", -1, 0, 0, DELAY_NS, from_port=7)
    (_, made) = ends.arrived(2 * DELAY_NS)
    assert (made.kind, made.seq, made.source_port) == ("SYN", 100, 7)
    assert made.connection[2:] == connection[2:]


def test_what_is_made_up_continues_the_stream(ends):
    """Not what was repeated meanwhile, nor the RST of a socket that is gone; ACKs at an offset."""
    ends.send(segment(PSH | ACK, 100, 10))
    ends.send(segment(ACK, 110))
    assert ends.wire.replay("client", "DATA", 0)
    ends.send(replace(segment(RST, 900), timestamp=None))
    back = Segment("198.19.0.1", 80, "198.18.0.1", 4000, ACK, 7, 110)
    ends.server.send(build(back))
    ends.wire.take(ends.other, 0)
    assert ends.wire.inject("client", segment(ACK).connection, "DATA", 0, -3, 5, DELAY_NS)
    made = ends.arrived(2 * DELAY_NS)[-1]
    assert (made.kind, made.seq, made.ack, made.timestamp) == ("DATA", 110, 4, 1_005)


def test_what_is_no_tcp_is_carried(ends):
    """An ICMP message, say; it is no segment, and nothing is said of it."""
    icmp = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1]) + bytes(18)
    os.write(ends.client.fileno(), icmp)
    ends.wire.take(ends.one, 0)
    assert ends.arrived(DELAY_NS) == [None]
    assert ends.wire.passages == []


def test_what_is_beyond_the_most_that_are_kept_is_counted(ends, monkeypatch):
    """It is carried all the same."""
    monkeypatch.setattr(wire, "_MOST_PASSAGES", 2)
    for seq in (100, 101, 102):
        ends.send(segment(ACK, seq))
    assert len(ends.arrived(DELAY_NS)) == 3
    assert (len(ends.wire.passages), ends.wire.left_out) == (2, 1)
