"""The TCP sockets of this network namespace, as the kernel lists them: NETLINK_SOCK_DIAG.

Read in datagrams and taken apart in runs of equal length, not object by object: a busy host has
sixty thousand TIME_WAIT. No privilege is needed. No policy. Source: sock_diag(7),
include/uapi/linux/{netlink,sock_diag,inet_diag}.h, net/ipv4/inet_diag.c.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

# Linux: include/uapi/linux/netlink.h and sock_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_TCPDIAG_GETSOCK = 18  # the older question: all families in one walk through the kernel's tables
_SOCK_DESTROY = 21
_NLM_F_REQUEST_DUMP = 0x0301  # NLM_F_REQUEST | NLM_F_DUMP
_NLM_F_REQUEST_ACK = 0x0005
_NLM_F_DUMP_INTR = 0x10
_NLMSG_ERROR = 2
_NLMSG_DONE = 3

# Linux: enum in include/net/tcp_states.h; the name of a state is that of RFC 9293.
STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT_1",
    5: "FIN_WAIT_2",
    6: "TIME_WAIT",
    7: "CLOSED",  # how a socket that is bound and idle shows
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
}
NAME = "sock_diag"  # of the descriptor that asks, beside those of procfs.FILES
LISTEN = 1 << 10
BOUND_INACTIVE = 1 << 13  # since Linux 6.8 (91051f003948); an older kernel lists none for it
TIME_WAIT = 1 << 6  # without the FIN_WAIT_2 that are kept in the same small form
CLOSE_WAIT = 1 << 8
OTHERS = 0x0FFF & ~(LISTEN | TIME_WAIT)

INFO = 2  # INET_DIAG_INFO, an attribute that is sent when it is asked for: struct tcp_info
_LAST_ACK_RECV = 56  # its offset in struct tcp_info, milliseconds

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
# Both without an address to compare with: struct inet_diag_req_v2, and struct inet_diag_req.
_ASK_FAMILY = struct.Struct("=BBBxI48x")
_ASK_ALL = struct.Struct("=xxxB48xI4x")
_SHORTEST = _HEADER.size + 72  # with a struct inet_diag_msg
# A dump comes in datagrams of 32 KiB at most (netlink_dump, net/netlink/af_netlink.c). More room
# would cost more: Python would ask the system for it, page by page, for each of them.
_ROOM_BYTES = 1 << 16

Record = tuple[bytes, int, bytes, bytes]
"""Family and state, local port, remote port with both addresses, inode (as the machine has it)."""
TimeWait = tuple[int, bytes]
"""Local port, remote port with both addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What the kernel answered to one question."""

    datagrams: tuple[bytes, ...]
    is_interrupted: bool = False  # the kernel says that its tables changed while it read them


def open_link() -> socket.socket:
    """Return a socket that asks about the network namespace it was made in, whoever uses it."""
    type = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    return socket.socket(socket.AF_NETLINK, type, _NETLINK_SOCK_DIAG)


def dump(
    states: int,
    family: int | None = None,
    *,
    with_info: bool = False,
    link: socket.socket | None = None,
) -> Dump:
    """Ask for the TCP sockets that are in any of `states`; of all families, unless told.

    `with_info` adds the attribute INFO to each. `link` is of the namespace that is asked about;
    without one it is the caller's.

    Raises:
        OSError: the kernel refuses, or has no sock_diag (ENOENT, EPROTONOSUPPORT).
    """
    wanted = 1 << (INFO - 1) if with_info else 0
    kind, body = _TCPDIAG_GETSOCK, _ASK_ALL.pack(wanted, states)
    if family is not None:
        body = _ASK_FAMILY.pack(family, socket.IPPROTO_TCP, wanted, states)
        kind = _SOCK_DIAG_BY_FAMILY
    header = _HEADER.pack(_HEADER.size + len(body), kind, _NLM_F_REQUEST_DUMP, 1, 0)
    if link is not None:
        link.send(header + body)
        return _answer(link)
    with open_link() as own:
        own.send(header + body)
        return _answer(own)


def _answer(link: socket.socket) -> Dump:
    datagrams: list[bytes] = []
    is_interrupted = False
    while True:
        datagram = link.recv(_ROOM_BYTES)
        _, message, flags, _, _ = _HEADER.unpack_from(datagram)
        if message == _NLMSG_ERROR:
            raise _refusal(datagram)
        is_interrupted |= bool(flags & _NLM_F_DUMP_INTR)
        datagrams.append(datagram)
        if _is_last(datagram):
            return Dump(datagrams=tuple(datagrams), is_interrupted=is_interrupted)


def destroy(link: socket.socket, record: "Record") -> None:
    """Have the kernel drop a socket, in whatever state: SOCK_DESTROY, as `ss -K` does.

    An open connection is reset (tcp_abort, net/ipv4/tcp.c); a TIME_WAIT just goes.

    Raises:
        OSError: there is no such socket, no right to do so, or no CONFIG_INET_DIAG_DESTROY.
    """
    family_state, port, rest, _ = record
    # struct inet_diag_req_v2 with the struct inet_diag_sockid of that one socket.
    body = struct.pack(
        "=BBBxI2s34sI8s", family_state[0], socket.IPPROTO_TCP, 0, 0xFFFF, struct.pack(">H", port),
        rest, 0, b"\xff" * 8,
    )  # fmt: skip
    flags = _NLM_F_REQUEST_ACK
    link.send(_HEADER.pack(_HEADER.size + len(body), _SOCK_DESTROY, flags, 1, 0) + body)
    answer = link.recv(_ROOM_BYTES)
    if struct.unpack_from("=i", answer, _HEADER.size)[0] != 0:
        raise _refusal(answer)


def _refusal(datagram: bytes) -> OSError:
    (number,) = struct.unpack_from("=i", datagram, _HEADER.size)  # struct nlmsgerr
    return OSError(-number, os.strerror(-number), "sock_diag")


def _is_last(datagram: bytes) -> bool:
    """Return whether NLMSG_DONE ends it: a header and a whole number, the last message there is."""
    if len(datagram) >= _ROOM_BYTES:  # it may have been cut, which would never end
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE), "sock_diag")
    length = _HEADER.size + 4
    start = len(datagram) - length
    return start >= 0 and _HEADER.unpack_from(datagram, start)[:2] == (length, _NLMSG_DONE)


def records(datagrams: Iterable[bytes]) -> Iterator[Iterator[Record]]:
    """Yield the sockets of a dump, run by run."""
    for datagram in datagrams:
        for start, length, count in _runs(datagram):
            run = memoryview(datagram)[start : start + count * length]
            yield _record(length).iter_unpack(run)


def time_waits(datagrams: Iterable[bytes]) -> Iterator[Iterator[TimeWait]]:
    """Yield the sockets of a dump of TIME_WAIT of one family, run by run: little of each.

    Sixty thousand of them are usual, and every field that is taken out costs milliseconds.
    """
    for datagram in datagrams:
        for start, length, count in _runs(datagram):
            run = memoryview(datagram)[start : start + count * length]
            yield struct.Struct(f">20xH34s{length - 56}x").iter_unpack(run)


def messages(datagrams: Iterable[bytes]) -> Iterator[tuple[Record, bytes]]:
    """Yield each socket of a dump with its attributes (struct rtattr, one after the other)."""
    for datagram in datagrams:
        for start, length, count in _runs(datagram):
            for at in range(start, start + count * length, length):
                message = datagram[at : at + length]
                yield _record(length).unpack(message), message[_SHORTEST:]


@lru_cache
def _record(length: int) -> struct.Struct:
    """Return how to read a Record out of a message of so many bytes; ports in network order."""
    return struct.Struct(f">16x2s2xH34s28x4s{length - _SHORTEST}x")


def _runs(datagram: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (start, length, count) of messages of equal length that follow each other.

    The length of a message is its first word. So one column of the datagram, a byte out of each
    message, shows how far a length goes on; what ends a dump is shorter than any socket.
    """
    start = 0
    while start + _SHORTEST <= len(datagram):
        length = (_HEADER.unpack_from(datagram, start)[0] + 3) & ~3
        if length < _SHORTEST:
            return
        count = min(_equal(datagram[start + byte :: length]) for byte in (0, 1))
        count = min(count, (len(datagram) - start) // length)
        yield start, length, count
        start += count * length


def _equal(column: bytes) -> int:
    """Return how many bytes at its start are the same."""
    return len(column) - len(column.lstrip(column[:1]))


def last_heard_ms(attributes: bytes) -> int | None:
    """Return how long ago the peer was last heard of; None where INFO was not asked for.

    In CLOSE_WAIT that is since the peer's FIN: it has nothing more to say (tcp_ack,
    net/ipv4/tcp_input.c, sets rcv_tstamp).
    """
    at = 0
    while at + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, at)
        if kind == INFO and length >= 4 + _LAST_ACK_RECV + 4:
            return int(struct.unpack_from("=I", attributes, at + 4 + _LAST_ACK_RECV)[0])
        at += max(4, (length + 3) & ~3)
    return None
