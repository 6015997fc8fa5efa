"""How a socket gets its source address and port. A new way is one function and one line.

Each function gets a new socket and the source address, None where the route may choose it.
"""

import itertools
import random
import socket
from _socket import socket as Socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from tw_bench.kernel.tcp import (
    IP_BIND_ADDRESS_NO_PORT,
    IP_LOCAL_PORT_RANGE,
    local_port_range_option,
)

Prepare = Callable[[Socket, str | None], None]


def _autobind(_: dict[str, Any]) -> Prepare:
    """Leave it to connect(): __inet_hash_connect() picks the port, per destination."""

    def prepare(unbound: Socket, source: str | None) -> None:
        assert source is None, "without bind() the route chooses the address"

    return prepare


def _bind_zero(_: dict[str, Any]) -> Prepare:
    """bind(ip, 0): the port is taken before the destination is known, from one pool for all."""

    def prepare(unbound: Socket, source: str | None) -> None:
        unbound.bind((source or "", 0))

    return prepare


def _bind_no_port(_: dict[str, Any]) -> Prepare:
    """bind(ip, 0) with IP_BIND_ADDRESS_NO_PORT: the address now, the port at connect()."""

    def prepare(unbound: Socket, source: str | None) -> None:
        unbound.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        unbound.bind((source or "", 0))

    return prepare


def _explicit(walk: Callable[[], Iterator[int]]) -> Prepare:
    walks: defaultdict[str | None, Iterator[int]] = defaultdict(walk)  # by source address

    def prepare(unbound: Socket, source: str | None) -> None:
        unbound.bind((source or "", next(walks[source])))

    return prepare


def _explicit_sequential(spec: dict[str, Any]) -> Prepare:
    """bind(ip, port), one port after the other; each worker walks a part of the range."""
    low, high = spec["ports"]
    own = range(low + spec["share"], high + 1, spec["shares"])
    return _explicit(lambda: itertools.cycle(own))


def _explicit_random(spec: dict[str, Any]) -> Prepare:
    """bind(ip, port) with a port drawn from the whole range, the same ones in every run."""
    low, high = spec["ports"]
    draw = random.Random(spec["share"])
    return _explicit(lambda: (draw.randint(low, high) for _ in itertools.count()))


def _socket_range(spec: dict[str, Any]) -> Prepare:
    """IP_LOCAL_PORT_RANGE: connect() picks from the socket's own range, with step 1 (6.8)."""
    option = local_port_range_option(*spec["ports"])

    def prepare(unbound: Socket, source: str | None) -> None:
        unbound.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, option)
        if source is not None:
            unbound.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            unbound.bind((source, 0))

    return prepare


WAYS: dict[str, Callable[[dict[str, Any]], Prepare]] = {
    "autobind": _autobind,
    "bind_zero": _bind_zero,
    "bind_no_port": _bind_no_port,
    "explicit_sequential": _explicit_sequential,
    "explicit_random": _explicit_random,
    "socket_range": _socket_range,
}
