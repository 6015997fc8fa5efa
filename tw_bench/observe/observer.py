"""Our end of the sampler: starts it for the sides of a wave and hands on what it sees."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from tw_bench.errors import WorkerError
from tw_bench.kernel.process import python_module

# point, side, ns since the start, values by observe/counters.py COLUMNS and, where the sampler is
# given what asks about sockets, by observe/states.py COLUMNS
OnSample = Callable[[str, str, int, list[int]], None]


@asynccontextmanager
async def sampling(
    sides: Mapping[tuple[str, str], Mapping[str, int]],
    interval_s: float,
    start_ns: int,
    on_sample: OnSample,
) -> AsyncIterator["asyncio.Task[None]"]:
    """Sample the given (point, side) → descriptors while the context lasts.

    The task that is yielded ends with WorkerError when the sampler dies.
    """
    spec = {
        "sides": [dict(files) for files in sides.values()],
        "interval_s": interval_s,
        "start_ns": start_ns,
    }
    process = await asyncio.create_subprocess_exec(
        *python_module("tw_bench.observe.sampler"),
        json.dumps(spec),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=[descriptor for files in sides.values() for descriptor in files.values()],
        start_new_session=True,
    )
    listening = asyncio.ensure_future(_listen(process, list(sides), on_sample))
    try:
        yield listening
    finally:
        listening.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        with contextlib.suppress(asyncio.CancelledError, WorkerError):
            await listening


async def _listen(
    process: asyncio.subprocess.Process, sides: list[tuple[str, str]], on_sample: OnSample
) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        number, at_ns, *values = map(int, line.split(b","))
        on_sample(*sides[number], at_ns, values)
    raise WorkerError(f"the sampler died (exit code {await process.wait()})")
