"""What ended a request of a library: the errno at any depth, and every way a server can fail it."""

import asyncio
import errno
import itertools
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import aiohttp
import httpx
import pytest

from tests.unit import conversations
from tw_bench.load import worker
from tw_bench.load.clients.aiohttp_client import AiohttpClient
from tw_bench.load.clients.base import Client, Transaction
from tw_bench.load.clients.causes import reason
from tw_bench.load.clients.httpx_client import HttpxClient
from tw_bench.load.clients.raw_http import RawHttp
from tw_bench.load.clients.raw_tcp import RawTcp
from tw_bench.results.outcomes import (
    BAD_RESPONSE,
    CONNECT,
    EARLY_EOF,
    NO_RESPONSE,
    OK,
    RECEIVE,
    SOCKET,
    STATUS,
    TIMEOUT,
)

CLIENTS: dict[str, Callable[[dict[str, Any]], Client]] = {
    "http": RawHttp,
    "aiohttp": AiohttpClient,
    "httpx": HttpxClient,
}
LIBRARIES = ("aiohttp", "httpx")
NO_PORT = errno.EADDRNOTAVAIL
RST = struct.pack("ii", 1, 0)


def chained(*errors: BaseException, by: str) -> BaseException:
    """Return the first error with the others behind it, each behind the one before."""
    for error, behind in itertools.pairwise(errors):
        setattr(error, by, behind)
    return errors[0]


@pytest.mark.parametrize("by", ["__cause__", "__context__"])
def test_an_errno_three_levels_deep(by):
    """httpx hides it behind three exceptions without one."""
    deep = chained(Exception("a"), Exception("b"), OSError("c"), OSError(NO_PORT, "d"), by=by)
    assert reason(deep) == NO_PORT


def test_an_errno_in_a_group_in_a_group():
    """Attempts to several addresses end in a group of exceptions."""
    inner = ExceptionGroup("inner", [ValueError(), OSError(NO_PORT, "no port")])
    outer = OSError("all attempts failed")
    outer.__cause__ = ExceptionGroup("outer", [inner])
    assert reason(outer) == NO_PORT


def test_the_nearest_errno_counts():
    """What was raised while another error was handled stands before that one."""
    near = OSError(errno.EMFILE, "near")
    near.__context__ = OSError(NO_PORT, "far")
    assert reason(near) == errno.EMFILE


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), TIMEOUT),
        (TimeoutError(errno.ETIMEDOUT, "by the kernel"), errno.ETIMEDOUT),
        (ConnectionResetError("Cannot write to closing transport"), errno.ECONNRESET),
        (BrokenPipeError(), errno.EPIPE),
        (aiohttp.ClientConnectionResetError("x"), errno.ECONNRESET),
        (aiohttp.SocketTimeoutError(), TIMEOUT),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), None),
        (OSError("no number"), None),
        (ValueError(), None),
    ],
)
def test_what_has_a_number_and_what_has_none(error, expected):
    """A time limit of ours is told from the kernel's, and an RST is one without its number too."""
    assert reason(error) == expected


def test_a_circle_of_causes_ends():
    """Two exceptions that are each other's cause are looked at once each."""
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert reason(one) is None


# --- every way a server can fail a request, over real sockets

OTHERWISE = {  # what the server sends before it closes
    "drop": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nConte",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "garbage": b"garbage garbage\r\n\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
    "a chunk that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "503": b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
}
OUTCOMES = {
    "drop": RECEIVE + NO_RESPONSE,
    "half a head": RECEIVE + EARLY_EOF,
    "half a body": RECEIVE + EARLY_EOF,
    "half a chunk": RECEIVE + EARLY_EOF,
    "garbage": RECEIVE + BAD_RESPONSE,
    "a length that is none": RECEIVE + BAD_RESPONSE,
    "a chunk that is none": RECEIVE + BAD_RESPONSE,
    "302": OK,
    "404": STATUS + 404,
    "503": STATUS + 503,
    "rst": RECEIVE + errno.ECONNRESET,
    "silence": RECEIVE + TIMEOUT,
}
UNREADABLE = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"


def spec(port: int, **http: Any) -> dict[str, Any]:
    """Return what a worker would hand to the client."""
    asked = {
        "http_version": "1.1",
        "connection_header": "none",
        "session": "shared",
        "pool_limit": None,
        "force_close": False,
        **http,
    }
    return conversations.spec(port, timeout_s=0.3, http=asked)


