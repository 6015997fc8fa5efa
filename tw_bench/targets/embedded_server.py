"""The embedded target's process: answers requests of a fixed size, and closes as it is told.

When the client is to close first this server waits for the client's FIN: a server that closed
on its own would race it, and some TIME_WAIT would land on the wrong side.
"""

import asyncio
import contextlib
import json
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, cast

import uvloop

from tw_bench.kernel.host import raise_open_files_limit
from tw_bench.targets.http_responder import Answers, HttpResponder


class Responder(asyncio.Protocol):
    """One connection: `request_bytes` in, `response` out, as often as asked.

    `closes_after` requests the server closes first; 0: never.
    """

    __slots__ = ("_left", "_request_bytes", "_requests_left", "_resets", "_response", "_transport")

    def __init__(
        self, request_bytes: int, response: bytes, *, closes_after: int, resets: bool
    ) -> None:
        self._request_bytes = request_bytes
        self._left = request_bytes
        self._response = response
        self._requests_left = closes_after
        self._resets = resets
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        """Count the request's bytes; answer when it is whole. An EOF closes by default."""
        assert self._transport is not None
        self._left -= len(data)
        while self._left <= 0:
            self._left += self._request_bytes
            self._transport.write(self._response)
            self._requests_left -= 1
            if self._requests_left == 0:
                self._close(self._transport)
                return

    def _close(self, transport: asyncio.Transport) -> None:
        if self._resets:  # SO_LINGER {1, 0}: close(2) sends an RST
            connected = transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.close()


async def serve(spec: dict[str, Any]) -> None:
    """Listen, say so, and serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    make = _protocol(spec)
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    async with contextlib.AsyncExitStack() as servers:
        for address, port in spec["listen"]:
            server = await loop.create_server(
                make,
                sock=_listener(address, port, reuse_address=spec["reuse_address"]),
                backlog=spec["backlog"],
            )
            await servers.enter_async_context(server)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await done.wait()


def _protocol(spec: dict[str, Any]) -> Callable[[], asyncio.Protocol]:
    """Return what makes the protocol of a connection."""
    if spec["protocol"] == "http":
        answers = Answers(spec["response_bytes"])
        return lambda: HttpResponder(answers, closes_after=spec["closes_after"])
    response = b"x" * spec["response_bytes"]
    return lambda: Responder(
        spec["request_bytes"],
        response,
        closes_after=spec["closes_after"],
        resets=spec["resets"],
    )


def _listener(address: str, port: int, *, reuse_address: bool) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse_address)
    listener.bind((address, port))
    return listener


def main() -> None:
    """Run as `python -m tw_bench.targets.embedded_server SPEC_JSON`."""
    raise_open_files_limit()
    try:
        uvloop.run(serve(json.loads(sys.argv[1])))
    except OSError as error:
        sys.exit(f"{error.strerror or error}")


if __name__ == "__main__":
    main()
