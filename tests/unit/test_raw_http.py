"""The raw HTTP client: where a response ends, what it came to, and what becomes of a connection."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.unit import conversations
from tw_bench.load.clients.http_response import Response, read_response
from tw_bench.load.clients.raw_http import RawHttp
from tw_bench.results.outcomes import (
    BAD_RESPONSE,
    EARLY_EOF,
    NO_RESPONSE,
    OK,
    RECEIVE,
    STATUS,
    TIMEOUT,
)

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

KEPT = Response(OK, keeps=True, is_whole=True)
LAST = Response(OK, keeps=False, is_whole=True)
CUT = Response(RECEIVE + EARLY_EOF)
BAD = Response(RECEIVE + BAD_RESPONSE)

# name → what the other side sends before it closes, what it comes to
RESPONSES: dict[str, tuple[bytes, Response]] = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", KEPT),
    "no body": (b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", KEPT),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", KEPT),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", KEPT),
    "close": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", LAST),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", LAST),
    "1.0 kept": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\nx",
        KEPT,
    ),
    "no length": (b"HTTP/1.1 200 OK\r\n\r\nas much as comes", LAST),
    "no length, 1.0 kept": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nabc", LAST),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n"
        b"0\r\n\r\n",
        KEPT,
    ),
    "a chunk that looks like the last one": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n",
        KEPT,
    ),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
        KEPT,
    ),
    "chunks go over a length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        KEPT,
    ),
    "the word chunked elsewhere": (
        b"HTTP/1.1 200 OK\r\nX-Body: chunked\r\nContent-Length: 2\r\n\r\nab",
        KEPT,
    ),
    "early hints": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        KEPT,
    ),
    "502": (
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno",
        Response(STATUS + 502, keeps=True, is_whole=True),
    ),
    "nothing": (b"", Response(RECEIVE + NO_RESPONSE)),
    "half a head": (b"HTTP/1.1 200 OK\r\nConte", CUT),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", CUT),
    "half a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", CUT),
    "no last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", CUT),
    "garbage": (b"garbage garbage\r\n\r\n", BAD),
    "no status": (b"HTTP/1.1 abc OK\r\n\r\n", BAD),
    "another protocol": (b"SSH-2.0-x\r\n\r\n", BAD),
    "a length that is none": (b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", BAD),
    "a length below zero": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", BAD),
    "a chunk that is none": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        BAD,
    ),
    "a chunk longer than it says": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        BAD,
    ),
    "a head without end": (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000, BAD),
    "101": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", BAD),
}
AFTER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Pieces:
    """A source that hands over its pieces and then has closed."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [piece for piece in pieces if piece]

    async def read(self) -> bytes:
        """Return the next piece."""
        return self._pieces.pop(0) if self._pieces else b""


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response(name):
    """Where it ends and what it came to does not hang on how it was cut into segments."""
    data, expected = RESPONSES[name]
    cuts = range(min(len(data), 300))
    for cut in cuts:
        got = asyncio.run(read_response(Pieces(data[:cut], data[cut:])))
        assert (cut, expected) == (cut, got)
    assert expected == asyncio.run(
        read_response(Pieces(*(data[at : at + 1] for at in range(len(data)))))
    )


def test_a_second_response_that_nobody_asked_for():
    """Bytes behind the end of a response make it a bad one."""
    assert asyncio.run(read_response(Pieces(AFTER + AFTER))) == BAD


# --- over real sockets


def talk(answer: Answer, requests: int, timeout_s: float = 10) -> tuple[list[int], int]:
    """Return the outcomes of so many requests to such a server, and how many connections came."""

    async def run() -> tuple[list[int], int]:
        accepted = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal accepted
            accepted += 1
            try:
                await answer(reader, writer)
            except asyncio.IncompleteReadError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            client = RawHttp(conversations.spec(server.sockets[0].getsockname()[1]))
            outcomes = [
                (await conversations.transact(client, timeout_s)).outcome for _ in range(requests)
            ]
            await client.close()
        await asyncio.sleep(0.01)
        return outcomes, accepted

    return asyncio.run(run())


def test_a_status_that_is_an_error_leaves_the_connection():
    """After a 502 the connection is kept and carries the next request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for status in (b"502 Bad Gateway", b"200 OK", b"404 Not Found"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    assert talk(answer, 3) == ([STATUS + 502, OK, STATUS + 404], 1)


def test_a_kept_connection_that_was_closed_meanwhile_is_no_error():
    """The request is sent again over a new connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(AFTER)

    assert talk(answer, 3) == ([OK, OK, OK], 3)


def test_a_new_connection_without_an_answer_is_an_error():
    """Only what may have been closed before the request is asked again."""

    async def answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    assert talk(answer, 2) == ([RECEIVE + NO_RESPONSE] * 2, 2)


def test_a_silent_server_costs_the_timeout():
    """A response that does not come is a timeout, in the phase in which it was waited for."""

    async def answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    outcomes, _ = talk(answer, 1, timeout_s=0.5)
    assert outcomes == [RECEIVE + TIMEOUT]
