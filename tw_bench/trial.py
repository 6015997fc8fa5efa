"""A trial: one point being run (RFC 2544 section 23's word). Its lab, target, workers and tally."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from tw_bench.errors import LabError, ResultsError, TwBenchError
from tw_bench.kernel.process import python_module
from tw_bench.lab.lab import KeeperLink, Lab, lab
from tw_bench.lab.topology import topology
from tw_bench.load.command import Command
from tw_bench.load.fleet import Fleet
from tw_bench.load.specs import worker_specs
from tw_bench.observe.counters import COLUMNS, GAUGES, TOTALS
from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point
from tw_bench.report.live import Phase, PointState
from tw_bench.results import histogram
from tw_bench.results.run_folder import RunFolder
from tw_bench.results.schema import PointResult, Status
from tw_bench.results.summarize import summarize
from tw_bench.results.tally import NS_PER_S, Interval, Tally
from tw_bench.targets.base import Place, Proxy, Target
from tw_bench.targets.caddy import Caddy
from tw_bench.targets.embedded import Embedded
from tw_bench.targets.haproxy import HAProxy
from tw_bench.targets.nginx import Nginx
from tw_bench.targets.proxy_watch import ProxyWatch

TARGETS: dict[str, Callable[[Point, Place], Target]] = {"embedded": Embedded, "nginx": Nginx}
PROXIES: dict[str, Callable[[Point, Place], Proxy]] = {
    "nginx": Nginx,
    "haproxy": HAProxy,
    "caddy": Caddy,
}

_SETTLE_S = 1.0  # the longest we wait for the last connections to reach TIME_WAIT


class Trial:
    """One point: prepared, released at an instant, and summed up, whatever happens to it."""

    def __init__(self, point: Point, prediction: Prediction, folder: RunFolder) -> None:
        self.point = point
        self.prediction = prediction
        self._topology = topology(point)
        self.error: TwBenchError | None = None
        self._folder = folder
        self.tally: Tally | None = None
        self._lab: Lab | None = None
        self._targets: list[Target] = []  # the one in the server's place first
        self._watch: ProxyWatch | None = None
        self._forwarded: dict[str, object] | None = None
        self._fleet: Fleet | Command | None = None
        self._before: dict[str, dict[str, int]] = {}
        self._counters: dict[str, dict[str, int]] = {}
        self._unwritten: ResultsError | None = None
        self._is_interrupted = False
        self.is_done = False
        self._ended_ns = 0
        self._last: dict[int, dict[str, int]] = {}

    async def prepare(self, stack: AsyncExitStack, link: KeeperLink) -> None:
        """Build the lab, start the target, then the workers; a failure is kept as the error."""
        point = self.point
        try:
            self._lab = await stack.enter_async_context(lab(point.id, self._topology, link))
            await self._hold_ports(stack)
            called = await self._start_targets(stack)
            sources = self._topology.side("client").ips
            if point.load.command is not None:
                folder = self._place("client", []).folder
                self._fleet = Command(point, self.prediction, called[0], folder)
            else:
                specs = worker_specs(point, self.prediction, sources, called)
                self._fleet = Fleet(point.id, specs, self._on_frame)
            stack.push_async_callback(self._fleet.stop)
            await self._fleet.start(self._lab.spawn)
        except ResultsError:
            raise
        except TwBenchError as error:
            if not self._is_interrupted:  # a worker that was told to end while it started
                self.error = error

    @property
    def is_isolated(self) -> bool:
        """Whether its lab has namespaces of its own."""
        return self._topology.isolated

    @property
    def descriptors(self) -> dict[tuple[str, str], dict[str, int]]:
        """The counters of each side, for the sampler."""
        assert self._lab is not None
        return {(self.point.id, side): files for side, files in self._lab.descriptors.items()}

    def begin(self, start_ns: int) -> None:
        """Note the kernel's counters; the load is released at `start_ns`."""
        assert self._lab is not None
        fill_ns = round(self.prediction.fill_s * NS_PER_S)
        window_ns = round(self.prediction.window_s * NS_PER_S)
        self.tally = Tally(
            self.point.id,
            start_ns,
            start_ns + fill_ns,
            start_ns + fill_ns + window_ns,
            counts_transactions=self.point.has_proxy,
        )
        self._before = self._lab.read_counters()
        if self._watch is not None:
            self._watch.begin()

    async def run(self) -> None:
        """Run the load to its end, or to that of the target; then settle the counters."""
        assert self._fleet is not None and self.tally is not None
        load = asyncio.ensure_future(self._fleet.run(self.tally.start_ns))
        watches = [asyncio.ensure_future(target.watch()) for target in self._targets]
        try:
            await asyncio.wait((load, *watches), return_when=asyncio.FIRST_COMPLETED)
            if not load.done():
                self._fleet.ask_to_stop()
            for task in (*filter(asyncio.Future.done, watches), load):
                await task
            if self._unwritten is not None:
                raise self._unwritten
        except ResultsError:
            raise
        except TwBenchError as error:
            self.error = self.error or error
            with contextlib.suppress(TwBenchError):
                await load
        finally:
            for watch in watches:
                watch.cancel()
            self._ended_ns = time.monotonic_ns()
            await self._settle()
            self.is_done = True

    def interrupt(self) -> None:
        """Start no more connections; what was measured is kept."""
        if self.is_done:
            return
        self._is_interrupted = True
        if self._fleet is not None:
            self._fleet.ask_to_stop()

    def on_sample(self, side: str, at_ns: int, values: Sequence[int]) -> None:
        """Keep one sample of one side: gauges as they are, totals as change since the start."""
        if self.tally is None or self.is_done:
            return
        before, gauges, states = self._before[side], len(GAUGES), values[len(COLUMNS) :]
        changes = [
            value - before.get(name, 0)
            for value, name in zip(values[gauges : len(COLUMNS)], TOTALS.values(), strict=True)
        ]
        opened = dict(zip(TOTALS, changes, strict=True))["active_opens"]
        self.tally.add_sample(side, at_ns, values[0], opened)
        row = (self.point.id, side, f"{at_ns / NS_PER_S:.3f}", *values[:gauges], *changes)
        self._folder.add_sample([*row, *states])

    @property
    def state(self) -> PointState:
        """What the terminal shows of it now."""
        tally = self.tally
        now_ns = time.monotonic_ns()
        phase: Phase = "starting"
        if self.error:
            phase = "failed"
        elif self.is_done:
            phase = "done"
        elif tally and now_ns >= tally.start_ns:
            phase = "fill" if now_ns < tally.window_start_ns else "window"
        running = phase in ("fill", "window")
        last = list(self._last.values()) if running else []
        return PointState(
            id=self.point.id,
            phase=phase,
            ok_per_s=sum(counts["ok"] for counts in last),
            refusals_per_s=sum(counts["refusals"] for counts in last),
            held_back_per_s=sum(counts["held_back"] for counts in last),
            time_wait={name: side.time_wait for name, side in tally.sides.items()} if tally else {},
            usable_ports=self.prediction.four_tuples,
            time_lapse=self.prediction.time_lapse,
        )

    def result(self) -> PointResult:
        """Return what became of the point."""
        status: Status = "complete" if self.is_done else "failed"
        if self.error:
            status = "failed"
        elif self._is_interrupted:
            status = "interrupted"
        return summarize(
            self.point,
            self.prediction.to_dict(),
            self.tally,
            self._counters,
            ended_ns=None if status == "complete" else self._ended_ns,
            status=status,
            error=str(self.error) if self.error else None,
            proxy=self._forwarded,
        )

    async def _start_targets(self, stack: AsyncExitStack) -> list[tuple[str, int]]:
        """Start the target, and the proxy in front of it; return what is to be called."""
        assert self._lab is not None
        point, spawn = self.point, self._lab.spawn
        server = self._place("server", [])
        await self._start_target(stack, TARGETS[point.target.kind](point, server))
        if not point.has_proxy:
            return server.listen
        place = self._place("proxy", server.listen)
        proxy = PROXIES[point.proxy.kind](point, place)
        await self._start_target(stack, proxy)
        self._watch = ProxyWatch(point.proxy.kind, proxy, spawn, point.target_port)
        stack.push_async_callback(self._watch.stop)
        await self._watch.start()
        return place.listen

    async def _start_target(self, stack: AsyncExitStack, target: Target) -> None:
        assert self._lab is not None
        stack.push_async_callback(target.stop)
        await target.start(self._lab.spawn)
        self._targets.append(target)

    def _place(self, side: str, upstreams: list[tuple[str, int]]) -> Place:
        """Return where a target stands, and where it may write."""
        addresses = self._topology.side(side).ips
        return Place(
            side=side,
            listen=[(ip, port) for ip in addresses for port in self.point.target_ports],
            upstreams=upstreams,
            source=next((each.partition("/")[0] for each in self._topology.side(side).onward), ""),
            folder=self._folder.path / "targets" / self.point.id.replace("/", "_"),
        )

    async def _hold_ports(self, stack: AsyncExitStack) -> None:
        """Have somebody listen on ports of the client, where the profile says so."""
        held = self.point.lab.held_ports
        if held is None:
            return
        assert self._lab is not None
        argv = [*python_module("tw_bench.lab.port_holder"), str(held.low), str(held.high)]
        holder = await self._lab.spawn(self.point.subject, argv)
        stack.callback(holder.close)
        stack.push_async_callback(holder.stop)
        if await holder.stdout.readline() != b"ready\n":
            raise LabError(f"{self.point.id}: held_ports {held}: {holder.last_words().strip()}")

    def _on_frame(self, worker: int, head: dict[str, Any], rows: bytes) -> None:
        assert self.tally is not None
        if head.get("end"):
            self.tally.closed_early += head["closed_early"]
            return
        interval = self.tally.add_frame(worker, head, rows)
        self._last[worker] = interval.counts
        try:
            self._write(worker, head, interval)
        except ResultsError as error:  # counted all the same; the load ends, and then it is said
            self._unwritten = self._unwritten or error
            self.interrupt()

    def _write(self, worker: int, head: dict[str, Any], interval: Interval) -> None:
        assert self.tally is not None
        self._folder.add_interval(interval.row(self.point.id, worker))
        if not len(interval.latency):
            return
        end_s = (head["at_ns"] - self.tally.start_ns) / NS_PER_S
        for values_ns, add in (
            (interval.latency, self._folder.add_latency),
            (interval.service_time, self._folder.add_service_time),
        ):
            second = histogram.histogram()
            histogram.add(second, values_ns)
            add(self.point.id, max(0.0, end_s - 1), end_s, second)

    async def _settle(self) -> None:
        """Wait for the last connections to reach their final state, then read the counters."""
        assert self._lab is not None
        deadline = time.monotonic() + _SETTLE_S
        after = self._lab.read_counters()
        while time.monotonic() < deadline and any(
            side["sockstat.TCP.orphan"] or side["Tcp.CurrEstab"] for side in after.values()
        ):
            await asyncio.sleep(0.01)
            after = self._lab.read_counters()
        if self._watch is not None:
            self._forwarded = await self._watch.end()
        self._counters = {
            side: {
                name: value - self._before[side].get(name, 0)
                for name, value in values.items()
                if name.startswith(("Tcp.", "TcpExt.")) and value != self._before[side].get(name, 0)
            }
            for side, values in after.items()
        }
