"""The workers of one point: started, released at one instant, listened to, stopped."""

import asyncio
import json
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tw_bench.errors import WorkerError
from tw_bench.kernel.process import Process, Spawn, python_module
from tw_bench.results.rows import FIELDS

_ROW_BYTES = 8 * len(FIELDS)
_READY_S = 30.0

# worker's number, head of the frame (load/worker.py, Frames), rows as int64 bytes
OnFrame = Callable[[int, dict[str, Any], bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """All that a worker needs to know, as plain data."""

    client: str  # load/worker.py CLIENTS
    http: dict[str, Any]  # of the clients that speak it: profile/sections.py ClientSpec
    sources: list[str]  # addresses to bind to in turn; empty: the route chooses
    destinations: list[tuple[str, int]]  # addresses and ports to call in turn
    ports: tuple[int, int]  # the ephemeral port range, both ends included
    source_port: str  # load/source_ports.py WAYS
    fill_source_port: str  # the same, during the fill
    reuse_address: bool  # SO_REUSEADDR
    active_closer: str
    close: str  # load/closing.py WAYS
    requests_per_connection: dict[str, Any]  # load/lifetimes.py
    pool: int  # idle connections kept at the most
    idle_timeout_s: float
    think_time_s: float  # closed loop: between the end of one transaction and the next
    request_bytes: int
    response_bytes: int
    fill_s: float
    hold_s: float  # how long a port is away, for the pauses after refusals
    pace: list[list[float]]  # of all workers together (plan/pace.py); empty: closed loop
    closed_loop: int | None  # coroutines of all workers together
    duration_s: float
    timeout_s: float
    max_in_flight: int
    arrivals: str = "constant"  # load/schedule.py ARRIVALS
    share: int = 0  # which worker this is
    shares: int = 1  # of how many


class Fleet:
    """The workers of one point."""

    def __init__(self, point_id: str, specs: list[WorkerSpec], on_frame: OnFrame) -> None:
        self._point_id = point_id
        self._specs = specs
        self._on_frame = on_frame
        self._workers: list[Process] = []

    async def start(self, spawn: Spawn) -> None:
        """Start the workers and return once all are ready.

        Raises:
            WorkerError: one ended before it was ready; with its last words.
        """
        for spec in self._specs:
            argv = [*python_module("tw_bench.load.worker"), json.dumps(asdict(spec))]
            self._workers.append(await spawn("client", argv))
        for number, worker in enumerate(self._workers):
            try:
                line = await asyncio.wait_for(worker.stdout.readline(), _READY_S)
            except TimeoutError:
                raise WorkerError(
                    f"{self._point_id}: load worker {number + 1} did not get ready "
                    f"within {_READY_S:.0f} s"
                ) from None
            if line.strip() != b"ready":
                raise await self._died(number, "did not start")

    async def run(self, start_ns: int) -> None:
        """Release the workers at `start_ns` and listen to them until the last one is done.

        Raises:
            WorkerError: one died; the frames it had handed over are kept.
        """
        for worker in self._workers:
            worker.write_line(str(start_ns))
        listening = asyncio.gather(
            *(self._listen(number) for number in range(len(self._workers))), return_exceptions=True
        )
        longest_s = max(spec.duration_s + spec.timeout_s for spec in self._specs) + _READY_S
        try:
            results = await asyncio.wait_for(listening, longest_s)
        except TimeoutError:
            raise WorkerError(
                f"{self._point_id}: a load worker did not end within {longest_s:.0f} s"
            ) from None
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def ask_to_stop(self) -> None:
        """Have the workers start no more connections and hand over what they have."""
        for worker in self._workers:
            worker.signal(signal.SIGTERM)

    async def stop(self) -> None:
        """End the workers."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        for worker in self._workers:
            worker.close()

    async def _listen(self, number: int) -> None:
        reader = self._workers[number].stdout
        try:
            while line := await reader.readline():
                head = json.loads(line)
                rows = await reader.readexactly(head["rows"] * _ROW_BYTES)
                self._on_frame(number, head, rows)
                if head.get("end"):
                    return
        except (asyncio.IncompleteReadError, ValueError):
            pass  # cut off in the middle of a frame: the worker was killed
        raise await self._died(number, "died in mid-run")

    async def _died(self, number: int, what: str) -> WorkerError:
        worker = self._workers[number]
        status = await worker.wait()
        how = f"killed by signal {-status}" if status and status < 0 else f"exit code {status}"
        words = " | ".join(worker.last_words().strip().splitlines()[-3:]) or "it said nothing"
        name = f"load worker {number + 1} of {len(self._workers)}"
        return WorkerError(f"{self._point_id}: {name} {what} ({how}): {words}")
