"""Who closed first: the first FIN or RST of a connection, known by the proxy's port."""

import struct

import pytest

from tw_bench.observe.closers import Closers

FIN, RST = 0x11, 0x04
OUT, IN = True, False


def segment(port: int, flags: int, *, is_outgoing: bool) -> bytes:
    """Return an IPv4 packet with a closing segment between the proxy's port and 80."""
    ports = (port, 80) if is_outgoing else (80, port)
    return b"\x45" + bytes(19) + struct.pack(">HHIIBB", *ports, 0, 0, 0x50, flags) + bytes(6)


@pytest.mark.parametrize(
    ("segments", "counted"),
    [
        ([(1, FIN, OUT), (1, FIN, IN)], {"proxy": 1}),
        ([(1, FIN, IN), (2, FIN, OUT), (1, FIN, OUT), (2, FIN, IN)], {"proxy": 1, "target": 1}),
        ([(1, FIN, OUT), (1, FIN, OUT), (1, FIN, IN)], {"proxy": 1}),  # sent again
        ([(1, RST, OUT), (1, RST, IN)], {"proxy_rst": 1, "target_rst": 1}),
        ([(1, FIN, IN), (1, RST, OUT)], {"target": 1}),
        ([(1, FIN, IN), (1, FIN, OUT), (1, FIN, OUT), (1, FIN, IN)], {"proxy": 1, "target": 1}),
    ],
)
def test_only_the_first_segment_of_a_connection_counts(segments, counted):
    """The second one, and a FIN that is sent again, say nothing; a port may come back."""
    closers = Closers()
    for port, flags, is_outgoing in segments:
        closers.add(segment(port, flags, is_outgoing=is_outgoing), is_outgoing=is_outgoing)
    assert counted == {who: count for who, count in closers.counts.items() if count}
