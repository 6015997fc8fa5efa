"""aiohttp as the load: its sessions, its pool and its own ways of opening and closing.

Its habits, where the profile does not say otherwise: 100 connections at once, idle ones kept for
15 s, `Connection: close` with force_close, `Connection: keep-alive` with HTTP/1.0. A GET that is
cut off without an answer is sent a second time over another connection, even if the first was a
new one; the row of such a transaction tells of the last connection alone.
"""

from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError

from tw_bench.load.clients.library import LibraryClient, Passage
from tw_bench.results.outcomes import BAD_RESPONSE, EARLY_EOF, NO_RESPONSE

_VERSIONS = {"1.0": aiohttp.HttpVersion10, "1.1": aiohttp.HttpVersion11}
_OWN_LIMIT = 100  # connections at once: TCPConnector(limit=100)


class AiohttpClient(LibraryClient[aiohttp.ClientSession]):
    """GET requests through one aiohttp.ClientSession, or through a new one each."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._force_close = spec["http"]["force_close"]
        self._version = _VERSIONS[spec["http"]["http_version"]]
        self._traces = [_trace()]
        super().__init__(spec)

    def new_session(self) -> aiohttp.ClientSession:
        """Return a session; its own limits of time are off, for the profile's stands alone."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self.pool_limit or _OWN_LIMIT, force_close=self._force_close
            ),
            version=self._version,
            headers=self.headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trace_configs=self._traces,
        )

    async def get(self, session: aiohttp.ClientSession, url: str, passage: Passage) -> int:
        """Send a GET, read the whole response and return its status."""
        async with session.get(url, allow_redirects=False, trace_request_ctx=passage) as response:
            await response.read()
        return response.status

    def own_reason(self, error: Exception) -> int | None:
        """Return what an exception of aiohttp without an errno behind it means."""
        match error:
            case aiohttp.ClientPayloadError():
                is_unreadable = isinstance(error.__cause__, ContentEncodingError)
                return BAD_RESPONSE if is_unreadable else EARLY_EOF
            case aiohttp.ServerDisconnectedError():  # with the head, if it was cut off in that
                return NO_RESPONSE if isinstance(error.message, str) else EARLY_EOF
            case aiohttp.ClientConnectionError():
                return NO_RESPONSE
            case aiohttp.ClientError():
                return BAD_RESPONSE
            case _:
                return None


def _trace() -> aiohttp.TraceConfig:
    """Return what tells the passage of each request (its trace_request_ctx) how far it is."""

    async def connects(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.connects()

    async def is_connected(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.is_connected()

    async def sends(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.sends()

    async def is_sent(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.is_sent()

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(connects)
    trace.on_connection_create_end.append(is_connected)
    trace.on_connection_reuseconn.append(sends)
    trace.on_request_headers_sent.append(is_sent)
    return trace
