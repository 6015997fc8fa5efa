"""The embedded target's process: answers requests of a fixed size, and closes as it is told.

It must not be the limit of what is measured, so it costs little beside the kernel's own work (an
eighth of its processor time is spent outside the kernel), by the ideas of load/loop.py:

- connections are accepted until none is left, and each is asked for its request at once: under load
  it is there already, and a connection that the server closes first never sees epoll;
- one that has to wait is given to epoll once, level-triggered: whoever read less than it asked for
  need not ask again, which spares a call for each request of a kept connection;
- sockets stay as accept4(2) returns them, and each call says MSG_DONTWAIT: no call to set a mode.

The FIN of plain TCP has a segment of its own. With it in the last one of the response (MSG_MORE)
the server was done sooner and slept more, and to wake it cost the worker 6 µs a connection.

When the client is to close first this server waits for the client's FIN: a server that closed
on its own would race it, and some TIME_WAIT would land on the wrong side.
"""

import errno
import json
import select
import signal
import struct
import sys
from _socket import socket as Socket  # the C type below socket.socket: its calls, no Python around
from collections import deque
from collections.abc import Callable, Sequence
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_TCP,
    MSG_DONTWAIT,
    MSG_PEEK,
    SO_LINGER,
    SO_REUSEADDR,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_CORK,
    TCP_NODELAY,
)
from time import monotonic
from typing import Any, Protocol

from tw_bench.kernel.host import raise_open_files_limit
from tw_bench.targets.http_responder import Answers, HttpResponder
from tw_bench.targets.tcp_responder import TcpResponder

_BATCH = 64  # accepted at the most before the others have their turn
_READY_AT_ONCE = 256  # events taken from epoll in one turn
_READ_BYTES = 65_536
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # accept(2): it may pass
_FULL_PAUSE_S = 0.01

SocketOption = tuple[int, int, int | bytes]
# A corked socket sends what it holds with its FIN. One that followed the last segment would race a
# proxy, which closes as soon as it has the whole body: TIME_WAIT would land now here, now there.
_CORK: SocketOption = (IPPROTO_TCP, TCP_CORK, 1)
_RESET: SocketOption = (SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))  # close(2) sends an RST


class Responder(Protocol):
    """What one connection says: no socket, no waiting."""

    is_over: bool  # nothing follows the last answer: the server closes

    def answer(self, data: bytes) -> bytes | None:
        """Take what came, and return the next response that is due; None: none is."""
        ...


