"""A load worker's process: a WorkerSpec as JSON on its command line, rows on its stdout.

It says `ready`, waits for a start instant on stdin, runs, and hands over a frame a second: a line
of JSON and the rows it announces. Standard library only, but for an HTTP library and
uvloop, imported when a client is asked for that is made of them: it must start fast.
"""

import gc
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from tw_bench.kernel.host import raise_open_files_limit
from tw_bench.load.arrivals import NEVER_NS, Arrivals, ClosedLoop, OpenLoop
from tw_bench.load.backoff import Backoff
from tw_bench.load.loop import Loop
from tw_bench.load.recorder import Recorder
from tw_bench.load.schedule import NS_PER_S, slots
from tw_bench.load.turns import AsyncioTurns, OwnTurns, Turns

if TYPE_CHECKING:
    from tw_bench.load.clients.base import Client

CLIENTS = {  # kind of client → module and class
    "tcp": "tw_bench.load.clients.raw_tcp:RawTcp",
    "http": "tw_bench.load.clients.raw_http:RawHttp",
    "aiohttp": "tw_bench.load.clients.aiohttp_client:AiohttpClient",
    "httpx": "tw_bench.load.clients.httpx_client:HttpxClient",
}

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Frames:
    """Writes frames to stdout: what the worker measured, and what it used for it."""

    def __init__(self) -> None:
        self.cpu_before_ns = 0  # spent on starting, before there was any load
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def write(self, rows: int, data: bytes | bytearray, **more: object) -> None:
        """Write one frame."""
        resident = int(os.pread(self._statm, 100, 0).split()[1]) * _PAGE_BYTES
        head = {
            "rows": rows,
            "at_ns": time.monotonic_ns(),
            "cpu_ns": time.process_time_ns() - self.cpu_before_ns,
            "memory_bytes": resident,
            **more,
        }
        # One after the other: together they would be a second copy of a megabyte of rows.
        for part in (json.dumps(head).encode() + b"\n", data):
            left = memoryview(part)
            while left:
                left = left[os.write(1, left) :]


async def run(
    spec: dict[str, Any], make_client: "Callable[[dict[str, Any]], Client]", turns: Turns
) -> None:
    """Run the load that the spec describes."""
    frames = Frames()
    recorder = Recorder(frames.write)
    client = make_client(spec)
    loop = Loop(
        client,
        recorder,
        Backoff(spec["hold_s"]),
        turns,
        max_in_flight=spec["closed_loop"] or spec["max_in_flight"],
        timeout_s=spec["timeout_s"],
    )
    signal.signal(signal.SIGTERM, lambda *_: setattr(loop, "is_stopped", True))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    start = sys.stdin.readline()
    if not start.strip():
        return
    start_ns = int(start)
    gc.freeze()
    frames.cpu_before_ns = time.process_time_ns()
    try:
        await loop.run(_arrivals(spec, start_ns), _chores(recorder, client, spec, start_ns))
    finally:
        await client.close()
        recorder.flush()
    # Only now: a worker that failed ends without it, and is seen to have failed.
    frames.write(0, b"", end=True, closed_early=client.closed_early)


def _arrivals(spec: dict[str, Any], start_ns: int) -> Arrivals:
    until_ns = start_ns + round(spec["duration_s"] * NS_PER_S)
    share, shares = spec["share"], spec["shares"]
    if spec["pace"]:
        due = slots(
            spec["pace"],
            start_ns,
            until_ns,
            arrivals=spec["arrivals"],
            share=share,
            shares=shares,
        )
        return OpenLoop(due)
    places = len(range(share, spec["closed_loop"], shares))
    return ClosedLoop(
        places, start_ns, until_ns, think_time_ns=round(spec["think_time_s"] * NS_PER_S)
    )


def _chores(
    recorder: Recorder, client: "Client", spec: dict[str, Any], start_ns: int
) -> Callable[[int], int]:
    """Return what the loop calls between connections: rows handed over, the fill ended."""
    fill_ends_ns: int = start_ns + round(spec["fill_s"] * NS_PER_S)
    seconds = itertools.count(1)
    flush_ns = start_ns + next(seconds) * NS_PER_S

    def chore(now_ns: int) -> int:
        nonlocal flush_ns, fill_ends_ns
        if now_ns >= fill_ends_ns:
            client.end_fill()
            fill_ends_ns = NEVER_NS
        if now_ns >= flush_ns:
            recorder.flush()
            flush_ns = start_ns + next(seconds) * NS_PER_S
        return min(flush_ns, fill_ends_ns)

    return chore


def _drive(story: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing but its own turns, which do not suspend it."""
    try:
        story.send(None)
    except StopIteration:
        return
    raise RuntimeError("a client on its own turns waited for something else")


def main() -> None:
    """Run as `python -m tw_bench.load.worker SPEC_JSON`."""
    raise_open_files_limit()
    spec = json.loads(sys.argv[1])
    client_class = resolve_name(CLIENTS[spec["client"]])
    try:
        if client_class.needs_asyncio:
            import uvloop  # 30 ms that a client on its own turns has no use for

            uvloop.run(run(spec, client_class, AsyncioTurns()))
        else:
            _drive(run(spec, client_class, OwnTurns()))
    except BrokenPipeError:
        sys.exit(1)  # whoever asked has gone


if __name__ == "__main__":
    main()
