"""httpx as the load: its clients, its pool and its own ways of opening and closing.

Its habits, where the profile does not say otherwise: 100 connections at once, of which 20 are
kept when idle, for 5 s; `Connection: keep-alive` in every request; never HTTP/1.0. A client a
request is what httpx.get() does: it reads the file of certificates each time, even for http://.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx

from tw_bench.load.clients.library import LibraryClient, Passage
from tw_bench.results.outcomes import BAD_RESPONSE, EARLY_EOF, NO_RESPONSE

_OWN_LIMIT, _OWN_IDLE = 100, 20  # httpx.Limits: max_connections, max_keepalive_connections

# What httpcore's trace extension says, and what it means for the request.
_STEPS: dict[str, Callable[[Passage], None]] = {
    "connection.connect_tcp.started": Passage.connects,
    "connection.connect_tcp.complete": Passage.is_connected,
    "http11.send_request_headers.started": Passage.sends,
    "http11.receive_response_headers.started": Passage.is_sent,
}
# How a RemoteProtocolError begins when it was the server that closed (httpcore, h11).
_NO_RESPONSE, _EARLY_EOF = "Server disconnected", "peer closed connection"


class HttpxClient(LibraryClient[httpx.AsyncClient]):
    """GET requests through one httpx.AsyncClient, or through a new one each."""

    def __init__(self, spec: dict[str, Any]) -> None:
        anyio.get_current_task()  # loads what httpx would only load with the first request
        super().__init__(spec)

    def new_session(self) -> httpx.AsyncClient:
        """Return a client; its own limits of time are off, for the profile's stands alone.

        Nor does it look at the environment: a proxy named there is no part of the lab.
        """
        limits = httpx.Limits(
            max_connections=self.pool_limit or _OWN_LIMIT, max_keepalive_connections=_OWN_IDLE
        )
        return httpx.AsyncClient(limits=limits, headers=self.headers, timeout=None, trust_env=False)

    async def get(self, session: httpx.AsyncClient, url: str, passage: Passage) -> int:
        """Send a GET, read the whole response and return its status."""
        response = await session.get(url, extensions={"trace": _trace(passage)})
        return response.status_code

    def own_reason(self, error: Exception) -> int | None:
        """Return what an exception of httpx without an errno behind it means."""
        if not isinstance(error, httpx.HTTPError):
            return None
        words = str(error)
        if words.startswith(_NO_RESPONSE):
            return NO_RESPONSE
        return EARLY_EOF if words.startswith(_EARLY_EOF) else BAD_RESPONSE


def _trace(passage: Passage) -> Callable[[str, dict[str, Any]], Awaitable[None]]:
    """Return the trace extension of one request, which tells its passage how far it is."""

    async def note(step: str, _: dict[str, Any]) -> None:
        if step in _STEPS:
            _STEPS[step](passage)

    return note
