"""What a point with a proxy asks that cannot be: of two settings, each right alone. Pure."""

from collections.abc import Iterator

from tw_bench.profile.model import Point
from tw_bench.profile.sections import ProxySpec

# Settings that mean something for one proxy only (targets/haproxy.py).
_OF_HAPROXY = ("http_reuse", "nolinger", "source_ports")


def wrong_proxy(point: Point) -> Iterator[tuple[str, str]]:
    """Yield (dotted path, message) for what contradicts the proxy, or lacks one."""
    proxy = point.proxy
    if not point.has_proxy:
        for name in ProxySpec.model_fields:
            if getattr(proxy, name) != ProxySpec.model_fields[name].default:
                yield f"proxy.{name}", "is of no use without a proxy: want proxy.kind"
        if point.lab.proxy_sysctls:
            yield "lab.proxy_sysctls", "there is no proxy: want proxy.kind"
        return
    if point.lab.topology != "pair":
        yield "lab.topology", "a proxy stands between two namespaces: want pair"
    speaks_http = point.client.kind != "tcp" or point.load.command is not None
    if point.target.protocol != "http" or not speaks_http:
        yield (
            "proxy.kind",
            f"got {proxy.kind!r}, which speaks HTTP: want target.protocol: http and client.kind: "
            "http",
        )
    if point.lab.sources > 1:
        yield "lab.sources", "are of the client; a proxy has one address towards its target: want 1"
    yield from _wrong_settings(proxy)


def _wrong_settings(proxy: ProxySpec) -> Iterator[tuple[str, str]]:
    fields = ProxySpec.model_fields
    own = [name for name in fields if name not in ("kind", "config", "workers")]
    if proxy.config is not None:
        for name in own:
            if getattr(proxy, name) != fields[name].default:
                yield f"proxy.{name}", f"is said by your own file {proxy.config}: want one of them"
    for name in _OF_HAPROXY:
        if proxy.kind != "haproxy" and getattr(proxy, name) != fields[name].default:
            yield f"proxy.{name}", f"is HAProxy's, not {proxy.kind}'s: want proxy.kind haproxy"
    if proxy.keepalive and (proxy.connection_header == "close" or _is_unkept(proxy)):
        yield (
            "proxy.keepalive",
            f"got {proxy.keepalive} with HTTP/{proxy.upstream_protocol} and Connection: "
            f"{proxy.connection_header}: no connection is left to be kept: want 0",
        )


def _is_unkept(proxy: ProxySpec) -> bool:
    return proxy.upstream_protocol == "1.0" and proxy.connection_header != "keep-alive"
