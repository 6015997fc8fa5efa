"""How the target is really called: by the client as the profile says, by its headers, by a proxy.

The law asks who opens a connection, who closes it first and how many requests it carries. With
HTTP that follows from versions and Connection headers (RFC 9112 section 9.3), behind a proxy from
the proxy's settings. Pure.
"""

from tw_bench.profile.model import Point
from tw_bench.profile.quantities import Lifetime
from tw_bench.profile.sections import ClientSpec, ConnectionSpec, ProxySpec

LIBRARIES = ("aiohttp", "httpx")  # kinds of client that open and keep connections in their own way

FOR_GOOD = 1_000_000_000  # requests of a connection that nobody ends
_ONCE = Lifetime("fixed", 1, 1, 1)


def as_called(point: Point) -> Point:
    """Return the point with its connections as the target sees them."""
    if point.has_proxy:
        changes = _of_proxy(point.proxy)
    elif point.client.kind != "tcp":
        changes = _of_client(point.client, point.connection)
    else:
        return point
    update: dict[str, object] = {"connection": point.connection.model_copy(update=changes)}
    if point.client.kind in LIBRARIES:  # it has one way to get its ports, in the fill as after it
        update["method"] = point.method.model_copy(update={"fill_source_port": "same"})
    return point.model_copy(update=update)


def _of_proxy(proxy: ProxySpec) -> dict[str, object]:
    keeps = _is_kept(proxy.upstream_protocol, proxy.connection_header)
    pool = proxy.keepalive * proxy.workers if keeps else 0
    requests = proxy.keepalive_requests
    return {
        "active_closer": "client" if keeps else "server",
        # HAProxy resets what it closes first, nolinger or not (targets/haproxy.py).
        "close": "rst" if proxy.kind == "haproxy" and keeps else "fin",
        "source_port": "explicit_sequential" if proxy.source_ports else "autobind",
        "reuse_address": proxy.source_ports is not None,  # HAProxy sets it where it binds
        "requests_per_connection": Lifetime("fixed", requests, requests, requests)
        if pool
        else _ONCE,
        "pool": pool,
    }


def _of_client(client: ClientSpec, connection: ConnectionSpec) -> dict[str, object]:
    keeps = _is_kept(client.http_version, _sent_header(client))
    requests = connection.requests_per_connection
    if client.kind in LIBRARIES:  # it keeps a connection as long as its session lives
        requests = Lifetime("fixed", FOR_GOOD, FOR_GOOD, FOR_GOOD)
    is_once = not keeps or client.session == "per_request" or client.force_close
    return {
        "active_closer": "client" if keeps else "server",
        "requests_per_connection": _ONCE if is_once else requests,
    }


def _sent_header(client: ClientSpec) -> str:
    """Return the Connection header that is sent: aiohttp has its own where none is asked for.

    ClientRequest of aiohttp: close for HTTP/1.1 with force_close, keep-alive for HTTP/1.0 without.
    httpx sends keep-alive with HTTP/1.1, which changes nothing.
    """
    if client.kind != "aiohttp" or client.connection_header != "none":
        return client.connection_header
    if client.http_version == "1.1":
        return "close" if client.force_close else "none"
    return "none" if client.force_close else "keep-alive"


def _is_kept(version: str, connection_header: str) -> bool:
    """Whether a server that keeps to RFC 9112 section 9.3 leaves the connection open."""
    return connection_header == "keep-alive" or (version == "1.1" and connection_header == "none")
