"""Caddy as the proxy.

What Go's HTTP client makes of the settings, on 2.6:

- it speaks HTTP/1.1 and nothing below, and does not count the requests of a connection;
- `keepalive off` sends `Connection: close`; a pool of -1 keeps nothing and sends no header, and
  then Caddy closes first;
- a refused connect() is tried three times at once (spuriousENOTAVAIL, net/tcpsock_posix.go), so
  one line of the log is three looks at the whole range.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S
from tw_bench.profile.model import Point
from tw_bench.targets.base import Place
from tw_bench.targets.own_configuration import joined
from tw_bench.targets.program import Program, cannot, quoted, refuse_haproxy_settings
from tw_bench.targets.refusal_names import renamed

_FAILURES = re.compile(rb'"logger":"http\.log\.error[^"]*","msg":"((?:[^"\\]|\\.)*)"')

# The last words of Go's errors (strings of errno in lower case, zerrors_linux.go) → a name.
_NAMES = {
    "cannot assign requested address": "EADDRNOTAVAIL",
    "address already in use": "EADDRINUSE",
    "connection refused": "ECONNREFUSED",
    "connection reset by peer": "ECONNRESET",
    "connection timed out": "ETIMEDOUT",
    "i/o timeout": "ETIMEDOUT",
    "network is unreachable": "ENETUNREACH",
    "no route to host": "EHOSTUNREACH",
    "too many open files": "EMFILE",
    "EOF": "closed_early",
    "no upstreams available": "no_live_upstream",
}

_GLOBAL = """\
{{
	admin off
	auto_https off
	grace_period 1s
	storage file_system {storage}
	log default {{
		output stderr
		format json
		level ERROR
	}}
}}
"""

_SITE = """\
http://:{port} {{
	bind {addresses}
	reverse_proxy {upstreams} {{
		lb_policy round_robin
{header}		transport http {{
			versions 1.1
			dial_timeout 5s
			compression off
			keepalive {idle_ms}ms
			keepalive_idle_conns {total}
			keepalive_idle_conns_per_host {each}
		}}
	}}
}}
"""


class Caddy(Program):
    """Caddy in front of a target."""

    program: ClassVar[str] = "caddy"
    package: ClassVar[str] = "caddy"
    repeats_lines: ClassVar[bool] = False

    def __init__(self, point: Point, place: Place) -> None:
        super().__init__(point, place)
        is_json = self.own is not None and self.own.endswith(".json")
        self.configuration = self.folder / ("caddy.json" if is_json else "Caddyfile")

    @property
    def version_arguments(self) -> list[str]:
        """`2.6.2`, or `v2.8.4 h1:...`."""
        return ["version"]

    @property
    def check_arguments(self) -> list[str]:
        """Read the configuration, set everything up, and end."""
        return ["validate", *self._file_arguments]

    @property
    def run_arguments(self) -> list[str]:
        """In the foreground."""
        return ["run", *self._file_arguments]

    @property
    def environment(self) -> dict[str, str]:
        """Its home is in the point's folder; a file that leaves `admin` open gets no TCP port."""
        home = str(self.folder / "caddy-data")
        return {
            **dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), home),
            "CADDY_ADMIN": "unix/@caddy-admin",  # abstract: it belongs to the namespace
            "GOMAXPROCS": str(self.point.proxy.workers),
        }

    def number(self, said: str) -> str:
        """Return `2.6.2`."""
        match = re.search(r"(\d[\w.]*)", said)
        return match[1] if match else "unknown"

    def generated(self, number: str) -> str:
        """Return the Caddyfile: a site for each port, all alike."""
        storage = quoted(self.folder / "caddy-data")
        ports: dict[int, list[str]] = {}
        for address, port in self.place.listen:
            ports.setdefault(port, []).append(address)
        sites = [self._site(port, addresses) for port, addresses in ports.items()]
        return _GLOBAL.format(storage=storage) + "".join(sites)

    def count(self, log: bytes) -> dict[str, int]:
        """Count the requests that ended in an error, by the last words of Go's error."""
        return renamed(Counter(_FAILURES.findall(log)), _name)

    @property
    def _file_arguments(self) -> Iterable[str]:
        adapter = [] if self.configuration.suffix == ".json" else ["--adapter", "caddyfile"]
        return ["--config", str(self.configuration), *adapter]

    def _site(self, port: int, addresses: list[str]) -> str:
        proxy = self.point.proxy
        refuse_haproxy_settings(self.point, self.program)
        if proxy.upstream_protocol != "1.1":
            raise cannot(self.point, self.program, "upstream_protocol", "speaks HTTP/1.1")
        if proxy.keepalive_requests != type(proxy).model_fields["keepalive_requests"].default:
            why = "does not count the requests of a connection"
            raise cannot(self.point, self.program, "keepalive_requests", why)
        header = proxy.connection_header
        return _SITE.format(
            port=port,
            addresses=" ".join(addresses),
            upstreams=" ".join(joined(*address) for address in self.place.upstreams),
            header="" if header == "none" else f"\t\theader_up Connection {header}\n",
            idle_ms=round(proxy.keepalive_timeout.seconds(TIME_WAIT_LENGTH_S) * 1000),
            total=proxy.keepalive * len(self.place.upstreams),  # 0: no limit of the sum
            each=proxy.keepalive or -1,
        )


def _name(message: bytes) -> str:
    """Return the name of an error such as `dial tcp 192.0.2.1:80: connect: connection refused`."""
    text = str(json.loads(b'"' + message + b'"')).rpartition(": ")[2]
    return _NAMES.get(text, text.replace(" ", "_"))
