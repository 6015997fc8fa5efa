"""The user's own program as the load of a point, in the place of the workers.

It has its own pace; what it did is read from the kernel's counters. What it prints is kept in the
run folder. It is ended when the window is over, if it has not ended by then.
"""

import asyncio
import contextlib
import signal
import time
from pathlib import Path

from tw_bench.errors import WorkerError
from tw_bench.kernel.process import Process, Spawn
from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point

_MOST_BYTES = 16 << 20  # of its output that is kept
_GRACE_S = 2.0  # after the window, to end by itself and to print what it has to say


class Command:
    """One program, started at an instant and stopped at another."""

    def __init__(
        self, point: Point, prediction: Prediction, called: tuple[str, int], folder: Path
    ) -> None:
        address, port = called
        host = f"[{address}]" if ":" in address else address
        values = {"{url}": f"http://{host}:{port}/", "{address}": address, "{port}": str(port)}
        words = list(point.load.command or ())
        for name, value in values.items():
            words = [word.replace(name, value) for word in words]
        self._argv = ["/usr/bin/env", f"TW_BENCH_URL={values['{url}']}", *words]
        self._name = f"{point.id}: load.command {words[0]}"
        self._duration_s = prediction.duration_s
        self._output = folder / "command.out"
        self._spawn: Spawn | None = None
        self._process: Process | None = None
        self._is_asked_to_stop = False

    async def start(self, spawn: Spawn) -> None:
        """Note how to start it: it has nothing to prepare."""
        self._spawn = spawn
        self._output.parent.mkdir(parents=True, exist_ok=True)

    async def run(self, start_ns: int) -> None:
        """Run it from `start_ns` to its end, or to that of the window.

        Raises:
            WorkerError: it could not be started, or failed; with its last words.
        """
        await asyncio.sleep(max(0.0, (start_ns - time.monotonic_ns()) / 1e9))
        assert self._spawn is not None
        self._process = await self._spawn("client", self._argv)
        keeping = asyncio.ensure_future(self._keep_output(self._process))
        try:
            left_s = self._duration_s + _GRACE_S - (time.monotonic_ns() - start_ns) / 1e9
            status = await asyncio.wait_for(self._process.wait(), max(0.0, left_s))
        except TimeoutError:
            self._is_asked_to_stop = True
            status = await self._process.stop()
        self._output.with_suffix(".err").write_text(self._process.last_words())
        with contextlib.suppress(TimeoutError):  # something it started may hold its output open
            await asyncio.wait_for(keeping, 1.0)
        if status and not self._is_asked_to_stop:
            how = f"killed by signal {-status}" if status < 0 else f"exit code {status}"
            words = " | ".join(self._process.last_words().strip().splitlines()[-3:])
            raise WorkerError(f"{self._name} failed ({how}): {words or 'it said nothing'}")

    def ask_to_stop(self) -> None:
        """Have it end now."""
        self._is_asked_to_stop = True
        if self._process is not None:
            self._process.signal(signal.SIGTERM)

    async def stop(self) -> None:
        """End it and let go of it."""
        if self._process is not None:
            await self._process.stop()
            self._process.close()

    async def _keep_output(self, process: Process) -> None:
        kept = 0
        with self._output.open("wb") as file:
            while data := await process.stdout.read(1 << 16):
                if kept < _MOST_BYTES:
                    file.write(data[: _MOST_BYTES - kept])
                    kept += len(data)
