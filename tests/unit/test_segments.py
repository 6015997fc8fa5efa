"""TCP segments taken apart and put together."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.profile.expectations import KINDS
from tw_bench.scenario.segments import ACK, FIN, PSH, RST, SYN, Segment, after, build, parse

NUMBER = st.integers(0, 2**32 - 1)
PORT = st.integers(1, 65_535)
PAIRS = st.sampled_from([("198.18.0.1", "198.19.0.1"), ("2001:2:0:18::1", "2001:2:0:19::1")])


@given(PAIRS, PORT, PORT, st.integers(0, 63), NUMBER, NUMBER, st.integers(0, 900), st.booleans())
def test_what_is_built_reads_as_it_was(pair, near, far, flags, seq, ack, length, stamped):
    """IPv4 and IPv6, with and without timestamps."""
    asked = Segment(
        pair[0], near, pair[1], far, flags, seq, ack, length, seq if stamped else None,
        ack if stamped else 0,
    )  # fmt: skip
    assert parse(build(asked)) == asked


@given(PAIRS, st.integers(0, 100), st.booleans())
def test_the_checksums_are_right(pair, length, stamped):
    """A sum over header and pseudo header that contains its own complement is all ones."""
    packet = build(Segment(pair[0], 1, pair[1], 2, ACK, 3, 4, length, 5 if stamped else None))
    start = 20 if packet[0] >> 4 == 4 else 40
    addresses = packet[12:20] if start == 20 else packet[8:40]
    pseudo = addresses + struct.pack(">II", len(packet) - start, 6)
    assert _sum(pseudo + packet[start:]) == 0xFFFF
    if start == 20:
        assert _sum(packet[:20]) == 0xFFFF


def _sum(data: bytes) -> int:
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize(
    ("flags", "length", "kind", "takes"),
    [
        (SYN, 0, "SYN", 1),
        (SYN | ACK, 0, "SYN_ACK", 1),
        (ACK, 0, "ACK", 0),
        (PSH | ACK, 10, "DATA", 10),
        (FIN | ACK, 0, "FIN", 1),
        (FIN | ACK, 10, "FIN", 11),
        (RST, 0, "RST", 0),
        (RST | ACK, 0, "RST", 0),
    ],
)
def test_kinds(flags, length, kind, takes):
    """What a segment is for, and how much of the sequence it takes (RFC 9293 section 3.4)."""
    segment = Segment("198.18.0.1", 1, "198.19.0.1", 2, flags, 2**32 - 1, 0, length)
    assert segment.kind == kind
    assert segment.end == (2**32 - 1 + takes) % 2**32


def test_a_segment_that_follows():
    """At an offset to where the last one ended; a SYN acknowledges nothing."""
    last = Segment("198.18.0.1", 1, "198.19.0.1", 2, FIN | ACK, 100, 7, 0, 50, 60)
    data = after(last, "DATA", seq=-1, timestamp=-10, acknowledged=9)
    assert (data.seq, data.timestamp, data.ack, data.length) == (100, 40, 9, 10)
    assert after(last, "SYN", seq=5, timestamp=0, acknowledged=9).ack == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_segment_of_every_kind(kind):
    """Whatever a scenario may ask for can be made up."""
    last = Segment("198.18.0.1", 1, "198.19.0.1", 2, ACK, 100, 7)
    assert after(last, kind, seq=0, timestamp=0, acknowledged=9).kind == kind


@given(st.binary(max_size=80))
def test_no_packet_is_a_crash(data):
    """Whatever comes through a wire: a segment, or none."""
    for head in (b"\x45", b"\x60"):
        packet = head + data + bytes(60)
        segment = parse(packet)
        assert segment is None or segment.kind
