"""One client connection over a plain socket: the phase it is in, and how it waits and ends.

connect(2) is called directly and timed alone, because that is where the kernel searches for a
port; a non-blocking socket does not help, the search happens inside the call. On a veth the
handshake is over when connect(2) returns (the peer answers in the same softirq), so the request
is sent at once and the conversation waits only where the kernel says it would block.
"""

import errno
import select
import struct
from _socket import socket as Socket  # the C type below socket.socket: its calls, no Python around
from collections.abc import Generator
from contextlib import suppress
from socket import (
    MSG_PEEK,
    SHUT_WR,
    SO_ERROR,
    SO_LINGER,
    SO_REUSEADDR,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
)
from time import monotonic_ns
from typing import TYPE_CHECKING, Optional

from tw_bench.results.outcomes import BIND, CLOSE, CONNECT, SEND, SOCKET

if TYPE_CHECKING:
    from tw_bench.load.source_ports import Prepare

_IN_PROGRESS = (errno.EINPROGRESS, errno.EAGAIN)
_READ_BYTES = 16_384
_AHEAD = 16  # sockets made at once
_IN_A_ROW = 16  # reads of one connection before others have their turn, whatever it still has
_LINGER_ZERO = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends an RST (RFC 9293 3.10.4)
_NON_BLOCKING_STREAM = SOCK_STREAM | SOCK_NONBLOCK
_TO_READ = select.EPOLLIN | select.EPOLLRDHUP
_TO_WRITE = select.EPOLLOUT

_sink = memoryview(bytearray(65_536))  # where bytes go that are only counted


class _Wait:
    """Awaited, gives the turn away: for None, to be asked again; for a connection, until epoll."""

    __slots__ = ("_for",)

    def __init__(self, connection: Optional["Connection"] = None) -> None:
        self._for = (connection,)

    def __await__(self) -> Generator[Optional["Connection"], None, None]:
        # What a generator with one yield would do, in half the time.
        return iter(self._for)  # type: ignore[return-value]


NEXT_TURN = _Wait()


class Sockets:
    """New sockets of one family, made a few at a time.

    To make each where it is needed, between two connect() calls, costs 5 % of a core under load
    (docs/performance.md). An unbound socket holds a descriptor and no port.
    """

    def __init__(self, family: int) -> None:
        self._family = family
        self._ready: list[Socket] = []

    def take(self) -> Socket:
        """Return a new socket; OSError where the kernel gives none."""
        if not self._ready:
            self._make()
        return self._ready.pop()

    def _make(self) -> None:
        try:
            for _ in range(_AHEAD):
                self._ready.append(Socket(self._family, _NON_BLOCKING_STREAM))
        except OSError:
            if not self._ready:
                raise

    def close(self) -> None:
        """Close those that were not taken."""
        while self._ready:
            self._ready.pop().close()


class Connection:
    """One socket, the phase it is in, and the instants worth keeping."""

    __slots__ = (
        "_called_ns",
        "_reads",
        "_socket",
        "connect_call_ns",
        "connected_ns",
        "phase",
        "requests_left",
        "wanted",
        "watched",
    )

    def __init__(self, requests: int) -> None:
        self._socket: Socket | None = None
        self._called_ns = 0
        self._reads = 0
        self.phase = SOCKET
        self.connect_call_ns = 0
        self.connected_ns = 0
        self.requests_left = requests
        self.wanted = 0  # epoll events it waits for
        self.watched = 0  # epoll events it is registered for

    def open(
        self, sockets: "Sockets", prepare: "Prepare", source: str | None, *, reuse_address: bool
    ) -> None:
        """Take a socket and give it its local address."""
        self._socket = taken = sockets.take()
        self.phase = BIND
        if reuse_address:
            taken.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        prepare(taken, source)

    def connect(self, address: tuple[str, int]) -> None:
        """Call connect(2); whether the handshake is over shows when the request is sent."""
        assert self._socket is not None
        self.phase = CONNECT
        before_ns = monotonic_ns()
        error = self._socket.connect_ex(address)
        self._called_ns = after_ns = monotonic_ns()
        self.connect_call_ns = after_ns - before_ns
        if error and error not in _IN_PROGRESS:
            raise OSError(error, "connect")

    def send_at_once(self, request: bytes) -> int:
        """Send as much as the kernel takes now and return it, in bytes.

        The first request goes out right behind connect(): on a local link the handshake is over.
        """
        assert self._socket is not None
        try:
            sent = self._socket.send(request)
        except BlockingIOError:
            return 0
        except ConnectionResetError:
            if self.phase == CONNECT:  # it was established: a refused one says so
                self.phase, self.connected_ns = SEND, self._called_ns
            raise
        if self.phase == CONNECT:
            self.connected_ns = self._called_ns
        self.phase = SEND
        return sent

    async def send_rest(self, request: bytes, sent: int) -> None:
        """Send what is left of a request, after the handshake if that is still to come."""
        if self.phase == CONNECT:
            await self._handshake()
            self.phase = SEND
        while (sent := sent + self.send_at_once(request[sent:])) < len(request):
            await self._ready(_TO_WRITE)

    async def _handshake(self) -> None:
        assert self._socket is not None
        while not self.connected_ns:
            await self._ready(_TO_WRITE)
            error = self._socket.getsockopt(SOL_SOCKET, SO_ERROR)
            if error:
                raise OSError(error, "connect")
            with suppress(OSError):  # ENOTCONN: the event was of who had this descriptor before
                self._socket.getpeername()
                self.connected_ns = monotonic_ns()

    async def receive(self, wanted: int) -> int:
        """Return how many bytes came, at least `wanted` unless the other side ended first."""
        assert self._socket is not None
        received = reads = 0
        while received < wanted:
            try:
                more = self._socket.recv_into(_sink)
            except BlockingIOError:
                await self._ready(_TO_READ)
                continue
            if not more:
                break
            received, reads = received + more, reads + 1
            if reads % _IN_A_ROW == 0:
                await NEXT_TURN
        return received

    def read_at_once(self) -> bytes | None:
        """Return what has come; nothing at its end: the other side has closed; None: not yet."""
        assert self._socket is not None
        try:
            return self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None

    async def read(self) -> bytes:
        """Return the next bytes that come; none: the other side has closed."""
        self._reads += 1
        if self._reads % _IN_A_ROW == 0:
            await NEXT_TURN
        while (data := self.read_at_once()) is None:
            await self._ready(_TO_READ)
        return data

    async def readable(self) -> None:
        """Return when there is something to read, and leave it there."""
        assert self._socket is not None
        while True:
            try:
                self._socket.recv(1, MSG_PEEK)
            except BlockingIOError:
                await self._ready(_TO_READ)
            else:
                return

    async def _ready(self, events: int) -> None:
        """Return when the kernel has something new to say of the socket."""
        self.wanted = events
        await _Wait(self)

    def fileno(self) -> int:
        """Return the descriptor."""
        assert self._socket is not None
        return self._socket.fileno()

    def shut_down(self) -> None:
        """Send our FIN and keep listening (half close)."""
        assert self._socket is not None
        self.phase = CLOSE
        self._socket.shutdown(SHUT_WR)

    def reset(self) -> None:
        """Close with an RST: no TIME_WAIT on either side."""
        if self._socket is not None:
            self._socket.setsockopt(SOL_SOCKET, SO_LINGER, _LINGER_ZERO)
        self.close()

    def close(self) -> None:
        """Close the socket, once. Unread bytes turn the FIN into an RST (tcp_close)."""
        if self._socket is not None:
            opened, self._socket = self._socket, None
            opened.close()
