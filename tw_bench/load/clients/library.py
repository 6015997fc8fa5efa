"""What the clients of HTTP libraries share: a session for all requests or one for each.

The library opens, keeps and closes connections as it does for everybody; all that is watched is
how far each request has come, through the library's own trace, and what ended it.
"""

import asyncio
import itertools
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from time import monotonic_ns
from typing import Any, ClassVar, Generic, TypeVar

from tw_bench.load.clients.base import Transaction
from tw_bench.load.clients.causes import reason
from tw_bench.results.outcomes import CONNECT, OK, RECEIVE, REFUSALS, SEND, SOCKET, STATUS

Session = TypeVar("Session", bound=AbstractAsyncContextManager[Any])

_FIRST_ERROR = 400


class Passage:
    """How far a request has come, as the library's own trace tells it.

    A library does not show when it calls connect(2), only when it begins to connect and when it
    has done so. `connect_call_ns` of its rows is therefore that whole time, handshake and turns of
    the event loop included: more than the call alone, and not to be compared with a raw client's.
    """

    __slots__ = ("_began_ns", "_connect_ns", "_connected_ns", "phase")

    def __init__(self) -> None:
        self.phase = SOCKET  # where a request stays that waits for a place in the pool
        self._began_ns = 0
        self._connect_ns = 0
        self._connected_ns = 0

    def connects(self) -> None:
        """Note that a connection is being opened for this request."""
        self.phase, self._began_ns = CONNECT, monotonic_ns()

    def is_connected(self) -> None:
        """Note that it has been established."""
        self.phase, self._connected_ns = SEND, monotonic_ns()
        self._connect_ns = self._connected_ns - self._began_ns

    def sends(self) -> None:
        """Note that the request is being sent, over a new connection or a kept one."""
        self.phase = SEND

    def is_sent(self) -> None:
        """Note that the response is awaited."""
        self.phase = RECEIVE

    def transaction(self, outcome: int) -> Transaction:
        """Return what it came to; the times are zero where no connection was opened for it."""
        if self.phase == CONNECT:
            self._connect_ns = monotonic_ns() - self._began_ns
        return Transaction(
            self._connect_ns,
            self._connected_ns,
            outcome,
            OK < outcome < SEND and outcome % 1000 in REFUSALS,
        )


class LibraryClient(ABC, Generic[Session]):
    """GET requests through one session of a library, made beforehand, or through a new one each."""

    needs_asyncio: ClassVar[bool] = True

    def __init__(self, spec: dict[str, Any]) -> None:
        http = spec["http"]
        self.closed_early = 0  # a library's connections have no last request to fall short of
        self.pool_limit: int | None = http["pool_limit"]
        self.headers: dict[str, str] = {}
        if http["connection_header"] != "none":
            self.headers["Connection"] = http["connection_header"]
        self._urls = itertools.cycle(map(_url, spec["destinations"]))
        self._timeout_s = spec["timeout_s"]
        self._stack = AsyncExitStack()
        self._shared: Session | None = None
        if http["session"] == "shared":
            session = self.new_session()
            self._stack.push_async_exit(session)
            self._shared = session

    async def transact(self) -> Transaction:
        """Send a GET and read its response. What the library raises becomes an outcome.

        The profile's timeout is the only one, and the same as every client's: connecting, waiting
        for a place in the pool, sending and reading together.
        """
        passage = Passage()
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._request(passage)
        except Exception as error:
            number = reason(error) or self.own_reason(error)
            if number is None:  # no fate of a connection, a fault of ours
                raise
            return passage.transaction(passage.phase + number)
        return passage.transaction(STATUS + status if status >= _FIRST_ERROR else OK)

    def end_fill(self) -> None:
        """Do nothing: a library has one way of taking source ports."""

    async def close(self) -> None:
        """Close the shared session and the connections that it keeps."""
        await self._stack.aclose()

    async def _request(self, passage: Passage) -> int:
        url = next(self._urls)
        if self._shared is not None:
            return await self.get(self._shared, url, passage)
        async with self.new_session() as session:
            return await self.get(session, url, passage)

    @abstractmethod
    def new_session(self) -> Session:
        """Return a session with the profile's settings, and the library's habits for the rest."""

    @abstractmethod
    async def get(self, session: Session, url: str, passage: Passage) -> int:
        """Send a GET, read the whole response and return its status."""

    @abstractmethod
    def own_reason(self, error: Exception) -> int | None:
        """Return what an exception without an errno behind it means; None: it is no fate."""


def _url(destination: tuple[str, int]) -> str:
    """Return the URL of an address and port.

    >>> _url(("2001:2::1", 80))
    'http://[2001:2::1]:80/'
    """
    address, port = destination
    return f"http://[{address}]:{port}/" if ":" in address else f"http://{address}:{port}/"
