"""TCP segments in IP packets: taken apart, put together. RFC 791, RFC 8200, RFC 9293, RFC 7323.

Standard library only: the witness imports this and must start fast.
"""

import socket
import struct
from dataclasses import dataclass, replace

FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")  # from the lowest bit up, RFC 9293 section 3.1
FIN, SYN, RST, PSH, ACK = (1 << bit for bit in range(5))
_TIMESTAMPS = 8  # kind of option, RFC 7323 section 3.2
_LONGEST_HOPS = 64


@dataclass(frozen=True, slots=True)
class Segment:
    """What a TCP segment says, and who says it to whom."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    flags: int
    seq: int
    ack: int
    length: int = 0  # of its payload
    timestamp: int | None = None  # TSval; None: it has no such option
    echo: int = 0  # TSecr

    @property
    def connection(self) -> tuple[str, int, str, int]:
        """The four-tuple, as its sender has it."""
        return self.source, self.source_port, self.destination, self.destination_port

    @property
    def end(self) -> int:
        """The sequence number after it: SYN and FIN take one each."""
        return (self.seq + self.length + bool(self.flags & SYN) + bool(self.flags & FIN)) % 2**32

    @property
    def kind(self) -> str:
        """What it is for: SYN, SYN_ACK, FIN, RST, DATA, or ACK where it is nothing else.

        >>> Segment("a", 1, "b", 2, SYN | ACK, 0, 0).kind, Segment("a", 1, "b", 2, ACK, 0, 0).kind
        ('SYN_ACK', 'ACK')
        """
        if self.flags & SYN:
            return "SYN_ACK" if self.flags & ACK else "SYN"
        if self.flags & RST:
            return "RST"
        return "FIN" if self.flags & FIN else "DATA" if self.length else "ACK"

    @property
    def flag_names(self) -> list[str]:
        """The names of its flags."""
        return [name for bit, name in enumerate(FLAGS) if self.flags >> bit & 1]


def parse(packet: bytes) -> Segment | None:
    """Return the segment in an IP packet; None where it is something else, or a fragment of it."""
    version = packet[0] >> 4
    if version == 4:
        start, kind = 4 * (packet[0] & 0xF), packet[9]
        family, (near, far) = socket.AF_INET, (packet[12:16], packet[16:20])
        end = struct.unpack_from(">H", packet, 2)[0]
    else:  # without extension headers: Linux sends none with TCP
        start, kind = 40, packet[6]
        family, (near, far) = socket.AF_INET6, (packet[8:24], packet[24:40])
        end = 40 + struct.unpack_from(">H", packet, 4)[0]
    if kind != socket.IPPROTO_TCP or len(packet) < start + 20:
        return None
    source_port, destination_port, seq, ack, offset, flags = struct.unpack_from(
        ">HHIIBB", packet, start
    )
    head = 4 * (offset >> 4)
    stamps = _timestamps(packet[start + 20 : start + head])
    return Segment(
        source=socket.inet_ntop(family, near),
        source_port=source_port,
        destination=socket.inet_ntop(family, far),
        destination_port=destination_port,
        flags=flags & 0x3F,
        seq=seq,
        ack=ack,
        length=end - start - head,
        timestamp=stamps[0] if stamps else None,
        echo=stamps[1] if stamps else 0,
    )


def _timestamps(options: bytes) -> tuple[int, int] | None:
    """Return TSval and TSecr."""
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:  # no operation
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2:
            return None
        if options[at] == _TIMESTAMPS and at + 10 <= len(options):
            value, echo = struct.unpack_from(">II", options, at + 2)
            return value, echo
        at += options[at + 1]
    return None


def build(segment: Segment) -> bytes:
    """Return an IP packet with the segment; its payload is zeros, its window is open.

    >>> parse(build(Segment("198.18.0.1", 4000, "198.19.0.1", 80, SYN, 7, 0, timestamp=9))).end
    8
    """
    family = socket.AF_INET6 if ":" in segment.source else socket.AF_INET
    near, far = (socket.inet_pton(family, ip) for ip in (segment.source, segment.destination))
    options = b""
    if segment.timestamp is not None:
        stamps = (segment.timestamp % 2**32, segment.echo % 2**32)
        options = struct.pack(">BBBBII", 1, 1, _TIMESTAMPS, 10, *stamps)
    offset = 20 + len(options)
    ports = (segment.source_port, segment.destination_port)
    numbers = (segment.seq % 2**32, segment.ack % 2**32)
    start = struct.pack(">HHIIBBH", *ports, *numbers, offset << 2, segment.flags, 0xFFFF)
    body = options + bytes(segment.length)
    length = offset + segment.length
    pseudo = near + far + struct.pack(">II", length, socket.IPPROTO_TCP)  # RFC 8200 section 8.1
    check = _checksum(pseudo + start + bytes(4) + body)
    tcp = start + struct.pack(">HH", check, 0) + body
    if family == socket.AF_INET6:
        hops = struct.pack(">IHBB", 6 << 28, length, socket.IPPROTO_TCP, _LONGEST_HOPS)
        return hops + near + far + tcp
    head = (0x45, 0, 20 + length, 0, 0x4000, _LONGEST_HOPS, socket.IPPROTO_TCP, 0)
    ip = struct.pack(">BBHHHBBH4s4s", *head, near, far)
    return ip[:10] + struct.pack(">H", _checksum(ip)) + ip[12:] + tcp


def _checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def after(last: Segment, kind: str, *, seq: int, timestamp: int, acknowledged: int) -> Segment:
    """Return a segment of the same sender, at an offset to where its last one ended.

    `seq` and `timestamp` are offsets; `acknowledged` is the ACK number. A SYN acknowledges nothing.
    """
    flags = {
        "SYN": SYN,
        "SYN_ACK": SYN | ACK,
        "ACK": ACK,
        "DATA": PSH | ACK,
        "FIN": FIN | ACK,
        "RST": RST,
    }[kind]
    stamp = None if last.timestamp is None else last.timestamp + timestamp
    return replace(
        last,
        flags=flags,
        seq=(last.end + seq) % 2**32,
        ack=acknowledged if flags & ACK else 0,
        length=10 if kind == "DATA" else 0,
        timestamp=stamp,
    )
