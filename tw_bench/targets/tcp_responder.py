"""One plain TCP connection of the embedded target: so many bytes in, a fixed response out."""


class TcpResponder:
    """A request is `request_bytes` long, whatever it says.

    `closes_after` requests the server closes first; 0: never.
    """

    __slots__ = ("_left", "_request_bytes", "_requests_left", "_response", "is_over")

    def __init__(self, request_bytes: int, response: bytes, *, closes_after: int) -> None:
        self._request_bytes = request_bytes
        self._left = request_bytes
        self._response = response
        self._requests_left = closes_after
        self.is_over = False

    def answer(self, data: bytes) -> bytes | None:
        """Take what came, and return the next response that is due; None: none is."""
        self._left -= len(data)
        if self._left > 0:
            return None
        self._left += self._request_bytes
        self._requests_left -= 1
        self.is_over = self._requests_left == 0
        return self._response
