"""What a point asks of a client that this client cannot do, or would not heed. Pure."""

from collections.abc import Iterator

from tw_bench.profile.model import Point
from tw_bench.profile.sections import ClientSpec, Section

_TCP, _RAW, _AIOHTTP, _HTTPX = "tcp", "http", "aiohttp", "httpx"
_HTTP = (_RAW, _AIOHTTP, _HTTPX)
_LIBRARIES = (_AIOHTTP, _HTTPX)

# A setting, the kinds of client that it says nothing to, and what is wanted instead.
_UNHEEDED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("client.http_version", (_TCP,), "is of HTTP: want client.kind http or aiohttp"),
    ("client.http_version", (_HTTPX,), "httpx speaks 1.1 alone: want client.kind http or aiohttp"),
    ("client.connection_header", (_TCP,), "is of HTTP: want client.kind http, aiohttp or httpx"),
    ("client.session", (_TCP, _RAW), "is of a library: want connection.requests_per_connection"),
    ("client.pool_limit", (_TCP, _RAW), "is of a library: want connection.pool"),
    ("client.force_close", (_TCP, _RAW, _HTTPX), "is of client.kind aiohttp: want that"),
    (
        "connection.active_closer",
        _HTTP,
        "with HTTP the headers say who closes: want client.http_version or connection_header",
    ),
    ("connection.close", _HTTP, "HTTP ends a connection by a FIN: want fin"),
    ("connection.request_bytes", _HTTP, "a GET is as long as its headers: want it left out"),
    ("connection.source_port", _LIBRARIES, "a library leaves it to connect(): want autobind"),
    ("connection.reuse_address", _LIBRARIES, "a library makes its own sockets: want false"),
    (
        "connection.requests_per_connection",
        _LIBRARIES,
        "a library does not count: want client.session or client.force_close",
    ),
    ("connection.pool", _LIBRARIES, "a library has its own pool: want client.pool_limit"),
    (
        "connection.idle_timeout",
        _LIBRARIES,
        "a library has its own, 15 s of aiohttp and 5 s of httpx: want it left out",
    ),
    ("lab.sources", _LIBRARIES, "a library binds to no address: want 1"),
)


def wrong_client(point: Point) -> Iterator[tuple[str, str]]:
    """Yield (dotted path, message) for what does not go with the kind of client."""
    kind, protocol = point.client.kind, point.target.protocol
    if point.load.command is not None:  # it is the client
        if point.client != ClientSpec():
            yield "client.kind", "load.command is the client: want no client section"
        return
    if kind == _TCP and protocol == "http":
        yield "target.protocol", "got 'http': the client sends bytes: want client.kind: http"
    if kind != _TCP and protocol != "http":
        yield "client.kind", f"got {kind!r}: the target takes bytes: want target.protocol: http"
    for path, kinds, wanted in _UNHEEDED:
        section, _, name = path.partition(".")
        asked = _asked(getattr(point, section), name)
        if kind in kinds and asked:
            yield path, f"got {asked}: {wanted}"
    yield from _wrong_library(point)


def _wrong_library(point: Point) -> Iterator[tuple[str, str]]:
    client = point.client
    if client.kind not in _LIBRARIES:
        return
    if point.lab.topology == "host":
        yield (
            "lab.topology",
            f"got 'host': {client.kind} would take the whole range of this machine: want pair",
        )
    if point.method.fill_source_port == "socket_range":
        yield "method.fill_source_port", "got 'socket_range': a library has one way: want same"
    if client.pool_limit is not None and client.session == "per_request":
        yield (
            "client.pool_limit",
            f"got {client.pool_limit}: a session of one request has one connection: "
            "want client.session: shared",
        )


def _asked(section: Section, name: str) -> str:
    """Return a setting as text where it is not the default; nothing where it is."""
    value = getattr(section, name)
    if value == type(section).model_fields[name].default:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else str(value)
