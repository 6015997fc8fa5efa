"""Who closed first, on the wire: the first FIN or RST of each connection to the target, sampled.

Run inside the proxy's namespace, on its link towards the target. A packet socket with a filter in
the kernel sees closing segments only; after so many connections it looks no more. What it counted
goes to stdout as a line of JSON when its stdin ends.
"""

import ctypes
import json
import select
import socket
import struct
import sys

_MOST = 2_000  # connections: a sample, so that a busy proxy is not slowed down
_ETH_P_ALL = 3  # include/uapi/linux/if_ether.h
_PACKET_OUTGOING = 4  # include/uapi/linux/if_packet.h
_SO_ATTACH_FILTER = 26  # include/uapi/asm-generic/socket.h
_RST = 0x04
_SNAPPED = 96  # bytes: the longest IPv4 header, or an IPv6 one, and the TCP header

# Classic BPF (Documentation/networking/filter.rst) over a packet that begins with its IP header:
# TCP with FIN or RST set. (code, jump if true, jump if false, k)
_CLOSING = (
    (0x30, 0, 0, 0),  # 0: ldb [0]
    (0x54, 0, 0, 0xF0),  # 1: and #0xf0
    (0x15, 5, 0, 0x60),  # 2: jeq #0x60: IPv6, to 8
    (0x30, 0, 0, 9),  # 3: ldb [9], protocol
    (0x15, 0, 8, socket.IPPROTO_TCP),  # 4: else to 13
    (0xB1, 0, 0, 0),  # 5: ldxb 4 * ([0] & 0xf)
    (0x50, 0, 0, 13),  # 6: ldb [x + 13], flags
    (0x45, 4, 5, 0x05),  # 7: jset #FIN|RST, to 12, else to 13
    (0x30, 0, 0, 6),  # 8: ldb [6], next header
    (0x15, 0, 3, socket.IPPROTO_TCP),  # 9: else to 13
    (0x30, 0, 0, 53),  # 10: ldb [53], flags
    (0x45, 0, 1, 0x05),  # 11: jset #FIN|RST, else to 13
    (0x06, 0, 0, _SNAPPED),  # 12: ret
    (0x06, 0, 0, 0),  # 13: ret #0, drop
)


class Closers:
    """Counts who closed first, connection by connection, each known by the proxy's port."""

    def __init__(self) -> None:
        self.counts = {"proxy": 0, "target": 0, "proxy_rst": 0, "target_rst": 0}
        self._half_closed: dict[int, bool] = {}  # port → whether the proxy was the first

    @property
    def is_enough(self) -> bool:
        """Whether the sample is large enough."""
        return sum(self.counts.values()) >= _MOST

    def add(self, packet: bytes, *, is_outgoing: bool) -> None:
        """Count a closing segment, unless it is the second of its connection."""
        start = 40 if packet[0] >> 4 == 6 else 4 * (packet[0] & 0xF)
        source, destination = struct.unpack_from(">HH", packet, start)
        port = source if is_outgoing else destination
        is_reset = bool(packet[start + 13] & _RST)
        first = self._half_closed.pop(port, None)
        if first is not None:
            if first is is_outgoing and not is_reset:  # the same FIN again
                self._half_closed[port] = first
            return
        who = "proxy" if is_outgoing else "target"
        self.counts[f"{who}_rst" if is_reset else who] += 1
        if not is_reset:
            self._half_closed[port] = is_outgoing


def _listen(interface: str) -> socket.socket:
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    code = b"".join(struct.pack("=HBBI", *step) for step in _CLOSING)
    room = ctypes.create_string_buffer(code)  # struct sock_fprog points at it
    program = struct.pack("HP", len(_CLOSING), ctypes.addressof(room))
    packets.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    packets.bind((interface, _ETH_P_ALL))
    return packets


def main() -> None:
    """Run as `python -m tw_bench.observe.closers INTERFACE`."""
    closers = Closers()
    with _listen(sys.argv[1]) as packets:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        watched = [sys.stdin, packets]
        while sys.stdin not in (ready := select.select(watched, [], [])[0]):
            data, address = packets.recvfrom(_SNAPPED)
            closers.add(data, is_outgoing=address[2] == _PACKET_OUTGOING)
            if closers.is_enough and packets in ready:
                watched = [sys.stdin]
                packets.close()
    sys.stdout.write(json.dumps(closers.counts) + "\n")


if __name__ == "__main__":
    main()
