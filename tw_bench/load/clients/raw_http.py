"""The raw HTTP/1 client: the pool of the raw TCP client, and responses read as RFC 9112 says.

A kept connection that the other side has closed meanwhile is no error: the request, a GET, is sent
again over another one, as every HTTP client does (RFC 9110 section 9.2.2).
"""

import errno
from typing import Any

from tw_bench.load.clients.connection import Connection
from tw_bench.load.clients.http_response import read_response, whole_response
from tw_bench.load.clients.raw_tcp import RawTcp
from tw_bench.results.outcomes import CLOSE, NO_RESPONSE, RECEIVE, SEND

_STALE = (
    SEND + errno.EPIPE,
    SEND + errno.ECONNRESET,
    RECEIVE + errno.ECONNRESET,
    RECEIVE + NO_RESPONSE,
)


class RawHttp(RawTcp):
    """HTTP/1 over plain sockets. The profile says who closes by version and Connection header."""

    stale = _STALE

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec)
        http = spec["http"]
        lines = [f"GET / HTTP/{http['http_version']}", "Host: tw-bench"]
        if http["connection_header"] != "none":
            lines.append(f"Connection: {http['connection_header']}")
        self._request = "\r\n".join((*lines, "", "")).encode()

    async def _answer(self, connection: Connection) -> int:
        data = connection.read_at_once()
        response = whole_response(data) if data else None
        if response is None:
            response = await read_response(connection, data)
        if not response.is_whole:
            return response.outcome
        if response.keeps and connection.requests_left > 0:
            self._put_back(connection)
            return response.outcome
        if not response.keeps and not _has_closed(connection):
            await _wait_for_close(connection)
        connection.phase = CLOSE
        connection.close()
        return response.outcome


def _has_closed(connection: Connection) -> bool:
    try:
        return connection.read_at_once() == b""
    except ConnectionResetError:
        return True


async def _wait_for_close(connection: Connection) -> None:
    """The other side said that it closes: let it be the first (RFC 9112 section 9.6)."""
    try:
        while await connection.read():
            pass
    except ConnectionResetError:
        return
