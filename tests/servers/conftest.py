"""The real servers in a lab of three namespaces: client, proxy, server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tw_bench.errors import HostError
from tw_bench.lab.lab import Lab, keeper, lab
from tw_bench.lab.topology import topology
from tw_bench.profile.model import Point
from tw_bench.profile.quantities import PortRange
from tw_bench.targets.base import Place
from tw_bench.targets.caddy import Caddy
from tw_bench.targets.haproxy import HAProxy
from tw_bench.targets.nginx import Nginx
from tw_bench.targets.program import Program

KINDS: dict[str, type[Program]] = {"nginx": Nginx, "haproxy": HAProxy, "caddy": Caddy}
_CALLER = Path(__file__).with_name("caller.py")
_FIRST_PORT = 40_000


@pytest.fixture(autouse=True, scope="session")
def namespaces_allowed() -> None:
    """Skip the tests of the servers, with the reason, where this host forbids user namespaces."""
    try:
        with keeper(isolated=True):
            pass
    except HostError as error:
        pytest.skip(str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What became of some requests through a proxy; counters are of its namespace."""

    statuses: dict[str, int]
    opened: int  # connections towards the server
    resets: int  # of connections that were closed with nothing left to send
    time_wait: dict[str, int]  # side → made
    refusals: dict[str, int]


class Stand:
    """A proxy in front of an nginx, and somebody who calls."""

    def __init__(self, built: Lab, point: Point, folder: Path) -> None:
        self.lab = built
        self.point = point
        addresses = {side: built.topology.side(side).ips for side in ("proxy", "server")}
        server = [(ip, port) for ip in addresses["server"] for port in point.target_ports]
        self.listen = [(ip, point.target_port) for ip in addresses["proxy"]]
        self.server = Nginx(point, Place(side="server", listen=server, upstreams=[], folder=folder))
        self.proxy = KINDS[point.proxy.kind](
            point, Place(side="proxy", listen=self.listen, upstreams=server, folder=folder)
        )

    async def start(self, stack: AsyncExitStack) -> None:
        """Start both."""
        for target in (self.server, self.proxy):
            stack.push_async_callback(target.stop)
            await target.start(self.lab.spawn)

    async def call(self, requests: int, at_once: int = 1) -> dict[str, int]:
        """Make requests through the proxy; return status → count."""
        address, port = self.listen[0]
        version = self.point.client.http_version
        words = [address, str(port), str(requests), str(at_once), version]
        process = await self.lab.spawn("client", [sys.executable, str(_CALLER), *words])
        said = await process.stdout.read()
        await process.wait()
        assert said, process.last_words()
        process.close()
        return dict(json.loads(said))

    async def forward(self, requests: int, at_once: int = 1) -> Forwarded:
        """Make requests; return what became of them and what the kernel counted."""
        before = self.lab.read_counters()
        statuses = await self.call(requests, at_once)
        await asyncio.sleep(0.1)
        after = self.lab.read_counters()

        def made(side: str, name: str) -> int:
            return after[side][name] - before[side][name]

        return Forwarded(
            statuses=statuses,
            opened=made("proxy", "Tcp.ActiveOpens"),
            resets=made("proxy", "TcpExt.TCPAbortOnData"),
            time_wait={side: made(side, "TcpExt.TW") for side in ("proxy", "server")},
            refusals=self.proxy.refusals(),
        )


def point(kind: str, *, ports: int = 500, **sections: Any) -> Point:
    """Return a point with a proxy; a section is a mapping."""
    sections["proxy"] = {"kind": kind, **sections.get("proxy", {})}
    lab = {"ports": PortRange(_FIRST_PORT, _FIRST_PORT + ports - 1), **sections.pop("lab", {})}
    target = {"protocol": "http", **sections.pop("target", {})}
    return Point.model_validate({"id": "p", "lab": lab, "target": target, **sections})


def quickly(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a test's coroutine; half a minute is for ever."""

    async def within() -> Any:
        return await asyncio.wait_for(work, 30)

    return asyncio.run(within())


@asynccontextmanager
async def standing(folder: Path, kind: str, **sections: Any) -> AsyncIterator[Stand]:
    """Bring up a lab with a proxy that runs."""
    asked = point(kind, **sections)
    async with AsyncExitStack() as stack:
        link = stack.enter_context(keeper(isolated=True))
        built = await stack.enter_async_context(lab(asked.id, topology(asked), link))
        stand = Stand(built, asked, folder)
        await stand.start(stack)
        yield stand


@pytest.fixture
def forwarded(tmp_path: Path) -> Callable[..., Forwarded]:
    """Return a function that sends requests through a proxy and returns what became of them."""

    def forwarded(kind: str, requests: int = 200, at_once: int = 1, **sections: Any) -> Forwarded:
        async def work() -> Forwarded:
            async with standing(tmp_path, kind, **sections) as stand:
                return await stand.forward(requests, at_once)

        return quickly(work())

    return forwarded


@pytest.fixture
def stand_up(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that brings a proxy up, looks at it with a coroutine, and returns that."""

    def stand_up(look: Callable[[Stand], Any] | None, kind: str, **sections: Any) -> Any:
        async def work() -> Any:
            async with standing(tmp_path, kind, **sections) as stand:
                return await look(stand) if look else None

        return quickly(work())

    return stand_up


@pytest.fixture(name="point")
def point_of() -> Callable[..., Point]:
    """Return point(kind, ...)."""
    return point
