"""The embedded target: our own server, in the server's namespace."""

import json

from tw_bench.kernel.process import Process, Spawn, python_module
from tw_bench.profile.model import Point
from tw_bench.targets.base import Place, died, wait_ready


class Embedded:
    """A server on plain sockets in a process of its own (targets/embedded_server.py)."""

    def __init__(self, point: Point, place: Place) -> None:
        connection = point.connection
        closes = connection.active_closer in ("server", "both")
        self._name = f"{point.id}: the embedded target"
        self._spec = {
            "listen": place.listen,
            "protocol": point.target.protocol,
            "backlog": point.target.backlog,
            "reuse_address": point.target.reuse_address,
            "request_bytes": connection.request_bytes,
            "response_bytes": connection.response_bytes,
            "response_time_s": point.target.response_time.number,
            "closes_after": connection.requests_per_connection.least if closes else 0,
            "resets": closes and connection.close == "rst",
        }
        self._process: Process | None = None

    async def start(self, spawn: Spawn) -> None:
        """Start it and return once it listens."""
        argv = [*python_module("tw_bench.targets.embedded_server"), json.dumps(self._spec)]
        self._process = await spawn("server", argv)
        await wait_ready(self._process, self._name)

    async def watch(self) -> None:
        """Raise TargetError when it dies."""
        assert self._process is not None
        await self._process.wait()
        raise await died(self._process, f"{self._name} died in mid-run")

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            await self._process.stop()
            self._process.close()
