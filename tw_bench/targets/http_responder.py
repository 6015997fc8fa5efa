"""One HTTP/1 connection of the embedded target: GET in, a fixed body out, closed as HTTP says.

Persistence by RFC 9112 section 9.3: 1.1 keeps the connection unless the request says close, 1.0
closes unless it says keep-alive. A connection that is kept is closed by the client.
"""

import asyncio
import socket
from typing import cast

_END_OF_HEAD = b"\r\n\r\n"
_LONGEST_HEAD = 65_536


class HttpResponder(asyncio.Protocol):
    """`closes_after` requests the server closes first, whatever they say; 0: never."""

    __slots__ = ("_answers", "_buffer", "_requests_left", "_transport")

    def __init__(self, answers: "Answers", *, closes_after: int) -> None:
        self._answers = answers
        self._requests_left = closes_after
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        assert self._transport is not None
        self._buffer += data
        while (end := self._buffer.find(_END_OF_HEAD)) >= 0:
            head = self._buffer[:end].lower()
            self._buffer = self._buffer[end + len(_END_OF_HEAD) :]
            self._requests_left -= 1
            if not _keeps(head) or self._requests_left == 0:
                self._end(self._transport)
                return
            self._transport.write(self._answers.kept)
        if len(self._buffer) > _LONGEST_HEAD:
            self._transport.close()

    def _end(self, transport: asyncio.Transport) -> None:
        """Answer and close first: the FIN goes in the last segment of the response.

        One that followed it would race a proxy, which closes as soon as it has the whole body, and
        TIME_WAIT would land now here, now there. A corked socket sends what it holds with its FIN.
        """
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        transport.write(self._answers.last)
        transport.close()


class Answers:
    """The two responses, made once: one that keeps the connection, and one that ends it."""

    def __init__(self, body_bytes: int) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {body_bytes}\r\nConnection: "
        body = b"\r\n\r\n" + b"x" * body_bytes
        self.kept = f"{head}keep-alive".encode() + body
        self.last = f"{head}close".encode() + body


def _keeps(head: bytes) -> bool:
    """Whether a request, in small letters, leaves its connection open."""
    _, _, header = head.partition(b"\r\nconnection:")
    value = header.partition(b"\r\n")[0]
    is_1_1 = b" http/1.1" in head.partition(b"\r\n")[0]
    return b"close" not in value if is_1_1 else b"keep-alive" in value
