"""The hot loop: connections at their intended times. Nothing here blocks, logs, formats or decides.

Every slot of the schedule ends as exactly one row: a connection with its outcome, or a slot that
was not tried and why. A slot is not tried while the kernel is left alone after a refusal
(load/backoff.py), or when too many connections are open already. Three instants are kept of each
connection: when it was due, when it really started, and when it ended; so latency is measured
from the intended start (no coordinated omission) and the generator's own lag is known.
"""

import asyncio
from collections.abc import Iterator
from time import monotonic_ns

from tw_bench.load.backoff import Backoff
from tw_bench.load.clients.base import Client
from tw_bench.load.recorder import Recorder
from tw_bench.results.rows import HELD_BACK, MISSED

_NS = 1e-9
_LONGEST_SLEEP_NS = 200_000_000  # so long may a stop take to be seen
_TICK_NS = 1_000_000  # libuv's timers count milliseconds: to ask for less would be to spin


class Loop:
    """One worker's connections: who makes them, who keeps the rows, how many may be open."""

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        backoff: Backoff,
        *,
        max_in_flight: int,
        think_time_s: float,
    ) -> None:
        self.client = client
        self._recorder = recorder
        self._backoff = backoff
        self._max_in_flight = max_in_flight
        self._think_time_ns = round(think_time_s * 1e9)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._held_until_ns = 0
        self._failure: BaseException | None = None
        self.is_stopped = False

    async def open(self, slots: Iterator[int]) -> None:
        """Start a connection at each intended time, whatever became of the others."""
        for intended_ns in slots:
            await self._sleep_until(intended_ns)
            if self.is_stopped:
                break
            if monotonic_ns() < self._held_until_ns:
                self._recorder.skip(intended_ns, HELD_BACK)
            elif len(self._in_flight) >= self._max_in_flight:
                self._recorder.skip(intended_ns, MISSED)
                await asyncio.sleep(0)
            else:
                task = asyncio.ensure_future(self._transact(intended_ns))
                self._in_flight.add(task)
                task.add_done_callback(self._done)
                await asyncio.sleep(0)
        await asyncio.gather(*self._in_flight)
        if self._failure is not None:
            raise self._failure

    async def closed(self, start_ns: int, until_ns: int) -> None:
        """Start a connection when the last one ended: one coroutine of a closed loop."""
        await self._sleep_until(start_ns)
        while (now_ns := monotonic_ns()) < until_ns and not self.is_stopped:
            if now_ns < self._held_until_ns:
                await self._sleep_until(self._held_until_ns)
            else:
                await self._transact(now_ns)
                if self._think_time_ns:
                    await self._sleep_until(monotonic_ns() + self._think_time_ns)

    async def _sleep_until(self, due_ns: int) -> None:
        """Sleep until an instant, or until the load is stopped."""
        while (ahead_ns := due_ns - monotonic_ns()) > 0 and not self.is_stopped:
            await asyncio.sleep(min(max(ahead_ns, _TICK_NS), _LONGEST_SLEEP_NS) * _NS)

    def _done(self, task: "asyncio.Task[None]") -> None:
        """Let go of a connection. None of its fates raises: an exception is a fault of ours."""
        self._in_flight.discard(task)
        if (failure := task.exception()) is not None:
            self._failure = failure
            self.is_stopped = True

    async def _transact(self, intended_ns: int) -> None:
        started_ns = monotonic_ns()
        done = await self.client.transact()
        ended_ns = monotonic_ns()
        if done.refused:
            self._held_until_ns = ended_ns + self._backoff.pause_ns(done.connect_call_ns)
        call_ns, connected_ns = done.connect_call_ns, done.connected_ns
        self._recorder.record(
            intended_ns, started_ns, call_ns, connected_ns, ended_ns, done.outcome
        )
