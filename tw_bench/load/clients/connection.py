"""One client connection over a plain socket: the phase it is in, and how it waits and ends.

connect(2) is called directly and timed alone, because that is where the kernel searches for a
port; a non-blocking socket does not help, the search happens inside the call. On a veth the
handshake is over when connect(2) returns (the peer answers in the same softirq), so the request
is sent at once and the loop waits only where the kernel says it would block.
"""

import asyncio
import errno
import socket
import struct
from time import monotonic_ns

from tw_bench.load.source_ports import Prepare
from tw_bench.results.outcomes import BIND, CLOSE, CONNECT, RECEIVE, SEND, SOCKET

_IN_PROGRESS = (errno.EINPROGRESS, errno.EAGAIN)
_RECEIVE_BYTES = 65_536
_LINGER_ZERO = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends an RST (RFC 9293 3.10.4)


class Connection:
    """One socket, the phase it is in, and the instants worth keeping."""

    __slots__ = (
        "_called_ns",
        "_loop",
        "_socket",
        "connect_call_ns",
        "connected_ns",
        "phase",
        "requests_left",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, requests: int) -> None:
        self._loop = loop
        self._socket: socket.socket | None = None
        self.phase = SOCKET
        self._called_ns = 0
        self.connect_call_ns = 0
        self.connected_ns = 0
        self.requests_left = requests

    def open(
        self, family: int, prepare: Prepare, source: str | None, *, reuse_address: bool
    ) -> None:
        """Make the socket and give it its local address."""
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.phase = BIND
        if reuse_address:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        prepare(self._socket, source)

    async def connect(self, address: tuple[str, int]) -> None:
        """Call connect(2); whether the handshake is over shows when the request is sent."""
        assert self._socket is not None
        self.phase = CONNECT
        before = monotonic_ns()
        error = self._socket.connect_ex(address)
        after = monotonic_ns()
        self.connect_call_ns = after - before
        if error not in _IN_PROGRESS and error != 0:
            raise OSError(error, "connect")
        self._called_ns = after

    async def send(self, request: bytes) -> None:
        """Send the whole request; the first one may still be waiting for the handshake."""
        assert self._socket is not None
        sent = 0
        if self.phase == CONNECT:
            try:
                sent = self._socket.send(request)
                self.connected_ns = self._called_ns
            except BlockingIOError:
                await self._handshake()
            except ConnectionResetError:  # it was established: a refused one says so
                self.phase, self.connected_ns = SEND, self._called_ns
                raise
        self.phase = SEND
        while sent < len(request):
            try:
                sent += self._socket.send(request[sent:])
            except BlockingIOError:
                await self._writable()

    async def _handshake(self) -> None:
        assert self._socket is not None
        await self._writable()
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "connect")
        self.connected_ns = monotonic_ns()

    async def receive(self, wanted: int) -> int:
        """Return how many bytes came, at least `wanted` unless the other side ended first."""
        received = 0
        while received < wanted:
            data = await self.read()
            if not data:
                break
            received += len(data)
        return received

    async def read(self) -> bytes:
        """Return the next bytes that came; none: the other side has closed."""
        assert self._socket is not None
        self.phase = RECEIVE
        while True:
            try:
                return self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                await self.readable()

    async def readable(self) -> None:
        """Return when there is something to read, and leave it there."""
        assert self._socket is not None
        self.phase = RECEIVE
        ready = self._loop.create_future()
        self._loop.add_reader(self._socket, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(self._socket)

    async def _writable(self) -> None:
        assert self._socket is not None
        ready = self._loop.create_future()
        self._loop.add_writer(self._socket, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_writer(self._socket)

    def shut_down(self) -> None:
        """Send our FIN and keep listening (half close)."""
        assert self._socket is not None
        self.phase = CLOSE
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with an RST: no TIME_WAIT on either side."""
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.close()

    def close(self) -> None:
        """Close the socket, once. Unread bytes turn the FIN into an RST (tcp_close)."""
        if self._socket is not None:
            opened, self._socket = self._socket, None
            opened.close()


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
