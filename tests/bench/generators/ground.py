"""Where the generators run: two namespaces, nginx in the server's, each on processors of its own.

A lab and an nginx for each measurement, and no longer than that: so none inherits the TIME_WAIT of
another. The generator has the first processor, the server the last; what reads the counters (and,
for tw-bench, takes in and folds the rows) has those between, and where there are none shares the
server's: a generator never waits for us.
"""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.generators.catalogue import KEEP
from tw_bench.errors import HostError, TargetError
from tw_bench.kernel.process import Process
from tw_bench.lab.lab import KeeperLink, Lab, lab
from tw_bench.lab.topology import Topology
from tw_bench.targets import process_tree

PORT = 80
_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # Debian keeps servers out of a user's PATH
_READY_S = 10.0
_PAUSE_S = 0.3  # the kernel takes a namespace and its sockets down behind our back

# 64 bytes, as the profile has it. Where it closes, nginx sends its FIN behind the response.
_NGINX = """\
user root;
daemon off;
worker_processes {workers};
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    keepalive_timeout {keepalive_s};
    keepalive_requests 1000000000;
    server {{
        listen {address}:{port} backlog=65535;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Processors:
    """Who runs where."""

    generators: tuple[int, ...]  # a processor for each of its processes
    server: tuple[int, ...]
    ours: tuple[int, ...]


def processors(usable: Sequence[int], workers: int = 1) -> Processors:
    """Return who runs where, for a generator of so many processes.

    Raises:
        HostError: there is one processor.

    >>> processors([0, 1])
    Processors(generators=(0,), server=(1,), ours=(1,))
    >>> processors([0, 1], workers=2)
    Processors(generators=(0, 1), server=(1,), ours=(1,))
    >>> processors([0, 1, 2, 3])
    Processors(generators=(0,), server=(3,), ours=(1, 2))
    """
    if len(usable) < 2:
        raise HostError("the table of generators wants two processors: this process has one")
    generators = tuple(usable[number % len(usable)] for number in range(workers))
    server = tuple(usable[max(workers, len(usable) - workers) :]) or (usable[-1],)
    between = set(usable) - set(generators) - set(server)
    return Processors(generators, server, tuple(sorted(between)) or server)


class Ground:
    """A lab in which everything that is started stays on its processors."""

    def __init__(self, living: Lab, cpus: Processors) -> None:
        self.lab = living
        self.cpus = cpus
        self.started: dict[str, list[int]] = {"client": [], "server": []}  # side → pids

    async def spawn(self, side: str, argv: list[str]) -> Process:
        """Start a program on a side, on the processors of that side (kernel/process.py, Spawn)."""
        mine = self.started[side]
        if side == "client":
            on = [self.cpus.generators[len(mine) % len(self.cpus.generators)]]
        else:
            on = list(self.cpus.server)
        process = await self.lab.spawn(side, ["taskset", "-c", ",".join(map(str, on)), *argv])
        mine.append(process_tree.pid_of(process))
        return process

    def runs(self, side: str) -> bool:
        """Say whether everything that was started on a side is there still."""
        return all(Path(f"/proc/{pid}").exists() for pid in self.started[side])

    def cpu_s(self, side: str) -> float:
        """Return the processor seconds that the programs of a side have used so far."""
        return sum(map(process_tree.cpu_s, self.started[side]))


@asynccontextmanager
async def ground(
    name: str, topology: Topology, link: KeeperLink, cpus: Processors
) -> AsyncIterator[Ground]:
    """Bring a lab up, and take it down."""
    async with lab(name, topology, link) as living:
        yield Ground(living, cpus)
    await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def nginx(here: Ground, mode: str, folder: Path) -> AsyncIterator[None]:
    """Run nginx on the server's first address, closing after each response or keeping.

    Raises:
        TargetError: it is not installed, or does not listen; with the last line of its log.
    """
    found = find_nginx()
    address = here.lab.topology.side("server").ips[0]
    text = _NGINX.format(
        workers=len(here.cpus.server),
        files=16_384,
        connections=8_192,
        folder=folder,
        keepalive_s=3600 if mode == KEEP else 0,
        address=address,
        port=PORT,
        body="x" * 64,
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    argv = [found, "-e", "stderr", "-c", str(configuration)]
    process = await here.spawn("server", argv)
    try:
        await _listening(process, here.started["server"][-1], [(address, PORT)])
        yield
    finally:
        await process.stop()
        process.close()


def find_nginx() -> str:
    """Return where nginx is.

    Raises:
        TargetError: it is not installed.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:{_FOLDERS}")
    if found is None:
        raise TargetError("nginx is not installed: sudo apt install nginx-light")
    return found


async def _listening(process: Process, pid: int, addresses: Sequence[tuple[str, int]]) -> None:
    deadline = time.monotonic() + _READY_S
    while process_tree.not_listening(pid, addresses):
        if time.monotonic() > deadline:
            raise TargetError(f"nginx does not listen: {process.last_words().strip()}")
        await asyncio.sleep(0.01)
