"""HAProxy as the proxy.

What it makes of the settings, on 2.6:

- it closes a connection towards its target by an RST whenever it closes first, nolinger or not:
  sockets that it opened are closed hard (FD_LINGER_RISK, src/fd.c). So it holds no TIME_WAIT
  there, and runs out of ports only by connections that are open at once;
- `keepalive` is `pool-max-conn` of each server, `keepalive_timeout` is `pool-purge-delay`: at each
  such interval half of what was idle is closed;
- a request keeps the HTTP version that its client gave it: HTTP/1.0 upstream wants such clients;
- `retries 0`: one request makes one attempt at a connection. Its own default asks four times, at
  once, and each time the kernel looks at the whole range.
"""

import re
from collections import Counter
from typing import ClassVar

from tw_bench.kernel.host import open_files_limit
from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S
from tw_bench.targets.own_configuration import joined, source
from tw_bench.targets.program import Program, cannot
from tw_bench.targets.refusal_names import renamed

_MOST_CONNECTIONS = 20_000
_SPARE_FILES = 200

# (upstream_protocol, connection_header) → the option that gives it, seen on the wire of 2.6.12.
_OPTIONS = {
    ("1.1", "none"): "http-keep-alive",
    ("1.1", "close"): "http-server-close",
    ("1.0", "none"): "http-server-close",
    ("1.0", "keep-alive"): "http-keep-alive",
}

# tcp_connect_server (src/proto_tcp.c) says these once for each attempt; the line of a request
# that got no connection, or no answer, is the log-format below.
_FAILURES = re.compile(
    rb"Connect\(\) failed for backend [^\n:]*: ([^\n.]*)"
    rb"|(Cannot bind to source address)"
    rb"|^request -?\d+ ([sS]\w) (?!7 |9 )",  # 7, 9: said above
    re.MULTILINE,
)
_NAMES = {
    "no free ports": "EADDRNOTAVAIL",
    "local address already in use": "EADDRINUSE",
    "Cannot bind to source address": "no_source_port",
    "SC": "connect_failed",
    "sC": "ETIMEDOUT",
    "SH": "closed_early",
    "SD": "closed_early",
    "sH": "response_timeout",
    "sD": "response_timeout",
}

_CONFIGURATION = """\
global
    log fd@3 format raw local0  # a file of the run folder; -q closes 1 and 2
    maxconn {maxconn}
    nbthread {workers}
defaults
    mode http
    log global
    log-format "request %ST %ts %[bc_err] %[bc_err_str]"
    option dontlog-normal
    timeout connect 5s
    timeout client 3600s
    timeout server 60s
    timeout http-keep-alive 3600s
    retries 0
frontend client
{binds}
{private}    default_backend target
backend target
    option {option}
    http-reuse {reuse}
    {nolinger}option nolinger
    default-server {server}
{servers}
"""


class HAProxy(Program):
    """HAProxy in front of a target."""

    program: ClassVar[str] = "haproxy"
    package: ClassVar[str] = "haproxy"
    suffix: ClassVar[str] = ".cfg"

    @property
    def version_arguments(self) -> list[str]:
        """`HAProxy version 2.6.12-1+deb12u4 2026/10/17 ...`."""
        return ["-v"]

    @property
    def check_arguments(self) -> list[str]:
        """Read the configuration and end."""
        return ["-c", "-f", str(self.configuration)]

    @property
    def run_arguments(self) -> list[str]:
        """In the foreground; quiet, because it says each refusal on stderr as well."""
        return ["-db", "-q", "-f", str(self.configuration)]

    def number(self, said: str) -> str:
        """Return `2.6.12`."""
        match = re.search(r"version (\d[\d.]*)", said)
        return match[1] if match else "unknown"

    def generated(self, number: str) -> str:
        """Return haproxy.cfg."""
        proxy = self.point.proxy
        keeps = proxy.keepalive > 0
        binds = (joined(*address) for address in self.place.listen)
        upstreams = (joined(*address) for address in self.place.upstreams)
        backlog = self.point.target.backlog
        return _CONFIGURATION.format(
            maxconn=min(_MOST_CONNECTIONS, (open_files_limit() - _SPARE_FILES) // 2),
            workers=proxy.workers,
            binds="\n".join(f"    bind {address} backlog {backlog}" for address in binds),
            # What `http-reuse never` keeps for one client is a pool of its own.
            private="" if keeps else "    max-session-srv-conns 0\n",
            option=self._option(),
            reuse=proxy.http_reuse,
            nolinger="" if proxy.nolinger else "no ",
            server=self._server(),
            servers="\n".join(
                f"    server s{number} {address}" for number, address in enumerate(upstreams, 1)
            ),
        )

    def count(self, log: bytes) -> dict[str, int]:
        """Count what it says of attempts, and of requests that failed after one."""
        return renamed(Counter(map(b"".join, _FAILURES.findall(log))), _name)

    def _option(self) -> str:
        point, proxy = self.point, self.point.proxy
        version = point.client.http_version
        if proxy.upstream_protocol != version:
            why = f"passes on the version of its client, {version}: want client.http_version so"
            raise cannot(point, self.program, "upstream_protocol", why)
        option = _OPTIONS.get((proxy.upstream_protocol, proxy.connection_header))
        if option is None:
            why = f"takes that header out of a request of HTTP/{version}: want another"
            raise cannot(point, self.program, "connection_header", why)
        return option

    def _server(self) -> str:
        proxy = self.point.proxy
        if proxy.keepalive_requests != type(proxy).model_fields["keepalive_requests"].default:
            why = "does not count the requests of an HTTP/1 connection (max-reuse is for HTTP/2)"
            raise cannot(self.point, self.program, "keepalive_requests", why)
        idle_ms = round(proxy.keepalive_timeout.seconds(TIME_WAIT_LENGTH_S) * 1000)
        words = [f"pool-max-conn {proxy.keepalive}", f"pool-purge-delay {idle_ms}ms"]
        if proxy.source_ports:
            words.append(f"source {source(self.place, proxy.source_ports)}")
        return " ".join(words)


def _name(words: bytes) -> str:
    text = words.decode(errors="replace")
    return _NAMES.get(text, text.replace(" ", "_"))
