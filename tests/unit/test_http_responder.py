"""The embedded HTTP server: which requests it answers, and when it closes, over real sockets."""

import asyncio

import pytest

from tw_bench.targets.http_responder import Answers, HttpResponder

BODY_BYTES = 5
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nxxxxx"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nxxxxx"


def ask(*pieces: bytes, closes_after: int = 0) -> tuple[bytes, bool]:
    """Send pieces one after the other; return what came back, and whether the server closed."""

    async def run() -> tuple[bytes, bool]:
        loop = asyncio.get_running_loop()
        answers = Answers(BODY_BYTES)
        server = await loop.create_server(
            lambda: HttpResponder(answers, closes_after=closes_after), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.005)
            received, is_closed = b"", False
            while not is_closed:
                try:
                    more = await asyncio.wait_for(reader.read(100_000), 0.1)
                except TimeoutError:
                    break
                received, is_closed = received + more, not more
            writer.close()
            await writer.wait_closed()
        return received, is_closed

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("request_", "answer", "closes"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", KEPT, False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", LAST, True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nCONNECTION: Close\r\n\r\n", LAST, True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", KEPT, False),
        (b"GET / HTTP/1.0\r\n\r\n", LAST, True),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", KEPT, False),
        (b"GET /close HTTP/1.1\r\nX: close\r\n\r\n", KEPT, False),
    ],
)
def test_who_closes(request_, answer, closes):
    """Version and Connection header say who closes (RFC 9112 section 9.3)."""
    assert ask(request_) == (answer, closes)


def test_a_head_in_pieces():
    """A head that comes byte by byte is one request."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert ask(*(request[at : at + 1] for at in range(len(request)))) == (KEPT, False)


def test_requests_in_one_segment():
    """Pipelined requests are answered in turn; what follows the last one is not."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    close = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert ask(request * 3) == (KEPT * 3, False)
    assert ask(request + close + request) == (KEPT + LAST, True)


def test_a_head_without_end():
    """More than 64 KiB without the end of a head are closed, unanswered."""
    received, is_closed = ask(b"GET / HTTP/1.1\r\n", b"A: " + b"x" * 65_536)
    assert (received, is_closed) == (b"", True)


def test_it_closes_after_so_many():
    """A server that closes first says so in its last answer."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert ask(request, request, closes_after=2) == (KEPT + LAST, True)