class Connection:
    """One accepted socket, and what could not be sent yet."""

    __slots__ = ("_parting", "_responder", "_unsent", "socket", "watched")

    def __init__(
        self, accepted: Socket, responder: Responder, parting: SocketOption | None
    ) -> None:
        self.socket = accepted
        self.watched = 0  # epoll events it is registered for
        self._responder = responder
        self._parting = parting  # set before the last response
        self._unsent: memoryview | None = None

    def has_request(self) -> bool:
        """Return whether there is something to answer, and not only room or an end."""
        if self._unsent is not None:
            return False
        try:
            return bool(self.socket.recv(1, MSG_DONTWAIT | MSG_PEEK))
        except OSError:  # nothing yet, or reset: go_on() finds out
            return False

    def go_on(self) -> int:
        """Read, or send what is left; return the epoll event to wait for, 0 when it is over.

        Nothing is read while a response waits for room: a client that reads nothing gets no more.

        Raises:
            OSError: the connection was reset or timed out.
        """
        if self._unsent is not None:
            return self._send(self._unsent)
        try:
            data = self.socket.recv(_READ_BYTES, MSG_DONTWAIT)
        except BlockingIOError:
            return select.EPOLLIN
        if not data:  # the client's FIN
            return 0
        return self._send(self._responder.answer(data))

    def _send(self, response: bytes | memoryview | None) -> int:
        """Send it and what is due after it; return what go_on() returns."""
        responder = self._responder
        while response is not None:
            if responder.is_over and self._parting is not None:
                self.socket.setsockopt(*self._parting)
            try:
                sent = self.socket.send(response, MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            if sent < len(response):
                self._unsent = memoryview(response)[sent:]
                return select.EPOLLOUT
            self._unsent = None
            response = None if responder.is_over else responder.answer(b"")
        return 0 if responder.is_over else select.EPOLLIN


class Server:
    """Its listeners, and the connections that wait for their sockets."""

    def __init__(
        self,
        listeners: Sequence[Socket],
        begin: Callable[[], Responder],
        parting: SocketOption | None,
        *,
        response_time_s: float = 0.0,
    ) -> None:
        self._begin = begin
        self._parting = parting
        self._response_time_s = response_time_s
        self._later: deque[tuple[float, Connection]] = deque()  # when its request is answered
        self._epoll = select.epoll()
        self._listeners = {each.fileno(): each for each in listeners}
        self._connections: dict[int, Connection] = {}  # by descriptor, those that epoll watches
        self._full: list[int] = []  # listeners that epoll is silent about for one turn
        for descriptor in self._listeners:
            self._epoll.register(descriptor, select.EPOLLIN)

    def turn(self) -> None:
        """Wait until something can go on, and let all that can do so."""
        events = self._epoll.poll(self._pause_s(), _READY_AT_ONCE)
        while self._full:
            self._epoll.modify(self._full.pop(), select.EPOLLIN)
        for descriptor, _ in events:
            connection = self._connections.get(descriptor)
            if connection is None:
                self._accept(descriptor)
            else:
                self._attend(connection)
        while self._later and self._later[0][0] <= monotonic():
            self._go_on(self._later.popleft()[1])

    def _pause_s(self) -> float | None:
        pause_s = _FULL_PAUSE_S if self._full else None
        if not self._later:
            return pause_s
        due_s = max(0.0, self._later[0][0] - monotonic())
        return due_s if pause_s is None else min(due_s, pause_s)

    def _accept(self, descriptor: int) -> None:
        listening = self._listeners[descriptor]
        family = listening.family
        try:
            for _ in range(_BATCH):
                accepted, _ = listening._accept()  # type: ignore[attr-defined]
                connected = Socket(family, SOCK_STREAM, 0, accepted)
                self._attend(Connection(connected, self._begin(), self._parting))
        except BlockingIOError:
            return
        except OSError as error:  # all others are the new connection's own: accept(2)
            if error.errno in _FULL:  # epoll would report the listener again and again
                self._epoll.modify(descriptor, 0)
                self._full.append(descriptor)

    def _attend(self, connection: Connection) -> None:
        """Let a connection go on, at once or when its request has waited for the response time."""
        if not self._response_time_s or not connection.has_request():
            self._go_on(connection)
            return
        if connection.watched:  # level-triggered: epoll would report the request again and again
            self._epoll.unregister(connection.socket)
            del self._connections[connection.socket.fileno()]
            connection.watched = 0
        self._later.append((monotonic() + self._response_time_s, connection))

    def _go_on(self, connection: Connection) -> None:
        try:
            wanted = connection.go_on()
            if wanted and wanted != connection.watched:
                self._watch(connection, wanted)
        except OSError:  # reset or timed out: the client has gone
            wanted = 0
        if not wanted:
            self._close(connection)

    def _watch(self, connection: Connection, wanted: int) -> None:
        descriptor = connection.socket.fileno()
        if connection.watched:
            self._epoll.modify(descriptor, wanted)
        else:
            self._epoll.register(descriptor, wanted)
            self._connections[descriptor] = connection
        connection.watched = wanted

    def _close(self, connection: Connection) -> None:
        if connection.watched:
            del self._connections[connection.socket.fileno()]
        connection.socket.close()


def _server(spec: dict[str, Any]) -> Server:
    """Return a server that listens.

    Raises:
        OSError: it cannot listen there.
    """
    reuse_address, backlog = spec["reuse_address"], spec["backlog"]
    listeners = [
        listener(*address, reuse_address=reuse_address, backlog=backlog)
        for address in spec["listen"]
    ]
    closes_after = spec["closes_after"]
    if spec["protocol"] == "http":
        answers = Answers(spec["response_bytes"])
        return Server(
            listeners,
            lambda: HttpResponder(answers, closes_after=closes_after),
            _CORK,
            response_time_s=spec["response_time_s"],
        )
    request_bytes, response = spec["request_bytes"], b"x" * spec["response_bytes"]
    return Server(
        listeners,
        lambda: TcpResponder(request_bytes, response, closes_after=closes_after),
        _RESET if spec["resets"] else None,
        response_time_s=spec["response_time_s"],
    )


def listener(address: str, port: int, *, reuse_address: bool, backlog: int) -> Socket:
    """Return a non-blocking socket that listens there.

    Raises:
        OSError: the address is taken, or not ours.
    """
    family = AF_INET6 if ":" in address else AF_INET
    listening = Socket(family, SOCK_STREAM | SOCK_NONBLOCK)
    listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, reuse_address)
    # What is accepted inherits it (sk_clone_lock). Without it a short answer that follows another
    # waits for the ACK of that one (RFC 9293 section 3.7.4), which the client may delay.
    listening.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    listening.bind((address, port))
    listening.listen(backlog)
    return listening


def _end(number: int, frame: object) -> None:
    """End on SIGTERM, wherever we are: the kernel closes what is open."""
    sys.exit(0)


def main() -> None:
    """Run as `python -m tw_bench.targets.embedded_server SPEC_JSON`."""
    raise_open_files_limit()
    signal.signal(signal.SIGTERM, _end)
    try:
        server = _server(json.loads(sys.argv[1]))
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        server.turn()


if __name__ == "__main__":
    main()