async def _fail(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    if way == "silence":
        await reader.read()
    elif way == "rst":
        opened = writer.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    else:
        writer.write(UNREADABLE if way == "unreadable" else OTHERWISE[way])
    writer.close()


def transact(kind: str, way: str, **http: Any) -> Transaction:
    """Return what a request comes to with such a client and such a server."""

    async def run() -> Transaction:
        server = await asyncio.start_server(
            lambda reader, writer: _fail(way, reader, writer), "127.0.0.1", 0
        )
        async with server:
            client = CLIENTS[kind](spec(server.sockets[0].getsockname()[1], **http))
            done = await conversations.transact(client, 0.3)
            await client.close()
            await asyncio.sleep(0.02)  # so that the server's ends are closed as well
        return done

    return asyncio.run(run())


@pytest.mark.parametrize("session", ["shared", "per_request"])
@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("way", OUTCOMES)
def test_every_way_to_fail_is_an_outcome(kind, way, session):
    """Nothing that a server does raises, and all three clients say the same of it."""
    is_untold = kind == "httpx" and way == "half a head"  # h11 does not say that something came
    expected = RECEIVE + NO_RESPONSE if is_untold else OUTCOMES[way]
    done = transact(kind, way, session=session)
    assert expected == done.outcome
    assert done.connect_call_ns > 0
    assert done.connected_ns > 0
    assert not done.refused


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_body_that_cannot_be_unpacked(kind):
    """A library unpacks bodies; one that is no gzip is a bad response."""
    done = transact(kind, "unreadable")
    assert done.outcome == RECEIVE + BAD_RESPONSE


@pytest.mark.parametrize("kind", CLIENTS)
def test_nobody_listens(kind):
    """ECONNREFUSED at connect: a SYN was sent and no connection was opened."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]

        async def run() -> Transaction:
            client = CLIENTS[kind](spec(port))
            done = await conversations.transact(client)
            await client.close()
            return done

        done = asyncio.run(run())
    assert (CONNECT + errno.ECONNREFUSED, 0, False) == (
        done.outcome,
        done.connected_ns,
        done.refused,
    )
    assert done.connect_call_ns > 0


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_place_in_the_pool_that_does_not_come(kind):
    """Who waits for a full pool has no socket, and its timeout says so."""

    async def run() -> Transaction:
        server = await asyncio.start_server(
            lambda reader, writer: _fail("silence", reader, writer), "127.0.0.1", 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            client = CLIENTS[kind](spec(port, pool_limit=1) | {"timeout_s": 0.5})
            holder = asyncio.ensure_future(client.transact())
            await asyncio.sleep(0.1)
            client._timeout_s = 0.1  # type: ignore[attr-defined]  # it gives up before the holder
            done = await client.transact()
            await holder
            await client.close()
            await asyncio.sleep(0.02)
        return done

    assert asyncio.run(run()) == Transaction(0, 0, SOCKET + TIMEOUT, refused=False)


@pytest.mark.parametrize(
    ("limit", "backlog", "kind"),
    [
        ("pool", 8, httpx.PoolTimeout),
        ("read", 8, httpx.ReadTimeout),
        ("connect", 0, httpx.ConnectTimeout),
    ],
)
def test_the_time_limits_of_httpx_itself(limit, backlog, kind):
    """Its own timeouts, which are no OSError, have one behind them."""

    async def run(port: int) -> list[BaseException]:
        limits = httpx.Limits(max_connections=1 if limit == "pool" else 4)
        times = httpx.Timeout(None if limit == "connect" else 0.5, **{limit: 0.1})
        async with httpx.AsyncClient(limits=limits, timeout=times, trust_env=False) as client:
            calls = (client.get(f"http://127.0.0.1:{port}/") for _ in range(2))
            raised = await asyncio.gather(*calls, return_exceptions=True)
        return [each for each in raised if isinstance(each, kind)]

    with (
        socket.create_server(("127.0.0.1", 0), backlog=backlog) as silent,
        socket.create_connection(silent.getsockname()),  # with a backlog of 0 it is now full
    ):
        raised = asyncio.run(run(silent.getsockname()[1]))
    assert raised
    assert {TIMEOUT} == {reason(each) for each in raised}


def test_a_fault_of_ours_is_no_outcome():
    """What is neither the kernel's nor the library's comes out as it was raised."""

    class Broken(AiohttpClient):
        async def get(self, *_: Any) -> int:
            raise KeyError("ours")

    async def run() -> None:
        client = Broken(spec(1))
        try:
            await client.transact()
        finally:
            await client.close()

    with pytest.raises(KeyError, match="ours"):
        asyncio.run(run())


def test_a_worker_loads_a_library_only_for_its_client():
    """A worker of plain sockets starts without aiohttp and httpx, and finds every client."""
    code = "import sys, tw_bench.load.worker; print({'aiohttp', 'httpx'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
    assert {kind: resolve_name(name) for kind, name in worker.CLIENTS.items()} == {
        "tcp": RawTcp,
        **CLIENTS,
    }
