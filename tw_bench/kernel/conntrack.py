"""The connections that the conntrack of this network namespace knows: ctnetlink.

No policy. Source: include/uapi/linux/netfilter/{nfnetlink,nfnetlink_conntrack,nf_conntrack_tcp}.h,
net/netfilter/nf_conntrack_netlink.c.
"""

import os
import socket
import struct
from collections.abc import Iterator

_NETLINK_NETFILTER = 12
_GET = 1 << 8 | 1  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
_NLM_F_REQUEST_DUMP = 0x0301
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_PROTOINFO, _TIMEOUT = 4, 7  # enum ctattr_type
_PROTOINFO_TCP = _TCP_STATE = 1  # enum ctattr_protoinfo, ctattr_protoinfo_tcp
_KIND = 0x3FFF  # of an attribute, without its flags

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_FAMILY = struct.Struct("=BBH")  # struct nfgenmsg
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_ROOM_BYTES = 1 << 16

# enum tcp_conntrack: what conntrack makes of the segments that it saw, and no state of a socket.
STATES = (
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
)


def entries() -> list[tuple[str, int]]:
    """Return (state, seconds that are left to it) of each TCP connection in the table.

    Raises:
        OSError: no right to ask, or this kernel has no ctnetlink.
    """
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kind, _NETLINK_NETFILTER) as link:
        length = _HEADER.size + _FAMILY.size
        header = _HEADER.pack(length, _GET, _NLM_F_REQUEST_DUMP, 1, 0)
        link.send(header + _FAMILY.pack(socket.AF_UNSPEC, 0, 0))
        found: list[tuple[str, int]] = []
        while True:
            for message, body in _messages(link.recv(_ROOM_BYTES)):
                if message == _NLMSG_ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    raise OSError(number, os.strerror(number))
                if message == _NLMSG_DONE:
                    return found
                found += _entry(body[_FAMILY.size :])


def _messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(datagram):
        length, kind, _, _, _ = _HEADER.unpack_from(datagram, at)
        yield kind, datagram[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _entry(body: bytes) -> Iterator[tuple[str, int]]:
    """Yield the entry, where it is one of TCP."""
    own = _attributes(body)
    of_tcp = _attributes(own.get(_PROTOINFO, b"")).get(_PROTOINFO_TCP)
    if of_tcp is not None:
        state = _attributes(of_tcp)[_TCP_STATE][0]
        yield STATES[state], int.from_bytes(own[_TIMEOUT])


def _attributes(body: bytes) -> dict[int, bytes]:
    """Return kind → payload.

    >>> _attributes(b"\\5\\0\\1\\0\\7\\0\\0\\0")
    {1: b'\\x07'}
    """
    found, at = {}, 0
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        found[kind & _KIND] = body[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found
