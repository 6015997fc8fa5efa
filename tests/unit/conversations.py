"""A client's transactions outside a worker, beside a server that runs in asyncio."""

import asyncio
from contextlib import suppress
from time import monotonic_ns
from typing import Any
from weakref import WeakKeyDictionary

from tw_bench.load.clients.base import Client, Transaction
from tw_bench.load.turns import OwnTurns


def spec(port: int, **changes: Any) -> dict[str, Any]:
    """Return what a worker would hand to the client."""
    return {
        "destinations": [("127.0.0.1", port)],
        "sources": [],
        "ports": (40_000, 40_999),
        "source_port": "autobind",
        "fill_source_port": "autobind",
        "reuse_address": False,
        "active_closer": "client",
        "close": "fin",
        "requests_per_connection": {"kind": "fixed", "least": 100, "most": 100},
        "share": 0,
        "pool": 10,
        "idle_timeout_s": 60.0,
        "request_bytes": 64,
        "response_bytes": 64,
        "timeout_s": 0.5,
        "http": {"http_version": "1.1", "connection_header": "none"},
        **changes,
    }


# A client's kept connections are known to the epoll of the turns that it began with.
_turns: WeakKeyDictionary[Client, OwnTurns] = WeakKeyDictionary()


async def transact(client: Client, timeout_s: float = 10.0) -> Transaction:
    """Return what one transaction came to; a client on its own turns has a thread of its own."""
    if client.needs_asyncio:
        return await client.transact()
    return await asyncio.to_thread(_in_own_turns, client, timeout_s)


def _in_own_turns(client: Client, timeout_s: float) -> Transaction:
    turns, ends = _turns.setdefault(client, OwnTurns()), list[Transaction]()
    turns.on_end = lambda slot, done: ends.append(done)
    deadline_ns = monotonic_ns() + round(timeout_s * 1e9)
    turns.start(client.transact(), (deadline_ns, 0, 0))
    while turns.in_flight:
        with suppress(StopIteration):
            turns.turn(deadline_ns).send(None)
    return ends[0]
