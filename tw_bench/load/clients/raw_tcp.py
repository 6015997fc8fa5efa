"""The raw client: plain TCP, every option of every socket set by us, short-lived or kept.

A transaction is one request and its response. It takes an idle connection from the pool or opens
one; when that was the last request of its connection, the connection is closed as the profile
says, otherwise it goes back to the pool, or is closed where the pool is full.
"""

import itertools
import socket
from collections import deque
from time import monotonic_ns
from typing import Any, ClassVar

from tw_bench.load import closing, source_ports
from tw_bench.load.clients.base import Transaction
from tw_bench.load.clients.connection import NEXT_TURN, Connection, Sockets
from tw_bench.load.lifetimes import lifetimes
from tw_bench.results.outcomes import (
    BAD_RESPONSE,
    CONNECT,
    EARLY_EOF,
    OK,
    RECEIVE,
    REFUSALS,
    STATUS,
    TIMEOUT,
)


class RawTcp:
    """Connections over plain sockets, and the pool of those that are kept."""

    needs_asyncio: ClassVar[bool] = False
    stale: tuple[int, ...] = ()  # outcomes of a kept connection that call for another one

    def __init__(self, spec: dict[str, Any]) -> None:
        destinations = [tuple(destination) for destination in spec["destinations"]]
        # Every pair of addresses in turn, so that all their ports are used alike.
        self._pairs = itertools.cycle(itertools.product(spec["sources"] or [None], destinations))
        is_ipv6 = ":" in destinations[0][0]
        self._sockets = Sockets(socket.AF_INET6 if is_ipv6 else socket.AF_INET)
        self._prepare_in_window = source_ports.WAYS[spec["source_port"]](spec)
        self._prepare = source_ports.WAYS[spec["fill_source_port"]](spec)
        self._reuse_address = spec["reuse_address"]
        self._finish = closing.WAYS[spec["active_closer"], spec["close"]]
        self._lifetimes = lifetimes(spec["requests_per_connection"] | {"seed": spec["share"]})
        self._pool: deque[tuple[int, Connection]] = deque()  # when it was last used, ns
        self._pool_size = spec["pool"]
        self._idle_ns = round(spec["idle_timeout_s"] * 1e9)
        self._request = b"q" * spec["request_bytes"]
        self._response_bytes = spec["response_bytes"]
        self.closed_early = 0  # kept connections closed before their last request, by a FIN of ours

    async def transact(self) -> Transaction:
        """Send a request over a kept or a new connection, and read its response."""
        request = self._request
        while True:
            connection = self._take() if self._pool else None
            is_new = connection is None
            if connection is None:
                connection = Connection(next(self._lifetimes))
            try:
                if is_new:
                    self._open(connection)
                if (sent := connection.send_at_once(request)) < len(request):
                    await connection.send_rest(request, sent)
                connection.phase = RECEIVE
                connection.requests_left -= 1
                await NEXT_TURN  # the answer cannot be there yet, and others have work to do
                outcome = await self._answer(connection)
            except OSError as error:  # a TimeoutError at our own deadline is one, with no errno
                outcome = connection.phase + (error.errno or TIMEOUT)
            if OK < outcome < STATUS:  # an error status came over a connection that is well
                connection.close()
                if outcome in self.stale and not is_new:
                    continue
            return _came_to(connection, outcome) if is_new else Transaction(0, 0, outcome, False)

    def end_fill(self) -> None:
        """Take source ports as the profile says from now on; kept connections stay as they are."""
        self._prepare = self._prepare_in_window

    async def close(self) -> None:
        """Close what is left in the pool, and the sockets that were not needed."""
        self._sockets.close()
        while self._pool:
            self._close_early(self._pool.pop()[1])

    def _take(self) -> Connection | None:
        """Return the idle connection that was used last, after closing those idle for too long."""
        while self._pool and monotonic_ns() - self._pool[0][0] > self._idle_ns:
            self._close_early(self._pool.popleft()[1])
        return self._pool.pop()[1] if self._pool else None

    async def _answer(self, connection: Connection) -> int:
        """Read the response, and end the connection or keep it. Returns the outcome."""
        wanted = self._response_bytes
        if connection.requests_left == 0:
            received = await self._finish(connection, wanted)
        else:
            received = await connection.receive(wanted)
            if received == wanted:
                self._put_back(connection)
        if received != wanted:
            return RECEIVE + (EARLY_EOF if received < wanted else BAD_RESPONSE)
        return OK

    def _open(self, connection: Connection) -> None:
        source, destination = next(self._pairs)
        connection.open(self._sockets, self._prepare, source, reuse_address=self._reuse_address)
        connection.connect(destination)

    def _put_back(self, connection: Connection) -> None:
        if len(self._pool) < self._pool_size:
            self._pool.append((monotonic_ns(), connection))
        else:
            self._close_early(connection)

    def _close_early(self, connection: Connection) -> None:
        connection.close()
        self.closed_early += 1


def _came_to(connection: Connection, outcome: int) -> Transaction:
    """Return what the first transaction of a connection came to."""
    is_refused = connection.phase <= CONNECT and outcome % 1000 in REFUSALS
    return Transaction(connection.connect_call_ns, connection.connected_ns, outcome, is_refused)
