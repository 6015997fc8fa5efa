"""An HTTP/1 response, read to its end as RFC 9112 section 6.3 finds it. Nothing is kept of it."""

from typing import NamedTuple, Protocol

from tw_bench.results.outcomes import (
    BAD_RESPONSE,
    EARLY_EOF,
    NO_RESPONSE,
    OK,
    RECEIVE,
    STATUS,
)

_END_OF_HEAD = b"\r\n\r\n"
_LONGEST_HEAD = 65_536
_FIRST_FINAL, _FIRST_ERROR = 200, 400
_SWITCHING = 101  # that nobody asked for
_NO_BODY = (204, 304)


class Source(Protocol):
    """Where the bytes come from: a Connection."""

    async def read(self) -> bytes:
        """Return the next bytes that came; none: the other side has closed."""
        ...


class Response(NamedTuple):
    """What came, and what becomes of the connection."""

    outcome: int
    keeps: bool = False  # the other side leaves the connection open
    is_whole: bool = False


def whole_response(data: bytes) -> Response | None:
    """Return the response that `data` is, where the same head came before; None: look closer.

    A server says the same thing thousands of times a second: its head is taken apart once.
    """
    end = data.find(_END_OF_HEAD)
    known = _known_heads.get(data[:end]) if end >= 0 else None
    if known is None or len(data) - end - len(_END_OF_HEAD) != known[0]:
        return None
    return known[1]


async def read_response(source: Source, first: bytes | None = None) -> Response:
    """Return the outcome of the response to a GET; 1xx before it are passed over.

    `first` has come already. Bytes after the response's end answer nothing that was asked, and
    make it a bad one.
    """
    stream = _Stream(source)
    try:
        if first is not None:
            stream.add(first)
        head = await stream.head()
        while head.status < _FIRST_FINAL and head.status != _SWITCHING:
            head = await stream.head()
        has_end = await _drop_body(stream, head)
    except _EndError as end:
        return Response(RECEIVE + end.reason)
    if stream.data or head.status == _SWITCHING:
        return Response(RECEIVE + BAD_RESPONSE)
    outcome = STATUS + head.status if head.status >= _FIRST_ERROR else OK
    response = Response(outcome, head.keeps and has_end, is_whole=True)
    if first is not None and has_end and head.field(b"transfer-encoding") is None:
        _remember(first, head, response)
    return response


_known_heads: dict[bytes, tuple[int, Response]] = {}  # → bytes of the body, what it comes to
_MOST_KNOWN = 64  # a Date makes a new one each second


def _remember(data: bytes, head: "_Head", response: Response) -> None:
    """Keep what a head comes to, if it began the response and its length says where that ends."""
    text = data.partition(_END_OF_HEAD)[0]
    if head.is_of(text):
        if len(_known_heads) >= _MOST_KNOWN:
            _known_heads.clear()
        length = 0 if head.status in _NO_BODY else int(head.field(b"content-length") or 0)
        _known_heads[text] = (length, response)


async def _drop_body(stream: "_Stream", head: "_Head") -> bool:
    """Read the body; False: it ended with the connection."""
    if head.status in _NO_BODY:
        return True
    coding, length = head.field(b"transfer-encoding"), head.field(b"content-length")
    if coding is not None and coding.endswith(b"chunked"):  # goes over a length
        await _drop_chunks(stream)
        return True
    if coding is None and length is not None:
        if not length.isdigit():
            raise _EndError(BAD_RESPONSE)
        await stream.drop(int(length))
        return True
    await stream.drop_rest()
    return False


async def _drop_chunks(stream: "_Stream") -> None:
    """Read chunks to the last one, and the trailers behind it (RFC 9112 section 7.1)."""
    while True:
        digits = (await stream.line()).partition(b";")[0].strip()
        try:
            size = int(digits, 16)
        except ValueError:
            raise _EndError(BAD_RESPONSE) from None
        if size < 0:
            raise _EndError(BAD_RESPONSE)
        if not size:
            break
        await stream.drop(size)
        if await stream.line():
            raise _EndError(BAD_RESPONSE)
    while await stream.line():
        pass


class _EndError(Exception):
    """The response ends here, otherwise than it should."""

    def __init__(self, reason: int) -> None:
        super().__init__(reason)
        self.reason = reason


class _Head:
    """Status line and fields, in small letters."""

    def __init__(self, text: bytes) -> None:
        self._text = text.lower()
        code = self._text[9:12]
        if not self._text.startswith(b"http/1.") or len(code) < 3 or not code.isdigit():
            raise _EndError(BAD_RESPONSE)
        self.status = int(code)

    def is_of(self, text: bytes) -> bool:
        """Whether this is that head."""
        return self._text == text.lower()

    @property
    def keeps(self) -> bool:
        """Whether the other side keeps the connection (RFC 9112 section 9.3)."""
        value = self.field(b"connection") or b""
        return b"close" not in value and (
            self._text.startswith(b"http/1.1") or b"keep-alive" in value
        )

    def field(self, name: bytes) -> bytes | None:
        """Return the value of a field."""
        start = self._text.find(b"\r\n" + name + b":")
        if start < 0:
            return None
        start += len(name) + 3
        end = self._text.find(b"\r\n", start)
        return self._text[start : end if end >= 0 else len(self._text)].strip()


class _Stream:
    """The bytes of a connection that have come and are not yet dealt with."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._is_empty = True  # nothing has come at all
        self.data = bytearray()

    async def head(self) -> _Head:
        """Take a head."""
        return _Head(await self._until(_END_OF_HEAD))

    async def line(self) -> bytes:
        """Take a line."""
        return await self._until(b"\r\n")

    async def drop(self, count: int) -> None:
        """Take so many bytes and forget them."""
        while count > len(self.data):
            count -= len(self.data)
            self.data.clear()
            await self._more()
        del self.data[:count]

    async def drop_rest(self) -> None:
        """Take all that comes until the other side closes."""
        self.data.clear()
        while await self._source.read():
            pass

    async def _until(self, end: bytes) -> bytes:
        while (at := self.data.find(end)) < 0:
            if len(self.data) > _LONGEST_HEAD:
                raise _EndError(BAD_RESPONSE)
            await self._more()
        taken = bytes(self.data[:at])
        del self.data[: at + len(end)]
        return taken

    async def _more(self) -> None:
        self.add(await self._source.read())

    def add(self, more: bytes) -> None:
        """Take what has come; nothing: the other side has closed."""
        if not more:
            raise _EndError(NO_RESPONSE if self._is_empty else EARLY_EOF)
        self._is_empty = False
        self.data += more
