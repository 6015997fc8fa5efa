"""nginx as the proxy, or as the server behind one (Debian: nginx-light and its like).

Its pool (`keepalive`) is one for each worker and for all upstreams together. One request makes
one attempt at a connection: `max_fails=0` and `proxy_next_upstream_tries 1`, because with nginx's
own defaults one refusal among several upstreams takes an upstream out for ten seconds.
"""

import re
import shutil
from collections import Counter
from pathlib import Path

from tw_bench.kernel.host import open_files_limit
from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S
from tw_bench.targets.own_configuration import joined
from tw_bench.targets.program import Program, quoted, refuse_haproxy_settings
from tw_bench.targets.refusal_names import errno_name

# From here on an upstream block has a pool of 32 by default (nginx's CHANGES, 1.29.7).
_POOL_BY_DEFAULT = (1, 29, 7)
_MOST_CONNECTIONS = 16_384  # of a worker; 450 bytes each
_MOST_FILES = 1 << 20
_FOR_EVER = 1_000_000_000
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

# ngx_http_upstream.c and ngx_event_connect.c: what is said of a connection towards upstream.
_FAILURES = re.compile(rb" \((\d+): [^)\n]*\) while [a-z ]*upstream")
_WORDS = {
    "no_live_upstream": b" no live upstreams while",
    "closed_early": b" upstream prematurely closed connection",
}

_MAIN = """\
user root;  # of the lab's user namespace: whoever runs tw-bench
daemon off;
worker_processes {workers};
worker_rlimit_nofile {files};
pid {pid};
error_log {log} error;
events {{
    worker_connections {connections};
}}
http {{
{places}
    keepalive_timeout 3600s;
    keepalive_requests {for_ever};
{http}
}}
"""

_PROXY = """\
    upstream target {{
{servers}
{pool}
    }}
    server {{
{listen}
        location / {{
            proxy_pass http://target;
            proxy_http_version {version};
            proxy_set_header Connection "{connection}";
            proxy_set_header Host $proxy_host;
            proxy_socket_keepalive off;
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 1;
            proxy_connect_timeout 5s;
            proxy_read_timeout 60s;
        }}
    }}"""

# A file, because a word of the configuration ends at 4 kB (NGX_CONF_BUFFER).
_SERVER = """\
    default_type application/octet-stream;
    open_file_cache max=1;
    etag off;
    server {{
{listen}
        root {folder};
        error_page 405 =200 /{body};
        location / {{
            rewrite ^ /{body} break;
        }}
    }}"""


class Nginx(Program):
    """nginx in front of a target, or, where there is no upstream, as the target."""

    program = "nginx"
    package = "nginx-light"
    # A user namespace of one id has no groups to set; nginx says so and goes on.
    harmless = "initgroups("

    @property
    def version_arguments(self) -> list[str]:
        """`nginx version: nginx/1.22.1`."""
        return ["-v"]

    @property
    def check_arguments(self) -> list[str]:
        """Read the configuration, open its files and bind its addresses."""
        return ["-t", "-q", *self.run_arguments]

    @property
    def run_arguments(self) -> list[str]:
        """What the user's own file leaves open is said here: one statement each, or an error."""
        settings = {
            "daemon": "off",
            "user": "root",
            "pid": quoted(self._file("pid")),
            "error_log": f"{quoted(self._log.path)} error",
            "worker_rlimit_nofile": str(_files()),
        }
        said = self.configuration.read_text()
        missing = "".join(f"{k} {v}; " for k, v in settings.items() if not _says(said, k))
        extra = ["-g", missing] if missing else []
        return ["-p", f"{self.folder}/", "-e", "stderr", "-c", str(self.configuration), *extra]

    def number(self, said: str) -> str:
        """Return `1.22.1`."""
        match = re.search(r"nginx/([\d.]+)", said)
        return match[1] if match else "unknown"

    def generated(self, number: str) -> str:
        """Return nginx.conf; every directive that has changed its default is in it."""
        role = self._proxy(number) if self.place.upstreams else self._server()
        return _MAIN.format(
            workers=self.point.proxy.workers if self.place.upstreams else 1,
            files=_files(),
            pid=quoted(self._file("pid")),
            log=quoted(self._log.path),
            connections=min(_MOST_CONNECTIONS, _files()),
            places="\n".join(f"    {line}" for line in self._places("")),
            for_ever=_FOR_EVER,
            http=role,
        )

    def adapted(self, text: str) -> str:
        """Give the user's `http` block places to write to; line numbers stay as they are."""
        lines = " ".join(self._places(text))
        return re.sub(
            r"^(\s*http\s*\{)", lambda match: f"{match[1]} {lines}", text, count=1, flags=re.M
        )

    async def stop(self) -> None:
        """End it, and take away the places it could have buffered in."""
        await super().stop()
        for name in _TEMPORARY:
            shutil.rmtree(self._file(name), ignore_errors=True)

    def count(self, log: bytes) -> dict[str, int]:
        """Count `connect() failed (99: ...)` and its like by errno, and what has no errno."""
        codes = Counter(_FAILURES.findall(log))
        named = {errno_name(int(code)): count for code, count in codes.items()}
        return named | {name: log.count(words) for name, words in _WORDS.items() if words in log}

    def _proxy(self, number: str) -> str:
        proxy = self.point.proxy
        refuse_haproxy_settings(self.point, self.program)
        upstreams = (joined(*address) for address in self.place.upstreams)
        return _PROXY.format(
            servers="\n".join(f"        server {upstream} max_fails=0;" for upstream in upstreams),
            pool=self._pool(number),
            listen=self._listen(),
            version=proxy.upstream_protocol,
            connection={"none": ""}.get(proxy.connection_header, proxy.connection_header),
        )

    def _pool(self, number: str) -> str:
        proxy = self.point.proxy
        if proxy.keepalive == 0:
            parts = tuple(int(part) for part in number.split(".") if part.isdecimal())
            return "        keepalive 0;" if parts >= _POOL_BY_DEFAULT else "        # no pool"
        idle_ms = round(proxy.keepalive_timeout.seconds(TIME_WAIT_LENGTH_S) * 1000)
        return (
            f"        keepalive {proxy.keepalive};\n"
            f"        keepalive_requests {proxy.keepalive_requests};\n"
            f"        keepalive_timeout {idle_ms}ms;"
        )

    def _server(self) -> str:
        body = self._file("body")
        body.parent.mkdir(parents=True, exist_ok=True)
        body.write_bytes(b"x" * self.point.connection.response_bytes)
        return _SERVER.format(listen=self._listen(), folder=quoted(self.folder), body=body.name)

    def _listen(self) -> str:
        backlog = self.point.target.backlog
        listen = (joined(*address) for address in self.place.listen)
        return "\n".join(f"        listen {address} backlog={backlog};" for address in listen)

    def _places(self, said: str) -> list[str]:
        """Return where to write, instead of Debian's folders that only root may write to."""
        places = {f"{name}_temp_path": quoted(self._file(name)) for name in _TEMPORARY}
        places["access_log"] = "off"
        return [f"{name} {value};" for name, value in places.items() if not _says(said, name)]

    def _file(self, name: str) -> Path:
        return self.folder / f"{self.stem}.{name}"


def _says(text: str, directive: str) -> bool:
    return re.search(rf"(?:^|[;{{}}])\s*{directive}\s", text, re.MULTILINE) is not None


def _files() -> int:
    return min(open_files_limit(), _MOST_FILES)
