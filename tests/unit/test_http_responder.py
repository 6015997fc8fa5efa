"""The embedded HTTP server's words: which requests it answers, and when it closes."""

import pytest

from tw_bench.targets.http_responder import Answers, HttpResponder

KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nxxxxx"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nxxxxx"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"


def ask(*pieces: bytes, closes_after: int = 0) -> tuple[bytes, bool]:
    """Hand over pieces one after the other; return the answers, and whether the server closes."""
    responder = HttpResponder(Answers(5), closes_after=closes_after)
    answers = b""
    for piece in pieces:
        answer = responder.answer(piece)
        while answer is not None:
            answers += answer
            answer = None if responder.is_over else responder.answer(b"")
    return answers, responder.is_over


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
    assert ask(*(REQUEST[at : at + 1] for at in range(len(REQUEST)))) == (KEPT, False)


def test_requests_in_one_segment():
    """Pipelined requests are answered in turn; what follows the last one is not."""
    assert ask(REQUEST * 3) == (KEPT * 3, False)
    assert ask(REQUEST + CLOSE + REQUEST) == (KEPT + LAST, True)


def test_a_head_without_end():
    """A head may be 64 KiB long so far; one byte more, and it is closed, unanswered."""
    begun = b"GET / HTTP/1.1\r\nA: "
    rest = b"x" * (65_536 - len(begun))
    assert ask(begun, rest) == (b"", False)
    assert ask(begun, rest, b"x") == (b"", True)
    assert ask(begun, rest, b"\r\n\r\n") == (KEPT, False)


def test_it_closes_after_so_many():
    """A server that closes first says so in its last answer."""
    assert ask(REQUEST, REQUEST, closes_after=2) == (KEPT + LAST, True)
