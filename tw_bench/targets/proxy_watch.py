"""What a proxy did in a run, by its counters, its sockets, its log and its processes."""

import json
import time
from collections.abc import Mapping

from tw_bench.kernel.process import Process, Spawn, python_module
from tw_bench.targets.base import Proxy, wait_ready

_TOWARDS_TARGET = "veth1"  # lab/keeper.py


class ProxyWatch:
    """One proxy, from the start of the load to its end."""

    def __init__(self, kind: str, proxy: Proxy, spawn: Spawn, port: int) -> None:
        self._kind = kind
        self._proxy = proxy
        self._spawn = spawn
        self._port = port
        self._begun_s = 0.0
        self._cpu_before_s = 0.0
        self._closers: Process | None = None

    async def start(self) -> None:
        """Begin to look at who closes first (observe/closers.py)."""
        argv = [*python_module("tw_bench.observe.closers"), _TOWARDS_TARGET]
        self._closers = await self._spawn("proxy", argv)
        await wait_ready(self._closers, "the packet sampler")

    def begin(self) -> None:
        """Note what it has used before the load."""
        self._begun_s, self._cpu_before_s = time.monotonic(), self._proxy.cpu_s()

    async def stop(self) -> None:
        """End what was started."""
        if self._closers is not None:
            await self._closers.stop()
            self._closers.close()
            self._closers = None

    async def end(self) -> dict[str, object]:
        """Return what it did, as results/schema.py Forwarding has it, counters left out."""
        elapsed_s = max(1e-9, time.monotonic() - self._begun_s)
        cpu_s = self._proxy.cpu_s() - self._cpu_before_s
        return {
            "kind": self._kind,
            "version": self._proxy.version,
            "refusals": self._proxy.refusals(),
            "cpu": cpu_s / elapsed_s,
            "time_wait": await self._time_wait(),
            "closed_first": await self._closed_first(),
        }

    async def _closed_first(self) -> Mapping[str, int]:
        if self._closers is None:
            return {}
        self._closers.end_input()
        line = await self._closers.stdout.readline()
        return dict(json.loads(line)) if line else {}

    async def _time_wait(self) -> Mapping[str, int]:
        """Return TIME_WAIT at the proxy by direction (observe/directions.py)."""
        argv = [*python_module("tw_bench.observe.directions"), str(self._port)]
        process = await self._spawn("proxy", argv)
        try:
            line = await process.stdout.readline()
            await process.wait()
        finally:
            process.close()
        return dict(json.loads(line)) if line else {}
