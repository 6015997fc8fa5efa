"""One HTTP/1 connection of the embedded target: GET in, a fixed body out, closed as HTTP says.

Persistence by RFC 9112 section 9.3: 1.1 keeps the connection unless the request says close, 1.0
closes unless it says keep-alive. A connection that is kept is closed by the client.
"""

_END_OF_HEAD = b"\r\n\r\n"
_LONGEST_HEAD = 65_536


class Answers:
    """The two responses, made once: one that keeps the connection, and one that ends it."""

    def __init__(self, body_bytes: int) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {body_bytes}\r\nConnection: "
        body = b"\r\n\r\n" + b"x" * body_bytes
        self.kept = f"{head}keep-alive".encode() + body
        self.last = f"{head}close".encode() + body


class HttpResponder:
    """`closes_after` requests the server closes first, whatever they say; 0: never."""

    __slots__ = ("_answers", "_buffer", "_requests_left", "is_over")

    def __init__(self, answers: Answers, *, closes_after: int) -> None:
        self._answers = answers
        self._requests_left = closes_after
        self._buffer = b""
        self.is_over = False

    def answer(self, data: bytes) -> bytes | None:
        """Take what came, and return the next response that is due; None: none is.

        A head that does not end within 64 KiB is over, unanswered.
        """
        self._buffer += data
        head, end, rest = self._buffer.partition(_END_OF_HEAD)
        if not end:
            self.is_over = len(head) > _LONGEST_HEAD
            return None
        self._buffer = rest
        self._requests_left -= 1
        self.is_over = self._requests_left == 0 or not _keeps(head.lower())
        return self._answers.last if self.is_over else self._answers.kept


def _keeps(head: bytes) -> bool:
    """Whether a request, in small letters, leaves its connection open."""
    _, _, header = head.partition(b"\r\nconnection:")
    value = header.partition(b"\r\n")[0]
    is_1_1 = b" http/1.1" in head.partition(b"\r\n")[0]
    return b"close" not in value if is_1_1 else b"keep-alive" in value
